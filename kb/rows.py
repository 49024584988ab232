"""Which texts of an article are indexed, read once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from kb.article import Article
from kb.index import Role, Row
from kb.plain import to_plain
from kb.reading import Reader
from kb.tokens import Encoded

_BODY_CHARS = 400  # the first sentences say what an article is about; the rest is steps

Texts = Mapping[str, Encoded]
_NONE: Texts = {}


def rows_of(
    articles: Sequence[Article], reader: Reader, known: Texts = _NONE
) -> tuple[tuple[Row, ...], dict[str, Encoded]]:
    """The rows of these articles, by their position; and their texts as read. What is `known` is not
    read again."""
    wanted = [_texts(article) for article in articles]
    texts = _read(reader, (text for roles in wanted for text, _ in roles), known)
    rows = (
        Row(place, texts[text], role) for place, roles in enumerate(wanted) for text, role in roles
    )
    return tuple(rows), texts


def _texts(article: Article) -> list[tuple[str, Role]]:
    found = [(article.title, Role.TITLE), *((text, Role.PHRASING) for text in article.phrasings)]
    body = to_plain(article.body)[:_BODY_CHARS]
    return [*found, (body, Role.BODY)] if body else found


def _read(reader: Reader, texts: Iterable[str], known: Texts) -> dict[str, Encoded]:
    wanted = dict.fromkeys(texts)
    new = [text for text in wanted if text not in known]
    found = {text: known[text] for text in wanted if text in known}
    return found | dict(zip(new, reader.read(new), strict=True))

"""The knowledge base: published articles in, a decision for each question out. Immutable and thread-safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from kb import calibrate, shipped
from kb.answer import Decision, DecisionKind, decide
from kb.article import Article
from kb.calibrate import Calibration
from kb.index import Index, Role, Row
from kb.plain import to_plain
from kb.tokens import Encoded, encode

_BODY_CHARS = 400  # the first sentences say what an article is about; the rest is steps

Encode = Callable[[str], Encoded]


@dataclass(frozen=True, slots=True)
class _Shelf:
    """One locale: its articles, the index over them and how sure its rankings are."""

    articles: tuple[Article, ...]
    rows: tuple[Row, ...]
    index: Index
    calibration: Calibration
    texts: Mapping[
        str, Encoded
    ]  # what is encoded already, so that an edit costs only its own texts


class KnowledgeBase:
    """Articles of several locales. A change makes a new base; the old one stays valid for its readers."""

    def __init__(self, shelves: Mapping[str, _Shelf]) -> None:
        """Use `build`."""
        self._shelves = MappingProxyType(dict(shelves))

    @classmethod
    def build(
        cls, articles: Iterable[Article], calibrations: Mapping[str, Calibration] | None = None
    ) -> KnowledgeBase:
        """A base of published articles. Later articles replace earlier ones of the same id and locale.

        `calibrations` by locale are used as they are; a locale without one is fitted now, which asks
        the base its own hidden questions (below half a second for a hundred articles, some ten
        seconds for ten thousand phrasings).
        """
        given = calibrations or {}
        by_locale: dict[str, dict[str, Article]] = {}
        for article in articles:
            by_locale.setdefault(article.locale, {})[article.id] = article
        return cls(
            {
                locale: _shelf(locale, tuple(found.values()), {}, given.get(locale))
                for locale, found in sorted(by_locale.items())
            }
        )

    @property
    def locales(self) -> tuple[str, ...]:
        """The locales that have articles. Falling back from one to another is the caller's rule."""
        return tuple(self._shelves)

    @property
    def calibrations(self) -> dict[str, Calibration]:
        """The calibrations by locale, to be stored and handed to `build`."""
        return {locale: shelf.calibration for locale, shelf in self._shelves.items()}

    @property
    def articles(self) -> tuple[Article, ...]:
        """All articles, by locale."""
        return tuple(article for shelf in self._shelves.values() for article in shelf.articles)

    def article(self, article_id: str, locale: str) -> Article | None:
        """One article, or None."""
        shelf = self._shelves.get(locale)
        return next((a for a in shelf.articles if a.id == article_id), None) if shelf else None

    def ask(self, question: str, locale: str) -> Decision:
        """What to do with a question among the articles of `locale`. Never raises for any text."""
        return self.ask_all([question], locale)[0]

    def ask_all(self, questions: Sequence[str], locale: str) -> list[Decision]:
        """`ask` for many questions, cheaper than one by one."""
        shelf = self._shelves.get(locale)
        if shelf is None:
            return [Decision(DecisionKind.ABSTAIN, locale) for _ in questions]
        rankings = shelf.index.rank_all([encode(question) for question in questions])
        return [decide(r, shelf.articles, shelf.calibration, locale) for r in rankings]

    def with_changes(
        self, changed: Iterable[Article] = (), removed: Iterable[tuple[str, str]] = ()
    ) -> KnowledgeBase:
        """A base with some articles added or replaced and others, given as (id, locale), taken out.

        Only the locales concerned are built again and only new texts are read; their calibration is
        kept until `recalibrated`.
        """
        gone = set(removed)
        new = {article.key: article for article in changed}
        touched = {locale for _, locale in gone | set(new)}
        shelves = dict(self._shelves)
        for locale in sorted(touched):
            old = self._shelves.get(locale)
            kept = {a.id: a for a in old.articles if a.key not in gone} if old else {}
            kept |= {a.id: a for a in new.values() if a.locale == locale}
            texts = old.texts if old else {}
            if kept:
                calibration = old.calibration if old else None
                shelves[locale] = _shelf(locale, tuple(kept.values()), texts, calibration)
            else:
                shelves.pop(locale, None)
        return KnowledgeBase(dict(sorted(shelves.items())))

    def recalibrated(self) -> KnowledgeBase:
        """The same articles with thresholds fitted to them anew; meant for the background."""
        return KnowledgeBase(
            {
                locale: _shelf(locale, shelf.articles, shelf.texts, None)
                for locale, shelf in self._shelves.items()
            }
        )


def _shelf(
    locale: str,
    articles: tuple[Article, ...],
    known: Mapping[str, Encoded],
    calibration: Calibration | None,
) -> _Shelf:
    texts: dict[str, Encoded] = {}

    def encoded(text: str) -> Encoded:
        if text not in texts:
            found = known.get(text)
            texts[text] = encode(text) if found is None else found
        return texts[text]

    rows = tuple(row for n, article in enumerate(articles) for row in _rows(n, article, encoded))
    if calibration is None:
        calibration = calibrate.fit(rows, len(articles), _foreign(locale)) or _fallback()
    index = Index(rows, len(articles))
    return _Shelf(articles, rows, index, calibration, MappingProxyType(texts))


def _rows(place: int, article: Article, encoded: Encode) -> list[Row]:
    rows = [Row(place, encoded(article.title), Role.TITLE)]
    rows += [Row(place, encoded(phrasing)) for phrasing in article.phrasings]
    if body := to_plain(article.body)[:_BODY_CHARS]:
        rows.append(Row(place, encoded(body), Role.BODY))
    return rows


@cache
def _foreign(locale: str) -> tuple[Encoded, ...]:
    language = locale.partition("-")[0]
    return tuple(encode(line) for line in shipped.out_of_scope(language))


@cache
def _fallback() -> Calibration:
    return Calibration.from_json("\n".join(shipped.data_lines("calibration.json")))

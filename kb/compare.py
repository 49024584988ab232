"""The dry run of an import: what would be new, changed, a duplicate or invalid, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from kb.article import Article
from kb.formats import Problem, Reading, canonical
from kb.normalize import normalize


@dataclass(frozen=True, slots=True)
class Change:
    """An article that the import would change; `fields` names what differs."""

    before: Article
    after: Article
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An article of the import that says what another one says already."""

    article: Article
    other: Article
    text: str  # the title or phrasing that both have; "" if they have the same id and locale
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What an import would do. Each sound article of the file is in exactly one of the first four."""

    new: tuple[Article, ...] = ()
    changed: tuple[Change, ...] = ()
    same: tuple[Article, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    invalid: tuple[Problem, ...] = ()


def compare(current: Iterable[Article], incoming: Reading) -> Comparison:
    """Compare what is there with what a file brings. Versions do not count: the store gives them."""
    there = {article.key: canonical(article) for article in current}
    arriving = {article.key for article in incoming.articles}
    spoken = _spoken(article for key, article in there.items() if key not in arriving)
    new: list[Article] = []
    changed: list[Change] = []
    same: list[Article] = []
    duplicates: list[Duplicate] = []
    accepted: dict[tuple[str, str], Article] = {}
    for article, (file, line) in zip(incoming.articles, incoming.places, strict=True):
        if article.key in accepted:
            duplicates.append(Duplicate(article, accepted[article.key], "", file, line))
            continue
        text, other = next(iter(_shared(article, spoken)), ("", None))
        before = there.get(article.key)
        differing = _differing(before, article) if before else ()
        if before and not differing:
            same.append(article)
        elif other is not None and other.key != article.key:
            duplicates.append(Duplicate(article, other, text, file, line))
            continue
        elif before:
            changed.append(Change(before, article, differing))
        else:
            new.append(article)
        accepted[article.key] = article
        spoken |= {
            place: found for place, found in _spoken([article]).items() if place not in spoken
        }
    return Comparison(tuple(new), tuple(changed), tuple(same), tuple(duplicates), incoming.problems)


_Spoken = dict[tuple[str, str], Article]  # locale and normalised text → who says it


def _texts(article: Article) -> Iterable[tuple[str, str]]:
    for text in (article.title, *article.phrasings):
        if plain := "".join(sign for sign in normalize(text) if sign.isalnum()):
            yield plain, text


def _spoken(articles: Iterable[Article]) -> _Spoken:
    return {(a.locale, plain): a for a in articles for plain, _ in _texts(a)}


def _shared(article: Article, spoken: _Spoken) -> Iterable[tuple[str, Article]]:
    for plain, text in _texts(article):
        if other := spoken.get((article.locale, plain)):
            yield text, other


def _differing(before: Article, after: Article) -> tuple[str, ...]:
    after = replace(after, version=before.version)
    return tuple(
        field.name
        for field in fields(Article)
        if getattr(before, field.name) != getattr(after, field.name)
    )

"""The knowledge base: published articles in, a decision for each question out. Immutable and thread-safe."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from types import MappingProxyType

from kb import asked_base, calibrate, shipped
from kb.answer import Decision, DecisionKind, decide
from kb.article import Article
from kb.calibrate import Calibration
from kb.concepts import Thesaurus
from kb.encoder import Embedder, shipped_encoder
from kb.index import Index, Row
from kb.reading import Reader, Readers
from kb.rows import Texts, rows_of


@dataclass(frozen=True, slots=True)
class _Shelf:
    """One locale: its articles, the index over them and how sure its rankings are."""

    articles: tuple[Article, ...]
    rows: tuple[Row, ...]
    index: Index
    calibration: Calibration
    texts: Texts  # what is read already, so that an edit costs only its own texts
    reader: Reader


class KnowledgeBase:
    """Articles of several locales. A change makes a new base; the old one stays valid for its readers."""

    def __init__(self, shelves: Mapping[str, _Shelf], readers: Readers) -> None:
        """Use `build`."""
        self._shelves = MappingProxyType(dict(shelves))
        self._readers = readers

    @classmethod
    def build(
        cls,
        articles: Iterable[Article],
        calibrations: Mapping[str, Calibration] | None = None,
        embedders: Sequence[Embedder] | None = None,
        synonyms: Mapping[str, Thesaurus] = MappingProxyType({}),
        *,
        fits: bool = True,
    ) -> KnowledgeBase:
        """A base of published articles. Later articles replace earlier ones of the same id and locale.

        `calibrations` by locale are used as they are; a locale without one is fitted now, which asks
        the base its own hidden questions (below half a second for a hundred articles, some ten
        seconds for ten thousand phrasings), or has the usual one where `fits` is false. `embedders` say what texts mean; None: the shipped encoder,
        (): words alone. `synonyms` by locale or language take the place of the shipped thesaurus.
        """
        chosen = (shipped_encoder(),) if embedders is None else tuple(embedders)
        readers = Readers(chosen, synonyms)
        given = calibrations or {}
        fitted = _fit if fits else _usual_of
        shelves = {
            locale: _shelf(readers.of(locale), locale, found, given.get(locale) or fitted)
            for locale, found in _by_locale(articles).items()
        }
        return cls(shelves, readers)

    @property
    def locales(self) -> tuple[str, ...]:
        """The locales that have articles. Falling back from one to another is the caller's rule."""
        return tuple(self._shelves)

    @property
    def readers(self) -> Readers:
        """What reads its texts: embedders and synonyms."""
        return self._readers

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
        rankings = shelf.index.rank_all(shelf.reader.read(questions))
        return [decide(r, shelf.articles, shelf.calibration, locale) for r in rankings]

    def with_changes(
        self, changed: Iterable[Article] = (), removed: Iterable[tuple[str, str]] = ()
    ) -> KnowledgeBase:
        """A base with some articles added or replaced and others, given as (id, locale), taken out."""
        kept = {article.key: article for article in self.articles}
        kept |= {article.key: article for article in changed}
        gone = set(removed)
        return self.with_articles(article for key, article in kept.items() if key not in gone)

    def with_articles(
        self, articles: Iterable[Article], readers: Readers | None = None
    ) -> KnowledgeBase:
        """A base of these articles, as `build` orders them.

        Only the locales that differ are built again and only new texts are read; their calibrations
        are kept until `recalibrated`, a new locale has the usual one. `readers` take the place of
        those of the base, which they equal.
        """
        readers = readers or self._readers
        shelves = {}
        for locale, found in _by_locale(articles).items():
            old = self._shelves.get(locale)
            if old and old.articles == found:
                shelves[locale] = old
                continue
            calibration = old.calibration if old else _usual_of
            shelves[locale] = _shelf(readers.of(locale), locale, found, calibration, old)
        return KnowledgeBase(shelves, readers)

    def recalibrated(self, check: Callable[[], None] = lambda: None) -> KnowledgeBase:
        """The same articles with thresholds fitted to them anew; meant for the background. `check`
        is called about every second at least: what it raises ends the work."""
        found = {}
        for locale, shelf in self._shelves.items():
            check()
            found[locale] = _fit(shelf.reader, locale, shelf.rows, len(shelf.articles), check)
        return self.with_calibrations(found)

    def with_calibrations(self, calibrations: Mapping[str, Calibration]) -> KnowledgeBase:
        """The same articles with other calibrations, by locale; a locale without one keeps its own."""
        shelves = {
            locale: _with_calibration(shelf, calibrations.get(locale, shelf.calibration))
            for locale, shelf in self._shelves.items()
        }
        return KnowledgeBase(shelves, self._readers)


def _by_locale(articles: Iterable[Article]) -> dict[str, tuple[Article, ...]]:
    """Locales in alphabetical order; of the same article the last one, in the place of the first."""
    found: dict[str, dict[str, Article]] = {}
    for article in articles:
        found.setdefault(article.locale, {})[article.id] = article
    return {locale: tuple(mine.values()) for locale, mine in sorted(found.items())}


def _shelf(
    reader: Reader,
    locale: str,
    articles: tuple[Article, ...],
    calibration: Calibration | Callable[[Reader, str, tuple[Row, ...], int], Calibration],
    old: _Shelf | None = None,
) -> _Shelf:
    """`calibration`: one, or what makes one of the rows. `old`: a shelf with many of the same texts."""
    rows, texts = rows_of(articles, reader, old.texts if old else {})
    if not isinstance(calibration, Calibration):
        calibration = calibration(reader, locale, rows, len(articles))
    before = old.index if old else None
    index = Index(rows, len(articles), meaning=calibration.meaning, before=before)
    return _Shelf(articles, rows, index, calibration, MappingProxyType(texts), reader)


def _with_calibration(shelf: _Shelf, calibration: Calibration) -> _Shelf:
    index = shelf.index
    if calibration.meaning != shelf.calibration.meaning:
        articles, meaning = len(shelf.articles), calibration.meaning
        index = Index(shelf.rows, articles, meaning=meaning, before=index)
    return replace(shelf, index=index, calibration=calibration)


def _fit(
    reader: Reader,
    locale: str,
    rows: tuple[Row, ...],
    articles: int,
    check: Callable[[], None] = lambda: None,
) -> Calibration:
    foreign = reader.read(shipped.out_of_scope(locale.partition("-")[0]))
    asked = partial(asked_base.samples, reader.embedders, calibrate.MEANING)
    return calibrate.fit(rows, articles, foreign, asked, check) or _usual(reader.embedders)


def _usual_of(reader: Reader, locale: str, rows: tuple[Row, ...], articles: int) -> Calibration:
    return _usual(reader.embedders)


@lru_cache(4)
def _usual(embedders: tuple[Embedder, ...]) -> Calibration:
    """For a base that is too small to show how its own questions look."""
    if not embedders:
        return Calibration.from_json("\n".join(shipped.data_lines("calibration.json")))
    return calibrate.fit_asked(asked_base.samples(embedders, calibrate.MEANING), calibrate.MEANING)

"""The knowledge base: published articles in, a decision for each question out. Immutable and thread-safe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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
    ) -> KnowledgeBase:
        """A base of published articles. Later articles replace earlier ones of the same id and locale.

        `calibrations` by locale are used as they are; a locale without one is fitted now, which asks
        the base its own hidden questions (below half a second for a hundred articles, some ten
        seconds for ten thousand phrasings). `embedders` say what texts mean; None: the shipped encoder,
        (): words alone. `synonyms` by locale or language take the place of the shipped thesaurus.
        """
        chosen = (shipped_encoder(),) if embedders is None else tuple(embedders)
        readers = Readers(chosen, synonyms)
        given = calibrations or {}
        by_locale: dict[str, dict[str, Article]] = {}
        for article in articles:
            by_locale.setdefault(article.locale, {})[article.id] = article
        return cls(
            {
                locale: _shelf(
                    readers.of(locale), locale, tuple(found.values()), {}, given.get(locale)
                )
                for locale, found in sorted(by_locale.items())
            },
            readers,
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
        rankings = shelf.index.rank_all(shelf.reader.read(questions))
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
                reader = old.reader if old else self._readers.of(locale)
                shelves[locale] = _shelf(reader, locale, tuple(kept.values()), texts, calibration)
            else:
                shelves.pop(locale, None)
        return KnowledgeBase(dict(sorted(shelves.items())), self._readers)

    def recalibrated(self) -> KnowledgeBase:
        """The same articles with thresholds fitted to them anew; meant for the background."""
        return KnowledgeBase(
            {
                locale: _shelf(shelf.reader, locale, shelf.articles, shelf.texts, None)
                for locale, shelf in self._shelves.items()
            },
            self._readers,
        )


def _shelf(
    reader: Reader,
    locale: str,
    articles: tuple[Article, ...],
    known: Texts,
    calibration: Calibration | None,
) -> _Shelf:
    rows, texts = rows_of(articles, reader, known)
    if calibration is None:
        foreign = reader.read(shipped.out_of_scope(locale.partition("-")[0]))
        asked = partial(asked_base.samples, reader.embedders, calibrate.MEANING)
        fitted = calibrate.fit(rows, len(articles), foreign, asked)
        calibration = fitted or _usual(reader.embedders)
    index = Index(rows, len(articles), meaning=calibration.meaning)
    return _Shelf(articles, rows, index, calibration, MappingProxyType(texts), reader)


@lru_cache(4)
def _usual(embedders: tuple[Embedder, ...]) -> Calibration:
    """For a base that is too small to show how its own questions look."""
    if not embedders:
        return Calibration.from_json("\n".join(shipped.data_lines("calibration.json")))
    return calibrate.fit_asked(asked_base.samples(embedders, calibrate.MEANING), calibrate.MEANING)

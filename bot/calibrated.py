"""Knowledge bases with the operator's embedders, and calibrations that are fitted once for each set of articles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import orjson
import structlog

from bot.embedders import language_problem
from bot.synonyms import NO_SYNONYMS, Synonyms
from bot.vectors import KeptVectors
from kb.article import Article
from kb.calibrate import Calibration
from kb.encoder import Embedder, shipped_encoder
from kb.onnx_embedder import EmbedderError
from kb.reading import Readers
from kb.search import KnowledgeBase

log = structlog.get_logger()

SHIPPED_CALIBRATION = Path(__file__).with_name("calibration.json")  # python -m bot.knowledge


def build_base(
    articles: tuple[Article, ...],
    cache: Path | None = None,
    embedders: Sequence[Embedder] = (),
    synonyms: Synonyms = NO_SYNONYMS,
) -> KnowledgeBase:
    """A base whose calibration is fitted once for each set of articles: the shipped one comes with
    the product, others are kept in `cache`, and the articles' vectors in a folder beside it. An
    embedder that fails is left out, with a line in the log."""

    def build(chosen: Sequence[Embedder]) -> KnowledgeBase:
        mark = fingerprint(articles, chosen, synonyms)
        known = _known_calibrations(cache, mark)
        if known is not None and chosen == (shipped_encoder(),) and not synonyms.tables:
            return _as_before(articles, tuple(sorted(known.items())))
        base = KnowledgeBase.build(articles, known, chosen, synonyms.tables)
        if cache is not None and known is None:
            write_calibrations(cache, mark, base)
        return base

    return _with_embedders(build, articles, cache, embedders)


@lru_cache(1)
def _as_before(
    articles: tuple[Article, ...], known: tuple[tuple[str, Calibration], ...]
) -> KnowledgeBase:
    """The base that a process opened last is not built again: bases never change."""
    return KnowledgeBase.build(articles, dict(known))


def changed_base(
    old: KnowledgeBase,
    articles: tuple[Article, ...],
    cache: Path | None = None,
    embedders: Sequence[Embedder] = (),
    synonyms: Synonyms = NO_SYNONYMS,
) -> KnowledgeBase:
    """A base of these articles at once: it fits nothing, and reads only what `old` has not read with
    the same embedders and synonyms."""

    def change(chosen: Sequence[Embedder]) -> KnowledgeBase:
        readers = Readers(tuple(chosen), synonyms.tables)
        if readers == old.readers:
            return old.with_articles(articles, readers)
        given = old.calibrations
        return KnowledgeBase.build(articles, given, chosen, synonyms.tables, fits=False)

    return _with_embedders(change, articles, cache, embedders)


def recalibrated_base(
    base: KnowledgeBase,
    cache: Path | None = None,
    synonyms: Synonyms = NO_SYNONYMS,
    check: Callable[[], None] = lambda: None,
) -> KnowledgeBase:
    """The base with calibrations of its own: those that are known for these articles, or fitted now
    and kept in `cache`. `check`: see `KnowledgeBase.recalibrated`."""
    mark = fingerprint(base.articles, base.readers.embedders, synonyms)
    known = _known_calibrations(cache, mark)
    if known is not None:
        return base.with_calibrations(known)
    fitted = base.recalibrated(check)
    if cache is not None:
        write_calibrations(cache, mark, fitted)
    return fitted


def _with_embedders(
    make: Callable[[Sequence[Embedder]], KnowledgeBase],
    articles: tuple[Article, ...],
    cache: Path | None,
    embedders: Sequence[Embedder],
) -> KnowledgeBase:
    """What `make` makes with the shipped encoder and those of `embedders` that know the languages and
    do not fail."""
    folder = cache.with_name("vectors") if cache is not None else None
    locales = {article.locale for article in articles}
    kept = []
    for embedder in embedders:
        if problem := language_problem(embedder, locales):
            log.warning("embedder_left_out", problem=problem)
        else:
            kept.append(KeptVectors(embedder, folder))
    try:
        base = make((shipped_encoder(), *kept))
    except EmbedderError as error:
        log.warning("embedder_left_out", problem=str(error))
        broken = {one.name for one in kept if one.broken}
        well = [embedder for embedder in embedders if embedder.name not in broken]
        return _with_embedders(make, articles, cache, well)
    for vectors in kept:
        vectors.seal()
    return base


def fingerprint(
    articles: Iterable[Article], embedders: Iterable[Embedder], synonyms: Synonyms = NO_SYNONYMS
) -> str:
    """A mark of everything that retrieval looks at."""
    found = sha256()
    for item in sorted(articles, key=lambda one: one.key):
        for text in (*item.key, item.title, *item.phrasings, item.body):
            found.update(text.encode() + b"\0")
    for text in (*(embedder.name for embedder in embedders), synonyms.mark):
        found.update(text.encode() + b"\0")
    return found.hexdigest()


def write_calibrations(path: Path, mark: str, base: KnowledgeBase) -> None:
    """Keep the calibrations of a base; a file that cannot be written costs only time later. Other
    processes, which may write it too, see the old file or the new one."""
    fitted = {name: one.to_json() for name, one in base.calibrations.items()}
    new = path.with_suffix(f".{os.getpid()}.new")
    try:
        new.write_bytes(orjson.dumps({"mark": mark, "calibrations": fitted}))
        new.replace(path)
    except OSError:
        with suppress(OSError):
            new.unlink(missing_ok=True)


def _known_calibrations(cache: Path | None, mark: str) -> dict[str, Calibration] | None:
    for path in (SHIPPED_CALIBRATION, cache):
        known = _read_calibrations(path, mark) if path is not None else None
        if known is not None:
            return known
    return None


def _read_calibrations(path: Path, mark: str) -> dict[str, Calibration] | None:
    try:
        data = orjson.loads(path.read_bytes())
        if data["mark"] != mark:
            return None
        return {name: Calibration.from_json(text) for name, text in data["calibrations"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None

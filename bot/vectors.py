"""Vectors of the articles' texts, kept on disk by what the texts say, so that a start need not embed again."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from zipfile import BadZipFile

import numpy as np
import structlog

from kb.encoder import Embedder, Floats
from kb.onnx_embedder import EmbedderError

log = structlog.get_logger()

MOST_NUMBERS = 50_000_000  # float32 in one file: 200 MB, 97,000 texts of 512 dimensions
MOST_FILES = 4  # of embedders that were in use before
_KEY_BYTES = 16


class KeptVectors:
    """An embedder for one knowledge base: what it reads until `seal` is kept, questions afterwards are not.

    Until then a failure is an `EmbedderError`; afterwards, in the middle of a talk, it is a line in the log
    and a vector of zeros, with which the question is found by the other ways.
    """

    def __init__(self, embedder: Embedder, folder: Path | None) -> None:
        """`folder`: where the vectors are kept; None: nowhere."""
        self.name, self.languages = embedder.name, embedder.languages
        self.broken = False
        self._embedder = embedder
        self._width = embedder.encode([]).shape[1]
        self._path = folder / f"{_file_name(embedder.name)}.npz" if folder else None
        self._kept = _read(self._path, self.name, self._width) if self._path else {}
        self._used: dict[bytes, Floats] = {}
        self._new = self._sealed = False

    def __eq__(self, other: object) -> bool:
        """Of one name, of one model: what was worked out with the one holds for the other."""
        return isinstance(other, KeptVectors) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def encode(self, texts: Sequence[str]) -> Floats:
        """See `Embedder`."""
        if self._sealed:
            return self._answer(texts)
        keys = [_key(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if not self._find(key)}
        try:
            vectors = self._embedder.encode(list(missing.values()))
        except EmbedderError:
            self.broken = True
            raise
        self._used |= zip(missing, vectors, strict=True)
        self._new |= bool(missing)
        found = np.array([self._used[key] for key in keys], np.float32)
        return found.reshape(len(texts), self._width)

    def seal(self) -> None:
        """Write what was read, and from now on only answer questions. A folder that cannot be written
        costs only time at the next start."""
        self._sealed = True
        if self._path and self._new:
            with suppress(OSError):
                _write(self._path, self.name, {**self._used, **self._kept})
        self._kept, self._used = {}, {}

    def _find(self, key: bytes) -> bool:
        if key not in self._used and key in self._kept:
            self._used[key] = self._kept[key]
        return key in self._used

    def _answer(self, texts: Sequence[str]) -> Floats:
        try:
            return self._embedder.encode(texts)
        except EmbedderError as error:
            if not self.broken:
                log.warning("embedder_failed", problem=str(error))
            self.broken = True
            return np.zeros((len(texts), self._width), np.float32)


def _key(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()[:_KEY_BYTES]


def _file_name(name: str) -> str:
    """Of any name a file name of its own."""
    return f"{re.sub('[^A-Za-z0-9.-]', '-', name)[:60]}-{sha256(name.encode()).hexdigest()[:8]}"


def _read(path: Path, name: str, width: int) -> dict[bytes, Floats]:
    """The vectors of a file; none if it is missing, damaged or of another embedder."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            keys, vectors, of = file["keys"], file["vectors"], file["name"].tobytes().decode()
        sound = (
            of == name
            and keys.dtype == np.uint8
            and vectors.dtype == np.float32
            and keys.shape == (len(vectors), _KEY_BYTES)
            and vectors.shape[1:] == (width,)
            and bool(np.isfinite(vectors).all())
        )
    except (OSError, EOFError, KeyError, ValueError, TypeError, BadZipFile):
        return {}
    return (
        {key.tobytes(): vector for key, vector in zip(keys, vectors, strict=True)} if sound else {}
    )


def _write(path: Path, name: str, vectors: dict[bytes, Floats]) -> None:
    """Replace the file as a whole: after a crash there is the old one or the new one. The first
    vectors are the ones in use; of the others so many stay as have room."""
    room = MOST_NUMBERS // len(next(iter(vectors.values())))
    kept = dict(list(vectors.items())[:room])
    path.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=path.parent, suffix=".new", delete=False) as file:
        try:
            np.savez(
                file,
                name=np.frombuffer(name.encode(), np.uint8),
                keys=np.frombuffer(b"".join(kept), np.uint8).reshape(-1, _KEY_BYTES),
                vectors=np.array(list(kept.values()), np.float32),
            )
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        except OSError:
            Path(file.name).unlink(missing_ok=True)
            raise
    _tidy(path)


def _tidy(written: Path) -> None:
    """Take away files of embedders that are long out of use, and what crashes left behind."""
    by_age = sorted(written.parent.glob("*.npz"), key=_changed, reverse=True)
    now = _changed(written)
    left = [path for path in written.parent.glob("*.new") if _changed(path) < now - 3600]
    _remove([*by_age[MOST_FILES:], *left])


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return float("inf")  # somebody else's file, just gone


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.unlink()

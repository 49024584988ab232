"""The meaning of a text as a vector: a compact encoder, trained on our own paraphrase corpus and shipped.

A text's vector is the sum of its features' vectors (those of `kb.tokens`), brought to length one. What
customers say for one thing lies close together, in Chinese and English alike, whatever words they use.
"""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from kb.shipped import data_file
from kb.tokens import Encoded, encode

Floats = NDArray[np.float32]
FORMAT = 1


class Embedder(Protocol):
    """Anything that turns texts into vectors of meaning."""

    @property
    def name(self) -> str:
        """Changes with the model, so that what was fitted with another can be told."""

    @property
    def languages(self) -> frozenset[str]:
        """ISO 639 codes; articles of other languages are ranked without it."""

    def encode(self, texts: Sequence[str]) -> Floats:
        """float32 [number of texts, dimensions]; rows of length one, or zero where nothing is known."""


@dataclass(frozen=True, slots=True, eq=False)  # equal is the same: it is a key of caches
class Encoder:
    """The shipped kind of embedder. Immutable; safe to use from many threads."""

    name: str
    languages: frozenset[str]
    features: NDArray[np.uint32]  # [n] sorted
    weights: NDArray[np.int8]  # [n, dimensions]
    scales: Floats  # [n]: a feature's vector is its weights × its scale

    @property
    def dimensions(self) -> int:
        return int(self.weights.shape[1])

    def encode(self, texts: Sequence[str]) -> Floats:
        """See `Embedder`."""
        return self.vectors([encode(text) for text in texts])

    def vectors(self, texts: Sequence[Encoded]) -> Floats:
        """The same for texts whose features are known already."""
        result = np.zeros((len(texts), self.dimensions), np.float32)
        for number, text in enumerate(texts):
            place = np.searchsorted(self.features, text.ids)
            place[place == len(self.features)] = 0
            place = place[self.features[place] == text.ids]
            result[number] = self.scales[place] @ self.weights[place].astype(np.float32)
        lengths = np.sqrt((result * result).sum(axis=1, keepdims=True))
        result /= np.maximum(lengths, 1e-6)
        return result

    def to_bytes(self) -> bytes:
        """The file of this encoder; the same encoder gives the same bytes."""
        about = {"format": FORMAT, "name": self.name, "languages": sorted(self.languages)}
        file = io.BytesIO()
        np.savez_compressed(
            file,
            about=np.frombuffer(json.dumps(about).encode(), np.uint8),
            features=self.features,
            weights=self.weights,
            scales=self.scales,
        )
        return file.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Encoder:
        """Raises `ValueError` if the bytes are no encoder of this format."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as file:
                about = json.loads(file["about"].tobytes())
                found = cls(
                    about["name"],
                    frozenset(about["languages"]),
                    file["features"],
                    file["weights"],
                    file["scales"],
                )
            fits = about["format"] == FORMAT and found._is_sound()
        except (
            OSError,
            EOFError,
            KeyError,
            TypeError,
            ValueError,
            NotImplementedError,
            BadZipFile,
            zlib.error,
        ) as error:
            raise ValueError(f"no encoder file: {error}") from error
        if not fits:
            raise ValueError("the encoder file is of another format: train it again")
        return found

    def _is_sound(self) -> bool:
        count = len(self.features)
        return (
            self.features.dtype == np.uint32
            and self.weights.dtype == np.int8
            and self.weights.shape[0] == self.scales.shape[0] == count
            and bool((np.diff(self.features.astype(np.int64)) > 0).all())
        )


class ShippedFileError(Exception):
    """A file of the package is missing or broken. The text is one line that says what to do."""


@cache
def shipped_encoder() -> Encoder:
    """The encoder that comes with the package. Raises ShippedFileError."""
    try:
        return Encoder.from_bytes(data_file("encoder.npz"))
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ShippedFileError(
            f"kb/data/encoder.npz cannot be used ({why}). Install Huifang again, or make the file "
            "with `huifang kb train-encoder`."
        ) from error

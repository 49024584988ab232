"""A small linear classifier over character and word n-grams, trained when it is built."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NEUTRAL = "neutral"
_BITS = 15
_ROUNDS = 60
_SPREAD = 8.0  # weight of the pull to zero; found on lines of our own that are not shipped
_TOKEN = re.compile(r"[a-z0-9]+|[㐀-鿿]|[^\x00-\x7f\s]")

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest class with its probability, and the word that speaks loudest for it."""

    label: str
    probability: float
    evidence: str


def _pieces(text: str) -> list[tuple[str, str]]:
    """Features with the token that they come from. Latin words: n-grams inside and pairs; Han: runs."""
    tokens = _TOKEN.findall(text)[:200]
    found: list[tuple[str, str]] = []
    for i, token in enumerate(tokens):
        found.append((f"w{token}", token))
        if i + 1 < len(tokens):
            found.append((f"p{token} {tokens[i + 1]}", token))
        if i + 2 < len(tokens):
            found.append((f"t{token} {tokens[i + 1]} {tokens[i + 2]}", token))
        if token.isascii() and len(token) > 3:
            padded = f"<{token}>"
            for size in (3, 4, 5):
                found += [(padded[j : j + size], token) for j in range(len(padded) - size + 1)]
    return found


def _slot(feature: str) -> int:
    return zlib.crc32(feature.encode("utf-8", "replace")) & ((1 << _BITS) - 1)


class IntentModel:
    """Softmax regression; `threshold` is set on neutral lines that the fold did not see."""

    def __init__(
        self,
        examples: Mapping[str, Sequence[str]],
        neutral: Sequence[str],
        alarm_rate: float = 0.01,
    ) -> None:
        self.labels = (*sorted(examples), NEUTRAL)
        lines = [(line, i) for i, label in enumerate(self.labels[:-1]) for line in examples[label]]
        lines += [(line, len(self.labels) - 1) for line in neutral]
        slots = [np.unique([_slot(f) for f, _ in _pieces(line)] or [0]) for line, _ in lines]
        owner = np.array([label for _, label in lines], dtype=np.int64)
        self._idf = self._weights_of_slots(slots)
        half = np.arange(len(lines)) % 2 == 0
        neutral_rows = owner == len(self.labels) - 1
        scores: list[float] = []
        for held in (half, ~half):
            self._fit([s for s, out in zip(slots, held, strict=True) if not out], owner[~held])
            for row in np.flatnonzero(held & neutral_rows):
                scores.append(float(1.0 - self._chances(slots[row])[-1]))
        self._fit(slots, owner)
        rank = max(int(len(scores) * alarm_rate), 0)
        self.threshold = max(sorted(scores, reverse=True)[rank] if scores else 1.0, 0.5)

    @staticmethod
    def _weights_of_slots(slots: list[Ints]) -> Floats:
        counts = np.bincount(np.concatenate(slots), minlength=1 << _BITS)
        return np.log((1 + len(slots)) / (1 + counts)).astype(np.float32)

    def _fit(self, slots: list[Ints], owner: Ints) -> None:
        """Full-batch gradient steps with momentum, classes weighted to count the same."""
        sizes = np.array([len(s) for s in slots])
        column = np.concatenate(slots)
        row = np.repeat(np.arange(len(slots)), sizes)
        value = self._idf[column]
        norm = np.sqrt(np.bincount(row, weights=value**2)).astype(np.float32)
        value = value / norm[row]
        starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
        order = np.argsort(column, kind="stable")
        used, first = np.unique(column[order], return_index=True)
        row_sorted, value_sorted = row[order], value[order][:, None]
        compact = np.searchsorted(used, column)
        wanted = np.eye(len(self.labels), dtype=np.float32)[owner]
        balance = np.sqrt(len(owner) / np.maximum(wanted.sum(axis=0), 1))[owner].astype(np.float32)
        balance /= balance.mean()
        weights = np.zeros((len(used), len(self.labels)), dtype=np.float32)
        bias = np.zeros(len(self.labels), dtype=np.float32)
        speed, bias_speed = np.zeros_like(weights), np.zeros_like(bias)
        for _ in range(_ROUNDS):
            z = np.add.reduceat(weights[compact] * value[:, None], starts, axis=0) + bias
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            error = ((p - wanted) * balance[:, None]).astype(np.float32)
            slope = np.add.reduceat(error[row_sorted] * value_sorted, first, axis=0)
            speed = 0.9 * speed - (slope + weights * 0.3) * (_SPREAD / 40)
            bias_speed = 0.9 * bias_speed - error.mean(axis=0)
            weights += speed
            bias += bias_speed
        self._weights = np.zeros((1 << _BITS, len(self.labels)), dtype=np.float32)
        self._weights[used] = weights
        self._bias = bias

    def _chances(self, slots: Ints) -> Floats:
        value = self._idf[slots]
        norm = float(np.sqrt((value**2).sum())) or 1.0
        z = (value / norm) @ self._weights[slots] + self._bias
        p = np.exp(z - z.max())
        return np.asarray(p / p.sum(), dtype=np.float32)

    def guess(self, text: str) -> Guess | None:
        """The intent of a folded text, None if it looks neutral."""
        pieces = _pieces(text)
        if not pieces:
            return None
        slots = np.unique([_slot(feature) for feature, _ in pieces])
        chances = self._chances(slots)
        if 1.0 - chances[-1] < self.threshold:
            return None
        best = int(chances[:-1].argmax())
        loud: dict[str, float] = {}
        for feature, token in pieces:
            slot = _slot(feature)
            loud[token] = loud.get(token, 0.0) + float(self._weights[slot, best] * self._idf[slot])
        return Guess(self.labels[best], float(chances[best]), max(loud, key=lambda t: loud[t]))

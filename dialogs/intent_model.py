"""A small linear classifier over character and word n-grams, trained when it is built."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

NEUTRAL = "neutral"
_ROUNDS = 32
_LEAST = 0.6  # threshold where no neutral line asks for a higher one
_SURE = 0.55  # a guess that is torn between intents is none
_STEP, _PULL = 0.2, 0.03  # step size and pull to zero, found on lines that are not shipped
# This share of the neutral lines that half a model does not know may alarm. The whole model, which
# only completes the rules, alarms on far fewer.
_ALARM_RATE = 0.08
_TOKENS_READ = 200
_TOKEN = re.compile(r"[a-z0-9]+|[㐀-鿿]|[^\x00-\x7f\s]")

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest class with its probability, and the word that speaks loudest for it."""

    label: str
    probability: float
    evidence: str


def _tokens(text: str) -> list[str]:
    return _TOKEN.findall(text)[:_TOKENS_READ]


def _inside(token: str) -> list[str]:
    """The n-grams of a Latin word; a Han character has none."""
    if len(token) <= 3 or not token.isascii():
        return []
    padded, size = f"<{token}>", len(token) + 2
    found = [padded[j : j + 3] for j in range(size - 2)]
    found += [padded[j : j + 4] for j in range(size - 3)]
    return found


def _groups(tokens: Sequence[str]) -> list[str]:
    """Pairs and triples of words (characters, in Chinese)."""
    found = [f"p{a} {b}" for a, b in pairwise(tokens)]
    found += [f"t{a} {b} {c}" for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False)]
    return found


def _pieces(tokens: Sequence[str]) -> Iterator[tuple[str, str]]:
    """All features with the token that each comes from, as often as they occur: words, pairs and
    triples of them, n-grams inside Latin words."""
    for i, token in enumerate(tokens):
        yield f"w{token}", token
        if i + 1 < len(tokens):
            yield f"p{token} {tokens[i + 1]}", token
        if i + 2 < len(tokens):
            yield f"t{token} {tokens[i + 1]} {tokens[i + 2]}", token
        for feature in _inside(token):
            yield feature, token


class IntentModel:
    """Softmax regression, with a `threshold` on the probability that a line is not neutral.

    The threshold is set on the half of the neutral lines that the first fit does not see, for each
    group of them apart: questions to a wallet are easily told from complaints, and must not make
    the model bold about small talk, which is not.
    """

    def __init__(
        self,
        examples: Mapping[str, Sequence[str]],
        neutral: Sequence[Sequence[str]],
        alarm_rate: float = _ALARM_RATE,
    ) -> None:
        self.labels = (*sorted(examples), NEUTRAL)
        lines = [(line, i) for i, label in enumerate(self.labels[:-1]) for line in examples[label]]
        lines += [(line, len(self.labels) - 1) for group in neutral for line in group]
        tokens = [_tokens(line) for line, _ in lines]
        features = [{feature for feature, _ in _pieces(line)} for line in tokens]
        counts = Counter(feature for line in features for feature in line)
        # What stands in one line only teaches nothing. Slot 0 is for lines of nothing known.
        known = sorted(feature for feature, count in counts.items() if count > 1)
        self._slot_of = {feature: slot for slot, feature in enumerate(known, start=1)}
        self._of_word: dict[str, tuple[int, ...]] = {}
        self._of_word = {word: self._word(word) for line in tokens for word in line}
        slots = [self._slots(line) for line in tokens]
        owner = np.array([label for _, label in lines], dtype=np.int64)
        self._idf = self._rarity(slots)
        half = np.arange(len(lines)) % 2 == 0
        self._fit([s for s, kept in zip(slots, half, strict=True) if kept], owner[half])
        threshold = _LEAST
        row = len(lines) - sum(len(group) for group in neutral)
        for group in neutral:
            rows = [r for r in range(row, row + len(group)) if not half[r]]
            scores = sorted((self.alarm(slots[r]) for r in rows), reverse=True)
            if scores:
                threshold = max(threshold, scores[int(len(scores) * alarm_rate)])
            row += len(group)
        self._fit(slots, owner)
        self.threshold = threshold

    def alarm(self, slots: Ints) -> float:
        """The probability that a line is not neutral."""
        return float(1.0 - self._chances(slots)[-1])

    def _word(self, word: str) -> tuple[int, ...]:
        """The slots of a word and of what is inside it. Those of the lines are kept, and no others:
        what people write is not."""
        kept = self._of_word.get(word)
        if kept is not None:
            return kept
        slot_of = self._slot_of
        return tuple([slot_of[f] for f in (f"w{word}", *_inside(word)) if f in slot_of])

    def _slots(self, tokens: Sequence[str]) -> Ints:
        slot_of = self._slot_of
        known = {slot_of[group] for group in _groups(tokens) if group in slot_of}
        for token in tokens:
            known.update(self._word(token))
        return np.array(sorted(known) or [0], dtype=np.int64)

    def _rarity(self, slots: list[Ints]) -> Floats:
        counts = np.bincount(np.concatenate(slots), minlength=len(self._slot_of) + 1)
        return np.log((1 + len(slots)) / (1 + counts)).astype(np.float32)

    def _fit(self, slots: list[Ints], owner: Ints) -> None:
        """Full-batch gradient steps with momentum, classes weighted to count the same."""
        sizes = np.array([len(s) for s in slots])
        column = np.concatenate(slots)
        row = np.repeat(np.arange(len(slots)), sizes)
        value = self._idf[column]
        norm = np.sqrt(np.bincount(row, weights=value**2)).astype(np.float32)
        value = (value / norm[row]).astype(np.float64)
        used, compact = np.unique(column, return_inverse=True)
        count, kinds = len(slots), len(self.labels)
        wanted = np.eye(kinds)[owner]
        balance = np.sqrt(count / np.maximum(wanted.sum(axis=0), 1))[owner]
        balance = balance / balance.mean()
        weights: Doubles = np.zeros((kinds, len(used)))
        bias: Doubles = np.zeros(kinds)
        speed, bias_speed = np.zeros_like(weights), np.zeros_like(bias)
        for _ in range(_ROUNDS):
            z = bias + np.stack([np.bincount(row, value * w[compact], count) for w in weights], 1)
            p = np.exp(z - z.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            error = (p - wanted) * balance[:, None]
            slope = np.stack([np.bincount(compact, value * e[row], len(used)) for e in error.T])
            speed = 0.9 * speed - (slope + weights * _PULL) * _STEP
            bias_speed = 0.9 * bias_speed - error.mean(axis=0)
            weights = weights + speed
            bias = bias + bias_speed
        self._weights = np.zeros((len(self._slot_of) + 1, len(self.labels)), dtype=np.float32)
        self._weights[used] = weights.T
        self._bias = bias.astype(np.float32)

    def _chances(self, slots: Ints) -> Floats:
        value = self._idf[slots]
        norm = float(np.sqrt((value**2).sum())) or 1.0
        z = (value / norm) @ self._weights[slots] + self._bias
        p: Floats = np.exp(z - z.max())
        p /= p.sum()
        return p

    def guess(self, text: str) -> Guess | None:
        """The intent of a folded text, None if it looks neutral."""
        tokens = _tokens(text)
        if not tokens:
            return None
        chances = self._chances(self._slots(tokens))
        if 1.0 - chances[-1] < self.threshold:
            return None
        best = int(chances[:-1].argmax())
        if chances[best] < _SURE:
            return None
        loud: dict[str, float] = {}
        for feature, token in _pieces(tokens):
            slot = self._slot_of.get(feature, 0)
            loud[token] = loud.get(token, 0.0) + float(self._weights[slot, best] * self._idf[slot])
        return Guess(self.labels[best], float(chances[best]), max(loud, key=lambda t: loud[t]))

"""A small linear classifier over character and word n-grams, trained when it is built."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

NEUTRAL = "neutral"
_ROUNDS = 32
_LEAST, _MOST = 0.65, 0.75  # the threshold is within these whatever the base asks for
_ITSELF = 0.9  # a question of the base that a rule finds too is an alarm itself from here
_SURE = 0.5  # a guess that is torn between intents is none
_STEP, _PULL = 0.2, 0.03  # step size and pull to zero, found on lines that are not shipped
_ALARM_RATE = 0.01  # share of the questions of the base that the model may take for alarms
_TOKENS_READ = 200
_TOKEN = re.compile(r"[a-z0-9]+|[㐀-鿿]|[?？]|[^\x00-\x7f\s]")
_APOSTROPHES = re.compile(r"['’‘`´]")

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest intent with its probability, that of any intent, and the word that speaks
    loudest for it."""

    label: str
    probability: float
    any_intent: float
    evidence: str


def _tokens(text: str) -> list[str]:
    """Words (characters, in Chinese) and question marks, between a mark of begin and one of end."""
    found = _TOKEN.findall(_APOSTROPHES.sub("", text).replace("？", "?"))
    return ["^", *found[:_TOKENS_READ], "$"] if found else []


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

    `base` are the questions of the knowledge base in use, `signs` says of each whether a rule sees
    an alarm in it. The threshold is such that few of them alarm in a first fit, which knows none.
    """

    def __init__(
        self,
        examples: Mapping[str, Sequence[str]],
        neutral: Sequence[str],
        base: Sequence[str] = (),
        signs: Sequence[bool] = (),
        alarm_rate: float = _ALARM_RATE,
    ) -> None:
        self.labels = (*sorted(examples), NEUTRAL)
        lines = [(line, i) for i, label in enumerate(self.labels[:-1]) for line in examples[label]]
        lines += [(line, len(self.labels) - 1) for line in (*neutral, *base)]
        tokens = [_tokens(line) for line, _ in lines]
        words = {word for line in tokens for word in line}
        inside = {word: (f"w{word}", *_inside(word)) for word in words}
        features = [set(_groups(line)).union(*(inside[word] for word in line)) for line in tokens]
        counts = Counter(feature for line in features for feature in line)
        # What stands in one line only teaches nothing. Slot 0 is for lines of nothing known.
        known = sorted(feature for feature, count in counts.items() if count > 1)
        self._slot_of = {feature: slot for slot, feature in enumerate(known, start=1)}
        self._of_word: dict[str, tuple[int, ...]] = {}
        self._of_word = {word: self._word(word) for word in inside}
        slots = [self._known(line) for line in features]
        owner = np.array([label for _, label in lines], dtype=np.int64)
        self._idf = self._rarity(slots)
        self.threshold, kept = _LEAST, list(range(len(lines)))
        if base:
            first = len(lines) - len(base)
            self._fit(slots[:first], owner[:first])
            scores = [self._alarm(self._chances(line)) for line in slots[first:]]
            themselves = {
                i for i, sign in enumerate(signs) if sign and scores[i] >= _ITSELF
            }  # "I was scammed" stands among the phrasings of an article on fraud
            plain = [i for i in range(len(base)) if i not in themselves]
            self.threshold = _calm([scores[i] for i in plain], alarm_rate)
            kept = [*range(first), *(first + i for i in plain)]
        self._fit([slots[i] for i in kept], owner[kept])

    @staticmethod
    def _alarm(chances: Floats) -> float:
        """The probability that a line is not neutral."""
        return float(1.0 - chances[-1])

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
        return np.array(sorted(known) or [0], dtype=np.int32)

    def _known(self, features: set[str]) -> Ints:
        slot_of = self._slot_of
        known = sorted(slot_of[feature] for feature in features if feature in slot_of)
        return np.array(known or [0], dtype=np.int32)

    def _rarity(self, slots: list[Ints]) -> Floats:
        counts = np.bincount(np.concatenate(slots), minlength=len(self._slot_of) + 1)
        return np.log((1 + len(slots)) / (1 + counts)).astype(np.float32)

    def _matrix(self, slots: list[Ints]) -> sparse.csr_array:
        """A row for each line, of length 1."""
        sizes = np.array([len(s) for s in slots])
        column = np.concatenate(slots)
        row = np.repeat(np.arange(len(slots)), sizes)
        value = self._idf[column]
        norm = np.sqrt(np.bincount(row, weights=value**2)).astype(np.float32)
        norm[norm == 0] = 1
        ends = np.concatenate([[0], np.cumsum(sizes)])
        return sparse.csr_array((value / norm[row], column, ends), (len(slots), len(self._idf)))

    def _fit(self, slots: list[Ints], owner: npt.NDArray[np.int64]) -> None:
        """Full-batch gradient steps with momentum; the rarer a class, the more its lines weigh."""
        lines = self._matrix(slots)
        columns = lines.T.tocsr()
        wanted = np.eye(len(self.labels), dtype=np.float32)[owner]
        balance = np.sqrt(len(slots) / np.maximum(wanted.sum(axis=0), 1))[owner]
        balance = (balance / balance.mean())[:, None].astype(np.float32)
        weights: Floats = np.zeros((len(self._idf), len(self.labels)), dtype=np.float32)
        bias: Floats = np.zeros(len(self.labels), dtype=np.float32)
        speed, bias_speed = np.zeros_like(weights), np.zeros_like(bias)
        for _ in range(_ROUNDS):
            p = _softmax((lines @ weights + bias).astype(np.float32))
            error = (p - wanted) * balance
            speed = 0.9 * speed - (columns @ error + weights * _PULL) * _STEP
            bias_speed = 0.9 * bias_speed - error.mean(axis=0)
            weights = weights + speed
            bias = bias + bias_speed
        self._weights, self._bias = weights, bias

    def _chances(self, slots: Ints) -> Floats:
        value = self._idf[slots]
        norm = float(np.sqrt((value**2).sum())) or 1.0
        return _softmax(np.asarray((value / norm) @ self._weights[slots] + self._bias, np.float32))

    def chances(self, text: str) -> dict[str, float]:
        """The probability of each intent, and of NEUTRAL, for a folded text."""
        chances = self._chances(self._slots(_tokens(text)))
        return dict(zip(self.labels, map(float, chances), strict=True))

    def guess(self, text: str) -> Guess | None:
        """The intent of a folded text, None if it is torn. Compare `any_intent` with `threshold`."""
        tokens = _tokens(text)
        if not tokens:
            return None
        chances = self._chances(self._slots(tokens))
        best = int(chances[:-1].argmax())
        if chances[best] < _SURE:
            return None
        loud: dict[str, float] = {}
        for feature, token in _pieces(tokens):
            slot = self._slot_of.get(feature, 0)
            loud[token] = loud.get(token, 0.0) + float(self._weights[slot, best] * self._idf[slot])
        word = max(loud, key=lambda t: loud[t])
        return Guess(self.labels[best], float(chances[best]), self._alarm(chances), word)


def _calm(scores: Sequence[float], rate: float) -> float:
    """The threshold that this share of the scores passes, as far as it may go."""
    highest = sorted(scores, reverse=True)[int(len(scores) * rate) :]
    return min(max(_LEAST, *highest[:1]), _MOST) if highest else _LEAST


def _softmax(z: Floats) -> Floats:
    p: Floats = np.exp(z - z.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return p

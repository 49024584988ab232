"""A small linear classifier over character and word n-grams, trained when it is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from dialogs.intent_features import Features, Floats, tokens_of

NEUTRAL = "neutral"
_ROUNDS, _MORE_ROUNDS = 20, 8  # without the questions of the base, then with them
_LEAST, _MOST = 0.55, 0.8  # the threshold is within these whatever the base asks for
_ITSELF = 0.9  # a question of the base that a rule finds too is an alarm itself from here
_SURE = 0.5  # a guess that is torn between intents is none
_STEP, _PULL = 0.2, 0.1  # step size and pull to zero, found on lines that are not shipped
_ALARM_RATE = 0.07  # share of the questions of the base that may alarm before they are learned


@dataclass(frozen=True, slots=True)
class Guess:
    """The likeliest intent with its probability, that of any intent, and the word that speaks
    loudest for it."""

    label: str
    probability: float
    any_intent: float
    evidence: str


class IntentModel:
    """Softmax regression, with a `threshold` on the probability that a line is not neutral.

    `base` are the questions of the knowledge base in use, `shows_alarm` says of one by its place whether
    a rule sees an alarm in it. The threshold is such that few of them alarm before they are learned.
    """

    def __init__(
        self,
        examples: Mapping[str, Sequence[str]],
        neutral: Sequence[str],
        base: Sequence[str] = (),
        shows_alarm: Callable[[int], bool] = lambda _: False,
        alarm_rate: float = _ALARM_RATE,
    ) -> None:
        self.labels = (*sorted(examples), NEUTRAL)
        lines = [(line, i) for i, label in enumerate(self.labels[:-1]) for line in examples[label]]
        lines += [(line, len(self.labels) - 1) for line in (*neutral, *base)]
        owner = np.array([label for _, label in lines], dtype=np.int64)
        self._features = Features([tokens_of(line) for line, _ in lines])
        rows, first = self._features.rows, len(lines) - len(base)
        self._weights: Floats = np.zeros((rows.shape[1], len(self.labels)), dtype=np.float32)
        self._bias: Floats = np.zeros(len(self.labels), dtype=np.float32)
        self.threshold = _LEAST
        self._fit(rows[:first], owner[:first], _ROUNDS)
        if base:
            plain = first + self._plain(rows[first:], shows_alarm, alarm_rate)
            kept = np.concatenate([np.arange(first), plain])
            self._fit(rows[kept], owner[kept], _MORE_ROUNDS)

    def _plain(
        self, base: sparse.csr_array, shows_alarm: Callable[[int], bool], rate: float
    ) -> npt.NDArray[np.int64]:
        """Which questions of the base are no alarms themselves; sets the threshold by them."""
        scores = 1.0 - _softmax(base @ self._weights + self._bias)[:, -1]
        # "I was scammed" stands among the phrasings of an article on fraud.
        itself = [i for i in np.flatnonzero(scores >= _ITSELF).tolist() if shows_alarm(i)]
        plain = np.setdiff1d(np.arange(len(scores)), itself)
        self.threshold = _calm(scores[plain].tolist(), rate)
        return plain

    def _fit(self, rows: sparse.csr_array, owner: npt.NDArray[np.int64], rounds: int) -> None:
        """Full-batch gradient steps with momentum; the rarer a class, the more its lines weigh."""
        columns = rows.T.tocsr()
        wanted = np.eye(len(self.labels), dtype=np.float32)[owner]
        balance = np.sqrt(rows.shape[0] / np.maximum(wanted.sum(axis=0), 1))[owner]
        balance = (balance / balance.mean())[:, None].astype(np.float32)
        weights, bias = self._weights, self._bias
        speed, bias_speed = np.zeros_like(weights), np.zeros_like(bias)
        for _ in range(rounds):
            error = (_softmax(rows @ weights + bias) - wanted) * balance
            speed = 0.9 * speed - (columns @ error + weights * _PULL) * _STEP
            bias_speed = 0.9 * bias_speed - error.mean(axis=0)
            weights = weights + speed
            bias = bias + bias_speed
        self._weights, self._bias = weights, bias

    def _chances(self, tokens: Sequence[str]) -> Floats:
        places, values = self._features.row(tokens)
        return _softmax(values @ self._weights[places] + self._bias)

    def chances(self, text: str) -> dict[str, float]:
        """The probability of each intent, and of NEUTRAL, for a folded text."""
        return dict(zip(self.labels, self._chances(tokens_of(text)).tolist(), strict=True))

    def guess(self, text: str) -> Guess | None:
        """The intent of a folded text, None if it is torn. Compare `any_intent` with `threshold`."""
        tokens = tokens_of(text)
        if not tokens:
            return None
        chances = self._chances(tokens)
        best = int(chances[:-1].argmax())
        if chances[best] < _SURE:
            return None
        loud = dict.fromkeys(tokens, 0.0)
        for token, place in self._features.places(tokens):
            loud[token] += float(self._weights[place, best] * self._features.rarity[place])
        word = max(loud, key=lambda t: loud[t])
        return Guess(self.labels[best], float(chances[best]), float(1.0 - chances[-1]), word)


def _calm(scores: Sequence[float], rate: float) -> float:
    """The threshold that this share of the scores passes, as far as it may go."""
    highest = sorted(scores, reverse=True)[int(len(scores) * rate) :]
    return min(max(_LEAST, *highest[:1]), _MOST) if highest else _LEAST


def _softmax(z: Floats) -> Floats:
    p: Floats = np.exp(z - z.max(axis=-1, keepdims=True))
    p /= p.sum(axis=-1, keepdims=True)
    return p

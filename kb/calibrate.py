"""How sure a ranking is: features of a ranking → probability of being right, fitted from the base itself.

Articles and phrasings are hidden in turn and asked for, so the base shows how its own right, wrong and
foreign questions look. Everything is deterministic: folds follow checksums, not chance.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from kb.index import Ranking, Role, Row
from kb.samples import FEATURES, Kind, Samples, ask_hidden, describe
from kb.tokens import Encoded

Vector = NDArray[np.float64]

# A question that is a phrasing of one article nearly word for word needs no model: the model learns from
# phrasings that were hidden, so it has never seen one.
_SAME_QUESTION, _LEAD, _SURE = 0.9, 0.1, 0.97


class Measured(NamedTuple):
    """The probabilities of one ranking and the features that they come from, in `FEATURES`' order."""

    first: float  # that the first article is right
    three: float  # that one of the first three is right
    features: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Two logistic models over `FEATURES` and the two thresholds; plain numbers, so it can be stored."""

    means: tuple[float, ...]
    scales: tuple[float, ...]
    first: tuple[float, ...]  # weights of the features, then the constant
    three: tuple[float, ...]
    answer_at: float  # answer if the first article is right with at least this probability
    offer_at: float  # else offer three from this probability on, else abstain
    questions: int = 0  # how many it was fitted on
    meaning: float = 0.0  # its share of the similarity of two texts, beside words (0–1)

    def measure(self, ranking: Ranking) -> Measured:
        """The probabilities that a ranking is right."""
        features = describe(ranking)
        values = (features - np.array(self.means)) / np.array(self.scales)
        # A base far from the fitted one must not throw a linear model off its scale.
        values = np.append(np.clip(values, -4, 4), 1.0)
        first = float(_sigmoid(values @ np.array(self.first)))
        three = float(_sigmoid(values @ np.array(self.three)))
        if ranking.nearest[0] >= _SAME_QUESTION and ranking.nearest[0] - ranking.rival >= _LEAD:
            first = max(first, _SURE)
        return Measured(first, max(first, three), tuple(map(float, features)))

    def to_json(self) -> str:
        """The calibration as one JSON object; `from_json` gives it back."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """Raises `ValueError` if the text is no calibration with today's features."""
        try:
            record: dict[str, Any] = json.loads(text)
            values: dict[str, Any] = {
                key: tuple(v) if isinstance(v, list) else v for key, v in record.items()
            }
            result = cls(**values)
        except (TypeError, AttributeError) as error:
            raise ValueError(f"no calibration: {error}") from error
        if len(result.means) != len(FEATURES):
            raise ValueError("the calibration has other features; fit it again")
        return result


# The share of meaning where it counts: on colloquial questions of 40 and 42 articles any share from a half
# to five sixths finds about the same (docs/knowledge-base.md).
MEANING = 2 / 3
_WORTH = 0.02  # by so much more hidden phrasings have to be found
# Below, hiding takes too much away: what is left does not look like the whole base.
_FEWEST_ARTICLES, _FEWEST_EACH = 8, 3
_RIDGE = 1.0
_WRONG_ANSWERS = 0.10  # bearable share of wrong ones among outright answers
_ANSWER_BOUNDS = (0.45, 0.60)
# Bearable share of answerable questions that get nothing. Real people stray further from the phrasings than
# phrasings from each other: on held-out questions the loss was two to three times this (CLINC150).
_LOST = 0.005
_OFFER_BOUNDS = (0.08, 0.40)


def fit(
    rows: Sequence[Row],
    articles: int,
    foreign: Sequence[Encoded],
    asked: Callable[[], Samples] = Samples,
    check: Callable[[], None] = lambda: None,
) -> Calibration | None:
    """Learn from a base's own rows and from lines foreign to it; None if the base is too small.

    Where the rows have vectors of meaning, meaning counts if it finds more of the hidden phrasings
    than words alone: the base shows whether the embedder knows its subjects. Then what people
    `asked` another base counts as much as what this one was asked. `check` is called now and then:
    what it raises ends the work.
    """
    phrasings = sum(row.role is Role.PHRASING for row in rows)
    if articles < _FEWEST_ARTICLES or phrasings < _FEWEST_EACH * articles:
        return None
    best = ask_hidden(rows, articles, foreign, 0.0, check)
    if not all(row.text.meaning is not None for row in rows):
        return _learn([best], 0.0)
    richer = ask_hidden(rows, articles, foreign, MEANING, check)
    if richer.found < best.found + _WORTH:
        return _learn([best], 0.0)
    return _learn([richer, asked()], MEANING)


# How often a real conversation asks each. FAR has more than its true share: answering it looks worst.
_MIX = {Kind.IN_SCOPE: 0.70, Kind.NEAR: 0.12, Kind.FAR: 0.18}


def fit_asked(samples: Samples, meaning: float) -> Calibration:
    """Learn from what people asked another base alone."""
    return _learn([samples], meaning)


def _learn(groups: Sequence[Samples], meaning: float) -> Calibration:
    """Every group of samples counts the same."""
    groups = [group for group in groups if group.kinds]
    features = np.array([one for group in groups for one in group.features])
    first = np.array([one for group in groups for one in group.first], float)
    three = np.array([one for group in groups for one in group.three], float)
    kinds = [kind for group in groups for kind in group.kinds]
    weights = np.concatenate([_weights(group.kinds) for group in groups])
    weights *= len(kinds) / weights.sum()
    means, scales = features.mean(0), features.std(0) + 1e-6
    values = np.hstack([(features - means) / scales, np.ones((len(kinds), 1))])
    of_first, of_three = _logistic(values, first, weights), _logistic(values, three, weights)
    answer_at = _answer_at(_sigmoid(values @ of_first), first, weights)
    offer_at = _offer_at(_sigmoid(values @ of_first)[three > 0])
    return Calibration(
        tuple(means.tolist()),
        tuple(scales.tolist()),
        tuple(of_first.tolist()),
        tuple(of_three.tolist()),
        answer_at,
        min(offer_at, answer_at),
        len(kinds),
        meaning,
    )


def _weights(kinds: Sequence[Kind]) -> Vector:
    counts = np.bincount(kinds, minlength=len(Kind))
    return np.array([_MIX[kind] / counts[kind] for kind in kinds])


def _logistic(values: Vector, target: Vector, weights: Vector) -> Vector:
    """Weighted logistic regression with a small ridge, by Newton's method."""
    ridge = np.full(values.shape[1], _RIDGE)
    ridge[-1] = 1e-3  # the constant stays free
    result = np.zeros(values.shape[1])
    for _ in range(30):
        chance = _sigmoid(values @ result)
        gradient = values.T @ (weights * (chance - target)) + ridge * result
        bend = weights * np.maximum(chance * (1 - chance), 1e-6)
        step = np.linalg.solve(values.T @ (values * bend[:, None]) + np.diag(ridge), gradient)
        result -= step
        if float(np.abs(step).max()) < 1e-6:
            break
    return result


def _answer_at(chance: Vector, right: Vector, weights: Vector) -> float:
    """The lowest threshold whose answers are wrong no oftener than is bearable."""
    order = np.argsort(-chance)
    answered = np.cumsum(weights[order])
    wrong = np.cumsum((weights * (1 - right))[order])
    fine = np.flatnonzero(wrong <= _WRONG_ANSWERS * answered)
    lowest = float(chance[order[fine[-1]]]) if len(fine) else 1.0
    return float(np.clip(lowest, *_ANSWER_BOUNDS))


def _offer_at(chance: Vector) -> float:
    """The threshold below which only a bearable share of the answerable questions lies."""
    lowest = float(np.quantile(chance, _LOST)) if len(chance) else 0.0
    return float(np.clip(lowest, *_OFFER_BOUNDS))


def _sigmoid(value: Vector) -> Vector:
    result: Vector = 1 / (1 + np.exp(-np.clip(value, -40, 40)))
    return result

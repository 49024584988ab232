"""Trains the encoder on the paraphrase corpus: messages of one topic come to lie together.

Softmax over the topics with the cosine between a message's vector and a vector of each topic (which
is thrown away afterwards). A topic has messages in every language of the corpus, so languages meet.
Half of a message's features is hidden in every step, so that no single word carries a topic.
numpy only; with the same corpus and numpy the same file comes out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from kb.corpus_file import Message
from kb.encoder import Encoder, Floats
from kb.tokens import Encoded, encode

Ints = NDArray[np.intp]
Progress = Callable[[int, int], None]  # steps done, of how many


@dataclass(frozen=True, slots=True)
class Recipe:
    """What the training depends on besides the corpus. Found with whole voices held out."""

    dimensions: int = 96
    epochs: int = 12
    batch: int = 256  # messages a step
    least: int = 3  # messages in which a feature occurs; rarer ones teach nothing
    hidden: float = 0.5  # share of the features that a step does not see
    sharpness: float = 10.0  # of the softmax over cosines
    rate: float = 0.01  # of Adam; falls to a tenth
    seed: int = 0


def train(
    messages: Sequence[Message],
    recipe: Recipe = Recipe(),
    progress: Progress = lambda done, of: None,
) -> Encoder:
    """An encoder for the languages of these messages. Raises `ValueError` for fewer than two topics."""
    topics = sorted({message.topic for message in messages})
    if len(topics) < 2:
        raise ValueError("an encoder needs messages of two topics at least")
    number = {topic: n for n, topic in enumerate(topics)}
    owners = np.array([number[message.topic] for message in messages], np.intp)
    texts = [encode(message.text) for message in messages]
    ids, counts = np.unique(np.concatenate([text.ids for text in texts]), return_counts=True)
    features = ids[counts >= min(recipe.least, len(messages))]
    if not len(features):
        raise ValueError("the messages of the corpus have no words in common")
    vectors = _descend(_matrix(texts, features), owners, len(topics), recipe, progress)
    weights, scales = _quantised(vectors)
    languages = frozenset(message.language for message in messages)
    return Encoder(_name(weights), languages, features, weights, scales)


def _matrix(texts: Sequence[Encoded], features: NDArray[np.uint32]) -> sparse.csr_matrix:
    """[messages, features] of rows of length one: which features each message has."""
    rows = [np.flatnonzero(np.isin(features, text.ids)) for text in texts]
    starts = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
    values = np.concatenate([np.full(len(row), 1 / max(1, len(row)) ** 0.5) for row in rows])
    columns = np.concatenate(rows)
    shape = (len(texts), len(features))
    return sparse.csr_matrix((values.astype(np.float32), columns, starts), shape)


class _Adam:
    """One matrix of parameters; a step may touch some of its rows only."""

    def __init__(self, values: Floats) -> None:
        self.values = values
        self._mean, self._square = np.zeros_like(values), np.zeros_like(values)

    def step(self, slope: Floats, rate: float, rows: Ints | slice = slice(None)) -> None:
        self._mean[rows] = 0.9 * self._mean[rows] + 0.1 * slope
        self._square[rows] = 0.999 * self._square[rows] + 0.001 * slope * slope
        self.values[rows] -= rate * self._mean[rows] / (np.sqrt(self._square[rows]) + 1e-6)


def _descend(
    seen: sparse.csr_matrix, owners: Ints, topics: int, recipe: Recipe, progress: Progress
) -> Floats:
    rng = np.random.default_rng(recipe.seed)
    shape = (seen.shape[1], recipe.dimensions)
    features = _Adam(rng.normal(0, 0.1, shape).astype(np.float32))
    centres = _Adam(rng.normal(0, 0.1, (topics, recipe.dimensions)).astype(np.float32))
    batches = -(-len(owners) // recipe.batch)
    for epoch in range(recipe.epochs):
        rate = recipe.rate * (1 - 0.9 * epoch / recipe.epochs)
        for step, rows in enumerate(_batches(rng, len(owners), recipe.batch)):
            part = _some_hidden(seen[rows], recipe.hidden, rng)
            used = np.unique(part.indices)
            slope, centre_slope = _slopes(part, owners[rows], features, centres, recipe.sharpness)
            features.step(np.asarray(part[:, used].T @ slope), rate, used)
            centres.step(centre_slope, rate)
            progress(epoch * batches + step + 1, recipe.epochs * batches)
    return features.values


def _batches(rng: np.random.Generator, count: int, size: int) -> Iterator[Ints]:
    order = rng.permutation(count)
    for start in range(0, count, size):
        yield order[start : start + size]


def _some_hidden(
    part: sparse.csr_matrix, hidden: float, rng: np.random.Generator
) -> sparse.csr_matrix:
    kept = rng.random(part.nnz, np.float32) >= hidden
    return sparse.csr_matrix((part.data * kept, part.indices, part.indptr), part.shape)


def _slopes(
    part: sparse.csr_matrix, owners: Ints, features: _Adam, centres: _Adam, sharpness: float
) -> tuple[Floats, Floats]:
    """Of the mean cross-entropy: by the messages' vectors, by the topics' vectors."""
    sums = part @ features.values
    lengths, messages = _unit(sums)
    centre_lengths, topics = _unit(centres.values)
    scores = sharpness * (messages @ topics.T)
    chances = np.exp(scores - scores.max(axis=1, keepdims=True))
    chances /= chances.sum(axis=1, keepdims=True)
    chances[np.arange(len(owners)), owners] -= 1
    chances *= sharpness / len(owners)
    slope, centre_slope = chances @ topics, chances.T @ messages
    return (
        _through_unit(slope, messages, lengths),
        _through_unit(centre_slope, topics, centre_lengths),
    )


def _unit(rows: Floats) -> tuple[Floats, Floats]:
    lengths = np.sqrt((rows * rows).sum(axis=1, keepdims=True)) + 1e-6
    return lengths, rows / lengths


def _through_unit(slope: Floats, unit: Floats, lengths: Floats) -> Floats:
    result: Floats = (slope - unit * (slope * unit).sum(axis=1, keepdims=True)) / lengths
    return result


def _quantised(vectors: Floats) -> tuple[NDArray[np.int8], Floats]:
    scales = (np.abs(vectors).max(axis=1) / 127).astype(np.float32)
    weights = np.rint(vectors / np.maximum(scales, 1e-12)[:, None]).astype(np.int8)
    return weights, scales


def _name(weights: NDArray[np.int8]) -> str:
    from hashlib import sha256

    return f"huifang-{sha256(weights.tobytes()).hexdigest()[:12]}"

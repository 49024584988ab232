"""Which features each text has, as columns of a matrix; what an older index found out is not worked out again.

Everything goes in parts of a million numbers: a base of 100,000 phrasings has 25 million, and an array of
eight bytes for each would be needed several times over. `np.unique` is not used here: it holds the GIL, so
that it would hold up a whole server for as long as it takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from kb.tokens import Encoded

Ids = NDArray[np.uint32]
Ints = NDArray[np.intp]

_PART = 1 << 20


@dataclass(frozen=True, slots=True)
class Columns:
    """`columns[starts[n] : starts[n + 1]]` are the places in `features` of what `texts[n]` has."""

    texts: tuple[Encoded, ...]
    features: Ids  # sorted; each occurs
    starts: Ints
    columns: NDArray[np.int32]

    def parts(self) -> Iterator[tuple[int, int]]:
        """The rows from … to before …, in parts that are worked on at once."""
        return _parts(self.starts)

    def seen(self) -> Ints:
        """In how many texts each feature is."""
        return _counts([self.columns], len(self.features))


def columns_of(texts: Sequence[Encoded], before: Columns | None = None) -> Columns:
    """The columns of texts. Texts that `before` has, as the same objects, cost a copy."""
    starts = np.zeros(len(texts) + 1, np.intp)
    np.cumsum([len(text.ids) for text in texts], out=starts[1:])
    columns = np.zeros(starts[-1], np.int32)
    places = {id(text): row for row, text in enumerate(before.texts)} if before else {}
    source = np.array([places.get(id(text), -1) for text in texts], np.intp)
    new = np.flatnonzero(source < 0).tolist()
    features = _distinct([texts[row].ids for row in new])
    if before is not None:
        runs = list(_runs(source))
        old = [before.columns[before.starts[a] : before.starts[a + n]] for _, a, n in runs]
        still = _counts(old, len(before.features)) > 0
        features = _distinct([features, before.features[still]])
        moved = np.searchsorted(features, before.features).astype(np.int32)
        for (row, _, count), run in zip(runs, old, strict=True):
            np.take(moved, run, out=columns[starts[row] : starts[row + count]])
    for row, end in _parts(np.concatenate([[0], np.cumsum(np.diff(starts)[new])])):
        rows = new[row:end]
        found = np.searchsorted(features, np.concatenate([texts[n].ids for n in rows]))
        edges = np.cumsum([len(texts[n].ids) for n in rows])[:-1]
        for n, part in zip(rows, np.split(found, edges), strict=True):
            columns[starts[n] : starts[n + 1]] = part
    return Columns(tuple(texts), features, starts, columns)


def _parts(starts: Ints) -> Iterator[tuple[int, int]]:
    row, last = 0, len(starts) - 1
    while row < last:
        end = int(np.searchsorted(starts, starts[row] + _PART, "right")) - 1
        end = min(max(end, row + 1), last)
        yield row, end
        row = end


def _runs(source: Ints) -> Iterator[tuple[int, int, int]]:
    """Rows that follow each other there as here: the first here, the first there, how many."""
    breaks = np.flatnonzero(np.diff(source) != 1) + 1
    edges = [0, *breaks.tolist(), len(source)]
    for row, end in pairwise(edges):
        if row < end and source[row] >= 0:
            yield row, int(source[row]), end - row


def _counts(arrays: Iterable[NDArray[np.int32]], width: int) -> Ints:
    result = np.zeros(width, np.intp)
    for array in arrays:
        for start in range(0, len(array), _PART):
            result += np.bincount(array[start : start + _PART], minlength=width)
    return result


def _distinct(arrays: Sequence[Ids]) -> Ids:
    """All numbers of the arrays once, sorted."""
    found: list[Ids] = []
    gathered: list[Ids] = []
    size = 0
    for array in arrays:
        gathered.append(array)
        size += len(array)
        if size >= _PART:
            found, gathered, size = [*found, _sorted_once(gathered)], [], 0
    return _sorted_once([*found, *gathered])


def _sorted_once(arrays: Sequence[Ids]) -> Ids:
    if not arrays:
        return np.zeros(0, np.uint32)
    numbers = np.sort(np.concatenate(arrays))
    first = np.ones(len(numbers), np.bool_)
    np.not_equal(numbers[1:], numbers[:-1], out=first[1:])
    return numbers[first]

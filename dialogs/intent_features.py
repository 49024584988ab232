"""What the classifier of intents sees of a text: words, their pairs and triples, parts of Latin words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from scipy import sparse

Floats = npt.NDArray[np.float32]
Longs = npt.NDArray[np.int64]

_OFTEN = 2  # what stands in fewer places teaches nothing
_SHORT = 25.0  # the length of a row before it is scaled to 1; a shorter one stays the shorter
_TOKENS_READ = 200
_TOKEN = re.compile(r"[a-z0-9]+|[㐀-鿿]|[?？]|[^\x00-\x7f\s]")
_APOSTROPHES = re.compile(r"['’‘`´]")


def tokens_of(text: str) -> list[str]:
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


class Features:
    """The features of the lines it is made of, each with a column; `rows` are these lines.

    A feature is a number: a word's place in the list of words, a pair's is made of two such, a
    triple's of three. A row holds 1 / √(sum of squares) times the rarity of each of its features.
    Column 0 stands for nothing, so that a line of nothing known has a column.
    """

    rows: sparse.csr_array  # float32 [lines, columns]

    def __init__(self, lines: Sequence[Sequence[str]]) -> None:
        words = dict.fromkeys(word for line in lines for word in line)
        self._number = {word: i for i, word in enumerate(words)}
        self._count = len(words)
        parts: dict[str, int] = {}
        self._part = parts
        inside = [[parts.setdefault(p, len(parts)) for p in _inside(w)] for w in words]
        token = np.array([self._number[w] for line in lines for w in line], dtype=np.int64)
        row = np.repeat(np.arange(len(lines)), [len(line) for line in lines])
        sizes = np.array([len(found) for found in inside], dtype=np.int64)
        inner = np.array([p for i in token.tolist() for p in inside[i]], dtype=np.int64)
        two, three = np.flatnonzero(row[1:] == row[:-1]), np.flatnonzero(row[2:] == row[:-2])
        keys = (
            token,
            self._key_of_part(inner),
            self._key_of_group(token[two], token[two + 1]),
            self._key_of_group(token[three], token[three + 1], token[three + 2]),
        )
        owners = (row, np.repeat(row, sizes[token]), row[two], row[three])
        self.rows = self._learn(np.concatenate(keys), np.concatenate(owners), len(lines))

    def _key_of_part(self, part: Longs) -> Longs:
        return -1 - part

    def _key_of_group(self, *tokens: Longs) -> Longs:
        """Words are below `_count`, pairs below its third power, triples above."""
        size = self._count + 1
        key = tokens[0] + 1
        for token in tokens[1:]:
            key = key * size + token + 1
        return key

    def _learn(self, keys: Longs, owners: Longs, lines: int) -> sparse.csr_array:
        known, slot, count = np.unique(keys, return_inverse=True, return_counts=True)
        often = count >= _OFTEN
        column = np.where(often, np.cumsum(often), 0)[slot]
        self._column = {key: i for i, key in enumerate(known[often].tolist(), start=1)}
        taken = column > 0
        shape = (lines, len(self._column) + 1)
        ones = np.ones(int(taken.sum()), dtype=np.float32)
        rows = sparse.csr_array((ones, (owners[taken], column[taken])), shape)
        seen = np.bincount(rows.indices, minlength=shape[1])
        self.rarity: Floats = np.log((1 + lines) / (1 + seen)).astype(np.float32)
        rows.data = self.rarity[rows.indices]
        line = np.repeat(np.arange(lines), np.diff(rows.indptr))
        length = np.sqrt(np.bincount(line, weights=rows.data**2, minlength=lines))
        rows.data = (rows.data / np.maximum(length, _SHORT)[line]).astype(np.float32)
        return rows

    @property
    def columns(self) -> int:
        """How many there are."""
        return len(self.rarity)

    def places(self, tokens: Sequence[str]) -> Iterator[tuple[str, int]]:
        """The columns of a line, each with the word where its feature begins, as often as there."""
        numbers = [self._number.get(word, -1) for word in tokens]
        size, column = self._count + 1, self._column
        for i, word in enumerate(tokens):
            key = numbers[i]
            keys = [key]
            if i + 1 < len(tokens) and min(key, numbers[i + 1]) >= 0:
                keys.append(key := (key + 1) * size + numbers[i + 1] + 1)
                if i + 2 < len(tokens) and numbers[i + 2] >= 0:
                    keys.append(key * size + numbers[i + 2] + 1)
            found = [column.get(k, 0) for k in keys] if numbers[i] >= 0 else []
            found += [column.get(-1 - self._part[p], 0) for p in _inside(word) if p in self._part]
            yield from ((word, place) for place in found if place)

    def row(self, tokens: Sequence[str]) -> tuple[npt.NDArray[np.int64], Floats]:
        """Columns and values of a new line."""
        places = np.array(sorted({p for _, p in self.places(tokens)}) or [0], dtype=np.int64)
        values = self.rarity[places]
        length = max(float(np.sqrt((values**2).sum())), _SHORT)
        return places, values / np.float32(length)

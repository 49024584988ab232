"""What a text is made of for matching: words, pairs, letter and character grams, sounds and ideas.

A feature is a 32-bit number: its field in the upper four bits, a checksum of its text below. So no
vocabulary has to be kept, and two processes agree on every number.
"""

from __future__ import annotations

import re
from enum import IntEnum
from functools import cache
from itertools import pairwise
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from kb.concepts import Thesaurus, stem, thesaurus
from kb.normalize import HAN, normalize
from kb.shipped import data_lines

_RUN = re.compile(f"(?P<han>[{HAN}]+)|[^\\W_{HAN}]+")
_FIELD_BITS = 28
_LETTER_GRAMS = (2, 3, 4, 5)
_LONGEST_WORD = 24  # a pasted key or address must not cost hundreds of grams
_MOST_SKIPS = 14  # content words of a question that are paired with each other

_FUNCTION_WORDS = frozenset(map(stem, data_lines("function_words.txt")))


class Field(IntEnum):
    """The kinds of features; each is normalised on its own and has a weight in the index."""

    WORD = 0  # stem of a Latin or digit run
    WORD_PAIR = 1  # neighbouring stems
    SKIP_PAIR = 2  # two content stems anywhere in the text, in alphabetical order
    LETTER_GRAM = 3  # 2–5 letters inside a word, its edges marked
    HAN = 4  # one character
    HAN_PAIR = 5
    HAN_TRIPLE = 6
    SOUND_PAIR = 7  # pinyin of two neighbouring characters, without tone
    CONCEPT = 8  # an idea of the thesaurus
    CONCEPT_PAIR = 9


class Encoded(NamedTuple):
    """The features of one text: sorted distinct numbers and how often each occurs (at least 1).

    `meaning`: an embedder's vector of the text, of length one (or zero); None where there is none.
    """

    ids: NDArray[np.uint32]
    counts: NDArray[np.float32]
    meaning: NDArray[np.float32] | None = None


def encode(text: str, words: Thesaurus | None = None) -> Encoded:
    """The features of a question or phrasing; empty for a text without letters and digits.

    `words`: a thesaurus in place of the shipped one.
    """
    numbers = np.array(_numbers(normalize(text), words or thesaurus()), np.uint32)
    ids, counts = np.unique(numbers, return_counts=True)
    return Encoded(ids, counts.astype(np.float32))


def field_of(ids: NDArray[np.uint32]) -> NDArray[np.intp]:
    """The field of each feature, as its number."""
    return (ids >> np.uint32(_FIELD_BITS)).astype(np.intp)


@cache
def _sounds() -> dict[str, str]:
    sounds: dict[str, str] = {}
    for line in data_lines("pinyin.txt"):
        syllable, _, characters = line.partition(" ")
        for character in characters:
            sounds.setdefault(character, syllable)
    return sounds


def _number(field: Field, text: str) -> int:
    return field << _FIELD_BITS | crc32(text.encode("utf-8", "replace")) >> (32 - _FIELD_BITS)


def _numbers(text: str, known: Thesaurus) -> list[int]:
    numbers: list[int] = []
    words: list[str] = []
    ideas: set[str] = set()
    for run in _RUN.finditer(text):
        if run["han"]:
            numbers += _han_numbers(run[0])
            ideas |= known.in_han(run[0])
        else:
            words.append(run[0][:_LONGEST_WORD])
    stems = [stem(word) for word in words]
    ideas |= known.in_words(stems)
    return numbers + _word_numbers(words, stems) + _idea_numbers(sorted(ideas))


def _word_numbers(words: list[str], stems: list[str]) -> list[int]:
    if not words:
        return []
    numbers = [_number(Field.WORD, word) for word in stems]
    edged = ["^", *stems, "$"]
    numbers += [_number(Field.WORD_PAIR, f"{a} {b}") for a, b in pairwise(edged)]
    content = sorted({word for word in stems if word not in _FUNCTION_WORDS})[:_MOST_SKIPS]
    numbers += [
        _number(Field.SKIP_PAIR, f"{a} {b}")
        for i, a in enumerate(content)
        for b in content[i + 1 :]
    ]
    for word in words:
        marked = f"<{word}>"
        for size in _LETTER_GRAMS:
            for start in range(len(marked) - size + 1):
                numbers.append(_number(Field.LETTER_GRAM, marked[start : start + size]))
    return numbers


def _han_numbers(run: str) -> list[int]:
    sounds = [_sounds().get(character, character) for character in run]
    numbers = [_number(Field.HAN, character) for character in run]
    for start in range(len(run) - 1):
        numbers.append(_number(Field.HAN_PAIR, run[start : start + 2]))
        numbers.append(_number(Field.SOUND_PAIR, f"{sounds[start]} {sounds[start + 1]}"))
    for start in range(len(run) - 2):
        numbers.append(_number(Field.HAN_TRIPLE, run[start : start + 3]))
    return numbers


def _idea_numbers(ideas: list[str]) -> list[int]:
    numbers = [_number(Field.CONCEPT, idea) for idea in ideas]
    ideas = ideas[:_MOST_SKIPS]
    numbers += [
        _number(Field.CONCEPT_PAIR, f"{a} {b}") for i, a in enumerate(ideas) for b in ideas[i + 1 :]
    ]
    return numbers

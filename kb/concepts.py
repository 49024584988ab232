"""Words of one meaning: finds the ideas of `kb/data/concepts.txt` in a question, across languages.

People do not use the editor's words. A small thesaurus of the wallet's own subjects lets "打款" meet
"转账" and "cash out" meet "withdraw" without a language model.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from kb.normalize import HAN, normalize
from kb.shipped import data_lines

_SUFFIX = re.compile(r"(?:i?cations?|ations?|ings?|ie[ds]|ed|es|s|ly|er|ions?|ment|y|e)$")
_WORD = re.compile(f"[^\\W_{HAN}]+")


@lru_cache(50_000)
def stem(word: str) -> str:
    """A rough English stem, the same for "transfer", "transfers" and "transferring"."""
    while len(word) > 4:
        shorter = _SUFFIX.sub("", word)
        if len(shorter) > 3 and shorter[-1] == shorter[-2]:
            shorter = shorter[:-1]
        if len(shorter) < 3 or shorter == word:
            break
        word = shorter
    return word


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """Phrases → names of ideas. `words` by stems, `han` by characters."""

    words: dict[tuple[str, ...], tuple[str, ...]]
    han: dict[str, tuple[str, ...]]
    longest_words: int
    longest_han: int

    def in_words(self, stems: list[str]) -> set[str]:
        """The ideas that a sequence of stems names."""
        found: set[str] = set()
        for start in range(len(stems)):
            for end in range(start + 1, min(start + self.longest_words, len(stems)) + 1):
                found.update(self.words.get(tuple(stems[start:end]), ()))
        return found

    def in_han(self, run: str) -> set[str]:
        """The ideas that a run of Chinese characters names."""
        found: set[str] = set()
        for start in range(len(run)):
            for end in range(start + 1, min(start + self.longest_han, len(run)) + 1):
                found.update(self.han.get(run[start:end], ()))
        return found


def parse(lines: tuple[str, ...]) -> Thesaurus:
    """A thesaurus from lines "name: english, phrases | 中文, 说法"."""
    words: dict[tuple[str, ...], list[str]] = {}
    han: dict[str, list[str]] = {}
    for line in lines:
        name, _, rest = line.partition(":")
        for phrase in re.split(r"[,|]", rest):
            text = normalize(phrase).strip()
            if re.search(f"[{HAN}]", text):
                han.setdefault(text, []).append(name)
            elif stems := tuple(stem(word) for word in _WORD.findall(text)):
                words.setdefault(stems, []).append(name)
    return Thesaurus(
        {key: tuple(names) for key, names in words.items()},
        {key: tuple(names) for key, names in han.items()},
        max(map(len, words), default=0),
        max(map(len, han), default=0),
    )


@cache
def thesaurus() -> Thesaurus:
    """The shipped thesaurus, read once."""
    return parse(data_lines("concepts.txt"))

"""Words of one meaning: finds the ideas of `kb/data/concepts.txt` in a question, across languages.

People do not use the editor's words. A small thesaurus of the wallet's own subjects lets "打款" meet
"转账" and "cash out" meet "withdraw" without a language model. An operator adds words per locale.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import NamedTuple

from kb.normalize import HAN, normalize
from kb.shipped import data_lines

_SUFFIX = re.compile(r"(?:i?cations?|ations?|ings?|ie[ds]|ed|es|s|ly|er|ions?|ment|y|e)$")
WORD = re.compile(f"[^\\W_{HAN}]+")
HAS_HAN = re.compile(f"[{HAN}]")
_UNIT = re.compile(f"[{HAN}]|[^\\W_{HAN}]+")
BETWEEN = re.compile(r"[,，、|｜;；]")


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


class Idea(NamedTuple):
    """One line of a thesaurus: the name that becomes a feature, and what people say for it."""

    name: str
    phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Thesaurus:
    """Phrases → names of ideas. `words` by stems, `han` by characters. Immutable."""

    words: Mapping[tuple[str, ...], tuple[str, ...]]
    han: Mapping[str, tuple[str, ...]]
    word_reach: Mapping[str, int]  # first stem → stems of the longest phrase that begins with it
    han_reach: Mapping[str, int]  # first character → characters
    usual: Mapping[str, tuple[str, ...]]  # idea → its first phrase in words, its first in Chinese
    spelled: Mapping[tuple[str, ...], str] = field(default_factory=dict)  # see `spell_out`
    spelled_reach: Mapping[str, int] = field(default_factory=dict)

    def in_words(self, stems: list[str]) -> set[str]:
        """The ideas that a sequence of stems names."""
        found: set[str] = set()
        for start, first in enumerate(stems):
            reach = self.word_reach.get(first, 0)
            for end in range(start + 1, min(start + reach, len(stems)) + 1):
                found.update(self.words.get(tuple(stems[start:end]), ()))
        return found

    def in_han(self, run: str) -> set[str]:
        """The ideas that a run of Chinese characters names."""
        found: set[str] = set()
        for start, first in enumerate(run):
            reach = self.han_reach.get(first, 0)
            for end in range(start + 1, min(start + reach, len(run)) + 1):
                found.update(self.han.get(run[start:end], ()))
        return found

    def extended(self, ideas: Iterable[Idea]) -> Thesaurus:
        """This thesaurus and more phrases: for its own ideas, where the names are the same, or for new ones.

        The name of a new idea is one of its phrases too. Nothing is followed from one idea to the next,
        so lines that name each other end in two ideas with the same phrases.
        """
        more = [
            idea if idea.name in self.usual else Idea(idea.name, (idea.name, *idea.phrases))
            for idea in ideas
        ]
        grown = _thesaurus(more, dict(self.words), dict(self.han), dict(self.usual))
        spelled = dict(self.spelled)
        for name, phrases in more:
            for phrase in phrases:
                units = _units(phrase)
                usual = grown.usual_for(name, phrase)
                if units != _units(usual) and grown._named(units) == (name,):
                    spelled[units] = usual
        return replace(grown, spelled=spelled, spelled_reach=_reach(spelled))

    def usual_for(self, name: str, phrase: str) -> str:
        """The first phrase of an idea in the script of `phrase`."""
        is_han = bool(HAS_HAN.search(phrase))
        alike = (one for one in self.usual[name] if bool(HAS_HAN.search(one)) is is_han)
        return next(alike, phrase)

    def spell_out(self, text: str) -> str | None:
        """A text in which the phrases that were added are said by the first phrase of their idea,
        normalised; None if it has no such phrase.

        So it is found as if the person had used the usual word, also by embedders, which have learned
        what that means and never met the operator's own. A phrase of several ideas is left as it is.
        """
        if not self.spelled:
            return None
        text = normalize(text)
        places = list(_UNIT.finditer(text))
        units = [_unit(place[0]) for place in places]
        parts: list[str] = []
        start = done = 0
        while start < len(units):
            end = self._spelled_until(units, start)
            # Characters are a phrase only side by side; between words there may be signs.
            apart = end and places[end - 1].end() - places[start].start() > end - start
            if end and not (apart and HAS_HAN.search(units[start])):
                parts += [text[done : places[start].start()], self.spelled[tuple(units[start:end])]]
                done = places[end - 1].end()
                start = end
            else:
                start += 1
        return "".join([*parts, text[done:]]) if parts else None

    def _spelled_until(self, units: list[str], start: int) -> int:
        """Where the longest added phrase that begins at `start` ends; 0 if there is none."""
        reach = self.spelled_reach.get(units[start], 0)
        for end in range(min(start + reach, len(units)), start, -1):
            if tuple(units[start:end]) in self.spelled:
                return end
        return 0

    def _named(self, units: tuple[str, ...]) -> tuple[str, ...]:
        return (*self.words.get(units, ()), *self.han.get("".join(units), ()))


def parse(lines: Iterable[str]) -> Thesaurus:
    """A thesaurus from lines "name: english, phrases | 中文, 说法"."""
    ideas = []
    for line in lines:
        name, _, rest = line.partition(":")
        ideas.append(Idea(name, tuple(BETWEEN.split(rest))))
    return _thesaurus(ideas, {}, {}, {})


def _thesaurus(
    ideas: Iterable[Idea],
    words: dict[tuple[str, ...], tuple[str, ...]],
    han: dict[str, tuple[str, ...]],
    usual: dict[str, tuple[str, ...]],
) -> Thesaurus:
    """The three dictionaries with more phrases; they are changed."""
    for name, phrases in ideas:
        for phrase in phrases:
            text = " ".join(normalize(phrase).replace("_", " ").split())
            if HAS_HAN.search(text):
                han[text] = _with(han.get(text, ()), name)
            elif stems := tuple(stem(word) for word in WORD.findall(text)):
                words[stems] = _with(words.get(stems, ()), name)
            else:
                continue
            first = usual.get(name, ())
            if not any(bool(HAS_HAN.search(one)) == bool(HAS_HAN.search(text)) for one in first):
                usual[name] = (*first, text)
    return Thesaurus(words, han, _reach(words), _reach(han), usual)


def _units(phrase: str) -> tuple[str, ...]:
    return tuple(_unit(place) for place in _UNIT.findall(normalize(phrase)))


def _unit(text: str) -> str:
    return text if HAS_HAN.search(text) else stem(text)


def _with(names: tuple[str, ...], name: str) -> tuple[str, ...]:
    return names if name in names else (*names, name)


def _reach(phrases: Iterable[tuple[str, ...]] | Iterable[str]) -> dict[str, int]:
    reach: dict[str, int] = {}
    for phrase in phrases:
        reach[phrase[0]] = max(reach.get(phrase[0], 0), len(phrase))
    return reach


@cache
def thesaurus() -> Thesaurus:
    """The shipped thesaurus, read once."""
    return parse(data_lines("concepts.txt"))

"""The small pattern language of the lexicon files, compiled to regular expressions of bounded reach.

A pattern is a row of elements, separated by spaces:

    word            that word; several forms with a bar: call|ring; a_b is two words; disgust* is a prefix
    {group}         any phrase of a word group
    #               a number, in digits or in words of the `number` group
    ~3              up to three words (characters, in Chinese) of anything
    ^  $            the clause begins, ends here ($ may be one choice of several: now|$)
    element?        may be missing
    name:element    remember what stood here (target, value, lang, neg)

Every gap is bounded and groups hold no repetition, so a match takes time linear in the clause.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache

_GAP = re.compile(r"~(\d{1,2})")
_NAMED = re.compile(r"([a-z]+):(.+)")
_GROUP = re.compile(r"\{([a-z_0-9]+)\}")
_NUMBER = r"\d{1,12}(?:[:.]\d{1,2})?"


class GrammarError(ValueError):
    """A pattern cannot be compiled; the text says what is wrong and how to mend it."""


@cache
def _compiled(expression: str) -> re.Pattern[str]:
    return re.compile(expression)


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern. `needs` are words (characters) of which a clause must have one to match at all.

    The expression is compiled when it is first tried: of the thousand rules that a start would
    compile, a process meets few in its first minutes.
    """

    source: str  # the pattern as written
    expression: str
    needs: frozenset[str] | None = None

    @property
    def regex(self) -> re.Pattern[str]:
        return _compiled(self.expression)


class RuleSet:
    """Rules in their order, indexed by what they need: a clause meets only those that can match."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = tuple(rules)
        self._by_word: dict[str, list[int]] = {}
        self._open = [i for i, rule in enumerate(self.rules) if rule.needs is None]
        for i, rule in enumerate(self.rules):
            for word in rule.needs or ():
                self._by_word.setdefault(word, []).append(i)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def matches(self, form: str, words: Iterable[str]) -> Iterator[tuple[Rule, re.Match[str]]]:
        """Each rule that matches somewhere in `form`, whose words (characters) are `words`."""
        chosen = set(self._open)
        for word in words:
            if word in self._by_word:
                chosen.update(self._by_word[word])
        for i in sorted(chosen):
            if match := self.rules[i].regex.search(form):
                yield self.rules[i], match

    def first(self, form: str, words: Iterable[str]) -> re.Match[str] | None:
        """The match of the first rule that matches, None if none does."""
        return next((match for _, match in self.matches(form, words)), None)


@dataclass(frozen=True, slots=True)
class Grammar:
    """Word groups of one language and how its words are joined (`spaced`: by spaces)."""

    groups: Mapping[str, tuple[str, ...]]
    spaced: bool

    def rule(self, pattern: str) -> Rule:
        """Read one pattern line. Raises GrammarError."""
        elements = pattern.split()
        if all(_GAP.fullmatch(element) or element in "^$" for element in elements):
            raise GrammarError("the pattern has no word: write at least one")
        names = [named.group(1) for e in elements if (named := _NAMED.fullmatch(e))]
        if len(set(names)) < len(names):
            raise GrammarError(f"a name stands twice in {pattern!r}: remember each thing once")
        expression = "".join(self._element(element, pattern) for element in elements)
        needed = [self._first_words(element, pattern) for element in elements]
        rarest = min((words for words in needed if words), key=len, default=None)
        return Rule(pattern, expression, rarest)

    def _element(self, element: str, pattern: str) -> str:
        if element == "^":
            return "^"
        if element == "$":
            return self._end()
        optional = element.endswith("?")
        body = element.removesuffix("?")
        name = ""
        if named := _NAMED.fullmatch(body):
            name, body = named.groups()
        inner = self._body(body, pattern, greedy=bool(name))
        wrapped = f"(?P<{name}>{inner})" if name else f"(?:{inner})"
        return wrapped + ("?" if optional else "")

    def _end(self) -> str:
        return r"(?= ?$)" if self.spaced else "$"

    def _body(self, body: str, pattern: str, *, greedy: bool) -> str:
        if gap := _GAP.fullmatch(body):
            unit = r"(?: [^ ]+)" if self.spaced else "."
            return f"{unit}{{0,{gap.group(1)}}}" + ("" if greedy else "?")
        # The longest phrase first: "call me back" before "call me".
        phrases = sorted(self._phrases(body, pattern, ()), key=len, reverse=True)
        return "|".join(self._literal(phrase, pattern) for phrase in phrases)

    def _phrases(self, body: str, pattern: str, above: tuple[str, ...]) -> list[str]:
        phrases: list[str] = []
        for word in body.split("|"):
            if group := _GROUP.fullmatch(word):
                phrases.extend(self._group(group.group(1), pattern, above))
            elif word:
                phrases.append(word)
            else:
                raise GrammarError(f"an empty choice in {pattern!r}: remove the spare bar")
        return list(dict.fromkeys(phrases))

    def _group(self, name: str, pattern: str, above: tuple[str, ...]) -> list[str]:
        if name in above:
            raise GrammarError(f"group {name!r} contains itself: {' > '.join((*above, name))}")
        if name not in self.groups:
            known = ", ".join(sorted(self.groups))
            raise GrammarError(
                f"no group {name!r} in {pattern!r}: define it, or use one of {known}"
            )
        words = "|".join(phrase.replace(" ", "_") for phrase in self.groups[name])
        return self._phrases(words, pattern, (*above, name))

    def _literal(self, word: str, pattern: str) -> str:
        if word == "$":
            return self._end()
        if bad := re.search(r"[{}()\[\]^$?~+\\]", word):
            raise GrammarError(
                f"{bad.group()!r} inside {word!r} of {pattern!r}: separate elements by spaces"
            )
        parts = word.split("_")
        if not self.spaced:
            return "".join(self._plain(part) for part in parts)
        return "".join(f" {self._plain(part)}" for part in parts) + "(?= )"

    def _plain(self, part: str) -> str:
        if part == "#":
            numbers = sorted(self.groups.get("number", ()), key=len, reverse=True)
            if not self.spaced:
                return f"(?:{_NUMBER}|[{''.join(numbers)}]{{1,4}})"
            return "(?:" + "|".join([_NUMBER + "(?:am|pm|h)?", *map(re.escape, numbers)]) + ")"
        return re.escape(part.removesuffix("*")) + (r"[^ ]{0,12}" if part.endswith("*") else "")

    def _first_words(self, element: str, pattern: str) -> frozenset[str] | None:
        """Words one of which must stand in the clause for this element; None: cannot be told."""
        if (
            element in "^$"
            or element.endswith("?")
            or _GAP.fullmatch(element.rsplit(":", maxsplit=1)[-1])
        ):
            return None
        named = _NAMED.fullmatch(element)
        found: set[str] = set()
        for phrase in self._phrases(named.group(2) if named else element, pattern, ()):
            first = phrase.split("_")[0] if self.spaced else phrase[0]
            if first in ("#", "$") or first.endswith("*"):
                return None
            found.add(first)
        return frozenset(found)

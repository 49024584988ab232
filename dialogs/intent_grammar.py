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
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

_GAP = re.compile(r"~(\d{1,2})")
_NAMED = re.compile(r"([a-z]+):(.+)")
_GROUP = re.compile(r"\{([a-z_0-9]+)\}")
_NUMBER = r"\d{1,12}(?:[:.]\d{1,2})?"


class GrammarError(ValueError):
    """A pattern cannot be compiled; the text says what is wrong and how to mend it."""


@dataclass(frozen=True)
class Rule:
    """One pattern. Of each set in `needs` a clause must have a head to match at all.

    The expression is compiled when it is first tried: of the thousand rules that a start would
    compile, a process meets few in its first minutes.
    """

    source: str  # the pattern as written
    expression: str
    needs: tuple[frozenset[str], ...] = ()

    @cached_property
    def regex(self) -> re.Pattern[str]:
        return re.compile(self.expression)


class RuleSet:
    """Rules in their order."""

    def __init__(self, rules: Iterable[Rule] = ()) -> None:
        self.rules = tuple(rules)

    def __bool__(self) -> bool:
        return bool(self.rules)

    def matches(self, form: str, numbers: Collection[int]) -> Iterator[tuple[Rule, re.Match[str]]]:
        """Each rule of those with these numbers that matches somewhere in `form`."""
        for i in sorted(set(numbers)) if len(numbers) > 1 else numbers:
            if match := self.rules[i].regex.search(form):
                yield self.rules[i], match

    def first(self, form: str, numbers: Collection[int]) -> re.Match[str] | None:
        """The match of the first rule that matches, of those with these numbers; None if none."""
        for i in sorted(set(numbers)) if len(numbers) > 1 else numbers:
            if match := self.rules[i].regex.search(form):
                return match
        return None


Chosen = Mapping[RuleSet, Sequence[int]]  # the numbers of the rules to try, where there are any
_Entry = tuple[RuleSet, int, tuple[frozenset[str], ...]]  # a rule, and what else it needs


class RuleIndex:
    """Many rule sets at once: which of their rules a clause may match is found in one look.

    `common` is how often a head occurs in plain talk: each rule is filed under the rarest of what
    it needs.
    """

    def __init__(self, sets: Iterable[RuleSet], common: Mapping[str, int]) -> None:
        self._by_head: dict[str, list[_Entry]] = {}
        self._open: list[tuple[RuleSet, int]] = []
        for rules in sets:
            for number, rule in enumerate(rules.rules):
                if not rule.needs:
                    self._open.append((rules, number))
                    continue
                key = min(
                    rule.needs, key=lambda need: (sum(common.get(w, 0) for w in need), len(need))
                )
                others = tuple(need for need in rule.needs if need is not key)
                for head in key:
                    self._by_head.setdefault(head, []).append((rules, number, others))

    def choose(self, heads: frozenset[str]) -> Chosen:
        """The rules that a form with these heads may match; numbers may stand twice."""
        chosen: dict[RuleSet, list[int]] = {}
        for rules, number in self._open:
            chosen.setdefault(rules, []).append(number)
        for head in self._by_head.keys() & heads:
            for rules, number, others in self._by_head[head]:
                for need in others:
                    if need.isdisjoint(heads):
                        break
                else:
                    chosen.setdefault(rules, []).append(number)
        return chosen


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
        needed = [self._first_heads(element, pattern) for element in elements]
        return Rule(pattern, expression, tuple(dict.fromkeys(need for need in needed if need)))

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

    def _first_heads(self, element: str, pattern: str) -> frozenset[str] | None:
        """Heads one of which a clause must have for this element; None: cannot be told."""
        if (
            element in "^$"
            or element.endswith("?")
            or _GAP.fullmatch(element.rsplit(":", maxsplit=1)[-1])
        ):
            return None
        named = _NAMED.fullmatch(element)
        phrases = self._phrases(named.group(2) if named else element, pattern, ())
        heads = [self._head(phrase) for phrase in phrases]
        return None if None in heads else frozenset(head for head in heads if head)

    def _head(self, phrase: str) -> str | None:
        """How a phrase begins, in the way of `heads_of`; None if that cannot be told."""
        first, *more = phrase.split("_")
        second = more[0] if more else ""
        if first in ("#", "$"):
            return None
        if self.spaced:
            if first.endswith("*"):
                return f"{first[:PREFIX]}*" if len(first) > PREFIX else None
            return first if second in ("", "#") or second.endswith("*") else f"{first} {second}"
        if second and not first.endswith("*") and second != "#":
            first += second
        plain = first.removesuffix("*")[:2]
        return plain or None


PREFIX = 3  # letters of a word by which a prefix is looked up


def heads_of(words: Sequence[str], *, spaced: bool) -> frozenset[str]:
    """What rules are looked up by: the words (characters) of a form in their order, each two that
    stand together, and how each longer word begins."""
    if not spaced:
        return frozenset([*words, *[a + b for a, b in pairwise(words)]])
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    prefixes = [f"{word[:PREFIX]}*" for word in words if len(word) >= PREFIX]
    return frozenset([*words, *pairs, *prefixes])

"""Load the per-language lexicons of intents from YAML, with errors that name file, line and remedy."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode

from dialogs.intent_grammar import Grammar, GrammarError, Rule, RuleIndex, RuleSet, heads_of

SECTIONS = ("certain", "always", "statement", "whole", "unless")
HINTED = {"always": "always_hints", "statement": "statement_hints"}
RULE_SETS = (*SECTIONS, *HINTED.values())
NONE = "none"  # of a line: it wants nothing of all this


class LexiconError(ValueError):
    """A lexicon file is wrong. The text is "file:line: what; how to mend it"."""

    def __init__(self, source: str, line: int, what: str) -> None:
        super().__init__(f"{source}:{line}: {what}")


_NONE = RuleSet()


@dataclass(frozen=True)
class IntentRules:
    """The rules of one intent in one language.

    `always` counts in any clause, `statement` only in one that asks nothing, `whole` only if it is
    all that was said. An `unless` match cancels the clause, except what `certain` found. The hints
    are rules that plain talk matches too, written after `? `: they count if the model agrees.
    `lines` are further examples, which only the model reads.
    """

    certain: RuleSet = _NONE
    always: RuleSet = _NONE
    statement: RuleSet = _NONE
    whole: RuleSet = _NONE
    unless: RuleSet = _NONE
    always_hints: RuleSet = _NONE
    statement_hints: RuleSet = _NONE
    examples: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    @cached_property
    def signs(self) -> tuple[RuleSet, ...]:
        """What shows the intent in one clause, as far as anything is written there."""
        names = ("certain", "always", "statement", *HINTED.values())
        return tuple(rules for name in names if (rules := getattr(self, name)))


@dataclass(frozen=True)
class Lexicon:
    """All that one language's file says. `words` are the forms that typing errors are mended to."""

    locale: str
    spaced: bool
    intents: Mapping[str, IntentRules]
    common: Mapping[str, RuleSet] = field(default_factory=dict)
    stop: Mapping[str, frozenset[str]] = field(default_factory=dict)
    languages: Mapping[str, str] = field(default_factory=dict)  # name as typed → BCP 47
    neutral: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()  # further neutral ones, which only the model reads
    own: Mapping[str, str] = field(default_factory=dict)  # whole message as a key → intent or NONE
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # of words, for patterns
    words: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()  # look-alikes that are never mended

    @cached_property
    def in_clause(self) -> RuleIndex:
        """Of all the rules that look at one clause."""
        sections = (name for name in RULE_SETS if name != "whole")
        own = [getattr(rules, name) for name in sections for rules in self.intents.values()]
        return RuleIndex(dict.fromkeys((*own, *self.common.values())), self._usual)

    @cached_property
    def as_whole(self) -> RuleIndex:
        """Of all the rules that look at a whole message, its courtesies included."""
        own = [rules.whole for rules in self.intents.values()]
        polite = [rules for name, rules in self.common.items() if name == "polite"]
        return RuleIndex(dict.fromkeys((*own, *polite)), self._usual)

    @cached_property
    def _usual(self) -> Counter[str]:
        """In how many of the lexicon's lines a head occurs, as far as they are plain."""
        lines = [*self.neutral, *(one for rules in self.intents.values() for one in rules.examples)]
        words = (line.lower().split() if self.spaced else line for line in lines)
        return Counter(head for line in words for head in heads_of(line, spaced=self.spaced))


INTENTS = (
    "stop", "distress", "fraud", "complaint", "human",
    "later", "correct", "language", "repeat", "help",
)  # fmt: skip
COMMON = ("question", "polite", "when", "value_lead", "anger", "calm")
STOP = ("words", "sms_words", "ambiguous", "start")
_TOP = ("locale", "spaced", "groups", "common", "stop", "languages", "intents", "neutral", "known")


def parse_lexicon(text: str, source: str) -> Lexicon:
    """Read one lexicon; `source` names it in errors. Raises LexiconError."""
    return Reader(source).lexicon(compose(text, source))


def compose(text: str, source: str) -> Any:
    """The YAML nodes of a text, None if it is empty. Raises LexiconError."""
    try:
        return YAML(typ="safe", pure=True).compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise LexiconError(
            source, line, f"not valid YAML ({error.problem}); check the indent"
        ) from None
    except Exception as error:  # ruamel raises its own kinds for odd characters
        raise LexiconError(source, 1, f"cannot be read as YAML: {error}") from None


@lru_cache(maxsize=1)
def bundled_lexicons() -> tuple[Lexicon, ...]:
    """The lexicons that come with the product, by file name."""
    folder = files("dialogs") / "lexicon"
    found = sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)
    lexicons = [parse_lexicon(f.read_text("utf-8"), f"lexicon/{f.name}") for f in found]
    return tuple(_with_lines(lexicon, folder / "lines") for lexicon in lexicons)


def _with_lines(lexicon: Lexicon, folder: Traversable) -> Lexicon:
    """The lexicon with what the model learns besides its examples."""
    file = folder / f"{lexicon.locale}.txt"
    if not file.is_file():
        return lexicon
    lines = parse_lines(file.read_text("utf-8"), f"lexicon/lines/{file.name}")
    intents = {
        name: replace(rules, lines=lines.get(name, ())) for name, rules in lexicon.intents.items()
    }
    return replace(lexicon, intents=intents, lines=lines.get(NONE, ()))


def parse_lines(text: str, source: str) -> dict[str, tuple[str, ...]]:
    """Lines by intent or NONE, each under a head like `[complaint]`. Raises LexiconError."""
    found: dict[str, list[str]] = {}
    mine: list[str] | None = None
    for number, line in enumerate(map(str.strip, text.splitlines()), 1):
        if line.startswith("["):
            name = line.strip("[]")
            if name not in (*INTENTS, NONE):
                known = ", ".join((*INTENTS, NONE))
                raise LexiconError(source, number, f"{line} is no intent; use one of {known}")
            mine = found.setdefault(name, [])
        elif line and not line.startswith("#"):
            if mine is None:
                what = "a line stands before the first head; write `[complaint]` or another above"
                raise LexiconError(source, number, what)
            mine.append(line)
    return {name: tuple(lines) for name, lines in found.items()}


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads the nodes of one YAML file; `source` names it in errors."""

    source: str

    def fail(self, node: Any, what: str) -> LexiconError:
        line = node.start_mark.line + 1 if node is not None else 1
        return LexiconError(self.source, line, what)

    def mapping(self, node: Any, known: tuple[str, ...] | None, where: str) -> dict[str, Any]:
        if not isinstance(node, MappingNode):
            raise self.fail(node, f"{where} must be a list of `name: value` lines")
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if known is not None and name not in known:
                raise self.fail(
                    key, f"{name!r} is not known in {where}; use one of {', '.join(known)}"
                )
            if name in found:
                raise self.fail(key, f"{name!r} stands twice in {where}; join the two")
            found[name] = value
        return found

    def text(self, node: Any, where: str) -> str:
        if not isinstance(node, ScalarNode):
            raise self.fail(node, f"{where} must be text, one entry a line after `|`")
        return str(node.value)

    def lines(self, node: Any, where: str) -> Iterator[tuple[int, str]]:
        """Lines of a block with their numbers; empty lines and #-comments are left out."""
        if node is None:
            return
        text = self.text(node, where)
        first = node.start_mark.line + (2 if node.style in ("|", ">") else 1)
        for offset, line in enumerate(text.split("\n")):
            if line.strip() and not line.startswith("#"):
                yield first + offset, line.strip()

    def phrases(self, node: Any, where: str) -> tuple[str, ...]:
        """Phrases separated by bars, over any number of lines."""
        found: list[str] = []
        for _, line in self.lines(node, where):
            found.extend(phrase.strip() for phrase in line.split("|") if phrase.strip())
        return tuple(found)

    def rules(
        self, node: Any, grammar: Grammar, where: str, *, hints: bool | None = None
    ) -> RuleSet:
        """The rules of a section; where it may have hints, only these or only the others."""
        found: list[Rule] = []
        frame = "^ {} $" if where.endswith(".whole") else "{}"
        for number, line in self.lines(node, where):
            hint = line.startswith("? ")
            if hint and hints is None:
                what = f"{where} has no hints; take the `? ` away, or move it to always"
                raise LexiconError(self.source, number, what)
            if hints is not None and hint is not hints:
                continue
            try:
                found.append(grammar.rule(frame.replace("{}", line.removeprefix("? "))))
            except GrammarError as error:
                raise LexiconError(self.source, number, str(error)) from None
        return RuleSet(found)

    def lexicon(self, root: Any) -> Lexicon:
        if root is None:
            raise LexiconError(self.source, 1, "the file is empty; start with `locale:`")
        top = self.mapping(root, _TOP, "the lexicon")
        for name in ("locale", "intents"):
            if name not in top:
                raise self.fail(root, f"`{name}:` is missing; add it")
        spaced = "spaced" not in top or self._switch(top["spaced"])
        groups = (
            {
                name: self.phrases(node, f"group {name}")
                for name, node in self.mapping(top["groups"], None, "groups").items()
            }
            if "groups" in top
            else {}
        )
        languages = self._languages(top)
        grammar = Grammar({**groups, "lang": tuple(languages)}, spaced)
        common = self._section(top, "common", COMMON)
        intents = self.mapping(top["intents"], INTENTS, "intents")
        rules = {name: self.intent(name, node, grammar) for name, node in intents.items()}
        return Lexicon(
            locale=self.text(top["locale"], "locale"),
            spaced=spaced,
            intents=rules,
            common={name: self.rules(node, grammar, name) for name, node in common.items()},
            stop={
                name: frozenset(self.phrases(node, name))
                for name, node in self._section(top, "stop", STOP).items()
            },
            languages=languages,
            neutral=tuple(line for _, line in self.lines(top.get("neutral"), "neutral")),
            groups={**groups, "lang": tuple(languages)},
            words=vocabulary(groups, rules) if spaced else frozenset(),
            known=frozenset(" ".join(self.phrases(top.get("known"), "known")).split()),
        )

    def _section(self, top: dict[str, Any], name: str, known: tuple[str, ...]) -> dict[str, Any]:
        return self.mapping(top[name], known, name) if name in top else {}

    def _switch(self, node: Any) -> bool:
        value = self.text(node, "spaced")
        if value not in ("true", "false"):
            raise self.fail(node, f"`spaced: {value}` is not a yes or no; write true or false")
        return value == "true"

    def _languages(self, top: dict[str, Any]) -> dict[str, str]:
        if "languages" not in top:
            return {}
        return {
            name: locale
            for locale, node in self.mapping(top["languages"], None, "languages").items()
            for name in self.phrases(node, f"language {locale}")
        }

    def intent(self, name: str, node: Any, grammar: Grammar) -> IntentRules:
        parts = self.mapping(node, (*SECTIONS, "examples"), f"intent {name}")
        compiled: dict[str, Any] = {}
        for part in SECTIONS:
            where, mine = f"{name}.{part}", parts.get(part)
            if part in HINTED:
                compiled[HINTED[part]] = self.rules(mine, grammar, where, hints=True)
            compiled[part] = self.rules(
                mine, grammar, where, hints=False if part in HINTED else None
            )
        examples = tuple(line for _, line in self.lines(parts.get("examples"), f"{name}.examples"))
        return IntentRules(**compiled, examples=examples)


def vocabulary(
    groups: Mapping[str, tuple[str, ...]], rules: Mapping[str, IntentRules]
) -> frozenset[str]:
    """The plain words of groups and rules: what typing errors are mended to."""
    texts = [phrase for phrases in groups.values() for phrase in phrases]
    for intent in rules.values():
        texts += [rule.source for part in RULE_SETS for rule in getattr(intent, part).rules]
    words = re.findall(r"(?<![{a-z])[a-z]+(?![}a-z:*])", " ".join(texts))
    return frozenset(words)

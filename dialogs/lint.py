"""What is wrong with a script that can be read: `lint` finds it before a person does, with line and fix."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from channels.message import Caps
from dialogs.lint_texts import lint_texts
from dialogs.script import (
    END,
    AskKind,
    Script,
    Step,
    branch_matches,
    branch_range,
)
from dialogs.source import Problem, did_you_mean
from dialogs.turn import longest_path

MOST_QUESTIONS = 12  # on the longest path: four minutes of somebody's time


class Violation(Protocol):
    """What the never-ask guard returns: the place in the text that it objects to."""

    @property
    def start(self) -> int: ...

    @property
    def end(self) -> int: ...


Guard = Callable[[str], tuple[Violation, ...]]


def no_guard(text: str) -> tuple[Violation, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class House:
    """What a script is checked against. `company(locale)` gives the values that texts may use,
    `caps` the channels in use by name, `guard` refuses texts that ask for a secret."""

    company: Callable[[str], Mapping[str, Any]]
    caps: Mapping[str, Caps] = field(default_factory=dict)
    guard: Guard = no_guard


def lint(script: Script, house: House) -> list[Problem]:
    """Everything that is wrong, in the order of the file; [] for a clean script. Pure."""
    found: list[Problem] = []
    for check in (_paths, _loops, _conditions, _fields, _branches, _options):
        found.extend(check(script))
    found.extend(lint_texts(script, house.company, house.caps, house.guard))
    return sorted(found, key=lambda problem: problem.line)


# ── paths ───────────────────────────────────────────────────────────────────────────────────────


def _reached(script: Script, start: str) -> set[str]:
    found: set[str] = set()
    open_ends = [start]
    while open_ends:
        step_id = open_ends.pop()
        if step_id not in found:
            found.add(step_id)
            open_ends += script.targets(step_id) if step_id != END else []
    return found


def _paths(script: Script) -> Iterator[Problem]:
    reached = _reached(script, script.start)
    for step_id in script.steps:
        at = ("steps", step_id)
        if step_id not in reached:
            yield script.source.problem(
                at, "no step leads here", "name it in a 'next' or a branch, or remove it"
            )
        elif END not in _reached(script, step_id):
            yield script.source.problem(
                at, "no way leads from here to the end", "let a branch or 'next' go on to the end"
            )
    longest = longest_path(script, script.start, hurried=False)
    if longest > MOST_QUESTIONS:
        yield script.source.problem(
            ("steps",),
            f"the longest way has {longest} questions",
            f"people leave after {MOST_QUESTIONS}; drop some, or ask them in another follow-up",
        )


def _loops(script: Script) -> Iterator[Problem]:
    """A way round on which nobody is asked anything would never end."""

    def silent(step_id: str) -> list[str]:
        step = script.steps[step_id]
        if step.handoff is not None or (step.ask is not None and step.when is None):
            return []
        return [step.next] if step.next not in (None, END) else []

    reported: set[str] = set()
    for start in script.steps:
        seen: list[str] = []
        current = start
        while current not in seen and (after := silent(current)):
            seen.append(current)
            current = after[0]
        if current in seen and current not in reported:
            circle = seen[seen.index(current) :]
            reported.update(circle)
            yield script.source.problem(
                ("steps", current, "next"),
                f"a loop without a question: {' → '.join([*circle, current])}",
                "let one of these steps ask something, or lead on",
            )


# ── conditions ──────────────────────────────────────────────────────────────────────────────────


def _conditions(script: Script) -> Iterator[Problem]:
    for step_id, step in script.steps.items():
        if step.when is None:
            continue
        at = ("steps", step_id, "when")
        for name in sorted(step.when.names):
            if name not in script.names:
                yield script.source.problem(
                    at, f"there is no answer '{name}'", did_you_mean(name, script.names)
                )
            elif step_id not in _reached(script, script.names[name]) - {script.names[name]}:
                yield script.source.problem(
                    at, f"'{name}' is asked only later", "ask it before this step"
                )
        for name, value in _compared(step.when.text):
            asked = script.names.get(name)
            options = [option.value for option in script.steps[asked].options] if asked else []
            if options and value not in options:
                yield script.source.problem(
                    at, f"'{value}' is no answer of '{name}'", did_you_mean(value, options)
                )


def _compared(text: str) -> Iterator[tuple[str, str]]:
    """The names and the quoted words that they are compared with."""
    for node in ast.walk(ast.parse(text, mode="eval")):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            names = [side.id for side in sides if isinstance(side, ast.Name)]
            words = [part for side in sides for part in ast.walk(side)]
            for word in words:
                if isinstance(word, ast.Constant) and isinstance(word.value, str):
                    yield from ((name, word.value) for name in names)


# ── fields of a step ────────────────────────────────────────────────────────────────────────────

_OF_QUESTION = ("thanks", "why", "remind", "optional", "branches", "called", "name", "attempts")
_ONLY_FOR = {
    "scale": (AskKind.RATING,),
    "minimum": (AskKind.NUMBER,),
    "maximum": (AskKind.NUMBER,),
    "attempts": (AskKind.IDENTITY,),
    "candid": (AskKind.TEXT, AskKind.CHOICE, AskKind.RATING),
}


def _fields(script: Script) -> Iterator[Problem]:
    for step_id, step in script.steps.items():
        written = step.model_fields_set
        for name in (*_OF_QUESTION, *_ONLY_FOR):
            if name not in written:
                continue
            of_say = step.ask is None and name in _OF_QUESTION
            of_other = name in _ONLY_FOR and step.ask not in _ONLY_FOR[name]
            if of_say or of_other:
                kinds = ", ".join(f"'ask: {kind}'" for kind in _ONLY_FOR.get(name, ()))
                yield script.source.problem(
                    ("steps", step_id, name),
                    "this key has no effect here",
                    f"it belongs to {kinds or 'a question'}; remove it",
                )
        yield from _values(script, step_id, step)


def _values(script: Script, step_id: str, step: Step) -> Iterator[Problem]:
    at = ("steps", step_id)
    if step.ask is AskKind.IDENTITY and step.optional:
        yield script.source.problem(
            (*at, "optional"), "an identity check cannot be skipped", "remove 'optional'"
        )
    if step.minimum is not None and step.maximum is not None and step.minimum > step.maximum:
        yield script.source.problem(
            (*at, "minimum"), "the minimum is above the maximum", "swap the two"
        )
    if step.remind is not None and step.remind.after >= script.deadline:
        yield script.source.problem(
            (*at, "remind"),
            "the reminder comes after the deadline of the script",
            "remind earlier, or set a later 'deadline'",
        )


# ── branches and options ────────────────────────────────────────────────────────────────────────


def _branches(script: Script) -> Iterator[Problem]:
    for step_id, step in script.steps.items():
        if not step.branches or step.ask is None:
            continue
        at = ("steps", step_id, "branches")
        if "skipped" in step.branches and not (step.optional or step.ask is AskKind.TEXT):
            yield script.source.problem(
                (*at, "skipped"), "this question cannot be skipped", "write 'optional: true'"
            )
        if step.ask is AskKind.RATING:
            yield from _ranges(script, step_id, step)
        if step.next is None and "else" not in step.branches:
            left = _uncovered(step)
            if left:
                yield script.source.problem(
                    at,
                    f"the follow-up ends after: {', '.join(left)}",
                    "give them a branch, or write 'else' or 'next' (next: end if that is meant)",
                )


def _uncovered(step: Step) -> list[str]:
    values: dict[str, object] = {}
    match step.ask:
        case AskKind.YES_NO:
            values = {"yes": True, "no": False}
        case AskKind.CHOICE | AskKind.CHOICES:
            values = {option.value: option.value for option in step.options}
        case AskKind.RATING:
            values = {str(score): score for score in range(1, step.scale + 1)}
        case _:
            values = {"any other answer": object()}
    if step.optional:
        values["skipped"] = None
    return [
        name
        for name, value in values.items()
        if not any(branch_matches(key, value) for key in step.branches)
    ]


def _ranges(script: Script, step_id: str, step: Step) -> Iterator[Problem]:
    taken: dict[int, str] = {}
    for key in step.branches:
        at, span = ("steps", step_id, "branches", key), branch_range(key)
        if span is None:
            continue
        if span.low > span.high or span.low < 1 or span.high > step.scale:
            yield script.source.problem(
                at, f"'{key}' is not on the scale", f"scores go from 1 to {step.scale}"
            )
        for score in range(1, step.scale + 1):
            if branch_matches(key, score):
                if score in taken:
                    yield script.source.problem(
                        at,
                        f"{score} has the branch '{taken[score]}' already",
                        "let the ranges not overlap",
                    )
                    break
                taken[score] = key


def _options(script: Script) -> Iterator[Problem]:
    for step_id, step in script.steps.items():
        values: set[str] = set()
        words: dict[tuple[str, str], str] = {}
        for i, option in enumerate(step.options):
            at = ("steps", step_id, "options", i)
            if option.value in values:
                yield script.source.problem(
                    at, f"the value '{option.value}' stands twice", "rename one"
                )
            values.add(option.value)
            names = [(locale, label) for locale, label in option.label.items()]
            names += [(locale, word) for locale, many in option.also.items() for word in many]
            for locale, word in names:
                other = words.setdefault((locale, word.casefold()), option.value)
                if other != option.value:
                    yield script.source.problem(
                        at, f"'{word}' means '{other}' as well", "let each word mean one option"
                    )

"""Measures the detector of intents on lines of which it is known what they want."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from dialogs.intents import ALARMS, Detected
from dialogs.lexicons import INTENTS, NONE

Detect = Callable[[str, str], Sequence[Detected]]
_SHAPE = '{"locale": "zh", "question": "…", "intent": "complaint" or "none"}'


@dataclass(frozen=True, slots=True)
class Line:
    """What was written, and the intent it has, or NONE. `place` is "file:line"."""

    place: str
    locale: str
    text: str
    intent: str


@dataclass(frozen=True, slots=True)
class Heard:
    """A line with the intents that were detected in it, the most important first."""

    line: Line
    found: tuple[str, ...]

    @property
    def alarm(self) -> bool:
        """Would the conversation be handed over to a person?"""
        return any(intent in ALARMS for intent in self.found)

    @property
    def right(self) -> bool:
        """A line that wants nothing may show what raises no alarm, such as "later"."""
        return not self.alarm if self.line.intent == NONE else self.line.intent in self.found


@dataclass(frozen=True, slots=True)
class Score:
    """Of one intent in one locale. `recall`: share of its lines in which it was found; `precision`:
    share of the lines with it first that have it; `handed_over`: share of its lines that some alarm
    hands over. 0 where there is nothing to share."""

    lines: int
    recall: float
    precision: float
    handed_over: float


@dataclass(frozen=True, slots=True)
class Result:
    """Of one locale. `alarms` is the share of the `neutral` lines that raise an alarm."""

    neutral: int
    alarms: float
    intents: dict[str, Score]
    confusions: dict[str, int]  # "wanted → first found" → lines


def read_lines(text: str, file: str) -> tuple[list[Line], list[str]]:
    """Lines from JSON lines `{"locale", "question", "intent"}` and what is wrong with the others,
    each "file:line: what; how to mend it". Lines without `intent` have none, so golden questions
    of the knowledge base can be measured; further keys are ignored."""
    lines: list[Line] = []
    problems: list[str] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not raw.strip():
            continue
        place = f"{file}:{number}"
        try:
            lines.append(_line(json.loads(raw), place))
        except (ValueError, RecursionError) as error:
            what = (
                str(error)
                if type(error) is _WrongLineError
                else f"no line to measure; write {_SHAPE}"
            )
            problems.append(f"{place}: {what}")
    return lines, problems


class _WrongLineError(ValueError):
    """Says what is wrong and how to mend it."""


def _line(record: Any, place: str) -> Line:
    if not isinstance(record, dict):
        raise _WrongLineError(f"no object; write {_SHAPE}")
    for name in ("locale", "question"):
        if not isinstance(record.get(name), str) or not record[name].strip():
            raise _WrongLineError(f"`{name}` is missing or no text; write {_SHAPE}")
    intent = record.get("intent") or NONE
    if intent not in (*INTENTS, NONE):
        known = ", ".join((*INTENTS, NONE))
        raise _WrongLineError(f"{intent!r} is no intent; use one of {known}")
    return Line(place, record["locale"], record["question"], str(intent))


def hear(detect: Detect, lines: Sequence[Line]) -> list[Heard]:
    """Every line with what was detected in it, in order."""
    return [
        Heard(line, tuple(str(item.intent) for item in detect(line.text, line.locale)))
        for line in lines
    ]


def evaluate(heard: Sequence[Heard]) -> dict[str, Result]:
    """The figures by locale."""
    locales = dict.fromkeys(item.line.locale for item in heard)
    return {
        locale: _result([item for item in heard if item.line.locale == locale])
        for locale in locales
    }


def _result(heard: Sequence[Heard]) -> Result:
    neutral = [item for item in heard if item.line.intent == NONE]
    wanted = dict.fromkeys(item.line.intent for item in heard if item.line.intent != NONE)
    wrong = [item for item in heard if _first(item) != item.line.intent]
    confusions = Counter(f"{item.line.intent} → {_first(item)}" for item in wrong)
    return Result(
        neutral=len(neutral),
        alarms=_share([item.alarm for item in neutral]),
        intents={name: _score(name, heard) for name in INTENTS if name in wanted},
        confusions=dict(confusions.most_common()),
    )


def _first(item: Heard) -> str:
    return item.found[0] if item.found else NONE


def _score(name: str, heard: Sequence[Heard]) -> Score:
    mine = [item for item in heard if item.line.intent == name]
    first = [item for item in heard if _first(item) == name]
    return Score(
        lines=len(mine),
        recall=_share([item.right for item in mine]),
        precision=_share([item.line.intent == name for item in first]),
        handed_over=_share([item.alarm for item in mine]),
    )


def _share(marks: Sequence[bool]) -> float:
    return sum(marks) / len(marks) if marks else 0.0

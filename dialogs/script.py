"""The model of a follow-up script: what its YAML may say, read with the line of every mistake."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)

from dialogs.conditions import Condition, ConditionError
from dialogs.source import Problem, ScriptError, Source, did_you_mean, read_text

END = "end"  # the name of the place after the last step


class AskKind(StrEnum):
    RATING = "rating"
    CHOICE = "choice"
    CHOICES = "choices"
    YES_NO = "yes_no"
    NUMBER = "number"
    DATE = "date"
    PHONE = "phone"
    TEXT = "text"
    IDENTITY = "identity"


class HandoffReason(StrEnum):
    """Why a person takes over (DESK.md, routing)."""

    COMPLAINT = "complaint"
    LOW_RATING = "low_rating"
    ASKED_HUMAN = "asked_human"
    IDENTITY_FAILED = "identity_failed"
    FRAUD_REPORT = "fraud_report"
    DISTRESS = "distress"
    NOT_UNDERSTOOD = "not_understood"
    KB_MISS = "kb_miss"
    DEADLINE_MISSED = "deadline_missed"
    BOT_ERROR = "bot_error"


_DURATION = re.compile(r"^(\d+)(s|m|h|d)$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(value: object) -> timedelta:
    """ "90s", "30m", "26h" or "3d" as a time span; ValueError for anything else."""
    if isinstance(value, timedelta):
        return value
    match = _DURATION.match(str(value))
    if match is None:
        raise ValueError(f"{value!r} is no time span: write a number and s, m, h or d, like 26h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


def _condition(value: object) -> object:
    if isinstance(value, str):
        try:
            return Condition.parse(value)
        except ConditionError as error:
            raise ValueError(str(error)) from None
    return value


Text = dict[str, str]  # locale → template
Words = dict[str, list[str]]  # locale → other names


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Choice(_Part):
    """One answer of a choice: `value` is what is recorded, `label` what is read."""

    value: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: Text
    also: Words = {}


class Remind(_Part):
    """A reminder when a question stays unanswered, counted from its delivery."""

    after: Duration = timedelta(hours=26)
    times: int = Field(default=1, ge=0, le=2)
    text: Text | None = None


class Offer(_Part):
    """A thank-you that is promised in the text; recorded once per follow-up."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")


class Step(_Part):
    """One step: it says something (`say`) or asks something (`ask` and `text`)."""

    say: Text | None = None
    ask: AskKind | None = None
    text: Text | None = None
    when: Annotated[Condition | None, BeforeValidator(_condition)] = None
    next: str | None = None

    # after something was said
    handoff: HandoffReason | None = None
    offer: Offer | None = None

    # of a question
    name: str | None = Field(default=None, pattern=r"^[a-z][a-z0-9_]*$")
    called: Words = {}
    scale: int = Field(default=5, ge=2, le=10)
    options: list[Choice] = []
    minimum: float | None = None
    maximum: float | None = None
    optional: bool = False
    candid: bool = False  # invites criticism: only an outright complaint calls a person here
    attempts: int = Field(default=3, ge=1, le=5)
    thanks: Text | None = None
    why: Text | None = None
    branches: dict[str, str] = {}
    remind: Remind | None = None

    @model_validator(mode="before")
    @classmethod
    def _keys_are_text(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("branches"), dict):
            words = {True: "yes", False: "no"}  # YAML 1.1 reads a bare yes as true
            branches = {
                words[k] if isinstance(k, bool) else str(k): v for k, v in data["branches"].items()
            }
            return {**data, "branches": branches}
        return data

    @model_validator(mode="after")
    def _one_kind(self) -> Step:
        if (self.say is None) == (self.ask is None):
            raise ValueError("a step has either 'say' or 'ask' with 'text', not both and not none")
        if self.ask is not None and self.text is None:
            raise ValueError("a question needs its 'text'")
        if self.ask is not None and (self.handoff or self.offer):
            raise ValueError("'handoff' and 'offer' belong to a step that says something")
        if self.ask in (AskKind.CHOICE, AskKind.CHOICES) and len(self.options) < 2:
            raise ValueError(f"'ask: {self.ask}' needs at least two 'options'")
        if self.options and self.ask not in (AskKind.CHOICE, AskKind.CHOICES):
            raise ValueError("'options' belong to 'ask: choice' or 'ask: choices'")
        return self


class Script(_Part):
    """A whole script. `Script.load` and `Script.parse` are the ways to make one."""

    script: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    version: int = Field(ge=1)
    locales: list[str] = Field(min_length=1)
    title: Text
    start: str
    deadline: Duration = timedelta(days=5)
    steps: dict[str, Step] = Field(min_length=1)

    _source: Source | None = PrivateAttr(default=None)

    @classmethod
    def load(cls, path: Path) -> Script:
        """Read a file. Raises ScriptError with one problem a line: file, line, what, fix."""
        return cls.parse(read_text(path), str(path))

    @classmethod
    def parse(cls, text: str, name: str = "script") -> Script:
        """Read YAML text; `name` stands in front of every problem. Raises ScriptError."""
        source = Source.parse(text, name)
        try:
            script = cls.model_validate(source.data)
        except ValidationError as error:
            raise ScriptError(source.problems(error)) from None
        script._source = source
        problems = list(_broken_links(script, source))
        if problems:
            raise ScriptError(problems)
        return script

    def numbered(self, version: int) -> Script:
        """The same script under another version."""
        if version == self.version:
            return self
        script = self.model_copy(update={"version": version})
        script._source = self._source
        return script

    @property
    def source(self) -> Source:
        """Where each part stands in the file, for the linter."""
        assert self._source is not None
        return self._source

    @cached_property
    def questions(self) -> Mapping[str, Step]:
        """The steps that ask, by step id, in the order of the file."""
        return {key: step for key, step in self.steps.items() if step.ask is not None}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """The name of each answer, and the id of the step that asks for it."""
        return {step.name or key: key for key, step in self.questions.items()}

    @cached_property
    def remaining(self) -> dict[tuple[str, bool], int]:
        """How many questions can still come from a step on, in a hurry or not, as far as that was
        counted already: `longest_path` keeps it here."""
        return {}

    def result_name(self, step_id: str) -> str:
        return self.steps[step_id].name or step_id

    def targets(self, step_id: str) -> Sequence[str]:
        """Where the conversation may go from this step, END included, without repetition."""
        step = self.steps[step_id]
        after = [*step.branches.values(), step.next or END]
        if step.ask is not None and step.next is None and _covers_all(step):
            after = list(step.branches.values())
        return list(dict.fromkeys(after))

    def after(self, step_id: str, value: object) -> str:
        """The step that follows when this one was answered with `value` (None: skipped)."""
        step = self.steps[step_id]
        for key, target in step.branches.items():
            if key != "else" and branch_matches(key, value):
                return target
        return step.branches.get("else") or step.next or END


@dataclass(frozen=True, slots=True)
class Range:
    low: float
    high: float


_RANGE = re.compile(r"^(-?\d+(?:\.\d+)?)(?:-(-?\d+(?:\.\d+)?))?$")


def branch_range(key: str) -> Range | None:
    """ "1-2" or "3" as a range, None if the key is a word."""
    match = _RANGE.match(key)
    if match is None:
        return None
    low = float(match[1])
    return Range(low, float(match[2]) if match[2] else low)


def branch_matches(key: str, value: object) -> bool:
    """Whether the branch written as `key` takes the answer `value`."""
    match value:
        case None:
            return key == "skipped"
        case bool():
            return key == ("yes" if value else "no")
        case int() | float():
            span = branch_range(key)
            return span is not None and span.low <= value <= span.high
        case list() | tuple():
            return key in value
        case _:
            return key == str(value)


def branch_keys(step: Step) -> list[str] | None:
    """The words that may stand before the colon of a branch; None where ranges of numbers may."""
    match step.ask:
        case AskKind.YES_NO:
            return ["yes", "no", "skipped", "else"]
        case AskKind.CHOICE | AskKind.CHOICES:
            return [choice.value for choice in step.options] + ["skipped", "else"]
        case AskKind.RATING | AskKind.NUMBER:
            return None
        case _:
            return ["skipped", "else"]


def _covers_all(step: Step) -> bool:
    keys = set(step.branches)
    if "else" in keys:
        return True
    if step.optional and "skipped" not in keys:
        return False
    match step.ask:
        case AskKind.YES_NO:
            return {"yes", "no"} <= keys
        case AskKind.CHOICE:
            return {choice.value for choice in step.options} <= keys
        case AskKind.RATING:
            return all(
                any(branch_matches(key, score) for key in keys)
                for score in range(1, step.scale + 1)
            )
        case _:
            return False


def _broken_links(script: Script, source: Source) -> list[Problem]:
    found: list[Problem] = []
    known = [*script.steps, END]

    def check(target: str | None, *loc: str) -> None:
        if target is not None and target not in known:
            hint = did_you_mean(target, known)
            found.append(source.problem(loc, f"there is no step '{target}'", hint))

    check(script.start, "start")
    if END in script.steps:
        found.append(source.problem(("steps", END), "'end' is the name of the end", "rename it"))
    names: dict[str, str] = {}
    for key, step in script.steps.items():
        check(step.next, "steps", key, "next")
        allowed = branch_keys(step)
        for branch, target in step.branches.items():
            check(target, "steps", key, "branches", branch)
            if branch in ("else", "skipped") and step.ask is not None:
                continue
            if allowed is None and branch_range(branch) is None:
                found.append(
                    source.problem(
                        ("steps", key, "branches", branch),
                        f"'{branch}' is no number or range",
                        "write 3 or 1-2",
                    )
                )
            if allowed is not None and branch not in allowed:
                found.append(
                    source.problem(
                        ("steps", key, "branches", branch),
                        f"'{branch}' is no answer of this question",
                        f"use one of {', '.join(allowed)}",
                    )
                )
        if step.ask is not None:
            name = step.name or key
            if name in names:
                found.append(
                    source.problem(
                        ("steps", key),
                        f"the answer '{name}' is already asked for by step '{names[name]}'",
                        "give one of them another 'name'",
                    )
                )
            names[name] = key
    return found

"""What a step of the engine asks the world to do, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from dialogs.events import TimerKind
from dialogs.script import HandoffReason
from dialogs.state import FollowupOutcome


@dataclass(frozen=True, slots=True)
class Choosable:
    """An option of a message: `index` counts from 0 within the options of `Message.serial`."""

    index: int
    label: str


@dataclass(frozen=True, slots=True)
class Message:
    """One text to the person. `serial` names its options; `question` marks the pending question;
    `preview` is the address in it that may be shown with its picture."""

    text: str
    options: tuple[Choosable, ...] = ()
    serial: int = 0
    question: bool = False
    preview: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    name: str
    value: Any
    step: str


@dataclass(frozen=True, slots=True)
class Corrected:
    name: str
    old: Any
    new: Any
    step: str


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """An answer that a correction took off the path; it no longer counts."""

    name: str
    step: str


@dataclass(frozen=True, slots=True)
class StepPassed:
    """The path went through a step: said, answered, skipped or passed."""

    step: str
    how: str


@dataclass(frozen=True, slots=True)
class HandOff:
    reason: HandoffReason


@dataclass(frozen=True, slots=True)
class Schedule:
    """A timer for (conversation, serial): `after` the pending message was delivered, or `at`."""

    kind: TimerKind
    serial: int
    after: timedelta | None = None
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OptOut:
    """No more messages; only an explicit START lifts it."""


@dataclass(frozen=True, slots=True)
class OptIn:
    """The person switched messages on again."""


@dataclass(frozen=True, slots=True)
class Answered:
    """The knowledge base answered, verbatim from this version of this article."""

    question: str
    article: str
    version: int
    score: float


@dataclass(frozen=True, slots=True)
class Clarified:
    """The knowledge base offered these articles."""

    question: str
    articles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Abstained:
    """The knowledge base had no answer; the question becomes work for an editor."""

    question: str


@dataclass(frozen=True, slots=True)
class Helped:
    """The person said whether an answer helped."""

    article: str
    helpful: bool


@dataclass(frozen=True, slots=True)
class Reminded:
    step: str


@dataclass(frozen=True, slots=True)
class LocaleChanged:
    locale: str


@dataclass(frozen=True, slots=True)
class Offered:
    """A thank-you was promised; issued once per follow-up."""

    offer: str


@dataclass(frozen=True, slots=True)
class IdentityChecked:
    passed: bool


@dataclass(frozen=True, slots=True)
class Muted:
    """The bot kept silent because somebody else speaks."""


@dataclass(frozen=True, slots=True)
class Ended:
    outcome: FollowupOutcome


Effect = (
    Recorded
    | Corrected
    | Withdrawn
    | StepPassed
    | HandOff
    | Schedule
    | OptOut
    | OptIn
    | Answered
    | Clarified
    | Abstained
    | Helped
    | Reminded
    | LocaleChanged
    | Offered
    | IdentityChecked
    | Muted
    | Ended
)

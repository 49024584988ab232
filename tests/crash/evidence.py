"""What a crash run leaves behind, person by person: the load's list, the platform's log, our tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.crash.platform import Accepted


@dataclass(frozen=True, slots=True)
class InboxRow:
    external_id: str
    processed: bool
    error: str = ""  # of a parked row


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row of the outbox."""

    id: int
    text: str
    status: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the transcript, in its order."""

    author: str
    text: str
    outbox_id: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """`times`: how often it was recorded; `corrections`: how often changed since."""

    name: str
    value: Any
    times: int = 1
    corrections: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """What a person should have been told and have answered. `texts`: what each text of ours
    contains, in order. `said`: the person's own lines by webhook id."""

    texts: tuple[str, ...]
    said: dict[str, str]
    answers: dict[str, Any]
    outcome: str = "completed"
    burst: tuple[str, ...] = ()  # webhook ids sent at once; the inbox decides their order
    swapped: Expected | None = None  # what is right where the inbox has them the other way round

    def given(self, inbox: Sequence[InboxRow]) -> Expected:
        """What is right for what came in in this order."""
        order = [row.external_id for row in inbox if row.external_id in self.burst]
        return self.swapped if self.swapped and order[:1] == [self.burst[-1]] else self


@dataclass(slots=True)
class Evidence:
    """Everything about one person; lists are in the order of their tables."""

    sender: str
    expected: Expected
    acknowledged: set[str] = field(default_factory=set)  # webhook ids that were answered 200
    inbox: list[InboxRow] = field(default_factory=list)
    texts: list[TextRow] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    accepted: list[Accepted] = field(default_factory=list)
    outcome: str = ""

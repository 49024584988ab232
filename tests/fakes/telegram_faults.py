"""What can go wrong between a bot and the Bot API, to be scripted call by call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field


class ApiError(Exception):
    """An answer with ok=false."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.description = description
        self.parameters = parameters


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer a call with this Bot API error instead of carrying it out."""

    status: int
    description: str
    parameters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Garbage:
    """Answer with a body that is not the Bot API's, as a gateway in between does."""

    status: int
    body: str = "<html>Bad Gateway</html>"


@dataclass(frozen=True, slots=True)
class CloseBefore:
    """Close the connection without carrying the call out."""


@dataclass(frozen=True, slots=True)
class CloseAfter:
    """Carry the call out and close the connection without an answer."""


@dataclass(slots=True)
class Hold:
    """Carry the call out, and answer only when `release` is set."""

    release: asyncio.Event = field(default_factory=asyncio.Event)


Fault = Refuse | Garbage | CloseBefore | CloseAfter | Hold

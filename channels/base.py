"""The seam between the pipeline and a messaging platform."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Protocol

import aiohttp

from channels.message import Address, Caps, Incoming, Outgoing, Receipt


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A webhook request as it came: header names in lower case, each with all its values."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, tuple[str, ...]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Verified:
    """The request is from the platform."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """The platform asks to be echoed; answer 200 text/plain with this."""

    body: str


@dataclass(frozen=True, slots=True)
class Reject:
    """Not from the platform. `reason` is for our log and never says what was expected."""

    reason: str
    status: int = 401


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one request carried, in its order. `ignored` counts the kinds that we do not know."""

    incoming: tuple[Incoming, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    ignored: Mapping[str, int] = field(default_factory=dict)


class OutcomeKind(StrEnum):
    """The one error taxonomy of all adapters (CHANNELS 1.5)."""

    OK = "ok"
    RETRY_AFTER = "retry_after"
    TRANSIENT = "transient"
    WINDOW_CLOSED = "window_closed"
    OPTED_OUT = "opted_out"
    UNREACHABLE = "unreachable"
    CONTENT_REJECTED = "content_rejected"
    TEMPLATE_PROBLEM = "template_problem"
    AUTH = "auth"
    QUOTA = "quota"
    CONFIG = "config"
    UNKNOWN = "unknown"  # bytes were sent and no answer came: never repeated blindly


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one send. `detail` is the platform's own code or words, without secrets."""

    kind: OutcomeKind
    provider_id: str = ""
    retry_after: float = 0.0  # seconds, for RETRY_AFTER
    detail: str = ""
    new_address: str = ""  # the platform moved the chat to this address


@dataclass(frozen=True, slots=True)
class Window:
    """How long after a person's own message free text may be sent. None: without limit."""

    opens_for: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """One request to the platform, rendered and within Caps. `payload` is the adapter's own shape."""

    payload: Any


class Channel(Protocol):
    """One account on one platform. All but `send`, `acknowledge` and `typing` are pure."""

    @property
    def account(self) -> str:
        """ "<channel>:<name>"."""

    @property
    def caps(self) -> Caps: ...

    @property
    def window(self) -> Window: ...

    def verify(self, request: RawRequest) -> Verified | Challenge | Reject:
        """Prove that the raw bytes are the platform's, in constant time. Never raises."""

    def parse(self, body: bytes) -> Parsed:
        """Read any bytes; unknown shapes are counted, never raised."""

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        """Split and degrade a message to parts that fit; every option stays reachable."""

    def start_link(self, token: str) -> str | None:
        """A link that opens the chat and hands over `token`; None where the channel has none."""

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        """Send one part; every failure is an Outcome, nothing is raised but cancellation."""

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None:
        """Tell the platform that a tap was received, where it waits for that. Never raises."""

    async def typing(self, to: Address, http: aiohttp.ClientSession, message_id: str = "") -> None:
        """Show that an answer to `message_id` is being prepared, where the platform can. Never
        raises."""

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None:
        """Take a message of the person out of the chat (it held a secret), where the platform
        lets us. Never raises."""

"""A channel for tests: it does what it is told to, and remembers what it was asked to send."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import aiohttp

from channels.base import (
    Challenge,
    Outcome,
    OutcomeKind,
    Parsed,
    Part,
    RawRequest,
    Verified,
    Window,
)
from channels.message import Address, Caps, Incoming, Option, Outgoing, ReceiptStatus, Template

OK = OutcomeKind.OK
CAPS = Caps(
    text_max=1_000,
    buttons_max=10,
    label_max=40,
    receipts=frozenset(ReceiptStatus),
    start_link=True,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One message as the person sees it; `part` counts from 0 within its text."""

    to: str
    text: str
    options: tuple[Option, ...] = ()
    part: int = 0
    template: Template | None = None

    @property
    def labels(self) -> list[str]:
        return [option.label for option in self.options]


@dataclass
class ScriptedChannel:
    """An account whose sends have the `outcomes` queued, one each; then all go well."""

    account: str = "test:main"
    caps: Caps = CAPS
    window: Window = field(default_factory=Window)
    outcomes: deque[Outcome] = field(default_factory=deque)
    shown: list[Shown] = field(default_factory=list)  # what arrived
    tried: int = 0
    during_send: Callable[[Shown], Awaitable[None]] | None = None
    number: int = 0

    def with_window(self, span: timedelta) -> None:
        self.window = Window(span)

    def with_caps(self, **changes: Any) -> None:
        self.caps = replace(self.caps, **changes)

    def next(self, *outcomes: Outcome | OutcomeKind) -> None:
        """What the next sends meet. UNKNOWN means that the message arrived and nobody was told."""
        for item in outcomes:
            self.outcomes.append(item if isinstance(item, Outcome) else Outcome(item))

    def verify(self, request: RawRequest) -> Verified | Challenge:
        return Verified()

    def parse(self, body: bytes) -> Parsed:
        return Parsed()

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        size = self.caps.text_max
        pieces = [message.text[at : at + size] for at in range(0, len(message.text), size)] or [""]
        if message.template is not None:
            return (Part(Shown(to.value, message.template.name, (), 0, message.template)),)
        return tuple(
            Part(Shown(to.value, text, message.options if i == len(pieces) - 1 else (), i))
            for i, text in enumerate(pieces)
        )

    def start_link(self, token: str) -> str:
        return f"https://chat.example/{token}"

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        self.tried += 1
        shown: Shown = part.payload
        if self.during_send is not None:
            await self.during_send(shown)
        outcome = self.outcomes.popleft() if self.outcomes else Outcome(OK)
        if outcome.kind not in (OK, OutcomeKind.UNKNOWN):
            return outcome
        self.shown.append(shown)
        self.number += 1
        return replace(outcome, provider_id=f"{self.account}-{self.number}")

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None: ...

    async def typing(
        self, to: Address, http: aiohttp.ClientSession, message_id: str = ""
    ) -> None: ...

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None: ...

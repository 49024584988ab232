"""The terminal as a channel: what `huifang talk` shows, with options as numbers."""

from __future__ import annotations

import aiohttp

from channels.base import Outcome, OutcomeKind, Parsed, Part, RawRequest, Reject, Verified, Window
from channels.message import Address, Caps, Incoming, Outgoing

ACCOUNT = "terminal:talk"


class TerminalChannel:
    """Like web chat it reads a feed of ours; there is no platform behind it."""

    account = ACCOUNT
    caps = Caps(text_max=20_000, buttons_max=20, label_max=80)
    window = Window(None)

    def verify(self, request: RawRequest) -> Verified | Reject:
        return Reject("the terminal has no webhook", 404)

    def parse(self, body: bytes) -> Parsed:
        return Parsed()

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        numbered = [f"  {i}) {item.label}" for i, item in enumerate(message.options, start=1)]
        return (Part("\n".join([message.text, *numbered])),)

    def start_link(self, token: str) -> None:
        return None

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        return Outcome(OutcomeKind.OK)

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None: ...

    async def typing(
        self, to: Address, http: aiohttp.ClientSession, message_id: str = ""
    ) -> None: ...

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None:
        """What was typed stays on the screen."""

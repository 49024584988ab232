"""Our own web chat: the person reads a numbered feed, so sending is only making it visible."""

from __future__ import annotations

from urllib.parse import quote

import aiohttp
import orjson

from channels.base import (
    Outcome,
    OutcomeKind,
    Parsed,
    Part,
    RawRequest,
    Reject,
    Verified,
    Window,
)
from channels.message import Address, Caps, Incoming, Outgoing, ReceiptStatus

CAPS = Caps(
    text_max=20_000,  # ours: a bubble longer than this is no chat any more
    buttons_max=20,
    label_max=80,
    receipts=frozenset({ReceiptStatus.SENT}),
    start_link=True,
)


class WebChatChannel:
    """The account of one site. The pipeline gives every sent text its place in the feed; the
    browser reads it from there, also after a network cut (bot.web.chat)."""

    caps = CAPS
    window = Window(None)

    def __init__(self, public_url: str, name: str = "main") -> None:
        self.account = f"webchat:{name}"
        self._public_url = public_url.rstrip("/")

    def verify(self, request: RawRequest) -> Verified | Reject:
        """Web chat has no webhook of a platform; its requests carry a session of ours."""
        return Reject("web chat has no webhook", 404)

    def parse(self, body: bytes) -> Parsed:
        return Parsed()

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        options = [{"token": item.token, "label": item.label} for item in message.options]
        return (Part(orjson.dumps({"text": message.text, "options": options})),)

    def start_link(self, token: str) -> str:
        return f"{self._public_url}/chat?start={quote(token)}"

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        """The feed is in our own database: what is committed is sent."""
        return Outcome(OutcomeKind.OK)

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None:
        """A browser needs no acknowledgement beside its response."""

    async def typing(self, to: Address, http: aiohttp.ClientSession, message_id: str = "") -> None:
        """The widget shows typing by itself while it waits for the feed."""

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None:
        """The feed shows what is stored, and that has no secret."""

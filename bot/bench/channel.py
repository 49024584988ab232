"""The bench's platform: signed webhooks in, plain JSON out, no rate limits of its own."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime

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
from channels.message import Address, Caps, Incoming, IncomingKind, Outgoing

ACCOUNT = "bench:main"
JOINED = "bench:joined"  # a turn's texts come as one message; see bot.bench.rest
SIGNATURE = "x-bench-signature"


def sign(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


class BenchChannel:
    """Does what a real adapter does: verify raw bytes, parse, render, one request a text."""

    window = Window(None)

    def __init__(self, secret: str, platform_url: str, account: str = ACCOUNT) -> None:
        self._secret, self._url, self.account = secret, platform_url, account
        caps = Caps(text_max=4096, buttons_max=10, label_max=40, start_link=True)
        self.caps = replace(caps, joins_texts=account == JOINED)

    def verify(self, request: RawRequest) -> Verified | Reject:
        given = request.headers.get(SIGNATURE, ())
        if len(given) != 1 or not hmac.compare_digest(given[0], sign(self._secret, request.body)):
            return Reject("the signature does not fit")
        return Verified()

    def parse(self, body: bytes) -> Parsed:
        data = orjson.loads(body)
        start = data.get("start", "")
        incoming = Incoming(
            external_id=data["id"],
            address=Address(self.account, data["sender"]),
            kind=IncomingKind.START if start else IncomingKind.TEXT,
            sent_at=datetime.now(UTC),
            text=data.get("text", ""),
            token=start,
        )
        return Parsed((incoming,))

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        options = [option.label for option in message.options]
        # Options end a joined text, and those of an offer stand before the question.
        last = not options or message.question
        return (Part({"to": to.value, "text": message.text, "options": options, "last": last}),)

    def start_link(self, token: str) -> str:
        return token

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        try:
            async with http.post(self._url, data=orjson.dumps(part.payload)) as response:
                if response.status == 200:
                    return Outcome(OutcomeKind.OK, provider_id=(await response.read()).decode())
                return Outcome(OutcomeKind.TRANSIENT, detail=str(response.status))
        except aiohttp.ClientError as error:
            return Outcome(OutcomeKind.UNKNOWN, detail=type(error).__name__)

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None: ...

    async def typing(
        self, to: Address, http: aiohttp.ClientSession, message_id: str = ""
    ) -> None: ...

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None: ...

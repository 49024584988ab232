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


REFUSED = "refused"  # the body of a 503 that says for sure that nothing was taken


def refused(status: int, answer: str, retry_after: str) -> Outcome:
    """What an answer other than 200 means: a 5xx without words may come from a gateway that the
    message had passed."""
    detail = str(status)
    if status == 429:
        return Outcome(OutcomeKind.RETRY_AFTER, retry_after=float(retry_after or 1), detail=detail)
    if status == 503 and answer == REFUSED:
        return Outcome(OutcomeKind.TRANSIENT, detail=detail)
    if status >= 500:
        return Outcome(OutcomeKind.UNKNOWN, detail=detail)
    return Outcome(OutcomeKind.CONTENT_REJECTED, detail=detail)


class BenchChannel:
    """Does what a real adapter does: verify raw bytes, parse, render, one request a text."""

    window = Window(None)

    def __init__(
        self, secret: str, platform_url: str, account: str = ACCOUNT, timeout_s: float = 30.0
    ) -> None:
        """`timeout_s`: how long an answer to one send is waited for, in seconds."""
        self._secret, self._url, self.account = secret, platform_url, account
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, connect=min(5.0, timeout_s))
        caps = Caps(text_max=4096, buttons_max=10, label_max=40, start_link=True)
        self.caps = replace(caps, joins_texts=account == JOINED)

    def verify(self, request: RawRequest) -> Verified | Reject:
        given = request.headers.get(SIGNATURE, ())
        if len(given) != 1 or not hmac.compare_digest(given[0], sign(self._secret, request.body)):
            return Reject("the signature does not fit")
        return Verified()

    def parse(self, body: bytes) -> Parsed:
        data = orjson.loads(body)
        start, tap = data.get("start", ""), data.get("tap", "")
        kind = IncomingKind.TAP if tap else IncomingKind.TEXT
        incoming = Incoming(
            external_id=data["id"],
            address=Address(self.account, data["sender"]),
            kind=IncomingKind.START if start else kind,
            sent_at=datetime.now(UTC),
            text=data.get("text", ""),
            token=start or tap,
        )
        return Parsed((incoming,))

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        payload = {
            "to": to.value,
            "text": message.text,
            "options": [[option.label, option.token] for option in message.options],
            "ref": message.ref,
            # Options end a joined text, and those of an offer stand before the question.
            "last": not message.options or message.question,
        }
        return (Part(payload),)

    def start_link(self, token: str) -> str:
        return token

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        """As with a real platform without idempotency keys: what may have arrived is UNKNOWN, only a
        connection that was never made or a refusal in words is TRANSIENT."""
        body = orjson.dumps(part.payload)
        try:
            async with http.post(self._url, data=body, timeout=self._timeout) as response:
                answer = (await response.read()).decode()
                if response.status == 200:
                    return Outcome(OutcomeKind.OK, provider_id=answer)
                return refused(response.status, answer, response.headers.get("Retry-After", ""))
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Outcome(OutcomeKind.TRANSIENT, detail=f"not connected: {type(error).__name__}")
        except Exception as error:
            return Outcome(OutcomeKind.UNKNOWN, detail=f"no answer: {type(error).__name__}")

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None: ...

    async def typing(
        self, to: Address, http: aiohttp.ClientSession, message_id: str = ""
    ) -> None: ...

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None: ...

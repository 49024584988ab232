"""WhatsApp through Meta's Cloud API: one phone number of a business account."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson

from channels import whatsapp_parse
from channels.base import (
    Challenge,
    Outcome,
    OutcomeKind,
    Parsed,
    Part,
    RawRequest,
    Reject,
    Verified,
    Window,
)
from channels.message import Address, Caps, Incoming, Outgoing
from channels.whatsapp_errors import classify
from channels.whatsapp_parse import Account, start_mark
from channels.whatsapp_render import CAPS, render

API_BASE = "https://graph.facebook.com/v25.0"
_SIGNATURE = "x-hub-signature-256"
_ANSWER_MAX = 256 * 1024  # bytes of an answer that are read; Meta's are about 300
_CONNECT_S = 5.0


class WhatsAppChannel:
    """A Channel (channels.base) for one phone number.

    `name` makes the account "whatsapp:<name>". `phone_number_id` is Meta's id of the number and
    `phone` the number itself, which only start links need. `greeting` is what a start link writes
    for the person before the mark that carries the token. Raises ValueError where a secret or the
    id is empty: an empty secret would accept anybody's requests.
    """

    def __init__(
        self,
        *,
        name: str,
        phone_number_id: str,
        access_token: str,
        app_secret: str,
        verify_token: str,
        phone: str = "",
        api_base: str = API_BASE,
        greeting: str = "您好 Hello",
        timeout_s: float = 30.0,
    ) -> None:
        needed = {
            "name": name,
            "access_token": access_token,
            "app_secret": app_secret,
            "verify_token": verify_token,
        }
        for what, value in needed.items():
            if not value.strip():
                raise ValueError(f"WhatsApp: {what} is empty")
        if not (phone_number_id.isascii() and phone_number_id.isdigit()):
            raise ValueError("WhatsApp: phone_number_id is a number from the app's settings")
        self._us = Account(f"whatsapp:{name}", phone_number_id, greeting)
        self._access_token = access_token
        self._app_secret = app_secret.encode()
        self._verify_token = verify_token.encode()
        self._phone = "".join(char for char in phone if char in "0123456789")
        self._caps = CAPS if self._phone else replace(CAPS, start_link=False)
        self._url = f"{api_base.rstrip('/')}/{phone_number_id}/messages"
        # Waiting for a free connection ends early, while it is sure that nothing was sent.
        self._timeout = aiohttp.ClientTimeout(
            total=timeout_s, connect=timeout_s / 2, sock_connect=min(_CONNECT_S, timeout_s / 2)
        )

    def __repr__(self) -> str:
        return f"WhatsAppChannel({self._us.account!r}, {self._us.phone_number_id!r})"

    @property
    def account(self) -> str:
        return self._us.account

    @property
    def phone_number_id(self) -> str:
        """Meta's id of the number. One webhook serves all numbers of an app: route by this."""
        return self._us.phone_number_id

    @property
    def caps(self) -> Caps:
        return self._caps

    @property
    def window(self) -> Window:
        """24 hours from the person's last message; then only templates (CHANNELS 1.3)."""
        return Window(timedelta(hours=24))

    def verify(self, request: RawRequest) -> Verified | Challenge | Reject:
        """The GET handshake, or the signature over the raw bytes of a POST."""
        if request.method == "GET":
            return self._handshake(request)
        if request.method != "POST":
            return Reject("method is neither GET nor POST", status=405)
        given = request.headers.get(_SIGNATURE, ())
        if len(given) != 1:
            return Reject(f"{len(given)} signature headers")
        digest = hmac.new(self._app_secret, request.body, hashlib.sha256).hexdigest()
        # Meta writes lower-case hex; one spelling only, so that there is nothing to normalise.
        if not hmac.compare_digest(_bytes(given[0]), f"sha256={digest}".encode()):
            return Reject("signature does not match")
        return Verified()

    def _handshake(self, request: RawRequest) -> Challenge | Reject:
        token = request.query.get("hub.verify_token", "")
        challenge = request.query.get("hub.challenge", "")
        if not hmac.compare_digest(_bytes(token), self._verify_token):
            return Reject("verify token does not match", status=403)
        if request.query.get("hub.mode") != "subscribe" or not challenge:
            return Reject("not a subscription handshake", status=400)
        return Challenge(challenge)

    def parse(self, body: bytes) -> Parsed:
        return whatsapp_parse.parse(body, self._us)

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        return render(to, message)

    def start_link(self, token: str) -> str | None:
        """A wa.me link whose prefilled text carries the token; None without our phone number.

        The person still has to press send. Raises ValueError for a token that is not 1–64 of
        A–Z a–z 0–9 _ -.
        """
        mark = start_mark(token)
        if not self._phone:
            return None
        text = f"{self._us.greeting} {mark}".strip()
        return f"https://wa.me/{self._phone}?text={quote(text, safe='')}"

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        """Send one part.

        The platform has no idempotency key, so what may have arrived is UNKNOWN; only a
        connection that was never made is TRANSIENT.
        """
        if http.closed:
            return Outcome(OutcomeKind.TRANSIENT, detail="our HTTP session is closed")
        try:
            body = orjson.dumps(part.payload)
        except orjson.JSONEncodeError:
            return Outcome(OutcomeKind.CONTENT_REJECTED, detail="the message is no JSON")
        try:
            return await self._post(body, http)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            return Outcome(OutcomeKind.TRANSIENT, detail=f"not connected: {type(error).__name__}")
        except aiohttp.InvalidURL:
            return Outcome(OutcomeKind.CONFIG, detail="api_base is no address")
        # Whatever else goes wrong happened at or after writing the request. Only its type is
        # told: the words of a network error may hold the request.
        except Exception as error:
            return Outcome(OutcomeKind.UNKNOWN, detail=f"no answer: {type(error).__name__}")

    async def _post(self, body: bytes, http: aiohttp.ClientSession) -> Outcome:
        headers = {
            "Authorization": f"Bearer {self._access_token}",
            "Content-Type": "application/json",
        }
        async with http.post(
            self._url,
            data=body,
            headers=headers,
            timeout=self._timeout,
            allow_redirects=False,  # the token goes to no other host
        ) as response:
            try:
                answer = _json(await _read(response))
            except aiohttp.ClientPayloadError:
                answer = None
            return classify(response.status, answer, response.headers.get("Retry-After", ""))

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None:
        """Nothing: WhatsApp does not wait for an answer to a tap."""

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None:
        """Meta lets a business delete nothing that the person wrote."""

    async def typing(self, to: Address, http: aiohttp.ClientSession, message_id: str = "") -> None:
        """Mark the person's message as read and show "typing" for up to 25 seconds.

        The platform ties it to a message of theirs: without `message_id` nothing happens.
        """
        if not message_id:
            return
        await self.send(
            Part(
                {
                    "messaging_product": "whatsapp",
                    "status": "read",
                    "message_id": message_id,
                    "typing_indicator": {"type": "text"},
                }
            ),
            http,
        )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The answer, up to a size that no real one reaches."""
    parts: list[bytes] = []
    size = 0
    async for chunk in response.content.iter_any():
        parts.append(chunk)
        size += len(chunk)
        if size > _ANSWER_MAX:
            break
    return b"".join(parts)


def _json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _bytes(text: str) -> bytes:
    """For comparing: any text, also one that no header should hold."""
    return text.encode("utf-8", "surrogatepass")

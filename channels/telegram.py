"""Telegram for customers: one bot account as a Channel, through aiogram 3.

Importing this module costs seconds (aiogram), so it is imported only where Telegram is switched on.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiogram.methods import (
    AnswerCallbackQuery,
    DeleteMessage,
    DeleteWebhook,
    GetMe,
    GetUpdates,
    SendChatAction,
    SendMessage,
    SetWebhook,
)
from aiogram.types import User
from aiogram.utils.token import TokenValidationError, validate_token

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
from channels.telegram_api import TelegramApi
from channels.telegram_caps import CAPS
from channels.telegram_render import render_message
from channels.telegram_updates import ALLOWED_UPDATES, START_PAYLOAD, parse_update

SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105  the header's name, not its value
# Bot API setWebhook: secret_token is 1–256 characters of this set.
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_MESSAGE_ID = re.compile(r"(?P<chat>-?[0-9]{1,20}):(?P<message>[0-9]{1,20})")
_SEND_TIMEOUT_S = 30.0
# A long poll is answered late by design; the connection is given up this much later.
_POLL_GRACE_S = 10.0
# Telegram answers long polls after 50 s at the latest (Client.h LONG_POLL_MAX_TIMEOUT).
POLL_WAIT_MAX_S = 50


class _GetUpdatesRaw(GetUpdates):
    """getUpdates without reading the updates: one that aiogram cannot read must not stop the rest."""

    __returning__ = list[Any]


@dataclass(frozen=True, slots=True)
class Updates:
    """One answer to a poll: each update as the bytes that a webhook would have carried."""

    outcome: Outcome
    bodies: tuple[bytes, ...] = ()
    next_offset: int = 0  # confirms these updates when it is asked for; 0 without updates


class TelegramChannel:
    """One Telegram bot. `account` is "telegram:<name>"; addresses are private chat ids.

    `secret` is the webhook's secret token; None where this account polls, and then every webhook
    is refused. `username` is the bot's, without "@": `identify` finds it out. Raises ValueError
    for a token, secret or username that Telegram would not accept, without repeating it.
    """

    def __init__(
        self,
        name: str,
        token: str,
        secret: str | None,
        *,
        username: str = "",
        api_base: str = "https://api.telegram.org",
        timeout_s: float = _SEND_TIMEOUT_S,
    ) -> None:
        try:
            validate_token(token)
        except TokenValidationError:
            raise ValueError("the Telegram token must look like 123456:ABC…") from None
        if secret is not None and not _SECRET.fullmatch(secret):
            raise ValueError("the Telegram webhook secret must be 1–256 of A-Z a-z 0-9 _ -")
        if username and not re.fullmatch(r"[A-Za-z0-9_]{4,32}", username):
            raise ValueError("the Telegram bot's username is written without @ and t.me")
        self._account = f"telegram:{name}"
        self._secret = None if secret is None else secret.encode()
        self._username = username
        self._api = TelegramApi(token, api_base, timeout_s)

    def __repr__(self) -> str:
        return f"TelegramChannel({self._account!r})"

    @property
    def account(self) -> str:
        return self._account

    @property
    def username(self) -> str:
        """The bot's username, "" while it is not known."""
        return self._username

    @property
    def caps(self) -> Caps:
        return CAPS

    @property
    def window(self) -> Window:
        """Without limit, once the person has started the bot."""
        return Window()

    def verify(self, request: RawRequest) -> Verified | Challenge | Reject:
        """Compare the one secret header in constant time. Telegram signs nothing, the body neither."""
        if self._secret is None:
            return Reject("this account polls and takes no webhooks")
        values = request.headers.get(SECRET_HEADER, ())
        if len(values) != 1:
            return Reject("not exactly one secret header")
        if not hmac.compare_digest(values[0].encode("utf-8", "surrogatepass"), self._secret):
            return Reject("wrong secret header")
        return Verified()

    def parse(self, body: bytes) -> Parsed:
        return parse_update(body, self._account)

    def render(self, to: Address, message: Outgoing) -> tuple[Part, ...]:
        return tuple(Part(method) for method in render_message(to.value, message))

    def start_link(self, token: str) -> str | None:
        """`https://t.me/<bot>?start=<token>`; None while the username is not known.

        Raises ValueError for a token that Telegram would not carry (1–64 of A-Z a-z 0-9 _ -).
        """
        if not START_PAYLOAD.fullmatch(token):
            raise ValueError("a Telegram start token is 1–64 of A-Z a-z 0-9 _ -")
        return f"https://t.me/{self._username}?start={token}" if self._username else None

    async def send(self, part: Part, http: aiohttp.ClientSession) -> Outcome:
        """Send one part; `provider_id` is "chat:message". Every failure is an Outcome."""
        if not isinstance(part.payload, SendMessage):
            return Outcome(OutcomeKind.CONFIG, detail="not a part rendered for Telegram")
        return (await self._api.call(part.payload, http)).outcome

    async def acknowledge(self, incoming: Incoming, http: aiohttp.ClientSession) -> None:
        """Stop the spinner on the tapped button. Failures, "query is too old" too, do not matter."""
        if incoming.callback_id:
            await self._api.call(AnswerCallbackQuery(callback_query_id=incoming.callback_id), http)

    async def typing(self, to: Address, http: aiohttp.ClientSession, message_id: str = "") -> None:
        await self._api.call(SendChatAction(chat_id=to.value, action="typing"), http)

    async def delete(self, message_id: str, http: aiohttp.ClientSession) -> None:
        """Telegram lets us for 48 hours (CHANNELS 2)."""
        await self.delete_message(message_id, http)

    async def delete_message(self, message_id: str, http: aiohttp.ClientSession) -> Outcome:
        """Delete "chat:message", for example a secret that the person sent. OK if already gone.

        Bot API deleteMessage: in private chats incoming messages too, for 48 hours; after that the
        outcome is CONTENT_REJECTED.
        """
        ids = _MESSAGE_ID.fullmatch(message_id)
        if ids is None:
            return Outcome(OutcomeKind.CONTENT_REJECTED, detail="not the id of a message")
        method = DeleteMessage(chat_id=int(ids["chat"]), message_id=int(ids["message"]))
        return (await self._api.call(method, http)).outcome

    async def identify(self, http: aiohttp.ClientSession) -> Outcome:
        """Ask who the bot is; from then on `username` and `start_link` are known."""
        answer = await self._api.call(GetMe(), http)
        if isinstance(answer.result, User):
            self._username = answer.result.username or ""
        return answer.outcome

    async def set_webhook(self, url: str, http: aiohttp.ClientSession) -> Outcome:
        """Have updates sent to `url` with our secret header; keeps the updates that wait."""
        if self._secret is None:
            return Outcome(OutcomeKind.CONFIG, detail="a webhook needs a secret")
        method = SetWebhook(
            url=url,
            secret_token=self._secret.decode(),
            allowed_updates=list(ALLOWED_UPDATES),
            drop_pending_updates=False,
        )
        return (await self._api.call(method, http)).outcome

    async def delete_webhook(self, http: aiohttp.ClientSession) -> Outcome:
        """Stop webhooks so that polling can start; keeps the updates that wait."""
        return (await self._api.call(DeleteWebhook(drop_pending_updates=False), http)).outcome

    async def get_updates(self, offset: int, wait_s: int, http: aiohttp.ClientSession) -> Updates:
        """Confirm everything below `offset` and wait up to `wait_s` seconds (at most 50) for more."""
        method = _GetUpdatesRaw(
            offset=offset,
            timeout=min(wait_s, POLL_WAIT_MAX_S),
            allowed_updates=list(ALLOWED_UPDATES),
        )
        answer = await self._api.call(method, http, timeout_s=wait_s + _POLL_GRACE_S)
        if answer.outcome.kind is not OutcomeKind.OK:
            return Updates(answer.outcome)
        return _updates(answer.result or ())


def _updates(raw: Sequence[Any]) -> Updates:
    ids = [item["update_id"] for item in raw if isinstance(item, dict) and "update_id" in item]
    numbers = [number for number in ids if isinstance(number, int)]
    if raw and not numbers:  # could never be confirmed, and would come again at once
        return Updates(Outcome(OutcomeKind.TRANSIENT, detail="updates without ids"))
    bodies = tuple(json.dumps(item).encode() for item in raw)
    return Updates(Outcome(OutcomeKind.OK), bodies, max(numbers) + 1 if numbers else 0)

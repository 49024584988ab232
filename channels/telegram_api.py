"""Calling the Telegram Bot API: aiogram over our HTTP session, and what each failure means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.session.base import BaseSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramRetryAfter,
    TelegramUnauthorizedError,
)
from aiogram.methods import Response, TelegramMethod
from aiogram.methods.base import TelegramType
from aiogram.types import Message

from channels.base import Outcome, OutcomeKind

# What Telegram says of a chat, in its own words (tdlib/telegram-bot-api Client.cpp,
# fail_query_with_error), compared in lower case. Words that are not here never count as an opt-out.
_OPTED_OUT = ("bot was blocked by the user", "user is deactivated", "bot was kicked")
_UNREACHABLE = (
    "chat not found",
    "user not found",
    "peer_id_invalid",
    "chat_id is empty",
    "can't initiate conversation",
    "can't send messages to bots",
    "bot is not a member",
    "group chat was deleted",
)
_ALREADY_SO = ("message is not modified", "query is too old", "message to delete not found")

# Nothing was sent yet when these are raised.
_BEFORE_SENDING = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.ServerFingerprintMismatch,
)
_DEFAULT_RETRY_S = 5.0  # for a 429 that does not say how long; Telegram's own usual figure
_URL = re.compile(r"\b\w+://[^\s'\"]+")
_DETAIL_MAX = 200


class _AnsweredError(Exception):
    """The server answered with `status`, and aiogram made `reason` of it."""

    def __init__(self, status: int, reason: Exception) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.reason = reason


class _Session(AiohttpSession):
    """aiogram's HTTP session on an aiohttp session that belongs to the caller."""

    def __init__(self, http: aiohttp.ClientSession, api_base: str, timeout_s: float) -> None:
        # Not AiohttpSession's: it builds a TLS context (about 30 ms) for a connector of its own.
        BaseSession.__init__(self, api=TelegramAPIServer.from_base(api_base), timeout=timeout_s)
        self._http = http

    async def create_session(self) -> aiohttp.ClientSession:
        return self._http

    async def close(self) -> None:
        """Nothing: the session is the caller's."""

    def check_response(
        self, bot: Bot, method: TelegramMethod[TelegramType], status_code: int, content: str
    ) -> Response[TelegramType]:
        try:
            return super().check_response(bot, method, status_code, content)
        except Exception as error:
            # Any: besides its own errors aiogram raises TypeError for a 5xx without a description.
            raise _AnsweredError(status_code, error) from error


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of one call, and the method's result where it succeeded."""

    outcome: Outcome
    result: Any = None


class TelegramApi:
    """One bot of one Bot API server. The token leaves this object only in request addresses."""

    def __init__(self, token: str, api_base: str, timeout_s: float) -> None:
        self._token = token
        self._api_base = api_base
        self._timeout_s = timeout_s

    def __repr__(self) -> str:
        return f"TelegramApi({self._api_base!r})"

    async def call(
        self, method: TelegramMethod[Any], http: aiohttp.ClientSession, timeout_s: float = 0.0
    ) -> Answer:
        """Call once; every failure is an Outcome, nothing is raised but cancellation."""
        try:
            bot = Bot(
                self._token, session=_Session(http, self._api_base, timeout_s or self._timeout_s)
            )
            result = await bot(method)
        except Exception as error:
            outcome = classify(error)
            return Answer(
                Outcome(
                    kind=outcome.kind,
                    provider_id=outcome.provider_id,
                    retry_after=outcome.retry_after,
                    detail=self._without_secrets(outcome.detail),
                    new_address=outcome.new_address,
                )
            )
        return Answer(Outcome(OutcomeKind.OK, provider_id=_provider_id(result)), result)

    def _without_secrets(self, detail: str) -> str:
        # Links go too: a one-time link stands in "button URL '…' is invalid".
        return _URL.sub("<url>", detail.replace(self._token, "<token>"))[:_DETAIL_MAX]


def classify(error: Exception) -> Outcome:
    """What a failed call means (CHANNELS 1.5). Unknown refusals are TRANSIENT, never an opt-out."""
    match error:
        case _AnsweredError(reason=reason, status=status):
            return _classify_answer(reason, status)
        case TelegramNetworkError(__cause__=cause):
            return _classify_network(cause)
        case UnicodeEncodeError():  # half a surrogate pair; nothing was sent
            return Outcome(OutcomeKind.CONTENT_REJECTED, detail="the text is not valid Unicode")
        case RuntimeError():  # aiohttp: "Session is closed"
            return Outcome(OutcomeKind.TRANSIENT, detail="the HTTP session is closed")
        case _:
            return Outcome(OutcomeKind.UNKNOWN, detail=type(error).__name__)


def _classify_network(cause: BaseException | None) -> Outcome:
    # Only the type is told: the words of aiohttp's errors may hold the address with the token.
    detail = type(cause).__name__
    if isinstance(cause, _BEFORE_SENDING):
        return Outcome(OutcomeKind.TRANSIENT, detail=detail)
    if isinstance(cause, (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError)):
        return Outcome(OutcomeKind.CONFIG, detail="api_base is no web address")
    return Outcome(OutcomeKind.UNKNOWN, detail=detail)


def _classify_answer(reason: Exception, status: int) -> Outcome:
    match reason:
        case TelegramRetryAfter(retry_after=seconds):
            return Outcome(OutcomeKind.RETRY_AFTER, retry_after=float(seconds), detail="429")
        case TelegramMigrateToChat(migrate_to_chat_id=chat):
            detail = "the group became a supergroup"
            return Outcome(OutcomeKind.TRANSIENT, detail=detail, new_address=str(chat))
        case TelegramUnauthorizedError(message=message):
            return Outcome(OutcomeKind.AUTH, detail=message or "401")
        case TelegramForbiddenError(message=message) | TelegramBadRequest(message=message):
            return _classify_refusal(message or "", status)
        case ClientDecodeError(data={"ok": True, **answer}):
            # Done, though the result has a shape that aiogram does not know: never send it again.
            return Outcome(OutcomeKind.OK, provider_id=_raw_provider_id(answer.get("result")))
        case TelegramAPIError(message=message):
            return _classify_status(status, message or "")
        case _:
            return _classify_status(status, "no Bot API answer")


def _classify_refusal(message: str, status: int) -> Outcome:
    words = message.lower()
    if any(said in words for said in _ALREADY_SO):
        kind = OutcomeKind.OK
    elif any(said in words for said in _OPTED_OUT):
        kind = OutcomeKind.OPTED_OUT
    elif any(said in words for said in _UNREACHABLE):
        kind = OutcomeKind.UNREACHABLE
    else:
        kind = OutcomeKind.CONTENT_REJECTED if status == 400 else OutcomeKind.TRANSIENT
    return Outcome(kind, detail=message)


def _classify_status(status: int, message: str) -> Outcome:
    detail = f"HTTP {status}: {message}" if message else f"HTTP {status}"
    match status:
        case 429:
            return Outcome(OutcomeKind.RETRY_AFTER, retry_after=_DEFAULT_RETRY_S, detail=detail)
        case 404 | 407 | 409:
            # 404: a malformed token or a wrong api_base; 409: polled twice, or polled with a webhook.
            return Outcome(OutcomeKind.CONFIG, detail=detail)
        case 413:
            return Outcome(OutcomeKind.CONTENT_REJECTED, detail=detail)
        case 504:  # a gateway gave up waiting: the request may have been carried out
            return Outcome(OutcomeKind.UNKNOWN, detail=detail)
        case _ if status >= 400:
            return Outcome(OutcomeKind.TRANSIENT, detail=detail)
        case _:  # 200 or a redirect, but not from the Bot API
            return Outcome(OutcomeKind.UNKNOWN, detail=detail)


def _provider_id(result: Any) -> str:
    return f"{result.chat.id}:{result.message_id}" if isinstance(result, Message) else ""


def _raw_provider_id(result: Any) -> str:
    match result:
        case {"message_id": int(message), "chat": {"id": int(chat)}}:
            return f"{chat}:{message}"
        case _:
            return ""

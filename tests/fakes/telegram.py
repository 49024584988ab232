"""A strict Bot API server on loopback, and the people who talk to the bot through it.

It refuses what Telegram would refuse and also what Telegram would silently drop (unknown fields).
Updates are fetched with getUpdates, or posted to the webhook as soon as one is set.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web

from tests.fakes.telegram_faults import (
    ApiError,
    CloseAfter,
    CloseBefore,
    Fault,
    Garbage,
    Hold,
    Refuse,
)
from tests.fakes.telegram_markup import BadRequestError, Keyboard, read_keyboard, shown_text
from tests.fakes.telegram_methods import CHAT_ACTIONS, find_method, read_fields
from tests.fakes.telegram_people import ChatState, FakeUser, SeenMessage

TOKEN = "4242:loopback-fake"
LONG_POLL_MAX_S = 50
WEBHOOK_PORTS = {80, 88, 443, 8443}
DELETE_WINDOW = timedelta(hours=48)
_UNASKED = {"chat_member", "message_reaction", "message_reaction_count"}
_TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Webhook:
    url: str
    secret: str = ""


class FakeTelegram:
    """One bot's Bot API server. `async with FakeTelegram() as fake:` runs it on a free port; at its
    end no tap may be left without an answer.

    `clock` gives the dates of messages. `webhook_retry_s` is the pause before an update that the
    webhook did not take is posted again.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        username: str = "huifang_test_bot",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        webhook_retry_s: float = 0.05,
    ) -> None:
        self.token = token
        self.username = username
        self.clock = clock
        self.base_url = ""
        self.calls: list[Call] = []
        self.webhook: Webhook | None = None
        self.webhook_answers: list[int] = []  # HTTP status of each POST; 0: no answer
        self.pending: list[dict[str, Any]] = []
        self.unanswered: dict[str, str] = {}  # callback query id → button label
        self._allowed: list[str] = []
        self._faults: defaultdict[str, deque[Fault]] = defaultdict(deque)
        self._expired: set[str] = set()
        self._answered: set[str] = set()
        self._users: dict[int, FakeUser] = {}
        self._next_update = 1000
        self._next_message = 0
        self._poller: asyncio.Future[None] | None = None
        self._changed = asyncio.Event()
        self._webhook_retry_s = webhook_retry_s

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/bot{token}/{method}", self._handle)
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=0.1, access_log=None
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{port}"
        self._pump_task = asyncio.create_task(self._pump())
        return self

    async def __aexit__(
        self,
        kind_of_error: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._pump_task.cancel()
        await asyncio.gather(self._pump_task, return_exceptions=True)
        await self._runner.cleanup()
        if kind_of_error is None:
            self.assert_callbacks_answered()

    # What a test does and looks at.

    def user(self, user_id: int = 7_000_000_001, **profile: str) -> FakeUser:
        """The person with this id; new ones have never started the bot.

        `profile`: first_name, last_name, language_code of a new person.
        """
        if user_id not in self._users:
            self._users[user_id] = FakeUser(self, user_id, **profile)
        return self._users[user_id]

    def fail_next(self, method: str, *faults: Fault) -> None:
        """Let the next calls of `method` meet these faults, one each."""
        self._faults[method].extend(faults)

    def limit_next(self, method: str, retry_after: int) -> None:
        """Answer the next call of `method` with 429."""
        words = f"Too Many Requests: retry after {retry_after}"
        self.fail_next(method, Refuse(429, words, {"retry_after": retry_after}))

    def expire_callbacks(self) -> None:
        """Let all taps so far be too old to be answered."""
        self._expired |= set(self.unanswered)
        self.unanswered.clear()

    def assert_callbacks_answered(self) -> None:
        """Fail if a tap is still spinning."""
        assert not self.unanswered, f"taps without an answer: {sorted(self.unanswered.values())}"

    def called(self, method: str) -> list[Mapping[str, Any]]:
        """The fields of each call of `method`, in order, refused ones included."""
        return [call.fields for call in self.calls if call.method == method]

    async def until(self, condition: Callable[[], bool], timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Wait for something to become true. Raises TimeoutError after `timeout` seconds."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def settled(self) -> None:
        """Wait until the bot has confirmed every update."""
        await self.until(lambda: not self.pending)

    # What people do ends up here.

    def push(self, kind: str, payload: Mapping[str, Any]) -> int:
        """Queue an update, if the bot asked for its kind; the update_id."""
        self._next_update += 1
        if kind in self._allowed or (not self._allowed and kind not in _UNASKED):
            self.pending.append({"update_id": self._next_update, kind: payload})
            self._wake()
        return self._next_update

    def take_message_id(self) -> int:
        self._next_message += 1
        return self._next_message

    def open_callback(self, label: str) -> str:
        callback_id = f"{self.take_message_id():019d}"
        self.unanswered[callback_id] = label
        return callback_id

    def _wake(self) -> None:
        self._changed.set()
        if self._poller is not None and not self._poller.done():
            self._poller.set_result(None)

    # The server.

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        try:
            method, raw = await self._read(request)
            fault = self._faults[method].popleft() if self._faults[method] else None
            self.calls.append(Call(method, raw))
            self._changed.set()
            match fault:
                case Refuse():
                    raise ApiError(fault.status, fault.description, **fault.parameters)
                case Garbage():
                    return web.Response(
                        status=fault.status, text=fault.body, content_type="text/html"
                    )
                case CloseBefore():
                    return self._hang_up(request)
            try:
                fields = read_fields(method, raw)
                result = await self._carry_out(method, fields)
            except BadRequestError as error:
                raise ApiError(400, f"Bad Request: {error}") from None
            self._changed.set()
            match fault:
                case CloseAfter():
                    return self._hang_up(request)
                case Hold():
                    await fault.release.wait()
            return web.json_response({"ok": True, "result": result})
        except ApiError as error:
            return self._refusal(error)
        finally:
            self._changed.set()

    def _hang_up(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    def _refusal(self, error: ApiError) -> web.Response:
        body: dict[str, Any] = {
            "ok": False,
            "error_code": error.status,
            "description": error.description,
        }
        headers = {}
        if error.parameters:
            body["parameters"] = error.parameters
        if "retry_after" in error.parameters:
            headers["Retry-After"] = str(error.parameters["retry_after"])
        return web.json_response(body, status=error.status, headers=headers)

    async def _read(self, request: web.Request) -> tuple[str, dict[str, Any]]:
        """The method and the fields as they came, from query, form or JSON."""
        token = request.match_info["token"]
        if token != self.token:
            looks_right = re.fullmatch(r"[0-9]+:[A-Za-z0-9_-]+", token)
            raise ApiError(401, "Unauthorized") if looks_right else ApiError(404, "Not Found")
        method = find_method(request.match_info["method"])
        if method is None or request.method not in ("GET", "POST"):
            raise ApiError(404, "Not Found")
        fields: dict[str, Any] = dict(request.query)
        if request.content_type == "application/json":
            try:
                fields |= await request.json()
            except (ValueError, TypeError):
                raise ApiError(400, "Bad Request: can't parse JSON object") from None
        else:
            fields |= await request.post()
        return method, fields

    async def _carry_out(self, method: str, fields: dict[str, Any]) -> Any:
        match method:
            case "getMe":
                return {**self._me(), "can_join_groups": False}
            case "getUpdates":
                return await self._get_updates(**fields)
            case "setWebhook":
                return self._set_webhook(fields)
            case "deleteWebhook":
                return self._set_webhook({"url": "", **fields})
            case "getWebhookInfo":
                url = self.webhook.url if self.webhook else ""
                waiting = len(self.pending)
                return {
                    "url": url,
                    "has_custom_certificate": False,
                    "pending_update_count": waiting,
                }
            case "sendMessage":
                return self._send_message(fields)
            case "editMessageText":
                return self._edit_message(fields)
            case "deleteMessage":
                return self._delete_message(fields)
            case "answerCallbackQuery":
                return self._answer_callback(fields)
            case _:
                return self._chat_action(fields)

    def _me(self) -> dict[str, Any]:
        bot_id = int(self.token.partition(":")[0])
        return {"id": bot_id, "is_bot": True, "first_name": "Huifang", "username": self.username}

    def _chat(self, chat_id: int) -> FakeUser:
        user = self._users.get(chat_id)
        if user is None:
            raise ApiError(400, "Bad Request: chat not found")
        match user.state:
            case ChatState.NEW:
                raise ApiError(403, "Forbidden: bot can't initiate conversation with a user")
            case ChatState.BLOCKED:
                raise ApiError(403, "Forbidden: bot was blocked by the user")
            case ChatState.DEACTIVATED:
                raise ApiError(403, "Forbidden: user is deactivated")
        return user

    def _send_message(self, fields: dict[str, Any]) -> dict[str, Any]:
        text, keyboard = self._content(fields)
        user = self._chat(fields["chat_id"])
        if reply := fields.get("reply_parameters"):
            known = {seen.message_id for seen in user.history if not seen.deleted}
            if reply.get("message_id") not in known and not reply.get(
                "allow_sending_without_reply"
            ):
                raise ApiError(400, "Bad Request: message to be replied not found")
        message = SeenMessage(
            self.take_message_id(), text, keyboard, from_bot=True, at=self.clock()
        )
        user.history.append(message)
        return self.message_json(user, message)

    def _content(self, fields: dict[str, Any]) -> tuple[str, Keyboard]:
        text = shown_text(fields["text"], fields.get("parse_mode"))
        if "reply_markup" not in fields:
            return text, ()
        return text, read_keyboard(fields["reply_markup"], len(json.dumps(fields["reply_markup"])))

    def message_json(self, user: FakeUser, message: SeenMessage) -> dict[str, Any]:
        """The Bot API's Message object."""
        shown: dict[str, Any] = {
            "message_id": message.message_id,
            "from": self._me() if message.from_bot else user.user_json(),
            "chat": user.chat_json(),
            "date": int(message.at.timestamp()),
        }
        if message.text:
            shown["text"] = message.text
        if message.keyboard:
            shown["reply_markup"] = {
                "inline_keyboard": [
                    [
                        {"text": button.label, "url": button.url}
                        if button.url
                        else {"text": button.label, "callback_data": button.data}
                        for button in row
                    ]
                    for row in message.keyboard
                ]
            }
        return shown

    def _find(self, fields: dict[str, Any], missing: str) -> tuple[FakeUser, SeenMessage]:
        user = self._chat(fields["chat_id"])
        for message in user.history:
            if message.message_id == fields["message_id"] and not message.deleted:
                return user, message
        raise ApiError(400, f"Bad Request: {missing}")

    def _edit_message(self, fields: dict[str, Any]) -> dict[str, Any]:
        user, message = self._find(fields, "message to edit not found")
        if not message.from_bot:
            raise ApiError(400, "Bad Request: message can't be edited")
        text, keyboard = self._content(fields)
        if (text, keyboard) == (message.text, message.keyboard):
            raise ApiError(
                400,
                "Bad Request: message is not modified: specified new message content and reply"
                " markup are exactly the same as a current content and reply markup of the message",
            )
        message.text, message.keyboard = text, keyboard
        return self.message_json(user, message)

    def _delete_message(self, fields: dict[str, Any]) -> bool:
        _, message = self._find(fields, "message to delete not found")
        if self.clock() - message.at > DELETE_WINDOW:
            raise ApiError(400, "Bad Request: message can't be deleted")
        message.deleted = True
        return True

    def _answer_callback(self, fields: dict[str, Any]) -> bool:
        callback_id = fields["callback_query_id"]
        if len(fields.get("text", "")) > 200:
            raise ApiError(400, "Bad Request: MESSAGE_TOO_LONG")
        known = self.unanswered.pop(callback_id, None) is not None or callback_id in self._answered
        if not known or callback_id in self._expired:
            raise ApiError(400, f"Bad Request: {_TOO_OLD}")
        self._answered.add(callback_id)
        return True

    def _chat_action(self, fields: dict[str, Any]) -> bool:
        if fields["action"] not in CHAT_ACTIONS:
            raise ApiError(400, "Bad Request: wrong parameter action in request")
        self._chat(fields["chat_id"]).actions.append(fields["action"])
        return True

    async def _get_updates(
        self,
        offset: int = 0,
        limit: int = 100,
        timeout: int = 0,  # noqa: ASYNC109  the Bot API's name
        allowed_updates: list[str] | None = None,
    ) -> list[dict[str, Any]]:
        if self.webhook:
            raise ApiError(
                409,
                "Conflict: can't use getUpdates method while webhook is active;"
                " use deleteWebhook to delete the webhook first",
            )
        if allowed_updates is not None:
            self._allowed = allowed_updates
        self._end_poll("getUpdates request; make sure that only one bot instance is running")
        if offset < 0:
            self.pending = self.pending[offset:]
        self.pending = [update for update in self.pending if update["update_id"] >= offset]
        self._changed.set()
        if not self.pending and timeout > 0:
            poller = self._poller = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(min(timeout, LONG_POLL_MAX_S)):
                    await poller
            except TimeoutError:
                pass
            finally:
                if self._poller is poller:
                    self._poller = None
        return self.pending[: min(max(limit, 1), 100)]

    def _end_poll(self, by: str) -> None:
        if self._poller is not None and not self._poller.done():
            self._poller.set_exception(
                ApiError(409, f"Conflict: terminated by {'other ' if 'get' in by else ''}{by}")
            )

    def _set_webhook(self, fields: dict[str, Any]) -> bool:
        url, secret = fields["url"], fields.get("secret_token", "")
        if url and not re.match(r"https://|http://127\.0\.0\.1[:/]", url):
            raise ApiError(400, "Bad Request: bad webhook: An HTTPS URL must be provided")
        if url.startswith("https:") and (urlsplit(url).port or 443) not in WEBHOOK_PORTS:
            raise ApiError(
                400,
                "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443",
            )
        if secret and not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", secret):
            raise ApiError(400, "Bad Request: secret token contains unallowed characters")
        if "allowed_updates" in fields:
            self._allowed = fields["allowed_updates"]
        if fields.get("drop_pending_updates"):
            self.pending.clear()
        if url:
            self._end_poll("setWebhook request")
        self.webhook = Webhook(url, secret) if url else None
        return True

    async def _pump(self) -> None:
        """Post the waiting updates to the webhook one after the other; each until it is taken."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
            while True:
                await self.until(lambda: bool(self.webhook and self.pending), timeout=1e9)
                webhook, update = self.webhook, self.pending[0]
                if webhook is None:
                    continue
                status = await self._post(http, webhook, update)
                self.webhook_answers.append(status)
                if 200 <= status < 300:
                    self.pending = [waiting for waiting in self.pending if waiting is not update]
                    self._changed.set()
                else:
                    await asyncio.sleep(self._webhook_retry_s)

    async def _post(
        self, http: aiohttp.ClientSession, webhook: Webhook, update: dict[str, Any]
    ) -> int:
        if not webhook.url.startswith("http://127.0.0.1:"):
            return 0  # nothing ever leaves this machine
        headers = {"Content-Type": "application/json"}
        if webhook.secret:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook.secret
        try:
            async with http.post(
                webhook.url, data=json.dumps(update).encode(), headers=headers
            ) as response:
                return response.status
        except (aiohttp.ClientError, TimeoutError):
            return 0

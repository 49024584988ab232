"""A strict stand-in for WhatsApp's Graph API on loopback, with people behind their phones."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import random
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

from tests.fakes.whatsapp_people import FakeUser, Received
from tests.fakes.whatsapp_rules import (
    BSUID,
    Content,
    FakeTemplate,
    GraphError,
    Json,
    check_message,
    check_read,
)

Clock = Callable[[], datetime]  # aware
Deliver = Callable[[bytes, Mapping[str, str]], Awaitable[int]]  # body, headers → HTTP status

WINDOW = timedelta(hours=24)


class FaultKind(Enum):
    """What goes wrong with one send."""

    ERROR = auto()  # a Graph error with `code`
    HTTP = auto()  # a bare HTTP answer with `status`, as a gateway would give
    CLOSE_BEFORE = auto()  # the connection is cut and the message is not taken
    CLOSE_AFTER = auto()  # the connection is cut, but the message was taken
    STALL_AFTER = auto()  # the message was taken and no answer comes until `release()`


@dataclass(frozen=True, slots=True)
class Fault:
    kind: FaultKind
    code: int = 0
    status: int = 0
    retry_after: str = ""


class FakeWhatsApp:
    """The platform: `async with FakeWhatsApp(clock=…) as fake`, then `fake.api_base`.

    Webhooks wait in a queue. They leave at once, one a request, through `deliver` (set by
    `connect(url)` or by the test itself); with `held = True` they wait for `flush`. After a send
    the statuses in `ladder` are reported. `late_errors` gives what only the phone network knows
    (no such user, closed window, opted out) as a failed status instead of an answer, as Meta may.
    """

    phone = "85260001111"
    phone_number_id = "106540352242922"
    access_token = "EAAfaketokenforloopback"
    app_secret = "fake app secret"
    verify_token = "fake verify token"

    def __init__(self, *, clock: Clock) -> None:
        self.clock = clock
        self.users: list[FakeUser] = []
        self.inbound: dict[str, FakeUser] = {}
        self.statuses: dict[str, list[str]] = {}
        self.templates: dict[tuple[str, str], FakeTemplate] = {}
        self.requests: list[Json] = []
        self.ladder: tuple[str, ...] = ("sent", "delivered")
        self.late_errors = False
        self.held = False
        self.pair_gap: timedelta | None = None  # the least time between two messages to one person
        self.deliver: Deliver | None = None
        self.refused_webhooks = 0
        self.faults: deque[Fault] = deque()
        self.api_base = ""
        self._queue: deque[tuple[str, Json]] = deque()
        self._flushing = asyncio.Lock()
        self._tasks: set[asyncio.Task[int]] = set()
        self._released = asyncio.Event()
        self._count = 0
        self._to: dict[str, FakeUser] = {}
        self._http: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v25.0/{number}/messages", self._messages)
        app.router.add_get("/v25.0/{number}", self._number)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.api_base = f"http://{host}:{port}/v25.0"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
        await self.settle()
        if self._http is not None:
            await self._http.close()
        if self._runner is not None:
            await self._runner.cleanup()

    def user(self, phone: str = "", *, bsuid: str = "", name: str = "Li Na") -> FakeUser:
        """A new person with a phone number, a business-scoped id or both."""
        assert phone or bsuid
        person = FakeUser(self, phone, bsuid, name)
        self.users.append(person)
        return person

    def template(self, template: FakeTemplate) -> None:
        self.templates[template.name, template.language] = template

    def fail_next(self, *faults: Fault) -> None:
        """Give these faults to the next sends, one each."""
        self.faults.extend(faults)

    def release(self) -> None:
        """Let the stalled sends answer."""
        self._released.set()

    def connect(self, url: str) -> None:
        """Deliver webhooks over HTTP to this loopback address."""
        assert url.startswith("http://127.0.0.1")
        if self._http is None:
            self._http = aiohttp.ClientSession()
        http = self._http

        async def post(body: bytes, headers: Mapping[str, str]) -> int:
            async with http.post(url, data=body, headers=headers) as response:
                return response.status

        self.deliver = post

    def handshake(self, challenge: str = "1158201444") -> dict[str, str]:
        """The query with which Meta asks whether a webhook address is ours."""
        return {
            "hub.mode": "subscribe",
            "hub.verify_token": self.verify_token,
            "hub.challenge": challenge,
        }

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers of a webhook with this body."""
        digest = hmac.new(self.app_secret.encode(), body, hashlib.sha256).hexdigest()
        return {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={digest}"}

    def enqueue(self, name: str, value: Json) -> None:
        """Put one change of the field `name` into the webhook queue."""
        metadata = {
            "display_phone_number": self.phone,
            "phone_number_id": self.phone_number_id,
        }
        change = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        self._queue.append((name, change))

    def report(self, wamid: str, status: str, *, code: int | None = None) -> None:
        """Queue a status of a message that was sent."""
        self.statuses[wamid].append(status)
        person = self._to[wamid]
        report: Json = {"id": wamid, "status": status, "timestamp": self.timestamp()}
        report["recipient_id"] = person.phone or person.bsuid
        if code is not None:
            report["errors"] = [{"code": code, "title": "refused", "message": "refused"}]
        self.enqueue("messages", {"statuses": [report]})

    async def flush_unless_held(self) -> None:
        if not self.held:
            await self.flush()

    async def flush(
        self, *, copies: int = 1, batch: bool = False, shuffle: random.Random | None = None
    ) -> int:
        """Deliver what waits: `copies` of each, as one request or in another order. Returns the
        number of requests that were accepted; at a refusal the rest waits for the next flush."""
        if self.deliver is None:
            return 0
        accepted = 0
        async with self._flushing:
            changes = list(self._queue)
            self._queue.clear()
            if shuffle is not None:
                shuffle.shuffle(changes)
            groups = [changes] if batch and changes else [[change] for change in changes]
            while groups:
                body = self.body(groups[0])
                for _ in range(copies):
                    if not 200 <= await self.deliver(body, self.sign(body)) < 300:
                        self.refused_webhooks += 1
                        self._queue.extendleft(
                            change for group in reversed(groups) for change in reversed(group)
                        )
                        return accepted
                    accepted += 1
                del groups[0]
        return accepted

    def body(self, changes: list[tuple[str, Json]]) -> bytes:
        """A webhook body as Meta writes it: escaped Unicode and slashes."""
        entry = {
            "id": "102290129340398",
            "changes": [{"field": name, "value": value} for name, value in changes],
        }
        root = {"object": "whatsapp_business_account", "entry": [entry]}
        return json.dumps(root, separators=(",", ":")).replace("/", "\\/").encode()

    async def settle(self) -> None:
        """Wait until the webhooks that sends have caused are delivered."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    def timestamp(self) -> str:
        return str(int(self.clock().timestamp()))

    def next_number(self) -> str:
        self._count += 1
        return str(10**15 + self._count)

    def next_wamid(self) -> str:
        return f"wamid.{base64.b64encode(self.next_number().encode()).decode()}"

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        try:
            body = await self._checked(request)
            if "status" in body:
                return self._read_mark(body)
            fault = self.faults.popleft() if self.faults else None
            if fault is not None and fault.kind not in _AFTER:
                return self._fail(request, fault)
            answer = web.json_response(self._accept(body))
        except GraphError as error:
            return web.json_response(error.body(), status=error.status)
        if not self.held:
            task = asyncio.create_task(self.flush())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        if fault is not None and fault.kind is FaultKind.CLOSE_AFTER:
            return _cut(request)
        if fault is not None:
            await self._released.wait()
        return answer

    async def _number(self, request: web.Request) -> web.Response:
        """The entry of our own number, as far as it is asked for."""
        try:
            self._allow(request)
            if set(request.query) != {"fields"} or request.query["fields"] != "id":
                raise GraphError(100, "this fake tells the field id only")
        except GraphError as error:
            return web.json_response(error.body(), status=error.status)
        return web.json_response({"id": self.phone_number_id})

    def _allow(self, request: web.Request) -> None:
        if request.headers.getall("Authorization", []) != [f"Bearer {self.access_token}"]:
            raise GraphError(190, "Invalid OAuth access token")
        if request.match_info["number"] != self.phone_number_id:
            raise GraphError(100, "Object does not exist or no permission", subcode=33)

    async def _checked(self, request: web.Request) -> Json:
        """The body of a request that may be made at all."""
        self._allow(request)
        if request.content_type != "application/json":
            raise GraphError(100, "content type must be application/json")
        try:
            body = json.loads(await request.read())
        except ValueError as error:
            raise GraphError(100, "body is not JSON") from error
        if not isinstance(body, dict):
            raise GraphError(100, "body must be an object")
        self.requests.append(body)
        return body

    def _fail(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        headers = {"Retry-After": fault.retry_after} if fault.retry_after else {}
        if fault.kind is FaultKind.CLOSE_BEFORE:
            return _cut(request)
        if fault.kind is FaultKind.HTTP:
            return web.Response(status=fault.status, text="<html>gateway</html>", headers=headers)
        error = GraphError(fault.code, "scripted")
        status = fault.status or error.status
        return web.json_response(error.body(), status=status, headers=headers)

    def _read_mark(self, body: Json) -> web.Response:
        wamid, typing = check_read(body)
        person = self.inbound.get(wamid)
        if person is None:
            raise GraphError(131009, "message_id is not of a received message")
        person.typing_seen += int(typing)
        return web.json_response({"success": True})

    def _accept(self, body: Json) -> Json:
        """Put the message on the phone, or refuse it now or later."""
        content = check_message(body, self.templates)
        address = body.get("to") or body.get("recipient")
        person = self._find(body)
        refusal = self._refusal(person, content)
        if refusal is not None and (
            person is None or not self.late_errors or refusal.code == 131056
        ):
            raise refusal
        assert person is not None
        wamid = self.next_wamid()
        self._to[wamid], self.statuses[wamid] = person, []
        if refusal is not None:
            self.report(wamid, "failed", code=refusal.code)
        else:
            person.messages.append(Received(wamid, self.clock(), content))
            for status in self.ladder:
                self.report(wamid, status)
        contact = {"input": address}
        if person.phone:
            contact["wa_id"] = person.phone
        if person.bsuid:
            contact["user_id"] = person.bsuid
        return {
            "messaging_product": "whatsapp",
            "contacts": [contact],
            "messages": [{"id": wamid}],
        }

    def _find(self, body: Json) -> FakeUser | None:
        if "recipient" in body:
            if not isinstance(body["recipient"], str) or not BSUID.fullmatch(body["recipient"]):
                raise GraphError(100, "recipient is no business-scoped user id")
            return next((one for one in self.users if one.bsuid == body["recipient"]), None)
        if not isinstance(body["to"], str):
            raise GraphError(100, "to must be a string")
        digits = body["to"].lstrip("+").replace(" ", "").replace("-", "")
        if not (digits.isascii() and digits.isdigit()):
            raise GraphError(131009, "to is no phone number")
        return next((one for one in self.users if one.phone == digits), None)

    def _refusal(self, person: FakeUser | None, content: Content) -> GraphError | None:
        """Why this person gets nothing, or nothing of this kind, now."""
        if person is None or person.blocked:
            return GraphError(131026, "Message undeliverable")
        latest = person.messages[-1].at if person.messages else None
        if self.pair_gap and latest and self.clock() - latest < self.pair_gap:
            return GraphError(131056, "(Business Account, Consumer Account) pair rate limit hit")
        if content.template is None:
            since = None if person.last_inbound is None else self.clock() - person.last_inbound
            if since is None or since >= WINDOW:
                return GraphError(131047, "Re-engagement message: more than 24 hours have passed")
        elif content.template.category == "marketing" and person.stopped_marketing:
            return GraphError(131050, "User has stopped receiving marketing messages")
        return None


_AFTER = frozenset({FaultKind.CLOSE_AFTER, FaultKind.STALL_AFTER})


def _cut(request: web.Request) -> web.Response:
    """Close the connection under the answer."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()

"""`huifang bench rest`: `{"sender", "message"}` in, `[{"recipient_id", "text"}]` out, over the durable path.

It has the shape of Rasa's REST channel, so that one load generator drives us and our peers. Every
message becomes a signed webhook of the bench's channel to one of the product's processes; what the
stub platform then receives for the sender is the answer.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from aiohttp import web

from bot.assembly import open_services
from bot.bench.channel import JOINED, SIGNATURE, sign
from bot.bench.people import invite
from bot.bench.progress import progress
from bot.bench.server import SCRIPT
from bot.bench.timers_fill import clear_at
from bot.bench.turns import Setup, listening, running, settings_in
from bot.bench.wire import Client, WireError
from bot.services import Services

HOOK = "/hooks/bench/joined"
PATH = "/webhooks/rest/webhook"
SILENT_S = 5.0  # no text by then: the turn says nothing
AFTER_OFFER_S = 0.5  # how long an offer waits for the question that mostly stands behind it
AHEAD = 1000  # people brought in ahead; as many again when they are used up


@dataclass(slots=True)
class _Chat:
    """What a sender hears; one message at a time waits for an answer."""

    heard: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    said: int = 0


class Platform:
    """The stub platform: keeps every text for the request that waits for it."""

    def __init__(self) -> None:
        self._chats: dict[str, _Chat] = {}
        self._numbers = itertools.count(1)

    def chat(self, sender: str) -> _Chat:
        return self._chats.setdefault(sender, _Chat())

    def take(self, body: bytes) -> bytes:
        text = orjson.loads(body)
        self.chat(text["to"]).heard.put_nowait(text)
        return str(next(self._numbers)).encode()


class Invitations:
    """Start tokens, made in bulk."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._tokens: list[str] = []
        self._making = asyncio.Lock()

    async def make(self, count: int) -> None:
        with progress() as bars:
            task = bars.add_task("people", total=count)
            done = await invite(self._services, JOINED, count, lambda n: bars.advance(task, n))
        self._tokens += done

    async def take(self) -> str:
        while not self._tokens:
            async with self._making:
                if not self._tokens:
                    await self.make(AHEAD)
        return self._tokens.pop()


class Webhooks:
    """Signed webhooks, to one of the web processes after the other."""

    def __init__(self, ports: list[int], secret: str) -> None:
        self._ports, self._secret = itertools.cycle(ports), secret
        self._idle: dict[int, list[Client]] = {port: [] for port in ports}

    async def post(self, body: dict[str, Any]) -> int:
        """The status that the product answered. A connection that was closed while it was idle is
        replaced; the product knows a message that comes twice."""
        raw = orjson.dumps(body)
        headers = f"{SIGNATURE}: {sign(self._secret, raw)}\r\n"
        port = next(self._ports)
        idle = self._idle[port]
        while idle:
            client = idle.pop()
            with suppress(WireError):
                return await self._over(client, port, headers, raw)
        return await self._over(await Client.connect(port), port, headers, raw)

    async def _over(self, client: Client, port: int, headers: str, raw: bytes) -> int:
        status, _ = await client.post(HOOK, headers, raw)
        self._idle[port].append(client)
        return status

    def close(self) -> None:
        for client in itertools.chain.from_iterable(self._idle.values()):
            client.close()


class Adapter:
    """Answers requests. What a new sender says first opens the chat and is not passed on."""

    def __init__(
        self, platform: Platform, invitations: Invitations, webhooks: Webhooks, silent_s: float
    ) -> None:
        self._platform, self._invitations = platform, invitations
        self._webhooks, self._silent_s = webhooks, silent_s

    async def answer(self, request: web.Request) -> web.Response:
        try:
            asked = orjson.loads(await request.read())
            sender, message = str(asked["sender"]), str(asked["message"])
        except (orjson.JSONDecodeError, KeyError, TypeError):
            return _json({"error": 'send {"sender": "…", "message": "…"}'}, 400)
        chat = self._platform.chat(sender)
        async with chat.turn:
            while not chat.heard.empty():
                chat.heard.get_nowait()  # a reminder, or what came too late
            body = {"id": f"{sender}-{chat.said}", "sender": sender, "text": message}
            if not chat.said:
                body |= {"text": "", "start": await self._invitations.take()}
            try:
                status = await self._webhooks.post(body)
            except (WireError, OSError) as error:
                return _json({"error": f"no webhook was taken: {error}"}, 503)
            if status != 200:
                return _json({"error": f"the webhook was answered {status}"}, 503)
            chat.said += 1
            texts = [text async for text in self._texts(chat)]
        return _json([{"recipient_id": sender, "text": text} for text in texts])

    async def _texts(self, chat: _Chat) -> AsyncIterator[str]:
        """The texts of one turn, as they come."""
        patience = self._silent_s
        while True:
            try:
                async with asyncio.timeout(patience):
                    text = await chat.heard.get()
            except TimeoutError:
                return
            yield text["text"]
            if text["last"]:
                return
            patience = AFTER_OFFER_S


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


@asynccontextmanager
async def serving(setup: Setup, port: int = 0, *, silent_s: float = SILENT_S) -> AsyncIterator[str]:
    """The product's processes with the adapter before them; its address. `setup.people` are brought in
    ahead. What an earlier bench left in the database goes. Raises RuntimeError if it has people that
    are not the bench's or a process does not come up, OSError if the port is taken."""
    with tempfile.TemporaryDirectory(prefix="huifang-bench-") as folder:
        settings = settings_in(Path(folder), setup)
        await clear_at(settings.database)
        secret, platform = secrets.token_hex(16), Platform()
        async with (
            open_services(
                settings, migrated=True, warn=lambda line: None, scripts=(SCRIPT,)
            ) as services,
            listening(platform.take) as platform_url,
        ):
            invitations = Invitations(services)
            await invitations.make(setup.people)
            async with running(setup, settings, secret, platform_url) as processes:
                with _webhooks(processes.ports, secret) as webhooks:
                    adapter = Adapter(platform, invitations, webhooks, silent_s)
                    async with _listening(adapter, port) as address:
                        yield address


@contextmanager
def _webhooks(ports: list[int], secret: str) -> Iterator[Webhooks]:
    webhooks = Webhooks(ports, secret)
    try:
        yield webhooks
    finally:
        webhooks.close()


@asynccontextmanager
async def _listening(adapter: Adapter, port: int) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post(PATH, adapter.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}{PATH}"
    finally:
        await runner.cleanup()

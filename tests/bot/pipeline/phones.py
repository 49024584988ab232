"""A person on each channel, who does what a transcript says: through the platform's own shapes where
there is a platform, straight into the inbox where the chat is ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

from bot.hearing import Hearing
from bot.outreach.links import make_link
from bot.store.tables import outbox
from channels.base import Channel, RawRequest, Verified
from channels.message import Address, Incoming, IncomingKind, Media, MediaKind
from channels.telegram import TelegramChannel
from channels.terminal import TerminalChannel
from channels.webchat import WebChatChannel
from channels.whatsapp import WhatsAppChannel
from tests.bot.pipeline.harness import World
from tests.fakes.telegram import FakeTelegram
from tests.fakes.whatsapp import FakeWhatsApp

CHANNELS = ("webchat", "terminal", "telegram", "whatsapp")


class Phone(Protocol):
    @property
    def channel(self) -> Channel: ...
    async def start(self, world: World, url: str) -> None: ...
    async def say(self, text: str) -> None: ...
    async def tap(self, token: str, label: str) -> None: ...
    async def media(self, kind: str) -> None: ...
    def check(self) -> None:
        """Fail if the platform would complain of us."""


class Ours:
    """Web chat and terminal: the feed is in our own database."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.world: World | None = None

    async def _send(self, kind: IncomingKind, **content: Any) -> None:
        assert self.world is not None
        where = Address(self.channel.account, "me")
        number = f"m{next(self.world.numbers)}"
        await self.world.accept(Incoming(number, where, kind, self.world.clock.now(), **content))

    async def start(self, world: World, url: str) -> None:
        self.world = world
        async with world.services.db.write() as conn:
            token = await make_link(
                conn,
                world.services.vault,
                person_id=world.person_id,
                followup_id=world.followup_id,
                account=self.channel.account,
                now=world.clock.now(),
            )
        await self._send(IncomingKind.START, token=token)

    async def say(self, text: str) -> None:
        await self._send(IncomingKind.TEXT, text=text)

    async def tap(self, token: str, label: str) -> None:
        await self._send(IncomingKind.TAP, token=token)

    async def media(self, kind: str) -> None:
        await self._send(IncomingKind.MEDIA, media=(Media(MediaKind(kind)),))

    def check(self) -> None: ...


async def find_option(world: World, wanted: str | int) -> tuple[str, str]:
    """Token and label of the newest option of this label, or of this number from 1."""
    for row in reversed(await world.rows(outbox, outbox.c.status == "sent")):
        options = (await world.opened(row.person_id, row.payload))["options"]
        for option in options:
            if option["label"] == str(wanted):
                return option["token"], option["label"]
        if options and isinstance(wanted, int):
            return options[wanted - 1]["token"], options[wanted - 1]["label"]
    raise LookupError(wanted)


class OnTelegram:
    """Real aiogram against the strict fake; updates are fetched as polling fetches them."""

    def __init__(self, fake: FakeTelegram, channel: TelegramChannel, locale: str) -> None:
        self.fake, self.channel = fake, channel
        self.user = fake.user(language_code=locale)
        self.offset = 0

    async def start(self, world: World, url: str) -> None:
        self.world = world
        self.small: list[asyncio.Task[None]] = []
        self.hearing = Hearing(world.ingress, world.http, self._later)
        self.user.start(parse_qs(urlsplit(url).query)["start"][0])
        await self._fetch()

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        self.small.append(asyncio.create_task(work))

    async def _fetch(self) -> None:
        updates = await self.channel.get_updates(self.offset, 0, self.world.http)
        self.offset = updates.next_offset
        for body in updates.bodies:
            await self.hearing.take(self.channel, self.channel.parse(body))

    async def say(self, text: str) -> None:
        self.user.say(text)
        await self._fetch()

    async def tap(self, token: str, label: str) -> None:
        message, place = next(
            (message, place)
            for message in reversed(self.user.messages)
            for place, button in enumerate(message.buttons)
            if button.data == token
        )
        self.user.tap(place, message)
        await self._fetch()

    async def media(self, kind: str) -> None:
        match kind:
            case "sticker":
                self.user.send_sticker()
            case "image":
                self.user.send_photo()
            case _:
                self.user.send_voice()
        await self._fetch()

    def check(self) -> None:
        self.fake.assert_callbacks_answered()


class OnWhatsApp:
    """The strict fake; its signed webhooks are verified and parsed as the route does."""

    def __init__(self, fake: FakeWhatsApp, channel: WhatsAppChannel) -> None:
        self.fake, self.channel = fake, channel
        self.user = fake.user("8613800138000")

    async def start(self, world: World, url: str) -> None:
        hearing = Hearing(world.ingress, world.http, lambda work: work.close())

        async def deliver(body: bytes, headers: Mapping[str, str]) -> int:
            given = {name.lower(): (value,) for name, value in headers.items()}
            assert self.channel.verify(RawRequest("POST", "/", {}, given, body)) == Verified()
            await hearing.take(self.channel, self.channel.parse(body))
            return 200

        self.fake.deliver = deliver
        await self.user.say(parse_qs(urlsplit(url).query)["text"][0])

    async def say(self, text: str) -> None:
        await self.user.say(text)

    async def tap(self, token: str, label: str) -> None:
        message, button = next(
            (message, button)
            for message in reversed(self.user.messages)
            for button in message.buttons
            if button.token == token
        )
        await self.user._tap(message, button)

    async def media(self, kind: str) -> None:
        if kind == "voice":
            await self.user.send_voice()
        else:
            await self.user.send_media(kind)

    def check(self) -> None:
        assert self.fake.refused_webhooks == 0


@asynccontextmanager
async def open_phone(name: str, clock: Any, locale: str, http: Any) -> AsyncIterator[Phone]:
    match name:
        case "webchat":
            yield Ours(WebChatChannel("https://chat.example"))
        case "terminal":
            yield Ours(TerminalChannel())
        case "telegram":
            async with FakeTelegram(clock=clock.now) as fake:
                channel = TelegramChannel("main", fake.token, None, api_base=fake.base_url)
                await channel.identify(http)
                yield OnTelegram(fake, channel, locale)
        case _:
            async with FakeWhatsApp(clock=clock.now) as graph:
                number = WhatsAppChannel(
                    name="main",
                    phone_number_id=graph.phone_number_id,
                    access_token=graph.access_token,
                    app_secret=graph.app_secret,
                    verify_token=graph.verify_token,
                    phone=graph.phone,
                    api_base=graph.api_base,
                )
                yield OnWhatsApp(graph, number)

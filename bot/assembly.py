"""Putting a process together from the settings, and taking it apart again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import lru_cache
from pathlib import Path

import structlog
from pydantic import SecretStr

from bot.clock import Clock, SystemClock
from bot.company import Company
from bot.embedders import open_embedders
from bot.intents import open_detector
from bot.knowledge import open_knowledge
from bot.pipeline.bus import Bus
from bot.pipeline.bus.local import LocalBus
from bot.pipeline.live import LiveHub
from bot.pipeline.rate import Rates
from bot.scripts import open_scripts
from bot.services import DetectIntents, Services
from bot.settings import Bus as BusKind
from bot.settings import Settings, SettingsError, TelegramMode
from bot.store.database import Database
from bot.store.opening import open_vault
from bot.store.schema import migrate, require_migrated
from bot.synonyms import open_synonyms
from channels.base import Channel
from dialogs.intents import Detected

log = structlog.get_logger()

SHORT_REPLY = 8  # characters; no name, number or address that says whose it is
SHORT_REPLIES = 4096


@asynccontextmanager
async def open_services(
    settings: Settings,
    *,
    clock: Clock | None = None,
    migrated: bool = False,
    warn: Callable[[str], None] = log.warning,
    scripts: tuple[Path, ...] = (),
    web: bool = False,
    worker: bool = False,
) -> AsyncIterator[Services]:
    """Everything that a process shares, ready to use. `migrated` makes or upgrades the schema
    first; else an old schema is an error that says what to run. `warn` gets lines for the operator.
    `web` and `worker`: what this process will do, as its Runtime is told; a command does neither,
    and takes no work from the bus.

    Raises SettingsError, DatabaseError, KeysError, ScriptError, LexiconError,
    ShippedFileError: one line that says what to do.
    """
    clock = clock or SystemClock()
    db = await Database.open(settings.database)
    try:
        if migrated:
            await migrate(db)
        else:
            await require_migrated(db)
        opened = await open_vault(db, settings.keys_file)
        if opened.warning:
            warn(opened.warning)
        company = Company.load(settings.company_file)
        embedders = await asyncio.to_thread(open_embedders, settings.embedders, warn)
        synonyms = await asyncio.to_thread(open_synonyms, settings.data_dir)
        cache = settings.data_dir / "calibration.json"
        knowledge = await open_knowledge(db, company, clock.now(), cache, embedders, synonyms)
        live = LiveHub()
        bus = open_bus(settings, live, web=web, worker=worker)
        services = Services(
            settings=settings,
            db=db,
            vault=opened.vault,
            clock=clock,
            company=company,
            knowledge=knowledge,
            scripts=await open_scripts(
                db, clock, company, folder=settings.scripts_dir, files=scripts, warn=warn
            ),
            detect_intents=_detector(settings.intents_dir, knowledge.phrasings),
            bus=bus,
            live=live,
            embedders=embedders,
        )
        services.channels.update(make_channels(settings))
        async with bus, _shared_rates(settings, worker) as services.rates:
            yield services
    finally:
        await db.dispose()


def open_bus(settings: Settings, live: LiveHub, *, web: bool, worker: bool) -> Bus:
    """The bus of the settings, not yet entered. Raises SettingsError."""
    if settings.bus is BusKind.LOCAL:
        return LocalBus()
    from bot.pipeline.bus.redis import RedisBus
    from bot.pipeline.bus.redis_keys import Keys

    keys = Keys(settings.redis_prefix, settings.redis_shards)
    try:
        tell = live.tell if web else None
        return RedisBus(
            settings.redis_url, keys, consumes=worker, tell=tell, until_open=live.until_open
        )
    except ValueError as error:
        raise SettingsError(f"redis_url: {error}. Correct HUIFANG_REDIS_URL.") from None


@asynccontextmanager
async def _shared_rates(settings: Settings, worker: bool) -> AsyncIterator[Rates | None]:
    """Rate limits for all processes, in a process that sends; None where there is only one."""
    if settings.bus is BusKind.LOCAL or not worker:
        yield None
        return
    from redis.asyncio import Redis

    from bot.pipeline.bus.redis_keys import Keys
    from bot.pipeline.bus.redis_reader import connection_options
    from bot.pipeline.rates_redis import RedisRates

    client = Redis.from_url(settings.redis_url, **connection_options())
    try:
        yield RedisRates(client, Keys(settings.redis_prefix), time.monotonic)
    finally:
        await client.aclose()


def _detector(folder: Path | None, questions: tuple[str, ...]) -> DetectIntents:
    """Detects intents; the short replies that everybody writes ("4", "好的") are decided once."""
    detect = open_detector(folder, questions).detect
    short = lru_cache(SHORT_REPLIES)(detect)

    def detected(text: str, locale: str) -> tuple[Detected, ...]:
        return (short if len(text) <= SHORT_REPLY else detect)(text, locale)

    return detected


def make_channels(settings: Settings) -> dict[str, Channel]:
    """The channel accounts that the settings switch on, by account. aiogram costs seconds and
    memory, so each adapter is imported only where it is wanted."""
    found: dict[str, Channel] = {}
    if settings.webchat.enabled:
        from channels.webchat import WebChatChannel

        channel = WebChatChannel(settings.base_url)
        found[channel.account] = channel
    if settings.telegram.enabled:
        found.update(_telegram(settings))
    if settings.whatsapp.enabled:
        found.update(_whatsapp(settings))
    return found


def _telegram(settings: Settings) -> Mapping[str, Channel]:
    from channels.telegram import TelegramChannel

    mine = settings.telegram
    assert mine.token is not None
    secret = _secret(mine.webhook_secret) if mine.mode is TelegramMode.WEBHOOK else None
    channel = TelegramChannel("main", mine.token.get_secret_value(), secret, api_base=mine.api_base)
    return {channel.account: channel}


def _whatsapp(settings: Settings) -> Mapping[str, Channel]:
    from channels.whatsapp import WhatsAppChannel

    mine = settings.whatsapp
    channel = WhatsAppChannel(
        name="main",
        phone_number_id=mine.phone_number_id,
        access_token=_secret(mine.token),
        app_secret=_secret(mine.app_secret),
        verify_token=_secret(mine.verify_token),
        phone=mine.phone,
        api_base=mine.api_base,
    )
    return {channel.account: channel}


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""

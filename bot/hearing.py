"""What a platform told us: made durable, taps acknowledged, typing shown when an answer takes long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import aiohttp
import structlog

from bot.pipeline.ingress import Ingress
from bot.safety.redact import redact
from channels.base import Channel, Outcome, OutcomeKind, Parsed
from channels.message import Address, Incoming, IncomingKind

log = structlog.get_logger()

SLOW_S = 0.8  # an answer that comes sooner needs no typing indicator


class Hearing:
    """One per process. `later` runs small work beside the caller."""

    def __init__(
        self,
        ingress: Ingress,
        http: aiohttp.ClientSession,
        later: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._ingress, self._http, self._later = ingress, http, later
        self._waiting: set[tuple[str, str]] = set()

    async def take(self, channel: Channel, parsed: Parsed) -> None:
        """Returns after the commit; raises what `Ingress.accept` raises."""
        if parsed.ignored:
            log.info("updates_ignored", account=channel.account, kinds=dict(parsed.ignored))
        await self._ingress.accept(parsed.incoming, parsed.receipts)
        for incoming in parsed.incoming:
            if incoming.callback_id:
                self._later(channel.acknowledge(incoming, self._http))
            if incoming.message_id and redact(incoming.text).found:
                self._later(channel.delete(incoming.message_id, self._http))
            if incoming.kind is IncomingKind.TEXT and channel.caps.typing_refresh_s:
                self._later(self._typing(channel, incoming))

    def answered(self, to: Address) -> None:
        """Something was sent to this address: no typing any more."""
        self._waiting.discard((to.account, to.value))

    async def _typing(self, channel: Channel, incoming: Incoming) -> None:
        to = incoming.address
        key = (to.account, to.value)
        self._waiting.add(key)
        await asyncio.sleep(SLOW_S)
        if key in self._waiting:
            self._waiting.discard(key)
            # Another process may have answered: this one hears only of its own sends.
            if await self._ingress.still_waits(incoming):
                await channel.typing(to, self._http, incoming.message_id)


async def connect_telegram(
    channel: Channel,
    hearing: Hearing,
    http: aiohttp.ClientSession,
    webhook_url: str,
    *,
    take_over_webhook: bool = False,
) -> None:
    """Learn the bot's name, then receive: by webhook where `webhook_url` is given, else by long
    polling until cancelled. Trouble is logged with its fix; the rest of the product goes on."""
    from channels.telegram import TelegramChannel
    from channels.telegram_poll import Poller, PollSettings

    assert isinstance(channel, TelegramChannel)
    await _until_ok(lambda: channel.identify(http), "telegram_identify")
    log.info("telegram_ready", bot=channel.username, mode="webhook" if webhook_url else "polling")
    if webhook_url:
        await _until_ok(lambda: channel.set_webhook(webhook_url, http), "telegram_set_webhook")
        return

    async def deliver(bodies: Sequence[bytes]) -> None:
        for body in bodies:
            await hearing.take(channel, channel.parse(body))

    polling = PollSettings(takes_over_webhook=take_over_webhook)
    await Poller(channel, deliver, polling).run(http, asyncio.Event())


async def _until_ok(call: Callable[[], Coroutine[Any, Any, Outcome]], what: str) -> None:
    pause = 1.0
    while (outcome := await call()).kind is not OutcomeKind.OK:
        log.warning(what, outcome=str(outcome.kind), detail=outcome.detail, again_in_s=pause)
        await asyncio.sleep(max(pause, outcome.retry_after))
        pause = min(pause * 2, 60.0)

"""Receiving Telegram updates by long polling, where no webhook can reach us."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp

from channels.base import Outcome, OutcomeKind
from channels.telegram import POLL_WAIT_MAX_S, TelegramChannel

logger = logging.getLogger(__name__)

Deliver = Callable[[Sequence[bytes]], Awaitable[None]]
_T = TypeVar("_T")

_WEBHOOK_SET = "webhook is active"  # in Telegram's words for a 409
_HINTS = {
    OutcomeKind.AUTH: "the token is not valid (any more): set a new one",
    OutcomeKind.CONFIG: "stop the other process that polls this bot, or let this account use webhooks",
}


@dataclass(frozen=True, slots=True)
class PollSettings:
    """How to poll. Seconds; the pause after a failure doubles from `backoff_s` to `backoff_max_s`."""

    wait_s: int = POLL_WAIT_MAX_S
    takes_over_webhook: bool = False  # delete a webhook that is set, which stops its receiver
    backoff_s: float = 1.0
    backoff_max_s: float = 60.0


class Poller:
    """Polls one bot. `sleep` and `jitter` (0 ≤ jitter() < 1) are given by tests."""

    def __init__(
        self,
        channel: TelegramChannel,
        deliver: Deliver,
        settings: PollSettings = PollSettings(),
        *,
        sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._channel = channel
        self._deliver = deliver
        self._settings = settings
        self._sleep = sleep
        self._jitter = jitter
        self._failures = 0

    async def run(self, http: aiohttp.ClientSession, stop: asyncio.Event) -> None:
        """Poll until `stop` is set. Raises nothing but cancellation.

        `deliver` gets the updates in their order, each as the bytes that a webhook would have
        carried, and returns when they are stored for good. Only then they are confirmed to
        Telegram: after a crash, an error of `deliver` or a stop the same updates come again, so
        what stores them has to know them by their update_id.
        """
        if self._settings.takes_over_webhook:
            while not stop.is_set():
                outcome = await _until_stopped(self._channel.delete_webhook(http), stop)
                if outcome is None or outcome.kind is OutcomeKind.OK:
                    break
                await self._failed(outcome, stop)
            self._failures = 0
        offset = 0
        while not stop.is_set():
            poll = self._channel.get_updates(offset, self._settings.wait_s, http)
            updates = await _until_stopped(poll, stop)
            if updates is None:
                return
            if updates.outcome.kind is not OutcomeKind.OK:
                await self._failed(updates.outcome, stop)
                continue
            if updates.bodies:
                try:
                    await self._deliver(updates.bodies)
                except Exception as error:
                    # Only the type: a database error repeats what people wrote.
                    detail = f"storing updates failed: {type(error).__name__}"
                    await self._failed(Outcome(OutcomeKind.TRANSIENT, detail=detail), stop)
                    continue
                offset = updates.next_offset
            self._failures = 0

    async def _failed(self, outcome: Outcome, stop: asyncio.Event) -> None:
        """Say what is wrong and wait, longer each time, with jitter so that a fleet spreads out."""
        ceiling = min(
            self._settings.backoff_s * 2 ** min(self._failures, 30), self._settings.backoff_max_s
        )
        self._failures += 1
        pause = max(ceiling * (0.5 + self._jitter() / 2), outcome.retry_after)
        hint = _HINTS.get(outcome.kind)
        if _WEBHOOK_SET in outcome.detail:
            hint = (
                "this bot has a webhook: use another bot, or set"
                " HUIFANG_TELEGRAM__TAKE_OVER_WEBHOOK=true to delete it"
            )
        logger.warning(
            "%s: polling failed (%s: %s)%s; next attempt in %.1f s",
            self._channel.account,
            outcome.kind.value,
            outcome.detail,
            f"; {hint}" if hint else "",
            pause,
        )
        await _until_stopped(self._sleep(pause), stop)


async def _until_stopped(work: Coroutine[Any, Any, _T], stop: asyncio.Event) -> _T | None:
    """The result of `work`; None if `stop` was set first, and then `work` is cancelled."""
    task = asyncio.create_task(work)
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({task, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else None
    finally:
        for pending in (task, stopped):
            pending.cancel()
        await asyncio.gather(task, stopped, return_exceptions=True)

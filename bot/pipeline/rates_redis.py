"""Rate limits that all processes share: buckets and pauses in Redis, by its own clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot.pipeline.bus.redis_keys import Keys
from bot.pipeline.rate import LocalRates, account_burst, tokens_needed
from channels.message import Caps

log = structlog.get_logger()

ANSWER_S = 0.5  # Redis that does not answer for so long is away
AGAIN_S = 1.0  # so long it is not asked again then
LOOK_S = 1.0  # between two looks at the pauses of an account that has no limits

# A bucket is the time at which it will be full again. ARGV[1] is the time, "" for Redis's own.
_NOW = """
local now = tonumber(ARGV[1])
if not now then
    local time = redis.call('TIME')
    now = tonumber(time[1]) + tonumber(time[2]) / 1000000
end
"""
# KEYS: pauses, the account's bucket, the chat's. ARGV: time, chat, most seconds to wait, then of
# each bucket its rate (0: there is none), its burst and the tokens that must be there. Returns the
# seconds to wait.
_RESERVE = (
    _NOW
    + """
local wait = 0
for _, who in ipairs({'', ARGV[2]}) do
    wait = math.max(wait, (tonumber(redis.call('ZSCORE', KEYS[1], who) or 0)) - now)
end
local full = {}
for bucket = 1, 2 do
    local first = 1 + 3 * bucket
    local rate, burst, needed = tonumber(ARGV[first]), tonumber(ARGV[first + 1]), ARGV[first + 2]
    if rate > 0 then
        full[bucket] = math.max(now, tonumber(redis.call('GET', KEYS[1 + bucket]) or 0))
        wait = math.max(wait, full[bucket] - now - (burst - tonumber(needed)) / rate)
    end
end
wait = math.floor(wait * 1000000 + 0.5) / 1000000  -- what is told is what decides
if wait <= tonumber(ARGV[3]) then
    for bucket, at in pairs(full) do
        at = at + 1 / tonumber(ARGV[1 + 3 * bucket])
        local keep = math.ceil((at - now) * 1000) + 1000
        redis.call('SET', KEYS[1 + bucket], string.format('%.6f', at), 'PX', keep)
    end
end
return string.format('%.6f', wait)
"""
)
# KEYS: pauses. ARGV: time, chat or "", seconds.
_PAUSE = (
    _NOW
    + """
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
redis.call('ZADD', KEYS[1], 'GT', now + tonumber(ARGV[3]), ARGV[2])
local last = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')
redis.call('PEXPIRE', KEYS[1], math.ceil((tonumber(last[2]) - now) * 1000) + 1000)
"""
)
# KEYS: pauses. ARGV: time. Returns who is paused and for how many seconds, one after the other.
_PAUSED = (
    _NOW
    + """
local found = redis.call('ZRANGEBYSCORE', KEYS[1], now, '+inf', 'WITHSCORES')
for at = 2, #found, 2 do
    found[at] = string.format('%.6f', tonumber(found[at]) - now)
end
return found
"""
)


class RedisRates:
    """While Redis is away this process keeps to half of an account's rate, so that two processes
    together do not exceed it. `time` returns seconds, instead of Redis's clock; `monotonic`
    returns seconds that only grow, for what is kept here.
    """

    def __init__(
        self,
        client: Redis,
        keys: Keys,
        monotonic: Callable[[], float],
        time: Callable[[], float] | None = None,
    ) -> None:
        self._keys, self._monotonic, self._time = keys, monotonic, time
        self._reserve = client.register_script(_RESERVE)
        self._pause = client.register_script(_PAUSE)
        self._paused = client.register_script(_PAUSED)
        self._local = LocalRates(monotonic)
        self._away_until: float | None = None
        self._looked: dict[str, float] = {}
        self._looks: set[asyncio.Task[None]] = set()

    async def reserve(
        self, account: str, chat: str, caps: Caps, within_s: float, *, spare: bool = False
    ) -> float:
        if not caps.rate_per_s and not caps.chat_rate_per_s:
            self._look_sometimes(account)
            return self._local.reserve_here(account, chat, caps, within_s)
        rate, chat_rate = caps.rate_per_s or 0.0, caps.chat_rate_per_s or 0.0
        whole = rate, account_burst(caps), tokens_needed(caps, spare=spare)
        wait = await self._run(
            self._reserve,
            [self._keys.rate(account, what) for what in ("pauses", "all", f"chat:{chat}")],
            [chat, within_s, *whole, chat_rate, caps.chat_burst, 1],
        )
        if wait is not None:
            return float(wait)
        if caps.rate_per_s:
            caps = replace(caps, rate_per_s=caps.rate_per_s / 2)
        return self._local.reserve_here(account, chat, caps, within_s, spare=spare)

    async def pause(self, account: str, chat: str, seconds: float) -> None:
        self._local.pause_here(account, chat, seconds)  # holds here also if Redis forgets it
        await self._run(self._pause, [self._keys.rate(account, "pauses")], [chat, seconds])

    async def is_another_paused(self, account: str, chat: str) -> bool:
        await self._look(account)
        return await self._local.is_another_paused(account, chat)

    def _look_sometimes(self, account: str) -> None:
        """Learn of pauses in other processes, in the background: at most one look per LOOK_S."""
        now = self._monotonic()
        if now - self._looked.get(account, -LOOK_S) >= LOOK_S:
            self._looked[account] = now
            task = asyncio.create_task(self._look(account))
            self._looks.add(task)
            task.add_done_callback(self._looks.discard)

    async def _look(self, account: str) -> None:
        found = await self._run(self._paused, [self._keys.rate(account, "pauses")], [])
        if found is not None:
            for who, seconds in zip(found[::2], found[1::2], strict=True):
                self._local.pause_here(account, who.decode(), float(seconds))

    async def _run(self, script: Any, keys: list[str], given: list[Any]) -> Any:
        """What the script returns; None while Redis is away, and for AGAIN_S after that."""
        now = self._monotonic()
        if self._away_until is not None and now < self._away_until:
            return None
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await script(keys=keys, args=[self._time() if self._time else "", *given])
        except (RedisError, OSError) as error:
            if self._away_until is None:
                log.warning("rates_not_shared", error=f"{type(error).__name__}: {error}")
            self._away_until = now + AGAIN_S
            return None
        if self._away_until is not None:
            log.info("rates_shared_again")
            self._away_until = None
        return found if found is not None else b""

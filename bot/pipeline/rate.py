"""How many messages an account and a chat may send now: token buckets, and pauses that a platform
asked for. In one process here; between processes in rates_redis.py."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from channels.message import Caps

MOST_BUCKETS = 50_000  # chats remembered; an evicted one starts with a full bucket again
KEPT = 0.3  # of an account's bucket, which what the bot starts itself leaves to replies


class Rates(Protocol):
    """`chat` is one person on an account. No call raises for want of a server."""

    async def reserve(
        self, account: str, chat: str, caps: Caps, within_s: float, *, spare: bool = False
    ) -> float:
        """Seconds until a message may be sent (0: now). Its tokens are taken if that is at most
        `within_s`; else nothing is, so that who comes back later does not find that their own
        earlier visit emptied the bucket. `spare`: leave KEPT of the account's bucket to replies."""

    async def pause(self, account: str, chat: str, seconds: float) -> None:
        """The platform asked for silence: nothing goes out for so long. An empty `chat`: to
        nobody of the account."""

    async def is_another_paused(self, account: str, chat: str) -> bool:
        """Whether a chat of the account other than this one is paused: then the reason is hardly
        the chat."""


class LocalRates:
    """For one process. `monotonic` returns seconds that only grow."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._limiter = RateLimiter(monotonic)

    async def reserve(
        self, account: str, chat: str, caps: Caps, within_s: float, *, spare: bool = False
    ) -> float:
        return self.reserve_here(account, chat, caps, within_s, spare=spare)

    def reserve_here(
        self, account: str, chat: str, caps: Caps, within_s: float, *, spare: bool = False
    ) -> float:
        whole = account, caps.rate_per_s, account_burst(caps)
        one = _key(account, chat), caps.chat_rate_per_s, float(caps.chat_burst)
        needed = tokens_needed(caps, spare=spare)
        wait = max(self._limiter.wait(*whole, needed), self._limiter.wait(*one))
        if wait <= within_s:
            self._limiter.take(*whole)
            self._limiter.take(*one)
        return wait

    async def pause(self, account: str, chat: str, seconds: float) -> None:
        self.pause_here(account, chat, seconds)

    def pause_here(self, account: str, chat: str, seconds: float) -> None:
        self._limiter.pause(_key(account, chat) if chat else account, seconds)

    async def is_another_paused(self, account: str, chat: str) -> bool:
        return self._limiter.is_paused_chat(account, _key(account, chat))


def account_burst(caps: Caps) -> float:
    """Messages of an account that may follow each other at once: those of one second."""
    return max(1.0, caps.rate_per_s or 1)


def tokens_needed(caps: Caps, *, spare: bool) -> float:
    """What must be in an account's bucket so that one may be taken out. Never more than it holds: an
    account that may send one message at a time has none to keep."""
    burst = account_burst(caps)
    return min(burst, 1 + KEPT * burst) if spare else 1.0


def _key(account: str, chat: str) -> str:
    return f"{account}\0{chat}"


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class RateLimiter:
    """Buckets and pauses by key. `monotonic` returns seconds that only grow."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._now = monotonic
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()
        self._paused: dict[str, float] = {}  # key → until when the platform asked for silence

    def wait(self, key: str, per_second: float | None, burst: float, needed: float = 1.0) -> float:
        """Seconds until so many tokens are there (0: now). Takes nothing: who comes back later must
        not find that their own earlier visit emptied the bucket."""
        now = self._now()
        wait = max(0.0, self._paused.get(key, now) - now)
        if per_second and key in self._buckets:
            tokens = self._filled(key, per_second, burst).tokens
            wait = max(wait, (needed - tokens) / per_second)
        return wait

    def take(self, key: str, per_second: float | None, burst: float) -> None:
        """Take one token, also one that is only there after `wait`."""
        if not per_second:
            return
        bucket = self._filled(key, per_second, burst)
        bucket.tokens -= 1
        self._buckets[key] = bucket
        self._buckets.move_to_end(key)
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.popitem(last=False)

    def _filled(self, key: str, per_second: float, burst: float) -> _Bucket:
        """The bucket with what has flowed in since."""
        now = self._now()
        bucket = self._buckets.get(key) or _Bucket(burst, now)
        bucket.tokens = min(burst, bucket.tokens + max(0.0, now - bucket.at) * per_second)
        bucket.at = now
        return bucket

    def pause(self, key: str, seconds: float) -> None:
        """The platform asked for silence: nothing goes out for so long."""
        now = self._now()
        self._paused = {name: until for name, until in self._paused.items() if until > now}
        self._paused[key] = max(now + seconds, self._paused.get(key, now))

    def is_paused_chat(self, account: str, but: str) -> bool:
        """Whether another chat of this account is paused: then it is not about one chat."""
        now, chats = self._now(), f"{account}\0"
        return any(
            until > now and key.startswith(chats) and key != but
            for key, until in self._paused.items()
        )

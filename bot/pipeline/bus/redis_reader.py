"""What FastStream reads from Redis Streams for us: hints for this process, and news for its pages.

Reading is not acknowledged: an entry that a killed process took is lost, and the sweep finds its
conversations within seconds. So nothing is pending, nothing has to be reclaimed, and all processes
can use the same consumer's name, which leaves nothing behind when one of them goes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from faststream.redis import RedisBroker, StreamSub
from faststream.redis.parser import MessageFormat
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError

GROUP, CONSUMER = "workers", "worker"
ENTRIES = 8  # hints read at once
NEWS = 200  # news read at once: what ten busy processes write in a second
BLOCK_MS = 2000  # a read waits so long for an entry

Handle = Callable[[list[tuple[str, list[str]]]], Awaitable[None]]
"""Takes what one read brought: (process that wrote it, ids). The next read waits for its end."""


def connection_options() -> dict[str, Any]:
    """How every connection of ours to Redis is made; who uses it decides when to try again.

    No socket_timeout, which redis-py sets unless told otherwise: with it every command costs a
    task, and on Python 3.11 (`asyncio.wait_for`) now and then swallows a cancellation. Commands are
    bounded by `asyncio.timeout` where they are called.
    """
    return {
        "socket_timeout": None,
        "socket_connect_timeout": 2.0,
        "socket_keepalive": True,
        "retry": Retry(NoBackoff(), 0),
    }


class _Plain(MessageFormat):
    """An entry's body is JSON, without an envelope."""

    @classmethod
    async def encode(cls, **given: Any) -> bytes:
        raise NotImplementedError  # we write entries ourselves, many ids in one

    @classmethod
    def parse(cls, data: bytes) -> tuple[bytes, dict[str, Any]]:
        return data, {}


@dataclass(slots=True)
class Reader:
    """Subscriptions over one broker. Never restarted: who finds it dead stops it and starts another.

    `shared`: streams of which each entry is for one process; `news`: streams that every process
    reads from now on.
    """

    url: str
    shared: dict[str, Handle] = field(default_factory=dict)
    news: dict[str, Handle] = field(default_factory=dict)
    _broker: RedisBroker | None = None

    async def start(self, client: Redis) -> None:
        """Make the groups that are not there, and read. Raises what redis and FastStream raise."""
        self._broker = broker = RedisBroker(
            self.url,
            message_format=_Plain,
            apply_types=False,
            logger=None,  # type: ignore[arg-type]  # silent: the supervisor says what matters
            graceful_timeout=0,
            **connection_options(),
        )
        for stream, handle in self.shared.items():
            await _make_group(client, stream)
            self._subscribe(
                StreamSub(
                    stream,
                    group=GROUP,
                    consumer=CONSUMER,
                    no_ack=True,
                    batch=True,
                    max_records=ENTRIES,
                    polling_interval=BLOCK_MS,
                ),
                handle,
            )
        for stream, handle in self.news.items():
            # Not "$": that would be looked up by each read, and miss what comes between two.
            newest = await client.xrevrange(stream, count=1)
            last_id = _text(newest[0][0]) if newest else "0-0"
            self._subscribe(
                StreamSub(
                    stream,
                    last_id=last_id,
                    batch=True,
                    max_records=NEWS,
                    polling_interval=BLOCK_MS,
                ),
                handle,
            )
        await broker.start()

    def _subscribe(self, stream: StreamSub, handle: Handle) -> None:
        assert self._broker is not None

        async def take(entries: list[dict[str, Any]]) -> None:
            await handle([(entry["by"], entry["ids"]) for entry in entries])

        self._broker.subscriber(stream=stream)(take)

    @property
    def alive(self) -> bool:
        """Whether every subscription still reads: after a flush, FastStream ends them for good."""
        return self._broker is not None and all(
            each.running and any(not task.done() for task in each.tasks)  # type: ignore[attr-defined]
            for each in self._broker.subscribers
        )

    async def stop(self) -> None:
        if self._broker is not None:
            broker, self._broker = self._broker, None
            await broker.stop()


def _text(entry_id: bytes | str | None) -> str:
    return entry_id.decode() if isinstance(entry_id, bytes) else str(entry_id)


async def _make_group(client: Redis, stream: str) -> None:
    """From the beginning of the stream: what was written before there was a reader counts too."""
    try:
        await client.xgroup_create(stream, GROUP, id="0", mkstream=True)
    except ResponseError as error:
        if "BUSYGROUP" not in str(error):
            raise

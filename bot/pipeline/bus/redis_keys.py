"""Names in Redis. What is in braces decides the Cluster slot, so one command never spans two."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from bot.pipeline.bus import Topic


@dataclass(frozen=True, slots=True)
class Keys:
    """`shards`: streams per topic; every process of an installation must use the same number."""

    prefix: str = "huifang"
    shards: int = 1

    def streams(self, topic: Topic) -> list[str]:
        """Every stream of a topic. LIVE is read by all processes, so it is one."""
        if topic is Topic.LIVE:
            return [f"{self.prefix}:{{live}}"]
        return [f"{self.prefix}:{{{topic}:{shard}}}" for shard in range(self.shards)]

    def by_stream(self, topic: Topic, ids: Iterable[str]) -> dict[str, list[str]]:
        """The ids by the stream that their hints go to."""
        streams = self.streams(topic)
        if len(streams) == 1:
            return {streams[0]: list(ids)}
        found: dict[str, list[str]] = {}
        for each in ids:
            found.setdefault(streams[crc32(each.encode()) % len(streams)], []).append(each)
        return found

    def rate(self, account: str, what: str) -> str:
        """A key about what a channel account may send; all of one account lie in one slot."""
        return f"{self.prefix}:{{rate:{account}}}:{what}"

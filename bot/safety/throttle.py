"""Counts attempts by key, so that guessing is slow. In memory, bounded; the time is given."""

from __future__ import annotations

from collections import OrderedDict

MOST_KEYS = 10_000


class Throttle:
    """At most `most` counted attempts of one key `within_s` seconds."""

    def __init__(self, *, most: int, within_s: float) -> None:
        self._most, self._within = most, within_s
        self._seen: OrderedDict[str, list[float]] = OrderedDict()

    def blocked(self, key: str, now: float) -> bool:
        recent = [at for at in self._seen.get(key, ()) if at > now - self._within]
        return len(recent) >= self._most

    def count(self, key: str, now: float) -> None:
        recent = [at for at in self._seen.pop(key, ()) if at > now - self._within]
        self._seen[key] = [*recent, now]
        if len(self._seen) > MOST_KEYS:
            self._seen.popitem(last=False)

    def forget(self, key: str) -> None:
        self._seen.pop(key, None)

"""What goes wrong at the platform, decided by a seed: the same text meets the same trouble."""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """`_TAKEN`: the message counts as delivered, whatever the sender hears."""

    NONE = "none"
    SLOW = "slow"  # answered 200, later
    TOO_MANY = "429"  # with Retry-After
    REFUSED = "503 refused"  # the platform says that it took nothing
    ERROR = "500"
    ERROR_TAKEN = "500 after taking"
    TIMEOUT = "timeout"
    TIMEOUT_TAKEN = "timeout after taking"
    CLOSED = "closed"
    CLOSED_TAKEN = "closed after taking"

    @property
    def takes(self) -> bool:
        return self in (Fault.NONE, Fault.SLOW) or self.value.endswith("after taking")

    @property
    def knowable(self) -> bool:
        """The sender knows for sure whether the message was taken."""
        return self in (Fault.NONE, Fault.SLOW, Fault.TOO_MANY, Fault.REFUSED)


WEIGHTS = {
    Fault.SLOW: 2.0,
    Fault.TOO_MANY: 0.5,
    Fault.REFUSED: 1.0,
    Fault.ERROR: 0.5,
    Fault.ERROR_TAKEN: 0.5,
    Fault.TIMEOUT: 0.25,
    Fault.TIMEOUT_TAKEN: 0.25,
    Fault.CLOSED: 0.5,
    Fault.CLOSED_TAKEN: 0.5,
}
"""Percent of all requests."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """`scale` multiplies every share. What the platform has seen before meets no trouble again
    that leaves its outcome open: a text whose outcome is unknowable twice is left to a person, by
    the product's own rule, and would be no reply that is missing by mistake."""

    seed: int
    scale: float = 1.0

    def choose(self, to: str, text: str, seen: int) -> Fault:
        """The fault of the request that is the `seen`-th of this text, counted from 0."""
        chance = random.Random(f"{self.seed}:{to}:{text}:{seen}")
        at = chance.random() * 100
        for fault, share in WEIGHTS.items():
            at -= share * self.scale
            if at < 0:
                return fault if fault.knowable or not seen else Fault.NONE
        return Fault.NONE

"""What a reader returns: one value, several candidates, or nothing, with the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

V = TypeVar("V")


class Problem(StrEnum):
    """Why an answer of the right kind was not taken."""

    NONE = ""
    OUT_OF_RANGE = "out_of_range"
    NOT_WHOLE = "not_whole"
    OTHER_SCALE = "other_scale"  # "8/10" where five is the best
    IN_THE_PAST = "in_the_past"
    NOT_POSSIBLE = "not_possible"  # 30 February, a phone number that cannot exist
    SKIPPED = "skipped"  # the person passes over a free question


@dataclass(frozen=True, slots=True)
class Candidate(Generic[V]):
    value: V
    score: float  # 0–1, how sure the reader is


@dataclass(frozen=True, slots=True)
class Reading(Generic[V]):
    """The outcome of reading one reply.

    Exactly one of three holds: `value` is set (read), `candidates` has two or more and `value` is
    None (ask which of them), or both are empty (nothing was read). `evidence` is the part of the
    reply that was understood; `rest` is what remains of the reply without it ("5, but when do I get
    the card?" leaves "when do I get the card?"), "" if nothing that means anything remains. Both
    are parts of the reply as it was typed. `problem` is a `Problem`.
    """

    value: V | None = None
    candidates: tuple[Candidate[V], ...] = ()
    evidence: str = ""
    rest: str = ""
    problem: str = Problem.NONE


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader may know besides the reply. `now` is aware and in the person's time zone."""

    locale: str
    now: datetime
    region: str = "CN"  # ISO 3166, for phone numbers without a country code


def decided(
    values: Sequence[V], *, evidence: str = "", rest: str = "", problem: str = Problem.NONE
) -> Reading[V]:
    """One value if all agree, candidates (equally likely, in this order) if they differ."""
    unique = list(dict.fromkeys(values))
    if len(unique) == 1:
        return Reading(value=unique[0], evidence=evidence, rest=rest)
    if unique:
        share = round(1 / len(unique), 3)
        candidates = tuple(Candidate(value, share) for value in unique)
        return Reading(candidates=candidates, evidence=evidence, rest=rest)
    return Reading(problem=problem, evidence=evidence if problem else "", rest=rest)

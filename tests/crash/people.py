"""Who takes part in a crash run: the bench's survey, answered by people with bad habits."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from tests.crash.evidence import Expected

FEEDBACK = "It was fine, only the photo took me two attempts."
TAPS = 0.5  # share of people who tap a rating or a yes instead of writing it
TAP_TWICE = 0.5  # of those
BURSTS = 0.05  # say the last two things at once


@dataclass(frozen=True, slots=True)
class Turn:
    """What a person does: `says` it, or taps the option of this label, `times` over; and what each
    text of the answer contains, in order."""

    says: str
    hears: tuple[str, ...]
    tap: bool = False
    times: int = 1


@dataclass(frozen=True, slots=True)
class Person:
    number: int
    turns: tuple[Turn, ...]
    burst: bool

    @property
    def sender(self) -> str:
        return f"p{self.number}"

    def webhook_id(self, turn: int, press: int = 0) -> str:
        """A second press of a button is an event of its own."""
        return f"{self.sender}-{turn}" + (f"-{press}" if press else "")


def person(seed: int, number: int) -> Person:
    """Person `number` of the run with this seed; no two people ask the same question."""
    chance = random.Random(f"{seed}:{number}")
    question = f"What is the fee to withdraw {number}.{number % 90 + 10} dollars to my bank?"
    burst = chance.random() < BURSTS

    def tapped(label: str, *hears: str) -> Turn:
        if burst or chance.random() >= TAPS:
            return Turn(label, hears)
        return Turn(label, hears, tap=True, times=2 if chance.random() < TAP_TWICE else 1)

    turns = (
        Turn("", ("automated assistant", "last four")),
        Turn("1234", ("from 1 to 5",)),
        tapped("4", "noted", "do better"),
        Turn(question, ("", "do better")),
        Turn(FEEDBACK, ("telling us", "thirty days")),
        tapped("Yes", "All done"),
    )
    return Person(number, turns, burst)


def expected(who: Person) -> Expected:
    """What has to be found when everything was done once, in order."""
    said: dict[str, str] = {}
    for number, turn in enumerate(who.turns):
        for press in range(turn.times):
            said[who.webhook_id(number, press)] = turn.says
    answers: dict[str, Any] = {"identity": True, "rating": 4, "feedback": FEEDBACK, "consent": True}
    texts = tuple(part for turn in who.turns for part in turn.hears)
    if not who.burst:
        return Expected(texts, said, answers)
    last = len(who.turns) - 1
    # Feedback and consent come at once: what comes first is the feedback. Where that was the yes,
    # the other is none, and the person says it once more.
    said[who.webhook_id(last + 1)] = who.turns[last].says
    swapped = Expected(
        (*texts[:-1], "didn't get that", texts[-1]),
        said,
        {**answers, "feedback": who.turns[last].says},
    )
    burst = (who.webhook_id(last - 1), who.webhook_id(last))
    return Expected(texts, said, answers, burst=burst, swapped=swapped)

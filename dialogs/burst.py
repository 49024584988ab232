"""Several messages within seconds are one question: a piece of one waits for what comes next.

What a reader, a wish or the knowledge base takes is answered at once. Only a text that none of them
takes and that looks unfinished waits, for `QUIET`; what comes meanwhile is put behind it. The wait is a
timer like any other, so nothing is lost with the process, and every text is heard exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import regex

from channels.text import fold
from dialogs.answers import read_answer
from dialogs.asides import is_foreign, looks_like_question
from dialogs.context import FaqDecision
from dialogs.courtesy import read_courtesy
from dialogs.effects import Answered, Schedule
from dialogs.events import Said, TimerKind
from dialogs.faq import answer_question, asks_why, find
from dialogs.intents import Detected
from dialogs.offers import answers_offer
from dialogs.replies.base import Problem
from dialogs.replies.free_text import read_free_text
from dialogs.script import AskKind
from dialogs.turn import Turn, read_context

TOGETHER = timedelta(seconds=4)  # messages this close are one question (DESK 25)
QUIET = timedelta(seconds=2.5)  # how long an unfinished text waits for the next one
EARLY = timedelta(seconds=0.1)  # a timer may be stored less exactly than a message
MOST = 5  # pieces of one question; the next one waits for nothing
FIRST_WORDS = -1  # in place of a pending question: the words came before any
LONGEST = 20  # words or ideographs; who types more has said it
_WORD = regex.compile(r"\p{Han}|[\p{L}\p{N}]+")
_FINISHED = regex.compile(r"[.。!！?？…~～)）\p{Extended_Pictographic}]\s*$")


class Told(StrEnum):
    """What the person was told about the pieces so far."""

    NOTHING = ""  # they wait
    MISSED = "missed"  # that they were not understood
    ANSWERED = "answered"  # an article


@dataclass(frozen=True, slots=True)
class Pieces:
    """What was said in pieces: the whole, when the last one came (aware), and whether the question
    that they were said to still waits."""

    text: str
    at: datetime
    still_asked: bool


def hear(turn: Turn, event: Said, text: str, intents: tuple[Detected, ...]) -> str | None:
    """What is to be understood now: the text, with what waited for it in front; None if it waits."""
    before, told = _before(turn, event)
    turn.state.burst = {}
    if _is_taken(turn, text, intents):
        if before and told is Told.NOTHING:
            _let_go(turn, before)
        return text
    whole = _joined(turn, before, told, text)
    if _waits(turn, event, whole, len(before) + 1):
        pieces = [text] if whole == text else [*before, text]
        _hold(turn, event, pieces, turn.state.pending)
        return None
    return whole


def waits_first(turn: Turn, event: Said, text: str, intents: tuple[Detected, ...]) -> bool:
    """Whether the first words of somebody who was just greeted are a piece that waits."""
    if intents or read_courtesy(text) is not None or not _waits(turn, event, text, 1):
        return False
    _hold(turn, event, [text], pending=FIRST_WORDS)
    return True


def note_answer(turn: Turn, text: str, at: datetime | None) -> None:
    """After a text was dealt with: if it was answered, what comes within seconds may only add to it."""
    if any(isinstance(effect, Answered) for effect in turn.effects):
        _keep(turn, [text], at or turn.context.now, Told.ANSWERED, turn.state.pending)


def let_out(turn: Turn) -> Pieces | None:
    """The time is over: what was said, None if nothing waits any more, or not yet."""
    kept = turn.state.burst
    if not kept or kept["told"] != Told.NOTHING:
        return None
    at = datetime.fromisoformat(kept["at"])
    if turn.context.now + EARLY < at + QUIET:
        return None
    kept["told"] = str(Told.MISSED)
    return Pieces("\n".join(kept["texts"]), at, kept["pending"] == turn.state.pending)


def _hold(turn: Turn, event: Said, pieces: Sequence[str], pending: int) -> None:
    at = event.at or turn.context.now
    _keep(turn, pieces, at, Told.NOTHING, pending)
    turn.effect(Schedule(TimerKind.BURST, 0, at=at + QUIET))


def _keep(turn: Turn, pieces: Sequence[str], at: datetime, told: Told, pending: int) -> None:
    turn.state.burst = {
        "texts": list(pieces),
        "at": at.isoformat(),
        "told": str(told),
        "pending": pending,
    }


def _before(turn: Turn, event: Said) -> tuple[list[str], Told]:
    """The pieces that this message belongs to."""
    kept: dict[str, Any] = turn.state.burst
    if not kept:
        return [], Told.NOTHING
    pieces, told = list(kept["texts"]), Told(kept["told"])
    if event.edited:  # the newest piece is replaced by what is said now
        pieces = pieces[:-1]
    at = event.at or turn.context.now
    waits = told is Told.NOTHING  # however late its timer is
    near = at - datetime.fromisoformat(kept["at"]) <= TOGETHER
    return (pieces, told) if waits or near else ([], Told.NOTHING)


def _joined(turn: Turn, before: Sequence[str], told: Told, text: str) -> str:
    """The pieces as one text, or the newest alone where that says more."""
    if not before:
        return text
    whole = "\n".join([*before, text])
    if told is Told.ANSWERED and (looks_like_question(text) or not is_unfinished(text)):
        return text  # a question of its own
    if _is_sure(turn, whole):
        return text if told is Told.ANSWERED and _is_sure(turn, text) else whole
    return text if told is not Told.NOTHING or _is_sure(turn, text) else whole


def _is_sure(turn: Turn, text: str) -> bool:
    return find(turn, text).decision is FaqDecision.ANSWER


def _waits(turn: Turn, event: Said, text: str, pieces: int) -> bool:
    if event.edited or pieces >= MOST:
        return False
    if event.more:
        return True
    freely = turn.waits and turn.step.ask is AskKind.TEXT
    return not freely and is_unfinished(text) and not _is_sure(turn, text)


def is_unfinished(text: str) -> bool:
    """Whether more may follow: a few words without an end. Signs alone and letters that nobody here
    reads are not worth a wait."""
    if not any(char.isalpha() for char in text) or is_foreign(text):
        return False
    return _FINISHED.search(text) is None and len(_WORD.findall(text)) <= LONGEST


def _is_taken(turn: Turn, text: str, intents: tuple[Detected, ...]) -> bool:
    """Whether the text says something by itself: a wish, an answer, a courtesy."""
    if intents or read_courtesy(text) is not None or answers_offer(turn, text):
        return True
    if not turn.waits:
        return False
    if read_free_text(text, read_context(turn)).problem == Problem.SKIPPED or asks_why(turn, text):
        return True
    if turn.step.ask is AskKind.TEXT:
        return False
    picking = turn.state.asked[str(turn.state.pending)].data.get("picked")
    if picking or fold(text).text.strip(" .)、。").isdecimal():
        return True
    reading = read_answer(turn, turn.step, text)
    return reading.value is not None or bool(reading.candidates) or bool(reading.problem)


def _let_go(turn: Turn, pieces: Sequence[str]) -> None:
    """What waited is a question of its own, answered if it can be; the script's question comes
    once, after what was said now."""
    answer_question(turn, "\n".join(pieces))
    turn.messages[:] = [message for message in turn.messages if not message.question]

"""Several messages within seconds are one question: a piece of one waits for what comes next.

What a reader, a wish or the knowledge base takes is answered at once. Only a text that none of them
takes and that looks unfinished waits, for `QUIET`; what comes meanwhile is put behind it. The wait is a
timer like any other, so nothing is lost with the process, and every text is heard exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

import regex

from channels.text import fold
from dialogs.answers import read_answer
from dialogs.asides import RULE, is_foreign, worth_a_guess
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
ADDITION = 6  # words or ideographs that may only add to what was just answered
LONGEST = 20  # words or ideographs; who types more has said it
_WORD = regex.compile(r"\p{Han}|[\p{L}\p{N}]+")
_FINISHED = regex.compile(r"[.。!！?？…~～)）\p{Extended_Pictographic}]\s*$")


@dataclass(frozen=True, slots=True)
class Pieces:
    """What was said in pieces: the whole, when the last one came (aware), and whether the question
    that they were said to still waits."""

    text: str
    at: datetime
    still_asked: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """The pieces so far. `waits`: nothing was said to them yet; `answered`: to the first one an
    article was sent, so that the others may only add to it."""

    texts: tuple[str, ...] = ()
    at: str = ""
    pending: int = 0
    waits: bool = False
    answered: bool = False

    @property
    def own(self) -> tuple[str, ...]:
        """The pieces that nothing was said to."""
        return self.texts[1:] if self.answered else self.texts


def hear(turn: Turn, event: Said, text: str, intents: tuple[Detected, ...]) -> str | None:
    """What is to be understood now: the text, with what waited for it in front; None if it waits."""
    before = _before(turn, event)
    turn.state.burst = {}
    if not before.texts and not _waits(turn, event, _Kept((text,))):
        return text  # most messages, without a second look at them
    if _is_taken(turn, text, intents):
        if before.waits and before.own:
            _let_go(turn, before.own)
        return text
    if before.texts and not (before.waits or before.answered):  # they were not understood
        whole = "\n".join([*before.texts, text])
        before = _Kept()
        text = whole if _is_sure(turn, whole) else text
    kept = replace(before, texts=(*before.texts, text), waits=True)
    if _waits(turn, event, kept):
        _keep(turn, kept, event, turn.state.pending)
        return None
    return _best(turn, kept)


def waits_first(turn: Turn, event: Said, text: str, intents: tuple[Detected, ...]) -> bool:
    """Whether the first words of somebody who was just greeted are a piece that waits."""
    kept = _Kept((text,), waits=True)
    if intents or read_courtesy(text) is not None or not _waits(turn, event, kept):
        return False
    _keep(turn, kept, event, FIRST_WORDS)
    return True


def note_answer(turn: Turn, text: str, at: datetime | None) -> None:
    """After a text was dealt with: if it was answered, what comes within seconds may only add to it."""
    if any(isinstance(effect, Answered) for effect in turn.effects):
        came = (at or turn.context.now).isoformat()
        _store(turn, _Kept((text,), came, turn.state.pending, answered=True))


def let_out(turn: Turn) -> Pieces | None:
    """The time is over: what was said, None if nothing waits any more, or not yet."""
    kept = _kept(turn)
    if not kept.waits:
        return None
    at = datetime.fromisoformat(kept.at)
    if turn.context.now + EARLY < at + QUIET:
        return None
    _store(turn, replace(kept, texts=kept.own, waits=False, answered=False))
    return Pieces(_best(turn, kept), at, kept.pending == turn.state.pending)


def _kept(turn: Turn) -> _Kept:
    data = turn.state.burst
    return _Kept(**{**data, "texts": tuple(data["texts"])}) if data else _Kept()


def _store(turn: Turn, kept: _Kept) -> None:
    turn.state.burst = {**asdict(kept), "texts": list(kept.texts)}


def _keep(turn: Turn, kept: _Kept, event: Said, pending: int) -> None:
    at = event.at or turn.context.now
    _store(turn, replace(kept, at=at.isoformat(), pending=pending))
    turn.effect(Schedule(TimerKind.BURST, 0, at=at + QUIET))


def _before(turn: Turn, event: Said) -> _Kept:
    """The pieces that this message belongs to."""
    kept = _kept(turn)
    if not kept.texts:
        return kept
    if event.edited and kept.waits:  # the newest piece is replaced by what is said now
        return replace(kept, texts=kept.texts[:-1])
    at = event.at or turn.context.now
    near = at - datetime.fromisoformat(kept.at) <= TOGETHER
    return kept if kept.waits or near else _Kept()


def _best(turn: Turn, kept: _Kept) -> str:
    """The pieces as one text; the last one alone where the whole means nothing and that does."""
    own = "\n".join(kept.own)
    decision = find(turn, own).decision
    means_nothing = decision is FaqDecision.ABSTAIN
    if means_nothing and len(kept.own) > 1 and _is_sure(turn, kept.own[-1]):
        return kept.own[-1]
    if decision is FaqDecision.ANSWER or not kept.answered or not is_unfinished(own, ADDITION):
        return own
    whole = "\n".join(kept.texts)
    return own if find(turn, whole).decision is FaqDecision.ABSTAIN else whole


def _is_sure(turn: Turn, text: str) -> bool:
    return find(turn, text).decision is FaqDecision.ANSWER


def _waits(turn: Turn, event: Said, kept: _Kept) -> bool:
    newest = kept.own[-1]
    if event.edited or len(kept.own) >= MOST:
        return False
    if event.more:
        return True
    freely = turn.waits and turn.step.ask is AskKind.TEXT
    if freely or not is_unfinished(newest):
        return False
    return len(kept.own) > 1 or not _is_sure(turn, newest)


def is_unfinished(text: str, longest: int = LONGEST) -> bool:
    """Whether more may follow: a few words without an end. Signs alone and letters that nobody here
    reads are not worth a wait."""
    if not any(char.isalpha() for char in text) or is_foreign(text):
        return False
    return _FINISHED.search(text) is None and len(_WORD.findall(text)) <= longest


def stands_alone(text: str) -> bool:
    """Whether the text is a whole sentence that adds to nothing before it."""
    return _FINISHED.search(text) is not None and len(_WORD.findall(text)) > ADDITION


def _is_taken(turn: Turn, text: str, intents: tuple[Detected, ...]) -> bool:
    """Whether the text says something by itself: a wish, an answer, a courtesy."""
    if any(found.score >= RULE for found in intents) or (intents and worth_a_guess(text)):
        return True  # a guess from a word or two waits for the rest
    if turn.waits and _is_answer(turn, text):
        return True
    return read_courtesy(text) is not None or answers_offer(turn, text)


def _is_answer(turn: Turn, text: str) -> bool:
    if turn.step.ask is not AskKind.TEXT:
        asked = turn.state.asked[str(turn.state.pending)]
        if asked.data.get("picked") or fold(text).text.strip(" .)、。").isdecimal():
            return True
        reading = read_answer(turn, turn.step, text)
        if reading.value is not None or reading.candidates or reading.problem:
            return True
    skipped = read_free_text(text, read_context(turn)).problem == Problem.SKIPPED
    return skipped or asks_why(turn, text)


def _let_go(turn: Turn, pieces: Sequence[str]) -> None:
    """What waited is a question of its own, answered if it can be; the script's question comes
    once, after what was said now. "Can you tell me" before the answer was none."""
    text = "\n".join(pieces)
    if _is_sure(turn, text) or not is_unfinished(pieces[-1]):
        answer_question(turn, text)
    turn.messages[:] = [message for message in turn.messages if not message.question]

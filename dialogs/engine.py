"""The engine: `advance` takes a script, a state and an event, and says what follows. It is pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from channels.text import fold
from dialogs.answers import read_answer
from dialogs.asides import hand_off_if_strong, offer_start, resume, stop
from dialogs.burst import let_out
from dialogs.context import Context, Mode
from dialogs.effects import Corrected, Effect, Message, Muted, Recorded, Reminded
from dialogs.events import (
    Begin,
    Due,
    Event,
    GivenBack,
    Left,
    Opened,
    Redacted,
    Resolved,
    Said,
    Sent,
    Tapped,
    TimerKind,
)
from dialogs.script import END, AskKind, Script
from dialogs.state import FollowupOutcome, State, Status
from dialogs.take import take_answer
from dialogs.taps import tapped
from dialogs.traditional import shown
from dialogs.turn import Turn, ask_again, show_question
from dialogs.walk import begin, enter, finish, schedule_reminder
from dialogs.words import said, said_in_pieces

_CLAUSE = re.compile(r"(?<=[,，.。;；!！?？\n])")
_MARK = re.compile(r"[\[［]")
LONG_GAP = timedelta(hours=12)  # after it the assistant says again that it is automated


@dataclass(frozen=True, slots=True)
class Step:
    """What one event causes: the new state, what to say in order, and what the world must do."""

    state: State
    messages: tuple[Message, ...]
    effects: tuple[Effect, ...]


def advance(script: Script, state: State, event: Event, context: Context) -> Step:
    """One event through the script. Same input, same output; the given state is not changed.

    >>> from dialogs.testing import demo_context, demo_script
    >>> script = demo_script()
    >>> step = advance(script, State(script.script, script.version, "en"), Begin(), demo_context())
    >>> step.state.step
    'rating'
    """
    turn = Turn(script, state.copy(), context)
    after_gap = False
    if isinstance(event, (Said, Tapped, Sent, Redacted)):  # opening a chat is no reply
        after_gap = _long_gap(turn)
        turn.state.last_at = context.now.isoformat()
    match event:
        case Begin():
            if turn.state.status is Status.NEW:
                begin(turn)
        case Opened():
            _opened(turn, event)
        case Said() if not fold(event.text).text.strip():
            _sent(turn, Sent("blank"))
        case Said():
            said(turn, event)
        case Tapped():
            tapped(turn, event)
        case Sent():
            _sent(turn, event)
        case Redacted():
            _redacted(turn, event)
        case Left():
            stop(turn, silently=True)
        case Due():
            _due(turn, event)
        case GivenBack():
            _given_back(turn, resume=event.resume)
        case Resolved():
            finish(turn, FollowupOutcome.HANDED_OFF)
    if isinstance(event, Said) and event.ref and not event.edited:
        taken = [
            effect.step for effect in turn.effects if isinstance(effect, (Recorded, Corrected))
        ]
        turn.state.hear(event.ref, taken[0] if taken else "")
    if after_gap and turn.messages and not turn.state.opted_out:
        turn.messages.insert(0, Message(turn.phrase("automated_again")))
    if turn.messages:
        newest = turn.messages[-1].serial
        turn.state.offer_last = bool(newest) and newest == turn.state.offer
    return Step(turn.state, _in_their_script(turn), tuple(turn.effects))


def _in_their_script(turn: Turn) -> tuple[Message, ...]:
    if not turn.state.traditional:
        return tuple(turn.messages)
    person = turn.context.person
    # Articles come in the language of their question, so with the brand of that language.
    company = turn.context.company
    brands = [str(company(locale).get("brand", "")) for locale in turn.script.locales]
    return tuple(shown(turn.messages, person.region, (person.name, *brands)))


# ── opening, silence and the way back from a person ─────────────────────────────────────────────


def _long_gap(turn: Turn) -> bool:
    last = max(turn.state.last_at, turn.state.introduced_at)
    if not turn.state.last_at or turn.context.mode is not Mode.BOT:
        return False
    return turn.context.now - datetime.fromisoformat(last) >= LONG_GAP


def _opened(turn: Turn, event: Opened) -> None:
    state = turn.state
    muted = state.opted_out or turn.context.mode is not Mode.BOT
    if event.link_over and not muted:
        turn.tell("link_over")
    if state.opted_out:
        offer_start(turn)
    elif turn.context.mode is not Mode.BOT:
        turn.effect(Muted())
    elif state.status is Status.NEW:
        begin(turn)
        state.introduced_at = turn.context.now.isoformat()
    elif turn.waits:
        resume(turn)
        state.introduced_at = turn.context.now.isoformat()
        hello = f"{turn.phrase('welcome_back')}{turn.space}{turn.phrase('automated_again')}"
        turn.say(hello)
        ask_again(turn, progress=True)
    else:
        if not event.link_over:
            turn.tell("welcome_back")
        turn.tell("nothing_pending")


def _due(turn: Turn, event: Due) -> None:
    state = turn.state
    if event.kind is TimerKind.BURST:
        _burst_over(turn)
        return
    if state.status is Status.ENDED or state.opted_out:
        return
    if event.kind is TimerKind.EXPIRE:
        if turn.context.mode is Mode.BOT:
            reached = bool(state.last_at)
            finish(turn, FollowupOutcome.EXPIRED if reached else FollowupOutcome.NO_REPLY)
        return
    if not turn.waits or event.serial != state.pending or turn.context.mode is not Mode.BOT:
        return
    if event.kind is TimerKind.RESUME:
        if state.status is Status.PAUSED:
            resume(turn)
            turn.tell("resume")
            state.introduced_at = turn.context.now.isoformat()
            ask_again(turn, progress=True)
            schedule_reminder(turn)
        return
    remind = turn.step.remind
    if state.status is Status.PAUSED or remind is None or state.reminders >= remind.times:
        return
    state.reminders += 1
    turn.effect(Reminded(state.step))
    if remind.text:
        turn.say(turn.text(remind.text))
    else:
        turn.tell("reminder")
        state.introduced_at = turn.context.now.isoformat()
    ask_again(turn)
    schedule_reminder(turn)


def _burst_over(turn: Turn) -> None:
    """Nothing more came: what was said so far is all there is."""
    pieces = let_out(turn)
    if pieces is None or turn.context.mode is not Mode.BOT or turn.state.opted_out:
        return
    said_in_pieces(turn, pieces)


def _given_back(turn: Turn, *, resume: bool) -> None:
    state = turn.state
    state.handed_off = False
    if state.status is Status.ENDED:
        return
    if not resume or not (turn.waits or state.resume_at):
        turn.tell("given_back_end")
        finish(turn, FollowupOutcome.HANDED_OFF)
        return
    if state.resume_at == END and not turn.waits:
        turn.tell("given_back_end")
        finish(turn, FollowupOutcome.COMPLETED)
        return
    turn.tell("given_back")
    if turn.waits:
        ask_again(turn, progress=True)
    else:
        target, state.resume_at = state.resume_at, ""
        enter(turn, target, replay=state.resume_replay)


# ── what is not words ───────────────────────────────────────────────────────────────────────────


def _sent(turn: Turn, event: Sent) -> None:
    if turn.state.opted_out:
        offer_start(turn)
        return
    if turn.context.mode is not Mode.BOT:
        turn.effect(Muted())
        return
    key = event.media if event.media in ("voice", "sticker", "image", "blank") else "other"
    if event.media in ("audio", "video"):
        key = "voice" if event.media == "audio" else "image"
    turn.tell(f"media_{key}")
    if turn.waits:
        show_question(turn, turn.text(turn.step.text or {}))
    elif turn.state.status is Status.NEW:
        begin(turn)


def _beside_marks(text: str) -> str:
    """What was said beside the secret: the clauses without a mark in square brackets. "My password
    is [removed]" is no "yes"."""
    clauses = _CLAUSE.split(text)
    return " ".join(c.strip() for c in clauses if c.strip() and not _MARK.search(c))


def _redacted(turn: Turn, event: Redacted) -> None:
    """Something secret was removed. What is left may still answer, but never counts as a miss."""
    turn.say(event.notice)
    if turn.context.mode is not Mode.BOT or turn.state.opted_out:
        return
    intents = turn.context.detect_intents(event.text, turn.state.locale) if event.text else ()
    if hand_off_if_strong(turn, intents):
        return
    if not turn.waits:
        if turn.state.status is Status.NEW:
            begin(turn)
        return
    left = _beside_marks(event.text)
    if turn.step.ask not in (AskKind.IDENTITY, AskKind.TEXT, AskKind.PHONE) and left:
        reading = read_answer(turn, turn.step, left)
        if reading.value is not None:
            take_answer(turn, reading.value, "")
            return
    hint = turn.phrase("retry_identity") if turn.step.ask is AskKind.IDENTITY else ""
    ask_again(turn, before=hint)

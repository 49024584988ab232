"""What a tap does: it answers the question that it belongs to, or one of the offers beside it."""

from __future__ import annotations

from typing import Any

from dialogs.answers import say_value
from dialogs.asides import (
    come_back,
    later_moment,
    offer_start,
    resume,
    start_again,
    stop,
)
from dialogs.context import Mode
from dialogs.corrections import correct, offer_change
from dialogs.effects import Muted
from dialogs.events import Tapped
from dialogs.faq import take_clarified, take_helpful
from dialogs.script import AskKind, HandoffReason
from dialogs.state import Asked, AskedKind
from dialogs.take import take_answer
from dialogs.turn import DONE, Turn, ask_again, show_question
from dialogs.walk import hand_off, schedule_reminder


def tapped(turn: Turn, event: Tapped) -> None:
    asked = turn.state.asked.get(str(event.serial))
    if asked is None or not 0 <= event.index < len(asked.values):
        if turn.context.mode is Mode.BOT and not turn.state.opted_out:
            ask_again(turn) if turn.waits else turn.tell("nothing_pending")
        return
    assert event.serial is not None
    if asked.data.get("used") or event.index in asked.data.get("taken", ()):
        return  # an offer tapped twice
    if turn.state.opted_out and asked.kind is not AskedKind.START:
        offer_start(turn)
        return
    if asked.kind in (AskedKind.QUESTION, AskedKind.CANDIDATES):
        _tapped_answer(turn, event.serial, asked, asked.values[event.index])
    else:
        _tapped_aside(turn, asked, event.index)


def _tapped_answer(turn: Turn, serial: int, asked: Asked, value: Any) -> None:
    state = turn.state
    if turn.context.mode is not Mode.BOT:
        turn.effect(Muted())
        return
    if turn.waits and asked.step == state.step:
        resume(turn)
        if turn.step.ask is AskKind.CHOICES and isinstance(value, str):
            picked(turn, value)
        else:
            take_answer(turn, value, "")
        return
    if serial == state.answered:
        return  # the same question tapped twice: it is answered, nothing more to say
    name = turn.script.result_name(asked.step)
    if value is None or state.answers.get(name) == value or value == DONE:
        return
    if name not in state.answers:
        ask_again(turn) if turn.waits else turn.tell("nothing_pending")
        return
    if turn.script.steps[asked.step].ask is AskKind.CHOICES and isinstance(value, str):
        if value in state.answers[name]:
            return
        value = [*state.answers[name], value]
    offer_change(turn, asked.step, value)


def picked(turn: Turn, value: str) -> None:
    """One more of several answers; `DONE` closes the question."""
    state = turn.state
    before = state.asked[str(state.pending)]
    chosen = list(before.data.get("picked", []))
    if value == DONE:
        take_answer(turn, chosen, "")
        return
    if value not in chosen:
        chosen.append(value)
    left = [choice.value for choice in turn.step.options if choice.value not in chosen]
    if not left:
        take_answer(turn, chosen, "")
        return
    asked = Asked(AskedKind.QUESTION, state.step, [DONE, *left], {"picked": chosen})
    state.pending = state.remember(asked)
    show_question(turn, turn.phrase("picked", picked=say_value(turn, turn.step, chosen)))
    schedule_reminder(turn)


def _tapped_aside(turn: Turn, asked: Asked, index: int) -> None:
    value, mode = asked.values[index], turn.context.mode
    if asked.kind is AskedKind.CLARIFY and isinstance(value, str):
        asked.data.setdefault("taken", []).append(index)  # who asked two things taps two articles
    else:
        asked.data["used"] = True
    turn.state.offer = 0
    match asked.kind:
        case AskedKind.HELPFUL:
            take_helpful(turn, asked, helpful=value)
        case AskedKind.START:
            start_again(turn)
        case AskedKind.STOP if value:
            stop(turn)
        case AskedKind.CLARIFY if mode is not Mode.HUMAN:
            take_clarified(turn, asked, index)
        case _ if mode is not Mode.BOT:
            turn.effect(Muted())
        case AskedKind.LATER if turn.waits:
            come_back(turn, later_moment(turn, value))
        case AskedKind.PERSON if value:
            hand_off(turn, HandoffReason(asked.data["reason"]))
        case AskedKind.CHANGE if value:
            correct(turn, asked.step, asked.data["value"])
        case AskedKind.CHANGE:
            turn.tell("change_kept")
            ask_again(turn)
        case _:
            ask_again(turn) if turn.waits else turn.tell("nothing_pending")

"""What a person's words do: the fixed order in which they are understood (DESIGN, section 4)."""

from __future__ import annotations

from typing import Any

from dialogs.answers import read_answer, say_value
from dialogs.asides import (
    STRONG,
    answer_question,
    ask_stop,
    hand_off_if_strong,
    looks_like_question,
    offer_start,
    resume,
    start_again,
    stop,
    take_intent,
)
from dialogs.context import Mode
from dialogs.corrections import correct_by_edit
from dialogs.effects import Muted
from dialogs.events import Said
from dialogs.intents import Detected, Intent, is_ambiguous_stop, is_start_word
from dialogs.offers import said_to_offer
from dialogs.replies.base import Reading
from dialogs.replies.free_text import read_free_text
from dialogs.script import AskKind
from dialogs.state import Asked, AskedKind, Status
from dialogs.take import miss, take_answer
from dialogs.turn import Turn, read_context

LONGEST_TEXT = 4000  # characters of one message that are read; the rest is dropped and said so


def said(turn: Turn, event: Said) -> None:
    text = event.text.strip()
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
        turn.tell("too_long")
    intents = turn.context.detect_intents(text, turn.state.locale)
    if _about_stopping(turn, text, intents):
        return
    if turn.context.mode is not Mode.BOT:
        _said_while_waiting(turn, text, intents)
        return
    resume(turn)
    if event.edited and correct_by_edit(turn, text):
        return
    if not intents and turn.state.offer_last and said_to_offer(turn, text):
        return
    if turn.waits:
        _said_to_question(turn, text, intents)
    elif not (
        take_intent(turn, intents) or said_to_offer(turn, text) or answer_question(turn, text)
    ):
        turn.tell("after_end" if turn.state.status is Status.ENDED else "nothing_pending")


def _about_stopping(turn: Turn, text: str, intents: tuple[Detected, ...]) -> bool:
    """Opt-out words come before everything; once opted out only START and trouble are heard."""
    if turn.state.opted_out:
        if is_start_word(text):
            start_again(turn)
        elif not hand_off_if_strong(turn, intents) and not said_to_offer(turn, text):
            offer_start(turn)
        return True
    if not any(found.intent is Intent.STOP for found in intents):
        return False
    if turn.waits and is_ambiguous_stop(text) and turn.context.mode is Mode.BOT:
        ask_stop(turn)
    else:
        stop(turn)
    return True


def _said_while_waiting(turn: Turn, text: str, intents: tuple[Detected, ...]) -> None:
    """A person is awaited: questions are answered, the script stands still."""
    queued = turn.context.mode is Mode.QUEUED
    if queued and not intents and looks_like_question(text) and answer_question(turn, text):
        return
    if queued and not turn.state.waiting_told:
        turn.state.waiting_told = True
        turn.tell("waiting")
    else:
        turn.effect(Muted())


def _said_to_question(turn: Turn, text: str, intents: tuple[Detected, ...]) -> None:
    step = turn.step
    if step.ask is AskKind.TEXT:
        _said_freely(turn, text, intents)
        return
    reading = read_answer(turn, step, text)
    if reading.value is not None:
        take_answer(turn, reading.value, reading.rest, intents)
    elif len(reading.candidates) > 1:
        _which_one(turn, reading)
    elif take_intent(turn, intents):
        pass
    elif _wants_to_skip(turn, text):
        take_answer(turn, None, "")
    elif reading.problem:
        miss(turn, reading.problem)
    elif not (said_to_offer(turn, text) or answer_question(turn, text)):
        miss(turn, "")


def _said_freely(turn: Turn, text: str, intents: tuple[Detected, ...]) -> None:
    """A question for free text: wishes and questions come first, what is left is the answer."""
    strong = any(found.intent in STRONG for found in intents)
    if strong:
        take_answer(turn, text, "", intents)
        return
    if intents and take_intent(turn, intents):
        return
    if _wants_to_skip(turn, text):
        take_answer(turn, None, "")
        return
    if looks_like_question(text) and len(text) < 200 and answer_question(turn, text):
        return
    value = read_answer(turn, turn.step, text).value
    if value is None:
        miss(turn, "")
    else:
        take_answer(turn, value, "")


def _wants_to_skip(turn: Turn, text: str) -> bool:
    step = turn.step
    if not step.optional and step.ask is not AskKind.TEXT:
        return False
    context = read_context(turn)
    return read_free_text(text, context).problem == "skipped"


def _which_one(turn: Turn, reading: Reading[Any]) -> None:
    """Several readings: ask which of them; the tap counts as the answer."""
    values = [candidate.value for candidate in reading.candidates]
    asked = Asked(AskedKind.CANDIDATES, turn.state.step, values)
    labels = [say_value(turn, turn.step, value) for value in values]
    turn.offer(turn.phrase("which_one"), asked, labels)

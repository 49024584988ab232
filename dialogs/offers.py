"""Words instead of a tap on what was offered beside the question: later, stop, a person, a change."""

from __future__ import annotations

from channels.text import fold
from dialogs.asides import come_back, named_moment
from dialogs.events import Tapped
from dialogs.replies.choice import read_choice
from dialogs.replies.yes_no import read_yes_no
from dialogs.state import Asked, AskedKind
from dialogs.taps import tapped
from dialogs.turn import Turn, read_context

LONGEST = 40  # characters; more is no answer to an offer


def answers_offer(turn: Turn, text: str) -> bool:
    """Whether the words are an answer to the newest offer; nothing is done about it."""
    asked = turn.state.asked.get(str(turn.state.offer))
    if asked is None or len(text) > LONGEST or asked.data.get("used"):
        return False
    if _chosen(turn, asked, text) is not None:
        return True
    return asked.kind is AskedKind.LATER and named_moment(turn, text) is not None


def said_to_offer(turn: Turn, text: str) -> bool:
    """Take the words as the answer to the newest offer; False if they are not. An offer is open
    for one message: what is said after that is about something else."""
    serial, turn.state.offer = turn.state.offer, 0
    asked = turn.state.asked.get(str(serial))
    if asked is None or len(text) > LONGEST or asked.data.get("used"):
        return False
    index = _chosen(turn, asked, text)
    if index is None:
        return asked.kind is AskedKind.LATER and _named_a_time(turn, asked, text)
    tapped(turn, Tapped(serial, index))
    return True


def _named_a_time(turn: Turn, asked: Asked, text: str) -> bool:
    at = named_moment(turn, text)
    if at is None or not turn.waits:
        return False
    asked.data["used"] = True
    come_back(turn, at)
    return True


def _chosen(turn: Turn, asked: Asked, text: str) -> int | None:
    context, labels = read_context(turn), asked.data["labels"]
    if asked.values[0] is True:
        answer = read_yes_no(text, context)
        if answer.value is not None and not answer.rest and answer.value in asked.values:
            return asked.values.index(answer.value)
    if len(labels) < 2:
        said = fold(text).text.strip(" .。!！")
        return 0 if said in ("1", fold(labels[0]).text) else None
    choice = read_choice(text, labels, context)
    return choice.value if not choice.rest else None

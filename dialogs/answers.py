"""Reading an answer to a step, and saying an answer back in words."""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from babel.dates import format_date

from channels.text import fold
from dialogs.replies.base import Candidate, Reading
from dialogs.replies.choice import read_choice, read_choices
from dialogs.replies.date import read_date
from dialogs.replies.free_text import read_free_text
from dialogs.replies.number import read_number
from dialogs.replies.phone import read_phone
from dialogs.replies.rating import read_rating
from dialogs.replies.yes_no import read_yes_no
from dialogs.script import AskKind, Step
from dialogs.texts import say_moment
from dialogs.turn import Turn, read_context

LAST_FOUR = re.compile(r"(?<![0-9A-Za-z])([0-9]{3}[0-9Xx])(?![0-9A-Za-z])")


def read_answer(turn: Turn, step: Step, text: str) -> Reading[Any]:
    """Read a reply as an answer to `step`; the value is what would be recorded. The same words to
    the same question are read once a turn."""
    key = turn.state.step, turn.state.locale, id(step), text
    found = turn.readings.get(key)
    if found is None:
        found = turn.readings[key] = _read(turn, step, text)
    return found


def _read(turn: Turn, step: Step, text: str) -> Reading[Any]:
    context = read_context(turn)
    match step.ask:
        case AskKind.RATING:
            return read_rating(text, step.scale, context)
        case AskKind.YES_NO:
            return read_yes_no(text, context)
        case AskKind.NUMBER:
            return read_number(text, context, step.minimum, step.maximum)
        case AskKind.PHONE:
            return read_phone(text, context)
        case AskKind.TEXT:
            return read_free_text(text, context)
        case AskKind.DATE:
            return _map(read_date(text, context), lambda moment: moment.iso())
        case AskKind.CHOICE:
            labels, values, also = _labels(turn, step)
            return _map(read_choice(text, labels, context, also), lambda i: values[i])
        case AskKind.CHOICES:
            labels, values, also = _labels(turn, step)
            return _map(
                read_choices(text, labels, context, also), lambda many: [values[i] for i in many]
            )
        case AskKind.IDENTITY:
            return _last_four(text)
        case None:
            return Reading()


def matches_identity(turn: Turn, last4: str) -> bool:
    """Whether the four characters are those of the person's document, in constant time."""
    known = turn.context.person.last4.upper().encode()
    return bool(known) and hmac.compare_digest(last4.upper().encode(), known)


def say_value(turn: Turn, step: Step, value: Any) -> str:
    """An answer in the words of the conversation's locale."""
    labels = {choice.value: choice.label for choice in step.options}
    match value:
        case bool():
            return turn.phrase("yes" if value else "no")
        case str() if value in labels:
            return turn.text(labels[value])
        case list() | tuple():
            comma = "、" if turn.state.locale == "zh" else ", "
            return comma.join(say_value(turn, step, item) for item in value)
        case float() if value.is_integer():
            return str(int(value))
        case str() if step.ask is AskKind.DATE:
            return _say_date(turn, value)
        case _:
            return str(value)


def _say_date(turn: Turn, value: str) -> str:
    now, moment = turn.context.now, datetime.fromisoformat(value)
    if "T" in value:
        return say_moment(moment.replace(tzinfo=now.tzinfo), now, turn.state.locale)
    return format_date(moment.date(), format="long", locale=turn.state.locale)


def say_name(turn: Turn, step: Step) -> str:
    """What the answer to this step is called in the conversation's locale."""
    names = step.called.get(turn.state.locale)
    if names:
        return names[0]
    return turn.phrase("your_rating" if step.ask is AskKind.RATING else "your_answer")


def _labels(turn: Turn, step: Step) -> tuple[list[str], list[str], list[Sequence[str]]]:
    """What the options are called, the values they stand for, and their other names."""
    labels = [turn.text(choice.label) for choice in step.options]
    also = [_also(step, turn.state.locale, i) for i in range(len(step.options))]
    return labels, [choice.value for choice in step.options], also


def _also(step: Step, locale: str, index: int) -> Sequence[str]:
    """Other words for an option: those of every locale, since people mix them."""
    option = step.options[index]
    here = option.also.get(locale, [])
    others = [w for name, words in option.also.items() if name != locale for w in words]
    labels = [label for name, label in option.label.items() if name != locale]
    return [*here, *others, *labels]


def _map(reading: Reading[Any], change: Any) -> Reading[Any]:
    return Reading(
        value=None if reading.value is None else change(reading.value),
        candidates=tuple(Candidate(change(c.value), c.score) for c in reading.candidates),
        evidence=reading.evidence,
        rest=reading.rest,
        problem=reading.problem,
    )


def _last_four(text: str) -> Reading[str]:
    found = list(dict.fromkeys(m[1].upper() for m in LAST_FOUR.finditer(fold(text).text)))
    if len(found) == 1:
        rest = text.replace(found[0], "", 1).strip(" ,，.。;；:：、!！\n")
        return Reading(value=found[0], evidence=found[0], rest=rest)
    return Reading(problem="not_possible" if any(c.isdigit() for c in text) else "")

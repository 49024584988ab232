"""The answers of a follow-up as an agent reads them: labels and values in the viewer's language."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from babel.dates import format_date, format_datetime

from bot.desk.labels import Translate
from bot.desk.summary import shortened
from bot.store.masks import mask_all, mask_value
from dialogs.script import AskKind, Script, Step, Text

LONGEST_LABEL = 28  # characters; a label stands in a narrow column
LOW = 0.4  # of the scale: 1 and 2 of 5 are complaints (DESK 11)


@dataclass(frozen=True, slots=True)
class Answer:
    """`first` is what was answered before a correction, "" if nothing was corrected. `low` marks a
    bad rating."""

    name: str
    label: str
    value: str
    first: str = ""
    low: bool = False


def question_label(script: Script, step_id: str, locale: str) -> str:
    """What a question is called: its short name, else its text where that is plain; "" if there is
    no such question."""
    step = script.steps.get(step_id)
    if step is None or step.ask is None:
        return ""
    names = step.called.get(locale) or next(iter(step.called.values()), [])
    if names:
        return names[0][:1].upper() + names[0][1:]
    text = _in(step.text or {"": ""}, locale)
    if text and "{" not in text:
        return shortened(text, LONGEST_LABEL)
    return step_id.replace("_", " ").capitalize()


def read_answer(
    script: Script, name: str, value: Any, first: Any, locale: str, _: Translate
) -> Answer:
    """One recorded answer. Numbers of documents and telephones are masked."""
    step_id = script.names.get(name, name)
    step = script.steps.get(step_id)
    if step is None or step.ask is None:
        return Answer(name, name.replace("_", " ").capitalize(), str(value))
    said, before = (say_value(step, one, locale, _) for one in (value, first))
    low = (
        step.ask is AskKind.RATING and isinstance(value, (int, float)) and value <= LOW * step.scale
    )
    label = question_label(script, step_id, locale)
    return Answer(name, label, said, before if before != said else "", low)


def say_value(step: Step, value: Any, locale: str, _: Translate) -> str:
    """A value in words. Dates are ISO 8601 in the person's local time and stay in it."""
    match step.ask, value:
        case AskKind.IDENTITY, _any:
            return mask_all(str(value))
        case AskKind.PHONE, _any:
            return mask_value(str(value))
        case _kind, bool():
            return _("Yes") if value else _("No")
        case _kind, list():
            comma = "、" if locale == "zh" else ", "
            return comma.join(say_value(step, item, locale, _) for item in value)
        case AskKind.RATING, int() | float():
            return f"{value:g} / {step.scale}"
        case _kind, float() if value.is_integer():
            return f"{value:g}"
        case AskKind.DATE, str():
            return _moment(value, locale)
        case _kind, str():
            labels = {choice.value: choice.label for choice in step.options}
            return _in(labels[value], locale) if value in labels else value
        case _:
            return str(value)


def _moment(value: str, locale: str) -> str:
    moment = datetime.fromisoformat(value)
    if "T" in value:
        return str(format_datetime(moment, "medium", locale=locale))
    return str(format_date(moment, "long", locale=locale))


def _in(text: Text, locale: str) -> str:
    return text.get(locale) or next(iter(text.values()))

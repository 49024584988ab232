"""Reads what people type: one reader per kind of question, all by name in `READERS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from dialogs.replies.base import Candidate, Problem, ReadContext, Reading
from dialogs.replies.choice import read_choice, read_choices
from dialogs.replies.date import LocalMoment, read_date
from dialogs.replies.free_text import read_free_text
from dialogs.replies.number import read_number
from dialogs.replies.phone import read_phone
from dialogs.replies.rating import read_rating
from dialogs.replies.yes_no import read_yes_no


class ReplyKind(StrEnum):
    """The kinds of answer that a question may want."""

    RATING = "rating"
    YES_NO = "yes_no"
    CHOICE = "choice"
    CHOICES = "choices"
    NUMBER = "number"
    DATE = "date"
    PHONE = "phone"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a question says about its answer; each reader takes what concerns it."""

    scale: int = 5
    labels: Sequence[str] = ()
    synonyms: Sequence[Sequence[str]] = ()
    minimum: float | None = None
    maximum: float | None = None


Reader = Callable[[str, ReadOptions, ReadContext], Reading[Any]]

READERS: Mapping[ReplyKind, Reader] = MappingProxyType(
    {
        ReplyKind.RATING: lambda text, options, context: read_rating(text, options.scale, context),
        ReplyKind.YES_NO: lambda text, options, context: read_yes_no(text, context),
        ReplyKind.CHOICE: lambda text, options, context: read_choice(
            text, options.labels, context, options.synonyms
        ),
        ReplyKind.CHOICES: lambda text, options, context: read_choices(
            text, options.labels, context, options.synonyms
        ),
        ReplyKind.NUMBER: lambda text, options, context: read_number(
            text, context, options.minimum, options.maximum
        ),
        ReplyKind.DATE: lambda text, options, context: read_date(text, context),
        ReplyKind.PHONE: lambda text, options, context: read_phone(text, context),
        ReplyKind.TEXT: lambda text, options, context: read_free_text(text, context),
    }
)


def plain_value(value: object) -> object:
    """A reader's value as JSON knows it: moments in ISO form, several choices as a list."""
    if isinstance(value, LocalMoment):
        return value.iso()
    return list(value) if isinstance(value, tuple) else value


__all__ = [
    "READERS",
    "Candidate",
    "LocalMoment",
    "Problem",
    "ReadContext",
    "ReadOptions",
    "Reader",
    "Reading",
    "ReplyKind",
    "plain_value",
    "read_choice",
    "read_choices",
    "read_date",
    "read_free_text",
    "read_number",
    "read_phone",
    "read_rating",
    "read_yes_no",
]

"""The box that an agent writes in: what stands in it, and why it was not sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from bot.desk.actions import DeskError
from bot.desk.labels import Translate
from bot.desk.transcript import Entry
from bot.pipeline.flow import Author
from bot.safety.guard import Violation, ViolationKind


class Mode(StrEnum):
    REPLY = "reply"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the text; `marked` if the guard objects to it."""

    text: str
    marked: bool


@dataclass(frozen=True, slots=True)
class Composer:
    """`text` is kept after a refusal; `pieces` is the same text with the objections marked;
    `unseen` are the messages that came meanwhile. `status` is that of the response."""

    mode: Mode
    text: str = ""
    notice: str = ""
    pieces: tuple[Piece, ...] = ()
    unseen: tuple[Entry, ...] = ()
    status: int = 200


def refused(text: str, violations: Sequence[Violation], _: Translate) -> Composer:
    """The guard refused the text: the first reason in words, and where it stands."""
    text = text.strip()
    said = _objections(_)[violations[0].kind]
    return Composer(Mode.REPLY, text, said, marked_pieces(text, violations), status=422)


def stale(text: str, newer: Sequence[Entry]) -> Composer:
    """The person wrote meanwhile: show it, and let one more key send."""
    unseen = tuple(entry for entry in newer if entry.author is Author.PERSON)
    return Composer(Mode.REPLY, text.strip(), unseen=unseen, status=409)


def marked_pieces(text: str, violations: Sequence[Violation]) -> tuple[Piece, ...]:
    """The text cut where an objection begins or ends; together the pieces are the text again."""
    marked = [False] * len(text)
    for item in violations:
        for place in range(max(0, item.start), min(item.end, len(text))):
            marked[place] = True
    pieces: list[Piece] = []
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or marked[place] != marked[start]:
            pieces.append(Piece(text[start:place], marked[start]))
            start = place
    return tuple(pieces)


def explain(error: DeskError, _: Translate) -> str:
    """What to tell the agent about an action that could not be done."""
    known = {
        "gone": _("There is no such case."),
        "ended": _("This case is closed."),
        "secret": _(
            "This held a secret such as a card number or a password. It was removed: such a thing"
            " is never stored or sent. Read the text again."
        ),
        "empty": _("Write something first."),
        "too_long": _("The text is too long: at most 4,000 characters."),
        "erased": _("This person's data was erased; nothing can be written any more."),
        "not_failed": _(
            "This text did not fail, or is on its way already; nothing was sent again."
        ),
        "not_taken": _("Take the case first, then send again."),
        "opted_out": _("The person wants no more messages; nothing was sent."),
        "stale": _("The person has written meanwhile. Read it first, then decide again."),
    }
    if error.code == "taken":
        if not error.name:
            return _("This case is no longer waiting.")
        return _("%(name)s has taken this case.") % {"name": error.name}
    return known.get(error.code, str(error))


def _objections(_: Translate) -> dict[ViolationKind, str]:
    return {
        ViolationKind.ASKS_SECRET: _(
            "Not sent: this asks for something that we never ask for. Change the marked words."
        ),
        ViolationKind.ASKS_ACTION: _(
            "Not sent: we never ask a person to do this. Change the marked words."
        ),
        ViolationKind.LINK_NOT_ALLOWED: _(
            "Not sent: this link does not lead to a site of ours. Remove it."
        ),
        ViolationKind.LINK_SHORTENED: _(
            "Not sent: a shortened link hides where it leads. Write the full address."
        ),
        ViolationKind.LINK_LOOKALIKE: _(
            "Not sent: this link only looks like a site of ours. Remove it."
        ),
    }

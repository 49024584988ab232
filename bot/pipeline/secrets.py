"""What a turn does about secrets: those that only the pending question tells, and those that came
in pieces."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.safety.notices import marker
from bot.safety.redact import (
    Expectation,
    RedactionContext,
    SecretKind,
    find_split,
    redact,
    what_to_do,
)
from dialogs.script import AskKind, Script
from dialogs.state import State

RECENT = timedelta(minutes=10)  # how far back a secret may have been begun

_EXPECTS = {
    AskKind.RATING: Expectation.CHOICE,
    AskKind.CHOICE: Expectation.CHOICE,
    AskKind.CHOICES: Expectation.CHOICE,
    AskKind.YES_NO: Expectation.CHOICE,
    AskKind.NUMBER: Expectation.NUMBER,
    AskKind.DATE: Expectation.DATE,
    AskKind.PHONE: Expectation.PHONE,
    AskKind.TEXT: Expectation.FREE_TEXT,
    AskKind.IDENTITY: Expectation.DIGITS_LAST4,
}


@dataclass(slots=True)
class RecentText:
    """What the person wrote a moment ago, secrets removed: the transcript's row (0: it is written by
    this very turn) and the body that stands there."""

    message_id: int
    body: dict[str, Any]
    changed: bool = False
    text: str = field(init=False)

    def __post_init__(self) -> None:
        self.text = str(self.body.get("text", ""))

    def rewrite(self, text: str) -> None:
        self.text = self.body["text"] = text
        self.changed = True


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A text without secrets, and the kinds that were in it."""

    text: str
    kinds: tuple[SecretKind, ...]


def expectation(script: Script, state: State) -> Expectation:
    """What a bare number would mean now."""
    ask = script.steps[state.step].ask if state.step else None
    return Expectation.NOTHING if ask is None else _EXPECTS[ask]


def clean(text: str, locale: str, expects: Expectation, recent: Sequence[RecentText]) -> Cleaned:
    """Remove what only the pending question or the earlier messages give away. The pieces in
    `recent` are replaced in place and marked as changed."""
    first = redact(text, RedactionContext(locale, expects))
    kinds = [finding.kind for finding in first.found]
    text = first.text
    for secret in find_split(tuple(item.text for item in recent), text):
        kinds.append(secret.kind)
        sign = marker(secret.kind, locale)
        for part in sorted(secret.parts, key=lambda p: (p.message, -p.start)):
            if part.message < len(recent):
                item = recent[part.message]
                item.rewrite(item.text[: part.start] + sign + item.text[part.end :])
            else:
                text = text[: part.start] + sign + text[part.end :]
    return Cleaned(text, tuple(kinds))


def notice_for(kinds: Sequence[str], locale: str) -> str:
    """What to tell the person: what was removed and what to do, the worst kind first."""
    order = {str(kind): rank for rank, kind in enumerate(SecretKind)}
    worst = min(kinds, key=lambda kind: order.get(kind, len(order)))
    return what_to_do(SecretKind(worst), locale)


SHORTEST_PIECE = 3  # characters; a shorter one is only replaced where it is the whole text


def without_pieces(value: Any, pieces: Mapping[str, str]) -> Any:
    """A value of plain JSON with every piece of a secret, by its old text, replaced."""
    match value:
        case str():
            for old, new in pieces.items():
                if value.strip() == old:
                    return new
                if len(old) >= SHORTEST_PIECE:
                    value = value.replace(old, new)
            return value
        case dict():
            return {key: without_pieces(item, pieces) for key, item in value.items()}
        case list() | tuple():
            return [without_pieces(item, pieces) for item in value]
        case _:
            return value

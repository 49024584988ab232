"""What a turn does about secrets: those that only the pending question tells, and those that came
in pieces."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    """What the person wrote a moment ago: the transcript's row and its text, secrets removed."""

    message_id: int
    text: str
    changed: bool = False


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
                item.text = item.text[: part.start] + sign + item.text[part.end :]
                item.changed = True
            else:
                text = text[: part.start] + sign + text[part.end :]
    return Cleaned(text, tuple(kinds))


def notice_for(kinds: Sequence[str], locale: str) -> str:
    """What to tell the person: what was removed and what to do, the worst kind first."""
    order = {str(kind): rank for rank, kind in enumerate(SecretKind)}
    worst = min(kinds, key=lambda kind: order.get(kind, len(order)))
    return what_to_do(SecretKind(worst), locale)

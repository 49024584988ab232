"""What can happen to a conversation, as data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Opened:
    """The person opened the chat, by a start link or by coming back. `link_over`: by a link of ours
    that is used, expired or not for this chat."""

    link_over: bool = False


@dataclass(frozen=True, slots=True)
class Begin:
    """We begin: a follow-up was started and the chat is already bound."""


@dataclass(frozen=True, slots=True)
class Said:
    """The person wrote something; secrets are already redacted. `edited`: it replaces an earlier
    message. `ref` names the message, of an edit the one that it replaces; "" if that is not known."""

    text: str
    edited: bool = False
    ref: str = ""
    sms: bool = False
    at: datetime | None = None  # when it came in; None: now
    more: bool = False  # another message of the same person, seconds younger, follows at once


@dataclass(frozen=True, slots=True)
class Tapped:
    """The person tapped option `index` (from 0) of the options with `serial`; None: unknown."""

    serial: int | None = None
    index: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """The person sent something without words: "voice", "sticker", "image" …"""

    media: str


@dataclass(frozen=True, slots=True)
class Left:
    """The platform says that the person blocked or left us: an opt-out."""


@dataclass(frozen=True, slots=True)
class Redacted:
    """Something secret was removed from what the person just sent; `kinds` says what."""

    kinds: tuple[str, ...]
    notice: str  # what to tell the person, in the conversation's locale
    text: str = ""  # what is left of the message


class TimerKind(StrEnum):
    REMIND = "remind"
    RESUME = "resume"  # "later" has come
    EXPIRE = "expire"  # the deadline of the whole follow-up
    BURST = "burst"  # nothing more was said to a text that seemed unfinished


@dataclass(frozen=True, slots=True)
class Due:
    """A timer is due. It is stale, and does nothing, unless `serial` still waits."""

    kind: TimerKind
    serial: int = 0


@dataclass(frozen=True, slots=True)
class GivenBack:
    """An agent gave the conversation back: go on at this question, or end politely."""

    resume: bool = True


@dataclass(frozen=True, slots=True)
class Resolved:
    """An agent closed the case; the follow-up ends as handed off."""


Event = Opened | Begin | Said | Tapped | Sent | Left | Redacted | Due | GivenBack | Resolved

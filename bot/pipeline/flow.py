"""The words of the pipeline's tables: who may speak, where a follow-up is, what became of a send."""

from __future__ import annotations

from enum import StrEnum


class Control(StrEnum):
    """Who may speak in a conversation (DESK.md). Only BOT lets the script speak."""

    BOT = "bot"
    QUEUED = "queued"
    HUMAN = "human"
    CLOSED = "closed"


class Flow(StrEnum):
    """Where a follow-up is, whoever speaks."""

    SCHEDULED = "scheduled"
    CONTACTING = "contacting"  # a link or a first message is out, nothing came back
    IN_SCRIPT = "in_script"
    DONE = "done"
    STOPPED = "stopped"


class SendStatus(StrEnum):
    PENDING = "pending"
    CLAIMED = "claimed"  # a sender has it; after the lease its outcome counts as unknown
    SENT = "sent"
    DROPPED = "dropped"  # a gate said no for good; `detail` says why
    FAILED = "failed"  # the platform refused for good
    UNKNOWN = "unknown"  # nobody can tell; left to a person


class Cause(StrEnum):
    """Why something is sent. A reply answers what the person did and is exempt from send windows
    and caps; what the bot starts is proactive and is not."""

    REPLY = "reply"
    PROACTIVE = "proactive"


class Author(StrEnum):
    PERSON = "person"
    BOT = "bot"
    AGENT = "agent"
    SYSTEM = "system"
    NOTE = "note"  # private, never sent


class InboxKind(StrEnum):
    """What waits in the inbox: what a person did, and what we feed in ourselves."""

    TEXT = "text"
    TAP = "tap"
    MEDIA = "media"
    START = "start"
    EDIT = "edit"
    STOP = "stop"
    RESUME = "resume"
    TIMER = "timer"
    BEGIN = "begin"
    GIVEN_BACK = "given_back"
    RESOLVED = "resolved"


FROM_PERSON = frozenset(
    {
        InboxKind.TEXT,
        InboxKind.TAP,
        InboxKind.MEDIA,
        InboxKind.START,
        InboxKind.EDIT,
    }
)

FEED_CHANNELS = ("webchat:", "terminal:")  # whose people read a numbered feed of ours

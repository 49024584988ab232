"""The desk's words for reasons, states and channels, in the viewer's language."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

from bot.pipeline.claims import AGAIN
from bot.pipeline.flow import SendStatus
from channels.message import MediaKind, ReceiptStatus
from dialogs.script import HandoffReason
from dialogs.state import FollowupOutcome

Translate = Callable[[str], str]  # gettext of the viewer's language


class CaseStatus(StrEnum):
    """The column case.status."""

    QUEUED = "queued"
    CLAIMED = "claimed"
    RESOLVED = "resolved"
    GIVEN_BACK = "given_back"


class Delivered(StrEnum):
    """How far a text of ours came, as the sender sees it."""

    PENDING = "pending"
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    UNKNOWN = "unknown"


def delivered(status: SendStatus, receipt: str | None) -> Delivered:
    """What to show of an outbox row: its status, and the best receipt of a sent one."""
    match status:
        case SendStatus.PENDING | SendStatus.CLAIMED:
            return Delivered.PENDING
        case SendStatus.FAILED | SendStatus.DROPPED:
            return Delivered.FAILED
        case SendStatus.UNKNOWN:
            return Delivered.UNKNOWN
        case SendStatus.SENT:
            better = {
                ReceiptStatus.DELIVERED: Delivered.DELIVERED,
                ReceiptStatus.READ: Delivered.READ,
            }
            return better.get(ReceiptStatus(receipt), Delivered.SENT) if receipt else Delivered.SENT


def reasons(_: Translate) -> Mapping[HandoffReason, str]:
    """Why a person takes over."""
    return {
        HandoffReason.COMPLAINT: _("Complaint"),
        HandoffReason.LOW_RATING: _("Low rating"),
        HandoffReason.ASKED_HUMAN: _("Asked for a person"),
        HandoffReason.IDENTITY_FAILED: _("Identity not confirmed"),
        HandoffReason.FRAUD_REPORT: _("Fraud report"),
        HandoffReason.DISTRESS: _("Distress"),
        HandoffReason.NOT_UNDERSTOOD: _("Not understood"),
        HandoffReason.KB_MISS: _("No answer in the FAQ"),
        HandoffReason.DEADLINE_MISSED: _("Deadline missed"),
        HandoffReason.BOT_ERROR: _("Error of the bot"),
    }


URGENT = frozenset({HandoffReason.FRAUD_REPORT, HandoffReason.DISTRESS})


def statuses(_: Translate) -> Mapping[CaseStatus, str]:
    """Where a case is."""
    return {
        CaseStatus.QUEUED: _("Waiting"),
        CaseStatus.CLAIMED: _("In progress"),
        CaseStatus.RESOLVED: _("Resolved"),
        CaseStatus.GIVEN_BACK: _("Given back to the bot"),
    }


def outcomes(_: Translate) -> Mapping[FollowupOutcome, str]:
    """How a follow-up ended."""
    return {
        FollowupOutcome.COMPLETED: _("Completed"),
        FollowupOutcome.HANDED_OFF: _("Handed over"),
        FollowupOutcome.OPTED_OUT: _("Opted out"),
        FollowupOutcome.NO_REPLY: _("No reply"),
        FollowupOutcome.UNREACHABLE: _("Unreachable"),
        FollowupOutcome.EXPIRED: _("Expired"),
    }


def deliveries(_: Translate) -> Mapping[Delivered, str]:
    """How far a text came."""
    return {
        Delivered.PENDING: _("Sending"),
        Delivered.SENT: _("Sent"),
        Delivered.DELIVERED: _("Delivered"),
        Delivered.READ: _("Read"),
        Delivered.FAILED: _("Not sent"),
        Delivered.UNKNOWN: _("Perhaps not sent"),
    }


def failure(detail: str, _: Translate, *, unknown: bool = False) -> str:
    """Why a text did not go out, for somebody who has never seen our code. `detail` is the outbox
    row's: a gate's word, or the adapter's kind of outcome in front of a colon. `unknown`: nobody can
    tell whether it arrived."""
    word = detail.removeprefix(AGAIN).lstrip("; ").partition(":")[0].strip()
    known = {
        "window_closed": _("the channel's reply window is closed until the person writes again"),
        "opted_out": _("the person blocked messages"),
        "erased": _("this person's data was erased"),
        "unreachable": _("the person cannot be reached here; perhaps the chat was deleted"),
        "content_rejected": _("the platform refused the text"),
        "auth": _("the platform refused our access; an administrator has to look"),
        "config": _("the channel is set up wrongly; an administrator has to look"),
        "transient": _("the platform could not be reached, also after several attempts"),
        "this channel account is not switched on": _("this channel is switched off"),
        "the sender died while sending": _("the connection broke while it was being sent"),
        "the gates could not be asked": _("our database could not be reached for a long time"),
        "template_problem": _("the platform refused the template; an administrator has to look"),
        "platform": _("the platform took it, but could not deliver it"),
        "bug": _("an error of ours; an administrator has to look"),
        "stale_control": _("a colleague took over before it was sent"),
        "not_in_control": _("a colleague took over before it was sent"),
        "answered": _("it was not needed any more: the person had answered"),
        "unanswered": _("the person left the last messages unanswered, so the bot keeps quiet"),
        "template_sent": _("a template was sent in its place"),
    }
    if unknown:
        return known.get(word, _("the platform did not say whether it arrived"))
    return known.get(word, _("the platform did not take it"))


def channel(account: str, _: Translate) -> str:
    """The messaging app of an account "<channel>:<name>"."""
    names = {
        "webchat": _("Web chat"),
        "telegram": "Telegram",
        "whatsapp": "WhatsApp",
        "terminal": _("Terminal"),
    }
    kind = account.partition(":")[0]
    return names.get(kind, kind.capitalize())


def media(kind: str, _: Translate) -> str:
    """What was sent that is no text."""
    known = {
        MediaKind.IMAGE: _("Picture"),
        MediaKind.VOICE: _("Voice message"),
        MediaKind.AUDIO: _("Audio"),
        MediaKind.VIDEO: _("Video"),
        MediaKind.STICKER: _("Sticker"),
    }
    return (
        known.get(MediaKind(kind), _("Attachment")) if kind in set(MediaKind) else _("Attachment")
    )


def languages(_: Translate) -> Mapping[str, str]:
    """The person's language."""
    return {"zh": _("Chinese"), "en": _("English")}

"""The shared vocabulary of all channels: what comes in, what goes out, and what a channel can carry."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class IncomingKind(StrEnum):
    """What a person or a platform did. Unknown platform updates never become an Incoming."""

    TEXT = "text"
    TAP = "tap"  # a button, list row or quick reply; `token` says which
    MEDIA = "media"  # voice, sticker, photo … ; a caption stands in `text`
    START = "start"  # the chat was opened; `token` is the start link's payload or ""
    EDIT = "edit"  # an earlier message was changed; `reply_to` names it
    STOP = "stop"  # the platform says that the person blocked or left us
    RESUME = "resume"  # the platform says that the person is back (not a new consent)


class MediaKind(StrEnum):
    VOICE = "voice"
    AUDIO = "audio"
    IMAGE = "image"
    VIDEO = "video"
    STICKER = "sticker"
    DOCUMENT = "document"
    LOCATION = "location"
    CONTACT = "contact"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Address:
    """Where a person is reached: the channel account of ours and the person's id on that platform.

    `account` is "<channel>:<name>", for example "telegram:main". `value` is the platform's own id,
    kept as an exact string. `aliases` are further ids of the same person in that account.
    """

    account: str
    value: str
    aliases: tuple[str, ...] = ()

    @property
    def channel(self) -> str:
        return self.account.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Media:
    kind: MediaKind
    file_id: str = ""  # the platform's handle; never a URL that carries a token
    mime: str = ""
    size: int | None = None  # bytes, where the platform tells


@dataclass(frozen=True, slots=True)
class Incoming:
    """One thing that one person did. `external_id` is unique in the account: the dedupe key."""

    external_id: str
    address: Address
    kind: IncomingKind
    sent_at: datetime  # aware, UTC
    text: str = ""
    token: str = ""  # TAP: the option's token · START: the link's payload
    media: tuple[Media, ...] = ()
    message_id: str = ""  # the platform's id of this message, where it can be referred to later
    reply_to: str = ""  # the platform's id of the message answered, edited or tapped on
    callback_id: str = ""  # the platform's handle of a tap that waits for an acknowledgement
    name: str = ""  # display name, if the platform tells
    locale: str = ""  # BCP 47 as the platform tells, "" if not


class ReceiptStatus(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the platform says later about a message of ours, by the id it gave at sending."""

    account: str
    provider_id: str
    status: ReceiptStatus
    at: datetime  # aware, UTC
    error_code: str = ""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing to tap. `token` is opaque, at most 64 bytes on the wire; `label` is what is read."""

    token: str
    label: str
    url: str = ""  # opens this instead of answering


class Purpose(StrEnum):
    SERVICE = "service"
    TRANSACTION = "transaction"
    SECURITY = "security"
    MARKETING = "marketing"


@dataclass(frozen=True, slots=True)
class Template:
    """A text approved by the platform beforehand, for the time outside its reply window."""

    name: str
    locale: str
    variables: tuple[str, ...] = ()
    token: str = ""  # payload of its first quick-reply button, if it has one


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to one person. `text` is plain text: no markup of any platform.

    `preview`: the address in the text that may be shown with its picture, such as a video's. No
    other one is fetched for a preview: that would spend a one-time link before it is tapped.
    """

    text: str
    options: tuple[Option, ...] = ()
    purpose: Purpose = Purpose.SERVICE
    template: Template | None = None
    ref: str = ""  # our own id of this text, for channels that can carry it along
    question: bool = False  # it asks what the script waits for: the last text of its turn
    preview: str = ""


class TextUnit(StrEnum):
    """How a platform counts the length of a text."""

    CHAR = "char"
    BYTE = "byte"  # UTF-8
    UTF16 = "utf16"
    GRAPHEME = "grapheme"


@dataclass(frozen=True, slots=True)
class Caps:
    """What a channel can carry, as data; each number's source stands beside it in the adapter.

    `buttons_max` options become buttons, up to `list_max` become a list (0: the channel has none);
    what is left over is written as numbered lines that the person answers with digits.
    """

    text_max: int
    text_unit: TextUnit = TextUnit.CHAR
    text_max_with_options: int | None = None  # None: the same as text_max
    buttons_max: int = 0
    label_max: int = 0
    label_unit: TextUnit = TextUnit.CHAR
    list_max: int = 0
    list_label_max: int = 0
    token_max_bytes: int = 64
    edits_in: bool = False
    typing_refresh_s: float | None = None  # None: no typing indicator
    receipts: frozenset[ReceiptStatus] = field(default_factory=frozenset)
    joins_texts: bool = False  # a turn's texts become one message (pair rate limits)
    business_may_start: bool = False  # True: may write before the person ever did
    start_link: bool = False
    rate_per_s: float | None = None  # messages of the whole account; None: no limit known
    chat_rate_per_s: float | None = None  # messages to one person
    chat_burst: int = 1  # how many may follow each other at once to one person

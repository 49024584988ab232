"""Reading a WhatsApp Cloud API webhook body: every message, preference and status in its order."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from channels.base import Parsed
from channels.json_text import load_json
from channels.message import (
    Address,
    Incoming,
    IncomingKind,
    Media,
    MediaKind,
    Receipt,
    ReceiptStatus,
)

Json = dict[str, Any]

# Business-scoped user id: two letters of a country, a dot, up to 128 letters and digits. With
# `.ENT.` inside it names a parent company's view of the person, to which nothing can be sent.
_BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}", re.ASCII)

# What `start_link` puts into the prefilled text. Full-width marks: a phone's keyboard may change
# them when the person edits the text before sending it.
START_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_START_MARK = re.compile(
    rf"[(（]\s*start\s*[:：]\s*({START_TOKEN.pattern})\s*[)）]", re.IGNORECASE | re.ASCII
)

_STATUSES = {
    "sent": ReceiptStatus.SENT,
    "delivered": ReceiptStatus.DELIVERED,
    "read": ReceiptStatus.READ,
    "played": ReceiptStatus.READ,  # a voice message was listened to
    "failed": ReceiptStatus.FAILED,
}

_MEDIA = {
    "image": MediaKind.IMAGE,
    "audio": MediaKind.AUDIO,
    "video": MediaKind.VIDEO,
    "document": MediaKind.DOCUMENT,
    "sticker": MediaKind.STICKER,
    "location": MediaKind.LOCATION,
    "contacts": MediaKind.CONTACT,
    "unsupported": MediaKind.OTHER,  # polls, view-once and what else the API does not hand over
}


def is_bsuid(value: str) -> bool:
    """Whether this is a business-scoped user id that messages can be sent to."""
    return _BSUID.fullmatch(value) is not None


def start_mark(token: str) -> str:
    """The words that carry a start token inside a person's first message.

    Raises ValueError for a token that is not 1–64 of A–Z a–z 0–9 _ -.
    """
    if not START_TOKEN.fullmatch(token):
        raise ValueError("a start token is 1 to 64 letters, digits, '_' or '-'")
    return f"(start: {token})"


@dataclass(frozen=True, slots=True)
class Account:
    """What reading needs to know of our own number."""

    account: str
    phone_number_id: str
    greeting: str = ""  # prefilled beside the start mark; nobody's own words


def parse(body: bytes, us: Account) -> Parsed:
    """Read any bytes. What is not for our number or not known is counted, nothing raises."""
    reader = _Reader(us)
    root = _load(body)
    if root.get("object") != "whatsapp_business_account":
        reader.skip("not_whatsapp")
    else:
        for entry in _objects(root.get("entry")):
            for change in _objects(entry.get("changes")):
                reader.change(change)
    return Parsed(tuple(reader.incoming), tuple(reader.receipts), dict(reader.ignored))


@dataclass(slots=True)
class _Reader:
    us: Account
    incoming: list[Incoming] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)

    def skip(self, kind: str) -> None:
        self.ignored[kind[:60]] += 1

    def change(self, change: Json) -> None:
        value = _object(change.get("value"))
        metadata = _object(value.get("metadata"))
        name = _string(change.get("field"))
        if name not in ("messages", "user_preferences"):
            self.skip(f"field.{name}")
        elif _string(metadata.get("phone_number_id")) != self.us.phone_number_id:
            self.skip("other_number")
        elif name == "messages":
            self._messages(value, _digits(_string(metadata.get("display_phone_number"))))
        else:
            self._preferences(value)

    def _messages(self, value: Json, own_number: str) -> None:
        contacts = list(_objects(value.get("contacts")))
        for message in _objects(value.get("messages")):
            kind = _string(message.get("type"))
            if own_number and _string(message.get("from")) == own_number:
                self.skip("echo")
                continue
            if "group_id" in message:
                self.skip("group")  # several people read there; ours are conversations of two
                continue
            read = _READERS.get(kind)
            if read is None or (kind == "interactive" and _reply_kind(message) not in _TAPS):
                self.skip(_unread(message, kind))
                continue
            base = self._base(message, contacts)
            incoming = read(base, message) if base is not None else None
            if incoming is None:
                self.skip(f"malformed.{kind}")
            elif incoming.kind is IncomingKind.TEXT:
                self.incoming.append(self._start(incoming))
            else:
                self.incoming.append(incoming)
        for status in _objects(value.get("statuses")):
            self._status(status)
        for error in _objects(value.get("errors")):
            self.skip(f"error.{_string(error.get('code'))}")

    def _base(self, message: Json, contacts: list[Json]) -> Incoming | None:
        """What all kinds share; None without an id, a sender or a time."""
        phone, bsuid = _string(message.get("from")), _string(message.get("from_user_id"))
        contact = _contact(phone, bsuid, contacts)
        if contact is not None:
            phone = phone or _string(contact.get("wa_id"))
            bsuid = bsuid or _string(contact.get("user_id"))
        address = self._address(phone, bsuid)
        wamid = _string(message.get("id"))
        sent_at = _time(message.get("timestamp"))
        if address is None or not wamid or sent_at is None:
            return None
        profile = _object(_object(contact).get("profile"))
        return Incoming(
            external_id=wamid,
            address=address,
            kind=IncomingKind.TEXT,
            sent_at=sent_at,
            message_id=wamid,
            reply_to=_string(_object(message.get("context")).get("id")),
            name=_string(profile.get("name")),
        )

    def _address(self, phone: str, bsuid: str) -> Address | None:
        """The phone number first, because every kind of message may be sent to it."""
        phone = phone if phone.isascii() and phone.isdigit() else ""
        bsuid = bsuid if is_bsuid(bsuid) else ""
        if phone and bsuid:
            return Address(self.us.account, phone, (bsuid,))
        value = phone or bsuid
        return Address(self.us.account, value) if value else None

    def _start(self, incoming: Incoming) -> Incoming:
        """A text with our start mark opens the chat; what the person added to it stays."""
        found = _START_MARK.search(incoming.text)
        if found is None:
            return incoming
        rest = f"{incoming.text[: found.start()]} {incoming.text[found.end() :]}"
        if self.us.greeting:
            rest = rest.replace(self.us.greeting, " ")
        own = " ".join(rest.split())
        return replace(incoming, kind=IncomingKind.START, token=found.group(1), text=own)

    def _preferences(self, value: Json) -> None:
        contacts = list(_objects(value.get("contacts")))
        for wish in _objects(value.get("user_preferences")):
            kinds = {"stop": IncomingKind.STOP, "resume": IncomingKind.RESUME}
            word, category = _string(wish.get("value")), _string(wish.get("category"))
            kind = kinds.get(word)
            if kind is None or category != "marketing_messages":
                self.skip(f"preference.{category}.{word}")
                continue
            phone, bsuid = _string(wish.get("wa_id")), _string(wish.get("user_id"))
            contact = _object(_contact(phone, bsuid, contacts))
            address = self._address(
                phone or _string(contact.get("wa_id")), bsuid or _string(contact.get("user_id"))
            )
            sent_at = _time(wish.get("timestamp"))
            if address is None or sent_at is None:
                self.skip("malformed.preference")
                continue
            # The platform gives these no id; person, time and wish tell one from another.
            key = f"preference:{address.value}:{int(sent_at.timestamp())}:{word}"
            self.incoming.append(Incoming(key, address, kind, sent_at))

    def _status(self, status: Json) -> None:
        word, wamid = _string(status.get("status")), _string(status.get("id"))
        at = _time(status.get("timestamp"))
        known = _STATUSES.get(word)
        if known is None:
            self.skip(f"status.{word}")
        elif not wamid or at is None:
            self.skip("malformed.status")
        else:
            first = next(_objects(status.get("errors")), {})
            code = _string(first.get("code")) if known is ReceiptStatus.FAILED else ""
            self.receipts.append(Receipt(self.us.account, wamid, known, at, code))


def _unread(message: Json, kind: str) -> str:
    """Under which name a kind that we do not read is counted."""
    if kind == "system":
        return f"system.{_string(_object(message.get('system')).get('type'))}"
    if kind == "reaction" and not _object(message.get("reaction")).get("emoji"):
        return "message.reaction_removed"
    if kind == "interactive":
        return f"interactive.{_reply_kind(message)}"
    return f"message.{kind}"


def _read_text(base: Incoming, message: Json) -> Incoming | None:
    text = _string(_object(message.get("text")).get("body"))
    return replace(base, text=text) if text else None


_TAPS = ("button_reply", "list_reply")


def _reply_kind(message: Json) -> str:
    return _string(_object(message.get("interactive")).get("type"))


def _read_interactive(base: Incoming, message: Json) -> Incoming | None:
    chosen = _object(_object(message.get("interactive")).get(_reply_kind(message)))
    return _tap(base, _string(chosen.get("id")), _string(chosen.get("title")))


def _read_button(base: Incoming, message: Json) -> Incoming | None:
    """The quick reply of a template."""
    button = _object(message.get("button"))
    return _tap(base, _string(button.get("payload")), _string(button.get("text")))


def _tap(base: Incoming, token: str, label: str) -> Incoming | None:
    return replace(base, kind=IncomingKind.TAP, token=token, text=label) if token else None


def _read_media(base: Incoming, message: Json) -> Incoming | None:
    kind = _string(message.get("type"))
    content = _object(message.get(kind))
    media_kind = _MEDIA.get(kind, MediaKind.OTHER)
    if media_kind is MediaKind.AUDIO and content.get("voice") is True:
        media_kind = MediaKind.VOICE
    media = Media(media_kind, _string(content.get("id")), _string(content.get("mime_type")))
    caption = _string(content.get("caption"))
    return replace(base, kind=IncomingKind.MEDIA, text=caption, media=(media,))


def _read_edit(base: Incoming, message: Json) -> Incoming | None:
    edit = _object(message.get("edit"))
    original = _string(edit.get("original_message_id"))
    changed = _object(edit.get("message"))
    kind = _string(changed.get("type"))
    read: _Read | None = _read_text if kind == "text" else _read_media if kind in _MEDIA else None
    after = read(base, changed) if read is not None else None
    if after is None or not original:
        return None
    return replace(after, kind=IncomingKind.EDIT, reply_to=original)


def _read_welcome(base: Incoming, message: Json) -> Incoming | None:
    return replace(base, kind=IncomingKind.START)


_Read = Callable[[Incoming, Json], Incoming | None]
_READERS: dict[str, _Read] = {
    "text": _read_text,
    "interactive": _read_interactive,
    "button": _read_button,
    "edit": _read_edit,
    "request_welcome": _read_welcome,
    **dict.fromkeys(_MEDIA, _read_media),
}


def _contact(phone: str, bsuid: str, contacts: list[Json]) -> Json | None:
    """The contact that a message is from; with no id in the message, the only one there is."""
    for contact in contacts:
        if phone and _string(contact.get("wa_id")) == phone:
            return contact
        if bsuid and _string(contact.get("user_id")) == bsuid:
            return contact
    if not phone and not bsuid and len(contacts) == 1:
        return contacts[0]
    return None


def _load(body: bytes) -> Json:
    """The JSON object in `body`, or an empty one."""
    try:
        return _object(load_json(body))
    except ValueError:
        return {}


def _object(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _objects(value: Any) -> Iterator[Json]:
    """The objects of a JSON array; what is none is passed over."""
    if isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield item


def _string(value: Any) -> str:
    """Text, or a whole number written as exact text; "" for anything else."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return ""


def _digits(text: str) -> str:
    return "".join(char for char in text if char in "0123456789")


def _time(value: Any) -> datetime | None:
    """Seconds since 1970, as text or number; milliseconds are told by their size."""
    text = _string(value)
    if not text.isascii() or not text.isdigit() or len(text) > 14:
        return None
    seconds = int(text)
    if seconds > 100_000_000_000:  # the year 5138 in seconds, 1973 in milliseconds
        return datetime.fromtimestamp(seconds / 1000, UTC)
    return datetime.fromtimestamp(seconds, UTC)

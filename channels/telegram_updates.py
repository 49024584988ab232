"""Reading Telegram updates: the bytes of one update become what one person did, or a counted "ignored"."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from aiogram.types import Message, Update, User

from channels.base import Parsed
from channels.json_text import load_json
from channels.message import Address, Incoming, IncomingKind, Media, MediaKind
from channels.text import clean

# What we ask Telegram for. The default set would add kinds that we have no use for, and kinds that
# are left out here are dropped by Telegram at the source.
ALLOWED_UPDATES = ("message", "edited_message", "callback_query", "my_chat_member")

# Telegram: a start payload is 1–64 characters of this set (aiogram utils/deep_linking.py).
START_PAYLOAD = re.compile(r"[A-Za-z0-9_-]{1,64}")
_START = re.compile(r"/start(?:@[A-Za-z0-9_]+)?(?:\s+(?P<payload>.*))?", re.IGNORECASE | re.DOTALL)

# A GIF comes as `animation` and `document` both, a venue as `venue` and `location`: first one wins.
_MEDIA: tuple[tuple[str, MediaKind], ...] = (
    ("animation", MediaKind.VIDEO),
    ("photo", MediaKind.IMAGE),
    ("voice", MediaKind.VOICE),
    ("audio", MediaKind.AUDIO),
    ("video", MediaKind.VIDEO),
    ("video_note", MediaKind.VIDEO),
    ("sticker", MediaKind.STICKER),
    ("document", MediaKind.DOCUMENT),
    ("venue", MediaKind.LOCATION),
    ("location", MediaKind.LOCATION),
    ("contact", MediaKind.CONTACT),
    ("dice", MediaKind.OTHER),
)
# Sent by people too, but of shapes that grow with every Bot API version: only their presence is read.
_OTHER_MEDIA = ("poll", "game", "story", "paid_media", "checklist")

# Only what we read is handed to aiogram's types: a new or odd shape in a part that nobody reads
# (a forward's origin, a quoted message, an entity) must not cost the person's words.
_CHAT_KEYS = ("id", "type")
_USER_KEYS = ("id", "is_bot", "first_name", "last_name", "language_code")
_MESSAGE_KEYS = ("message_id", "date", "edit_date", "text", "caption", *(n for n, _ in _MEDIA))
_NESTED_KEYS = (
    ("chat", _CHAT_KEYS),
    ("from", _USER_KEYS),
    ("reply_to_message", ("message_id",)),
)
_TAPPED_KEYS = ("message_id", "date", "chat")
_SEEN_KEYS = {*_MESSAGE_KEYS, "chat", "from", "reply_to_message", "via_bot"}
_EPOCH = datetime.fromtimestamp(0, UTC)

_Raw = dict[str, Any]


def parse_update(body: bytes, account: str) -> Parsed:
    """Read the JSON of one update for `account`. Total: anything unexpected is counted, not raised.

    Ids come as exact strings; `external_id` is the update_id and `message_id` "chat:message".
    A tap carries no time of its own in the Bot API: its `sent_at` is the date of the message that
    was tapped, the earliest it can be (1970 where Telegram does not tell even that).
    """
    try:
        raw = load_json(body)
    except ValueError:
        return _ignored("not_json")
    if not isinstance(raw, dict):
        return _ignored("not_an_update")
    kind = next((key for key in ALLOWED_UPDATES if key in raw), None)
    if kind is None:
        names = (key for key in raw if key != "update_id")
        return _ignored(_known_name(next(names, ""), Update.model_fields))
    try:
        return _READERS[kind](raw, account)
    except (ValueError, OverflowError, OSError):  # pydantic's error is a ValueError; odd dates
        return _ignored(f"{kind}:malformed")


def _ignored(name: str) -> Parsed:
    return Parsed(ignored={name: 1})


def _known_name(name: str, fields: Any) -> str:
    """The name if the Bot API knows it, so that counters have a bounded set of labels."""
    return name if name in fields else "unknown"


def _only(raw: Any, keys: tuple[str, ...]) -> Any:
    return {key: raw[key] for key in keys if key in raw} if isinstance(raw, dict) else raw


def _message_part(raw: Any) -> Any:
    """The keys of a message that we read, with the same done to its chat and sender."""
    if not isinstance(raw, dict):
        return raw
    part = _only(raw, _MESSAGE_KEYS)
    part |= {key: _only(raw[key], keys) for key, keys in _NESTED_KEYS if key in raw}
    if "from" in part:
        part["from"] = _user_part(part["from"])
    if isinstance(part.get("reply_to_message"), dict):
        part["reply_to_message"] |= {"date": 0, "chat": part.get("chat")}
    return part


def _user_part(raw: Any) -> Any:
    """A sender, whose name may be missing: we answer people without one as well."""
    part = _only(raw, _USER_KEYS)
    return {"first_name": "", **part} if isinstance(part, dict) else part


def _update(raw: _Raw, kind: str, part: Any) -> Update:
    return Update.model_validate({"update_id": raw.get("update_id"), kind: part})


def _read_message(raw: _Raw, account: str) -> Parsed:
    source = raw["message"]
    update = _update(raw, "message", _message_part(source))
    if update.message is None:
        return _ignored("message:malformed")
    content = _content(update.message, source)
    if isinstance(content, str):
        return _ignored(f"message:{content}")
    return _one(_said(update.update_id, update.message, content, account))


def _read_edit(raw: _Raw, account: str) -> Parsed:
    source = raw["edited_message"]
    update = _update(raw, "edited_message", _message_part(source))
    if update.edited_message is None:
        return _ignored("edited_message:malformed")
    content = _content(update.edited_message, source)
    if isinstance(content, str):
        return _ignored(f"edited_message:{content}")
    if content.media and content.media[0].kind is MediaKind.LOCATION:
        return _ignored("edited_message:location")  # a shared live location moves every second
    said = _said(update.update_id, update.edited_message, content, account)
    changed = update.edited_message.edit_date
    return _one(
        replace(
            said,
            kind=IncomingKind.EDIT,
            text=content.text,
            token="",
            reply_to=said.message_id,
            sent_at=said.sent_at if changed is None else datetime.fromtimestamp(changed, UTC),
        )
    )


@dataclass(frozen=True, slots=True)
class _Content:
    sender: User
    text: str
    media: tuple[Media, ...]


def _content(message: Message, source: _Raw) -> _Content | str:
    """What a person wrote or sent to us alone; else the name under which the message is ignored."""
    if message.chat.type != "private":
        return "group"
    if message.from_user is None or message.from_user.is_bot:
        return "bot"
    text = message.text or message.caption or ""
    media = _media(message, source)
    if not text and not media:
        others = (key for key in source if key not in _SEEN_KEYS)
        return _known_name(next(others, ""), Message.model_fields)
    return _Content(message.from_user, text, media)


def _one(incoming: Incoming) -> Parsed:
    return Parsed(incoming=(incoming,))


def _said(update_id: int, message: Message, content: _Content, account: str) -> Incoming:
    kind, text, token = IncomingKind.TEXT, content.text, ""
    if content.media:
        kind = IncomingKind.MEDIA
    elif started := _START.fullmatch(text.strip()):
        kind, text = IncomingKind.START, ""
        payload = (started["payload"] or "").strip()
        token = payload if START_PAYLOAD.fullmatch(payload) else ""
    chat = str(message.chat.id)
    answered = message.reply_to_message
    return Incoming(
        external_id=str(update_id),
        address=Address(account, chat),
        kind=kind,
        sent_at=_utc(message.date),
        text=text,
        token=token,
        media=content.media,
        message_id=f"{chat}:{message.message_id}",
        reply_to=f"{chat}:{answered.message_id}" if answered else "",
        name=_name(content.sender),
        locale=content.sender.language_code or "",
    )


def _media(message: Message, source: _Raw) -> tuple[Media, ...]:
    """The message's one piece of media. What a place, a contact or a poll holds stays with Telegram."""
    for name, kind in _MEDIA:
        file = getattr(message, name)
        if isinstance(file, list):  # a photo in several sizes: the largest
            file = max(file, key=lambda size: size.width * size.height, default=None)
        if file is not None:
            return (
                Media(
                    kind=kind,
                    file_id=getattr(file, "file_id", ""),
                    mime=getattr(file, "mime_type", None) or "",
                    size=getattr(file, "file_size", None),
                ),
            )
    if any(source.get(name) for name in _OTHER_MEDIA):
        return (Media(MediaKind.OTHER),)
    return ()


def _read_tap(raw: _Raw, account: str) -> Parsed:
    source = raw["callback_query"]
    part = _only(source, ("id", "data", "inline_message_id", "chat_instance"))
    if isinstance(part, dict):
        part = {"chat_instance": "", **part, "from": _user_part(source.get("from"))}
        if "message" in source:  # our own question: only which one and where
            part["message"] = _message_part(_only(source["message"], _TAPPED_KEYS))
    update = _update(raw, "callback_query", part)
    query = update.callback_query
    if query is None or not query.data:
        return _ignored("callback_query:without_data")
    if query.from_user.is_bot:
        return _ignored("callback_query:bot")
    tapped = query.message
    if tapped is not None and tapped.chat.type != "private":
        return _ignored("callback_query:group")
    chat = str(query.from_user.id if tapped is None else tapped.chat.id)
    return _one(
        Incoming(
            external_id=str(update.update_id),
            address=Address(account, chat),
            kind=IncomingKind.TAP,
            sent_at=_utc(tapped.date) if isinstance(tapped, Message) else _EPOCH,
            token=query.data,
            reply_to=query.inline_message_id or ""
            if tapped is None
            else f"{chat}:{tapped.message_id}",
            callback_id=query.id,
            name=_name(query.from_user),
            locale=query.from_user.language_code or "",
        )
    )


# In a private chat the bot itself is the member: blocked is "kicked", unblocked is "member".
_MEMBERSHIP = {"kicked": IncomingKind.STOP, "member": IncomingKind.RESUME}


def _read_membership(raw: _Raw, account: str) -> Parsed:
    source = raw["my_chat_member"]
    if not isinstance(source, dict):
        return _ignored("my_chat_member:malformed")
    part = _only(source, ("date", "old_chat_member", "new_chat_member"))
    part["chat"] = _only(source.get("chat"), _CHAT_KEYS)
    part["from"] = _user_part(source.get("from"))
    update = _update(raw, "my_chat_member", part)
    change = update.my_chat_member
    if change is None:
        return _ignored("my_chat_member:malformed")
    if change.chat.type != "private":
        return _ignored("my_chat_member:group")
    kind = _MEMBERSHIP.get(change.new_chat_member.status)
    if kind is None:
        return _ignored("my_chat_member:other")
    return _one(
        Incoming(
            external_id=str(update.update_id),
            address=Address(account, str(change.chat.id)),
            kind=kind,
            sent_at=_utc(change.date),
            name=_name(change.from_user),
            locale=change.from_user.language_code or "",
        )
    )


def _name(user: User) -> str:
    return clean(" ".join(part for part in (user.first_name, user.last_name) if part))


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


_READERS: dict[str, Callable[[_Raw, str], Parsed]] = {
    "message": _read_message,
    "edited_message": _read_edit,
    "callback_query": _read_tap,
    "my_chat_member": _read_membership,
}

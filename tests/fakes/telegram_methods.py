"""Which methods and fields the Bot API has: a request with anything else is refused by name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.fakes.telegram_markup import BadRequestError


def _integer(name: str, value: Any) -> int:
    if isinstance(value, bool) or not re.fullmatch(r"-?[0-9]+", str(value)):
        raise BadRequestError(f'field "{name}" must be a Number')
    return int(value)


def _boolean(name: str, value: Any) -> bool:
    if value in (True, "true", "True", "1"):
        return True
    if value in (False, "false", "False", "0"):
        return False
    raise BadRequestError(f'field "{name}" must be a Boolean')


def _string(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRequestError(f'field "{name}" must be a String')
    return value


def _json(name: str, value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        raise BadRequestError(f"can't parse {name} JSON object") from None


def _chat_id(name: str, value: Any) -> int:
    if str(value) == "":
        raise BadRequestError("chat_id is empty")
    if re.fullmatch(r"-?[0-9]+", str(value)):
        return int(value)
    raise BadRequestError("chat not found")  # @usernames name channels, which do not exist here


Reader = Callable[[str, Any], Any]


@dataclass(frozen=True, slots=True)
class Method:
    """The fields of one method; `required` ones first in Telegram's complaints."""

    fields: Mapping[str, Reader]
    required: tuple[str, ...] = ()


def _object(**known: Reader) -> Reader:
    """An object of these fields and no others."""

    def read(name: str, value: Any) -> Any:
        given = _json(name, value)
        if not isinstance(given, dict):
            raise BadRequestError(f"object expected as {name}")
        for key in given:
            if key not in known:
                raise BadRequestError(f"unknown field {key!r} of {name}")
        return {key: known[key](key, item) for key, item in given.items()}

    return read


def _kinds(name: str, value: Any) -> list[str]:
    kinds = _json(name, value)
    if not isinstance(kinds, list) or not all(kind in UPDATE_KINDS for kind in kinds):
        raise BadRequestError(f"{name} must be an Array of the names of updates")
    return kinds


def _connections(name: str, value: Any) -> int:
    number = _integer(name, value)
    if not 1 <= number <= 100:
        raise BadRequestError(f"{name} must be 1–100")
    return number


def _unread(name: str, value: Any) -> Any:
    raise BadRequestError(f"this fake cannot judge {name}")


# Bot API: the kinds of an Update.
UPDATE_KINDS = {
    *("message", "edited_message", "channel_post", "edited_channel_post", "callback_query"),
    *("my_chat_member", "chat_member", "chat_join_request", "message_reaction", "poll"),
    *("message_reaction_count", "inline_query", "chosen_inline_result", "shipping_query"),
    *("pre_checkout_query", "poll_answer", "chat_boost", "removed_chat_boost"),
    *("business_connection", "business_message", "edited_business_message"),
    *("deleted_business_messages", "purchased_paid_media"),
}

_PREVIEW = _object(
    is_disabled=_boolean,
    url=_string,
    prefer_small_media=_boolean,
    prefer_large_media=_boolean,
    show_above_text=_boolean,
)

METHODS: dict[str, Method] = {
    "getMe": Method({}),
    "getUpdates": Method(
        {"offset": _integer, "limit": _integer, "timeout": _integer, "allowed_updates": _kinds}
    ),
    "setWebhook": Method(
        {
            "url": _string,
            "ip_address": _string,
            "max_connections": _connections,
            "allowed_updates": _kinds,
            "drop_pending_updates": _boolean,
            "secret_token": _string,
        },
        required=("url",),
    ),
    "deleteWebhook": Method({"drop_pending_updates": _boolean}),
    "getWebhookInfo": Method({}),
    "sendMessage": Method(
        {
            "chat_id": _chat_id,
            "text": _string,
            "parse_mode": _string,
            "entities": _unread,
            "link_preview_options": _PREVIEW,
            "disable_notification": _boolean,
            "protect_content": _boolean,
            "reply_parameters": _object(message_id=_integer, allow_sending_without_reply=_boolean),
            "reply_markup": _json,
        },
        required=("chat_id", "text"),
    ),
    "editMessageText": Method(
        {
            "chat_id": _chat_id,
            "message_id": _integer,
            "text": _string,
            "parse_mode": _string,
            "entities": _unread,
            "link_preview_options": _PREVIEW,
            "reply_markup": _json,
        },
        required=("chat_id", "message_id", "text"),
    ),
    "deleteMessage": Method(
        {"chat_id": _chat_id, "message_id": _integer}, required=("chat_id", "message_id")
    ),
    "answerCallbackQuery": Method(
        {
            "callback_query_id": _string,
            "text": _string,
            "show_alert": _boolean,
            "url": _string,
            "cache_time": _integer,
        },
        required=("callback_query_id",),
    ),
    "sendChatAction": Method(
        {"chat_id": _chat_id, "action": _string}, required=("chat_id", "action")
    ),
}

CHAT_ACTIONS = {
    *("typing", "upload_photo", "record_video", "upload_video", "record_voice", "upload_voice"),
    *("upload_document", "choose_sticker", "find_location", "record_video_note"),
    "upload_video_note",
}

# Telegram's own words for a field that is missing.
_MISSING = {
    "text": "message text is empty",
    "chat_id": "chat_id is empty",
    "message_id": "message identifier is not specified",
    "callback_query_id": "query is too old and response timeout expired or query ID is invalid",
}


def find_method(name: str) -> str | None:
    """The method's name as documented; Telegram compares without case."""
    return next((known for known in METHODS if known.lower() == name.lower()), None)


def read_fields(method: str, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The fields, each read as its type. Raises BadRequestError for unknown, missing, wrong ones."""
    known = METHODS[method]
    for name in raw:
        if name not in known.fields:
            raise BadRequestError(f"unknown field {name!r} of {method}")
    for name in known.required:
        if name not in raw:
            raise BadRequestError(_MISSING.get(name, f"parameter {name!r} is required"))
    return {name: known.fields[name](name, value) for name, value in raw.items()}

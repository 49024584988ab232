"""What Telegram accepts as marked-up text and as an inline keyboard, and what it refuses."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

MAX_TEXT = 4096  # UTF-16 units after entity parsing
MAX_BUTTONS = 100
MAX_ROW = 8
MAX_KEYBOARD_BYTES = 10_000
MAX_CALLBACK_DATA = 64  # bytes

_TAGS = {
    *("b", "strong", "i", "em", "u", "ins", "s", "strike", "del", "code", "pre", "a", "span"),
    *("tg-spoiler", "tg-emoji", "blockquote"),
}
_TAG = re.compile(r"<(?P<close>/?)(?P<name>[^\s<>/]*)(?P<attributes>[^<>]*)>")
# Only these four named entities exist; any other "&…" stays as it is written.
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#[0-9]+|#x[0-9a-fA-F]+);")
_BUTTON_KINDS = {
    *("url", "callback_data", "web_app", "login_url", "switch_inline_query"),
    *("switch_inline_query_current_chat", "switch_inline_query_chosen_chat"),
    *("copy_text", "callback_game", "pay"),
}
_BUTTON_LOOKS = {"text", "style", "icon_custom_emoji_id"}


class BadRequestError(Exception):
    """The words behind "Bad Request: "."""


@dataclass(frozen=True, slots=True)
class Button:
    """One button as the person sees it."""

    label: str
    data: str = ""
    url: str = ""


Keyboard = tuple[tuple[Button, ...], ...]


def utf16_length(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def shown_text(text: str, parse_mode: str | None) -> str:
    """The text that the person reads. Raises BadRequestError for markup that Telegram cannot parse."""
    if parse_mode:
        if parse_mode.lower() != "html":
            raise BadRequestError(f"this fake reads HTML only, not parse_mode {parse_mode}")
        text = _parse_html(text)
    text = text.strip()
    if not text:
        raise BadRequestError("message text is empty")
    if utf16_length(text) > MAX_TEXT:
        raise BadRequestError("message is too long")
    return text


def _parse_html(source: str) -> str:
    shown: list[str] = []
    open_tags: list[str] = []
    position = 0
    while (start := source.find("<", position)) >= 0:
        shown.append(source[position:start])
        offset = len(source[:start].encode())
        tag = _TAG.match(source, start)
        if tag is None:
            raise _unparsable(f"Unclosed start tag at byte offset {offset}")
        name = tag["name"].lower()
        if tag["close"]:
            if not open_tags or (name and open_tags[-1] != name):
                raise _unparsable(f'Unmatched end tag at byte offset {offset}, found "</{name}>"')
            open_tags.pop()
        elif name not in _TAGS:
            raise _unparsable(f'Unsupported start tag "{name}" at byte offset {offset}')
        else:
            open_tags.append(name)
        position = tag.end()
    shown.append(source[position:])
    if open_tags:
        raise _unparsable(f'Can\'t find end tag corresponding to start tag "{open_tags[-1]}"')
    return _ENTITY.sub(lambda match: html.unescape(match[0]), "".join(shown))


def _unparsable(reason: str) -> BadRequestError:
    return BadRequestError(f"can't parse entities: {reason}")


def read_keyboard(markup: Any, size: int) -> Keyboard:
    """The rows of an inline keyboard whose JSON measures `size` bytes. Raises BadRequestError."""
    if not isinstance(markup, dict) or set(markup) != {"inline_keyboard"}:
        raise BadRequestError("object expected as reply markup: only inline_keyboard is known here")
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise BadRequestError('field "inline_keyboard" must be of type Array of Arrays')
    keyboard = tuple(tuple(_read_button(button) for button in row) for row in rows)
    if sum(map(len, keyboard)) > MAX_BUTTONS or size > MAX_KEYBOARD_BYTES:
        raise BadRequestError("reply markup is too long")
    if any(not 1 <= len(row) <= MAX_ROW for row in keyboard):
        raise BadRequestError(f"a row of the keyboard must have 1–{MAX_ROW} buttons")
    return keyboard


def _read_button(button: Any) -> Button:
    if not isinstance(button, dict):
        raise BadRequestError("InlineKeyboardButton must be an Object")
    if unknown := set(button) - _BUTTON_KINDS - _BUTTON_LOOKS:
        raise BadRequestError(f"unknown field {sorted(unknown)[0]!r} of InlineKeyboardButton")
    label = button.get("text")
    if not isinstance(label, str) or not label.strip():
        raise BadRequestError("inline keyboard button text is empty")
    kinds = _BUTTON_KINDS & set(button)
    if len(kinds) != 1:
        raise BadRequestError("text buttons are unallowed in the inline keyboard")
    if "callback_data" in button:
        data = button["callback_data"]
        if not isinstance(data, str) or not 1 <= len(data.encode()) <= MAX_CALLBACK_DATA:
            raise BadRequestError("BUTTON_DATA_INVALID")
        return Button(label, data=data)
    if "url" in button:
        url = str(button["url"])
        host = urlsplit(url).hostname or ""
        if urlsplit(url).scheme not in ("http", "https", "tg") or "." not in host:
            raise BadRequestError(
                f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL specified"
            )
        return Button(label, url=url)
    raise BadRequestError(f"this fake does not know {sorted(kinds)[0]} buttons")

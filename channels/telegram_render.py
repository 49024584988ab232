"""Writing Telegram messages: a text and its options become `sendMessage` requests within the limits."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from urllib.parse import urlsplit

import regex
from aiogram.methods import SendMessage
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions

from channels.message import Option, Outgoing
from channels.telegram_caps import CAPS
from channels.text import split, truncate

# Undocumented: a keyboard above about 10 kB is refused as "reply markup is too long"
# (tginfo/Telegram-Limits issue 187). Counted as the JSON that aiogram sends, with a reserve.
_KEYBOARD_BYTES = 9_000

# Columns that a label of this many half-width cells leaves room for on a 360 px screen.
_COLUMNS = ((4, 5), (6, 4), (10, 3), (16, 2))

_POINTER = "👇"  # Telegram refuses an empty text; this is read as "choose below" in any language
_GRAPHEME = regex.compile(r"\X")


def render_message(chat: str, message: Outgoing) -> tuple[SendMessage, ...]:
    """The requests for `message` to the chat id `chat`, in their order; the last has the keyboard.

    The text is sent without a parse mode: what is written is what is read, `<b>&` included.
    Every option stays reachable: as a button, or as a numbered line where Telegram would refuse it.
    Link previews are off, because fetching one would spend a one-time link before it is tapped; but
    for the address that the message names for it.
    """
    keyboard, lines = _place(message.options)
    text = "\n\n".join(part for part in (message.text.strip(), "\n".join(lines)) if part)
    pieces = split(text, CAPS.text_max, CAPS.text_unit)
    if keyboard and not pieces:
        pieces = [_POINTER]
    return tuple(
        SendMessage(
            chat_id=int(chat) if chat.removeprefix("-").isdecimal() else chat,
            text=piece,
            parse_mode=None,
            link_preview_options=_preview(piece, message.preview),
            reply_markup=InlineKeyboardMarkup(inline_keyboard=keyboard)
            if keyboard and index == len(pieces)
            else None,
        )
        for index, piece in enumerate(pieces, 1)
    )


def _preview(piece: str, url: str) -> LinkPreviewOptions:
    """Bot API LinkPreviewOptions: the picture of one address, below the text that has it."""
    if not url or url not in piece or not _is_web_url(url):
        return LinkPreviewOptions(is_disabled=True)
    return LinkPreviewOptions(url=url, prefer_large_media=True)


def _place(options: Sequence[Option]) -> tuple[list[list[InlineKeyboardButton]], list[str]]:
    """Rows of buttons, and the lines of options that are written out.

    If one label is too long to be read on a button, all are written out and the buttons get numbers.
    """
    labels = [" ".join(option.label.split()) or str(n) for n, option in enumerate(options, 1)]
    numbered = any(
        _cells(label) > CAPS.label_max
        for label, option in zip(labels, options, strict=True)
        if not option.url
    )
    buttons: list[InlineKeyboardButton] = []
    lines: list[str] = []
    room = _KEYBOARD_BYTES
    for number, (option, label) in enumerate(zip(options, labels, strict=True), 1):
        button = _button(option, str(number) if numbered and not option.url else label)
        if button is not None:
            room -= len(json.dumps(button.model_dump(exclude_none=True)))
        fits = button is not None and room >= 0 and len(buttons) < CAPS.buttons_max
        if button is not None and fits:
            buttons.append(button)
        if not fits or (numbered and not option.url):
            lines.append(f"{number}. {label}" + (f": {option.url}" if option.url else ""))
    return _rows(buttons), lines


def _button(option: Option, label: str) -> InlineKeyboardButton | None:
    """The button of an option; None where Telegram would refuse it."""
    if option.url:
        if not _is_web_url(option.url):
            return None
        short = truncate(label, CAPS.label_max, CAPS.label_unit)
        return InlineKeyboardButton(text=short, url=option.url)
    if not 1 <= len(option.token.encode("utf-8", "surrogatepass")) <= CAPS.token_max_bytes:
        return None
    return InlineKeyboardButton(text=label, callback_data=option.token)


def _is_web_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and "." in (parts.hostname or "")
    except ValueError:
        return False


def _rows(buttons: list[InlineKeyboardButton]) -> list[list[InlineKeyboardButton]]:
    """Short labels several in a row, as evenly as they go; links each on a row of its own, last."""
    taps = [button for button in buttons if button.url is None]
    links = [button for button in buttons if button.url is not None]
    widest = max((_cells(button.text) for button in taps), default=0)
    columns = next((columns for cells, columns in _COLUMNS if widest <= cells), 1)
    row_count = -(-len(taps) // columns)
    rows: list[list[InlineKeyboardButton]] = []
    for index in range(row_count):
        start, end = (len(taps) * edge // row_count for edge in (index, index + 1))
        rows.append(taps[start:end])
    return rows + [[link] for link in links]


def _cells(label: str) -> int:
    """The width in half-width cells: ideographs and emoji take two."""
    return sum(
        2 if any(unicodedata.east_asian_width(char) in "WF" for char in cluster) else 1
        for cluster in _GRAPHEME.findall(label)
    )

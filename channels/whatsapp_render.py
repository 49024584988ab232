"""Writing a message as WhatsApp Cloud API payloads: text, reply buttons, a list or a template."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from channels.base import Part
from channels.message import Address, Caps, Option, Outgoing, ReceiptStatus, Template, TextUnit
from channels.text import split, truncate
from channels.whatsapp_parse import is_bsuid

Json = dict[str, Any]

TEXT_MAX = 4096  # text.body (Meta: messages reference; CHANNELS 1.1)
BODY_MAX = 1024  # interactive.body.text of buttons and lists (CHANNELS 1.1)
BUTTONS_MAX = 3  # reply buttons (CHANNELS 1.1)
BUTTON_LABEL_MAX = 20  # reply.title (CHANNELS 1.1)
BUTTON_TOKEN_MAX = 256  # reply.id (CHANNELS 1.1)
ROWS_MAX = 10  # rows of a list, over all its sections (CHANNELS 1.1)
ROW_TITLE_MAX = 24  # row.title (CHANNELS 1.1)
ROW_DESCRIPTION_MAX = 72  # row.description (CHANNELS 1.1)
ROW_TOKEN_MAX = 200  # row.id (CHANNELS 1.1)
LIST_LABEL_MAX = 20  # action.button, the words that open the list (CHANNELS 1.1)

CAPS = Caps(
    text_max=TEXT_MAX,
    text_unit=TextUnit.CHAR,
    text_max_with_options=BODY_MAX,
    buttons_max=BUTTONS_MAX,
    label_max=BUTTON_LABEL_MAX,
    label_unit=TextUnit.CHAR,
    list_max=ROWS_MAX,
    list_label_max=ROW_DESCRIPTION_MAX,  # a title cut to 24 has the whole label under it
    token_max_bytes=ROW_TOKEN_MAX,  # the smaller of row and button
    edits_in=True,  # messages of type `edit` (CHANNELS 3)
    typing_refresh_s=20.0,  # shown up to 25 s (CHANNELS 1.1)
    receipts=frozenset(ReceiptStatus),  # CHANNELS 3
    joins_texts=True,  # ≈1 message per 6 s to one person, else 131056 (CHANNELS 1.3)
    business_may_start=True,  # with an approved template and an opt-in (CHANNELS 1.3)
    start_link=True,  # wa.me (CHANNELS 3)
    rate_per_s=80.0,  # messages of one number (CHANNELS 1.3)
    chat_rate_per_s=1 / 6,  # the pair limit (CHANNELS 1.3)
    chat_burst=10,  # a conversation's replies may come faster for a while; 131056 tells when not
)

_HAN = re.compile(r"[\u3400-\u9fff\uf900-\ufaff]")
_NUMBER = re.compile(r"\d+")
_PARAMETER_BLANKS = re.compile(r"\s+")

# WhatsApp has no plain `zh`: Meta, "Supported languages" of templates.
_TEMPLATE_LANGUAGES = {
    "zh": "zh_CN",
    "zh_Hans": "zh_CN",
    "zh_SG": "zh_CN",
    "zh_Hant": "zh_TW",
}


def render(to: Address, message: Outgoing) -> tuple[Part, ...]:
    """The requests that carry `message`, in order; the options stand in the last one.

    Up to 3 options become buttons, up to 10 a list; labels too long for their place, and every
    label of more than 10 options, are written as lines that are answered with digits. Text that
    is too long for one message goes before the options. A template stands for itself.
    """
    if message.template is not None:
        return (_part(to, "template", _template(message.template)),)
    choices = tuple(option for option in message.options if not option.url)
    labels = [_line(option.label) for option in choices]
    surface = _surface(choices, labels)
    lines = [_plain(message.text).strip(), *_links(message.options)]
    if choices and not _says_all(surface, labels):
        lines.extend(_numbered(labels) if surface or not _bare(labels) else labels)
    text = "\n".join(line for line in lines if line)
    if surface is None:
        return _text_parts(to, text, message.preview)
    chinese = bool(_HAN.search(text or "".join(labels)))
    head, tail = _cut_tail(text)
    return (
        *_text_parts(to, head, message.preview),
        _part(
            to,
            "interactive",
            {
                "type": surface,
                "body": {"text": tail or ("请选择：" if chinese else "Please choose:")},
                "action": _action(surface, choices, labels, "选项" if chinese else "Options"),
            },
        ),
    )


def _surface(choices: Sequence[Option], labels: Sequence[str]) -> str | None:
    """ "button", "list", or None for lines that are answered with digits."""
    tokens = [option.token for option in choices]
    if not tokens or len(set(tokens)) < len(tokens):
        return None
    longest = max(len(token.encode("utf-8", "replace")) for token in tokens)
    if min(len(token.strip()) for token in tokens) == 0:
        return None
    if len(tokens) <= BUTTONS_MAX and longest <= BUTTON_TOKEN_MAX:
        return "button"
    if len(tokens) <= ROWS_MAX and longest <= ROW_TOKEN_MAX:
        return "list"
    return None


def _says_all(surface: str | None, labels: Sequence[str]) -> bool:
    """Whether the buttons or rows themselves show every label in full, each different."""
    match surface:
        case "button":
            room = BUTTON_LABEL_MAX
        case "list":
            room = ROW_DESCRIPTION_MAX
        case _:
            return False
    return len(set(labels)) == len(labels) and all(0 < len(label) <= room for label in labels)


def _action(surface: str, choices: Sequence[Option], labels: Sequence[str], open_list: str) -> Json:
    """Buttons or rows; where the labels stand as numbered lines above, they bear the numbers."""
    told = _says_all(surface, labels)
    if surface == "button":
        titles = labels if told else _numbers(labels)
        return {
            "buttons": [
                {"type": "reply", "reply": {"id": option.token, "title": title}}
                for option, title in zip(choices, titles, strict=True)
            ]
        }
    rows = []
    titles = _row_titles(labels) if told else _numbers(labels)
    for option, label, title in zip(choices, labels, titles, strict=True):
        row = {"id": option.token, "title": title}
        if label != title and label:
            row["description"] = truncate(label, ROW_DESCRIPTION_MAX, TextUnit.CHAR)
        rows.append(row)
    return {"button": open_list, "sections": [{"rows": rows}]}


def _row_titles(labels: Sequence[str]) -> list[str]:
    """The labels, cut to a row's title; numbers where that would make two of them the same."""
    titles = [truncate(label, ROW_TITLE_MAX, TextUnit.CHAR) for label in labels]
    return titles if len(set(titles)) == len(titles) else _numbers(labels)


def _numbers(labels: Sequence[str]) -> list[str]:
    return [str(number) for number in range(1, len(labels) + 1)]


def _numbered(labels: Sequence[str]) -> list[str]:
    return [f"{number}) {label}".rstrip() for number, label in enumerate(labels, 1)]


def _bare(labels: Sequence[str]) -> bool:
    """Labels that are numbers are answered as they stand: "2) 1" would give 2 two meanings."""
    return any(_NUMBER.fullmatch(label) for label in labels) and len(set(labels)) == len(labels)


def _links(options: Sequence[Option]) -> list[str]:
    """Options that open an address: a button for one cannot stand beside reply buttons."""
    pairs = [(_line(option.label), _line(option.url)) for option in options if option.url]
    return [f"{label}{_colon(label)}{url}" if label else url for label, url in pairs]


def _colon(label: str) -> str:
    # A blank ends the address for every phone that makes it a link.
    return "： " if _HAN.search(label) else ": "


_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)


def _cut_tail(text: str) -> tuple[str, str]:
    """What goes before as plain text, and the end that stands above the options.

    An address too long to stand there is left whole in the head.
    """
    pieces = split(text, BODY_MAX, TextUnit.CHAR)
    if len(pieces) < 2:
        return "", text
    tail = pieces[-1]
    cut = len(text) - len(tail)
    if any(link.start() < cut < link.end() for link in _LINK.finditer(text)):
        return text, ""
    return text[:cut], tail


def _template(template: Template) -> Json:
    """An approved template; blanks in a value are one each, as the platform refuses line feeds."""
    components: list[Json] = []
    if template.variables:
        values = [_PARAMETER_BLANKS.sub(" ", _plain(value)).strip() for value in template.variables]
        parameters = [{"type": "text", "text": value} for value in values]
        components.append({"type": "body", "parameters": parameters})
    if template.token:
        payload = {"type": "payload", "payload": template.token}
        components.append(
            {"type": "button", "sub_type": "quick_reply", "index": "0", "parameters": [payload]}
        )
    locale = template.locale.replace("-", "_")
    code = _TEMPLATE_LANGUAGES.get(locale, locale)
    language = {"policy": "deterministic", "code": code}
    content: Json = {"name": template.name, "language": language}
    if components:
        content["components"] = components
    return content


def _text_parts(to: Address, text: str, preview: str) -> tuple[Part, ...]:
    """Plain texts. WhatsApp shows the picture of a body's first address, or none: so only where that
    is the one to be shown."""
    parts = []
    for piece in split(text, TEXT_MAX, TextUnit.CHAR):
        first = _LINK.search(piece)
        pictured = bool(preview) and first is not None and first[0] == preview
        parts.append(_part(to, "text", {"body": piece, "preview_url": pictured}))
    return tuple(parts)


def _part(to: Address, kind: str, content: Json) -> Part:
    """A person known by phone number is written `to`, one known by user id is the `recipient`."""
    return Part(
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "recipient" if is_bsuid(to.value) else "to": to.value,
            "type": kind,
            kind: content,
        }
    )


def _line(text: str) -> str:
    return " ".join(_plain(text).split())


def _plain(text: str) -> str:
    """Without halves of surrogate pairs, which no JSON can carry."""
    return text.encode("utf-8", "replace").decode()

"""Masks personal details for display: phone, e-mail, IBAN, and the middle of transaction hashes."""

from __future__ import annotations

import re

import phonenumbers
from stdnum import iban

from bot.safety.detectors.normalise import normalise

_MASK = "****"
_EMAIL = re.compile(
    r"(?<![\w.+-])([\w+-])[\w.+-]{0,63}@((?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.){1,4}[a-z]{2,24})(?![\w-])",
    re.I | re.A,
)
_IBAN = re.compile(
    r"(?<![0-9A-Z])([A-Z]{2}\d{2})((?:[ -]?[0-9A-Z]{4}){2,7}(?:[ -]?[0-9A-Z]{1,3})?)(?![0-9A-Z])",
    re.I,
)
_HASH = re.compile(r"(?<![0-9a-z])((?:0x)?[0-9a-f]{4})[0-9a-f]{56}([0-9a-f]{4})(?![0-9a-f])", re.I)
_PHONE = re.compile(r"(?<![\w+*])(?:\+|00)?\(?\d(?:[\s\-().\u00b7]{0,2}\d){6,16}(?!\w)", re.A)
_MAINLAND = re.compile(r"(?:(?:\+|00)?86)?1[3-9]\d{9}|0\d{2,3}\d{7,8}|400\d{7}")
_GROUPED = re.compile(r"\(?\d{3}\)?[ \-.]\d{3}[ \-.]\d{4}|\(?0\d{2,4}\)?[ \-]\d{3,4}[ \-]?\d{3,4}")


def mask_personal(text: str, region: str = "CN") -> str:
    """`text` with personal details masked; never raises.

    Phones keep their last two digits, e-mails their first letter and domain, IBANs country and
    last four. `region` (ISO 3166) is where numbers without a country code are dialled. What is
    stored is not changed: this is for screens, lists and notifications.
    """
    normal = normalise(text)
    spans: list[tuple[int, int, str]] = []
    for match in _EMAIL.finditer(normal.text):
        spans.append((*match.span(), f"{match.group(1)}***@{match.group(2)}"))
    for match in _HASH.finditer(normal.text):
        spans.append((*match.span(), f"{match.group(1)}…{match.group(2)}"))
    for match in _IBAN.finditer(normal.text):
        plain = re.sub(r"[ -]", "", match.group()).upper()
        if iban.is_valid(plain):
            spans.append((*match.span(), f"{plain[:4]} {_MASK} {plain[-4:]}"))
    for match in _PHONE.finditer(normal.digits):
        if _is_phone(match.group(), region):
            spans.append((*match.span(), _masked_phone(match.group())))
    return _applied(text, [(*normal.original_span(a, b), new) for a, b, new in spans])


def _is_phone(written: str, region: str) -> bool:
    digits = re.sub(r"[^\d+]", "", written)
    if region == "CN" and _MAINLAND.fullmatch(digits):
        return True
    if digits.startswith(("+", "00")):
        return 8 <= len(digits.lstrip("+0")) <= 15
    if _GROUPED.fullmatch(written):
        return True
    if region == "CN":
        return False
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, region))
    except phonenumbers.NumberParseException:
        return False


def _masked_phone(written: str) -> str:
    digits = re.sub(r"[^\d+]", "", written)
    head = digits[:3] if digits.startswith("+") or len(digits) >= 10 else digits[:1]
    return f"{head}{_MASK}{digits[-2:]}"


def _applied(text: str, spans: list[tuple[int, int, str]]) -> str:
    pieces: list[str] = []
    last = 0
    for start, end, new in sorted(spans):
        if start >= last:
            pieces += (text[last:start], new)
            last = end
    pieces.append(text[last:])
    return "".join(pieces)

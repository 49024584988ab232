"""Finds payment card numbers, and the expiry date and security code that stand beside them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.safety.detectors.base import Finding, SecretKind, follows_order_word
from bot.safety.detectors.normalise import Normalised

# One digit to nineteen at a time, with what people put between the groups of a card number.
_RUN = re.compile(r"\d(?:[ \t\-\u2010-\u2015\u00b7\u2022._/,|、()\[\]\n]{0,3}\d){11,}")
_GROUP = re.compile(r"\d+")
_ALNUM_BEFORE = re.compile(r"[0-9a-z]{1,64}\Z", re.I)
_ALNUM_AFTER = re.compile(r"[0-9a-z]{1,64}", re.I)

_CARD_WORDS = re.compile(
    r"卡号|银行卡|信用卡|储蓄卡|借记卡|卡片号|card\s*(?:number|no\b|num|#|is|:|details)"
    r"|\bpan\b|long\s+number|(?:visa|mastercard|unionpay|amex|credit|debit|bank)\s*card|银联",
    re.A,
)
_LAST_DIGITS = re.compile(r"尾号|后四位|末四位|ending|last\s*(?:4|four)")

# Issuer ranges: (prefix from, prefix to, allowed lengths). Sources: ISO/IEC 7812 ranges as
# published by the networks; UnionPay 62 and 81 go up to 19 digits, Mastercard has 2221–2720.
_LONG = frozenset(range(16, 20))
_ISSUERS: tuple[tuple[str, str, frozenset[int]], ...] = (
    ("4", "4", frozenset({13, 16, 19})),
    ("51", "55", frozenset({16})),
    ("2221", "2720", frozenset({16})),
    ("2200", "2204", _LONG),
    ("34", "34", frozenset({15})),
    ("37", "37", frozenset({15})),
    ("62", "62", _LONG),
    ("81", "82", _LONG),
    ("3528", "3589", _LONG),
    ("6011", "6011", _LONG),
    ("644", "649", _LONG),
    ("65", "65", _LONG),
    ("60", "60", frozenset({16})),
    ("36", "36", frozenset({14, 16, 19})),
    ("300", "305", frozenset({14, 16, 19})),
    ("38", "39", frozenset({14, 16, 19})),
    ("50", "50", frozenset({13, 15, 16, 18, 19})),
    ("56", "58", frozenset({13, 15, 16, 18, 19})),
    ("63", "63", frozenset({16, 18, 19})),
    ("67", "69", frozenset({16, 18, 19})),
    ("955", "955", frozenset({16, 18, 19})),
    ("9792", "9792", frozenset({16})),
)
_LENGTHS = range(13, 20)
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)

_EXPIRY = r"(?:0[1-9]|1[0-2])\s?[/\-.年]?\s?(?:20)?[2-4]\d(?!\d)月?"
_AFTER_CARD = re.compile(
    rf"[\s,;/|、，。]{{0,4}}(?:(?:valid|exp|good)[a-z]*\.?(?:\s?(?:thru|date|on))?|有效期(?:至|到|是)?)?[\s:是]{{0,3}}({_EXPIRY}"
    r"(?:[\s,;/|、]{0,4}(?:cv[vc]2?|安全码|校验码)?[\s:是]{0,3}\d{3,4}(?!\d))?)"
)
_DATE_AND_CODE = re.compile(r"(?:0[1-9]|1[0-2])(?:(?:20)?[2-4]\d(?:\d{3,4})?)?")
_CVV = re.compile(
    r"(?:\bcv[vc]2?\b|\bcid\b|cv[vc]2?(?=\d)|card\s+(?:security|verification)\s+(?:code|value)|安全码|卡背面?后?三位数?"
    r"|背面(?:的)?三位(?:数字?|码)?)[^\d\n\ue000]{0,12}?(\d{3,4})(?!\d)"
    r"|(?<!\d)(\d{3,4})\s{0,2}(?:是|is|=)?\s{0,2}(?:my|我的|the)?\s{0,2}(?:cv[vc]2?\b|安全码)",
    re.A,
)
_EXPIRY_WORDS = re.compile(
    rf"(?:有效期限?|到期日?|\bexp(?:ir[a-z]+)?\b|good\s+thru|valid\s+(?:thru|until|till))"
    rf"[^\d\n\ue000]{{0,12}}?({_EXPIRY})",
    re.A,
)
_CARD_NEARBY = re.compile(r"卡|\bcards?\b|cv[vc]|visa|mastercard|\ue000", re.A)


def passes_luhn(digits: str) -> bool:
    """The check digit rule of ISO/IEC 7812-1."""
    odd = digits[-1::-2]
    even = digits[-2::-2]
    return (sum(map(int, odd)) + sum(_DOUBLED[int(d)] for d in even)) % 10 == 0


def is_card_number(digits: str) -> bool:
    """A length and prefix that some network issues, and a right check digit."""
    return _known_issuer(digits) and len(set(digits)) > 1 and passes_luhn(digits)


def _known_issuer(digits: str) -> bool:
    size = len(digits)
    return any(
        size in lengths and low <= digits[: len(low)] <= high for low, high, lengths in _ISSUERS
    )


def find_cards(normal: Normalised) -> Iterator[Finding]:
    """Card numbers in groups of any form, in both plain digits and Chinese numerals."""
    yield from _in_view(normal, normal.text)
    if normal.digits is not normal.text:
        yield from _in_view(normal, normal.digits)


def find_card_security(normal: Normalised) -> Iterator[Finding]:
    """Security codes near their words; expiry dates near theirs where a card is spoken of."""
    words = normal.words
    for match in _CVV.finditer(words):
        group = 1 if match.group(1) else 2
        yield Finding(SecretKind.CARD_SECURITY, *match.span(group))
    for match in _EXPIRY_WORDS.finditer(words):
        near = words[max(0, match.start() - 60) : match.end() + 30]
        if _CARD_NEARBY.search(near):
            yield Finding(SecretKind.CARD_SECURITY, *match.span(1))


def _in_view(normal: Normalised, view: str) -> Iterator[Finding]:
    for run in _RUN.finditer(view):
        start, end = run.span()
        if _inside_code(view, start, end):
            continue
        spans = _card_spans(normal.words, view, start, end)
        for low, high in spans:
            yield Finding(SecretKind.CARD, low, high)
            beside = _AFTER_CARD.match(normal.words, high)
            if beside is not None:
                yield Finding(SecretKind.CARD_SECURITY, *beside.span(1))


def _inside_code(view: str, start: int, end: int) -> bool:
    """True inside hex strings and the like: letters follow, or letters and digits stand before."""
    after = _ALNUM_AFTER.match(view, end)
    if after is not None and view[end].isascii() and len(after.group()) > 4:
        return True
    before = _ALNUM_BEFORE.search(view[max(0, start - 64) : start])
    return before is not None and any(c.isdigit() for c in before.group())


def _card_spans(words: str, view: str, start: int, end: int) -> list[tuple[int, int]]:
    groups = [match.span() for match in _GROUP.finditer(view, start, end)]
    total = sum(high - low for low, high in groups)
    lead = words[max(0, start - 24) : start]
    named = _CARD_WORDS.search(lead) is not None and _LAST_DIGITS.search(lead) is None
    if view[start - 1 : start] == "+" and total <= 15:  # E.164: a phone number has at most 15
        return []
    if named and 12 <= total <= 19:  # with a typing error it is still nearly the card number
        return [(start, end)]
    if len(groups) == 1:
        return _single_group(words, view, start, end, named=named)
    return _windows(view, groups)


def _single_group(
    words: str, view: str, start: int, end: int, *, named: bool
) -> list[tuple[int, int]]:
    digits = view[start:end]
    if is_card_number(digits):
        usual = len(digits) in (15, 16, 19)
        return [(start, end)] if usual or not follows_order_word(words, start) else []
    if _runs_on(digits) or (named and is_card_number(digits[:16])):
        return [(start, end)]
    return []


def _runs_on(digits: str) -> bool:
    """A card number that goes on into its expiry date and code without a gap."""
    return any(
        is_card_number(digits[:size]) and _DATE_AND_CODE.fullmatch(digits, size) is not None
        for size in (16, 19, 15)
    )


def _windows(view: str, groups: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The union of all stretches of whole groups that are card numbers."""
    found: list[tuple[int, int]] = []
    for first, (start, _) in enumerate(groups):
        if view[start] not in "23456789":
            continue
        digits = ""
        for low, high in groups[first : first + 19]:
            digits += view[low:high]
            if high - low >= 17 and low == start and _runs_on(digits):
                found.append((start, high))
            if len(digits) > 19:
                break
            if len(digits) >= 13 and is_card_number(digits) and not _is_amount(view[start:high]):
                if found and start < found[-1][1]:
                    found[-1] = (found[-1][0], max(high, found[-1][1]))
                else:
                    found.append((start, high))
    return found


def _is_amount(piece: str) -> bool:
    return re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", piece) is not None

"""Finds identity and passport numbers: mainland China and its neighbours by check digit, others by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from bot.safety.detectors.base import Finding, SecretKind, follows_order_word
from bot.safety.detectors.normalise import Normalised

_GAP = r"[ \t\-._/\n\u00b7]{0,2}"
# Behind a look-ahead, so that a start inside a longer row of numbers is tried too.
_CN18 = re.compile(rf"(?<![0-9])(?=([1-8](?:{_GAP}\d){{16}}{_GAP}[0-9xX])(?![0-9]))")
_CN15 = re.compile(rf"(?<![0-9a-zA-Z+])(?=([1-8](?:{_GAP}\d){{14}})(?![0-9a-zA-Z]))")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_PROVINCE_CODES = """
11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65
71 81 82 83
"""
_PROVINCES = frozenset(_PROVINCE_CODES.split())

_HK = re.compile(r"(?<![a-z0-9])([a-z]{1,2})[ -]?(\d{6}) ?(?:\(([0-9a])\)|([0-9a])(?![0-9a-z]))")
_MO = re.compile(r"(?<![a-z0-9])[1578][/ ]?\d{6}[/ ]?\(?\d\)?(?![0-9a-z])")
_TW = re.compile(r"(?<![a-z0-9])[a-z][1289]\d{8}(?![0-9a-z])")
_SG = re.compile(r"(?<![a-z0-9])[stfgm]\d{7}[a-z](?![0-9a-z])")
_SSN = re.compile(r"(?<![0-9-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![0-9-])")
_KR = re.compile(r"(?<![0-9])\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])-[1-8]\d{6}(?![0-9])")
_MRZ = re.compile(r"(?<![A-Z0-9<])[A-Z0-9<]{28,46}(?![A-Z0-9<])")

# Digits without which no pattern of `_by_checksum`, and none of `_by_word`, can match.
_CHECKED_DIGITS = re.compile(r"\d{6}|\d-\d{2}-\d")
_FOUR_DIGITS = re.compile(r"\d{4}")

_TW_LETTERS = "abcdefghjklmnpqrstuvxywzio"  # A is 10, B is 11 … O is 35
_SG_CHECK = {"st": "jzihgfedcba", "fg": "xwutrqpnmlk", "m": "xwutrqpnjlk"}

_NUMBER = r"(?=[a-z0-9\-/() ]{0,24}\d{4})(?<![a-z0-9])([a-z]{0,3}-?\d(?:[ \-/]?[0-9]){4,17}[ -]?(?:\(?[0-9a-z]\)?)?)(?![0-9a-z])"
_FILLER = (
    r"(?:[\s:=#'\"「“(]|号码?|的|是|为|no\.?|numbers?|num|card|is|my|was|it'?s|我|这个|叫){0,8}?"
)
_ID_WORDS = re.compile(
    rf"(?:身份证|证件号|证件|居民证|回乡证|通行证|居留证|hkid|nric|fin\b|\bssn\b|social\s+security|aadhaa?r"
    rf"|national\s+id|identity\s+(?:card|number|no)|identification\s+(?:number|no)"
    rf"|\bid(?=\s+\d{{15,18}})|\bid(?=\s*(?:card|number|no\b|num|is\b|:))|driver'?s?\s+licen[cs]e){_FILLER}{_NUMBER}",
    re.A,
)
_PASSPORT_WORDS = re.compile(rf"(?:护照|passport){_FILLER}{_NUMBER}", re.A)
_PASSPORT_AFTER = re.compile(
    r"(?<![a-z0-9])([a-z]{1,2}\d{7,8})\s{0,2}(?:是|is|=|,|\()?\s{0,2}(?:my|我的|我|the|本人)?\s{0,2}(?:护照|passport)",
    re.A,
)
_ORDER_ID = re.compile(
    r"(?:order|transaction|ticket|case|booking|payment|session|user|account)\s*\Z"
)


def find_identity(normal: Normalised) -> Iterator[Finding]:
    """Identity and passport numbers; last four digits are never one."""
    yield from _mainland(normal, normal.text)
    if normal.digits is not normal.text:
        yield from _mainland(normal, normal.digits)
    if _CHECKED_DIGITS.search(normal.words) is not None:
        yield from _by_checksum(normal.words)
    if _FOUR_DIGITS.search(normal.words) is not None:
        yield from _by_word(normal.words)
    if "<<" in normal.text:
        for match in _MRZ.finditer(normal.text):
            if "<<" in match.group() and any(c.isalpha() for c in match.group()):
                yield Finding(SecretKind.PASSPORT, *match.span())


def is_resident_id(number: str) -> bool:
    """18 characters with a real date of birth and the check digit of ISO 7064 MOD 11-2."""
    if not _real_date(number[6:14]):
        return False
    total = sum(int(d) * w for d, w in zip(number[:17], _WEIGHTS, strict=True))
    return "10X98765432"[total % 11] == number[17].upper()


def _real_date(yyyymmdd: str) -> bool:
    try:
        born = date(int(yyyymmdd[:4]), int(yyyymmdd[4:6]), int(yyyymmdd[6:]))
    except ValueError:
        return False
    return 1880 <= born.year <= 2099


def _mainland(normal: Normalised, view: str) -> Iterator[Finding]:
    for match in _CN18.finditer(view):
        number = re.sub(r"[^0-9xX]", "", match.group(1))
        if is_resident_id(number):
            yield Finding(SecretKind.IDENTITY, *match.span(1))
    for match in _CN15.finditer(view):
        number = re.sub(r"[^0-9]", "", match.group(1))
        if (
            number[:2] in _PROVINCES
            and not (len(match.group(1)) > 15 and _among_numbers(view, *match.span(1)))
            and _real_date("19" + number[6:12])
            and not follows_order_word(normal.words, match.start())
        ):
            yield Finding(SecretKind.IDENTITY, *match.span(1))


def _among_numbers(view: str, start: int, end: int) -> bool:
    """True if a row of separated digits goes on before or after."""
    around = view[max(0, start - 2) : start] + "|" + view[end : end + 2]
    return any(c.isdigit() for c in around)


def _by_checksum(words: str) -> Iterator[Finding]:
    for match in _HK.finditer(words):
        letters, digits = match.group(1), match.group(2)
        bracketed = match.group(3)
        check = bracketed or match.group(4)
        if _hong_kong_check(letters, digits) == check and (
            bracketed or not follows_order_word(words, match.start())
        ):
            yield Finding(SecretKind.IDENTITY, *match.span())
    for match in _TW.finditer(words):
        if _taiwan_ok(match.group()) and not follows_order_word(words, match.start()):
            yield Finding(SecretKind.IDENTITY, *match.span())
    for match in _SG.finditer(words):
        if _singapore_ok(match.group()):
            yield Finding(SecretKind.IDENTITY, *match.span())
    for match in _MO.finditer(words):
        lead = words[max(0, match.start() - 20) : match.start()]
        if re.search(r"澳门|macau|macao|\bbir\b", lead):
            yield Finding(SecretKind.IDENTITY, *match.span())
    for pattern in (_SSN, _KR):
        for match in pattern.finditer(words):
            yield Finding(SecretKind.IDENTITY, *match.span())


def _by_word(words: str) -> Iterator[Finding]:
    for match in _PASSPORT_WORDS.finditer(words):
        yield Finding(SecretKind.PASSPORT, *match.span(1))
    for match in _PASSPORT_AFTER.finditer(words):
        yield Finding(SecretKind.PASSPORT, *match.span(1))
    for match in _ID_WORDS.finditer(words):
        lead = words[max(0, match.start() - 16) : match.start()]
        if not _ORDER_ID.search(lead):
            yield Finding(SecretKind.IDENTITY, *match.span(1))


def _hong_kong_check(letters: str, digits: str) -> str:
    """Weights 9 … 2, a missing first letter counts as a blank of value 36; modulo 11."""
    values = [ord(c) - ord("a") + 10 for c in letters]
    if len(values) == 1:
        values.insert(0, 36)
    values += [int(d) for d in digits]
    rest = -sum(v * w for v, w in zip(values, range(9, 1, -1), strict=True)) % 11
    return "a" if rest == 10 else str(rest)


def _taiwan_ok(number: str) -> bool:
    tens, ones = divmod(_TW_LETTERS.index(number[0]) + 10, 10)
    total = tens + ones * 9
    total += sum(int(d) * w for d, w in zip(number[1:9], range(8, 0, -1), strict=True))
    return (total + int(number[9])) % 10 == 0


def _singapore_ok(number: str) -> bool:
    total = sum(int(d) * w for d, w in zip(number[1:8], (2, 7, 6, 5, 4, 3, 2), strict=True))
    total += {"t": 4, "g": 4, "m": 3}.get(number[0], 0)
    letters = next(table for heads, table in _SG_CHECK.items() if number[0] in heads)
    return letters[total % 11] == number[8]

"""Reads an amount or a count: 一千二, 1.2万, 3k, about 200, 两百块, 200-300 (asks)."""

from __future__ import annotations

import re
from decimal import Decimal

from dialogs.replies.base import Problem, ReadContext, Reading, decided
from dialogs.replies.numerals import Numeral, find_numbers, is_whole
from dialogs.replies.wording import Reply, Span, parse, rest_of, says_nothing, with_frame

_WINDOW = 32
_MOST_CANDIDATES = 6
_UNIT = re.compile(
    r" ?(?:多|来)?(?:个?(?:元|块钱?|圆|毛|人民币|美元|欧元|港币|人|个|次|张|笔|天|日|周|月|年|岁|小时|分钟|家|位|条|件|部|台|份|回|遍|趟|%|percent|k\b)"
    r"|(?:rmb|cny|usd|yuan|dollars?|bucks|euros?|eur|hkd|times?|people|persons?|days?|weeks?|months?|years?|hours?|minutes?|cards?|items?)\b)?"
    r"(?:左右|上下|以上|以内)?"
)
_MONEY_BEFORE = re.compile(r"[$€£¥￥]\s?$|(?:rmb|cny|usd|hk\$|us\$) ?$")
_NOT = re.compile(r"(?:不是|并非|没有|\bnot|n't|instead of|rather than|而不是)\s*(?:\w+\s)?$")
_NO_NUMBER_LEFT = re.compile(
    r"第\s?$|(?:version|ver\.|iphone|ios|android|尾号[是为]?|电话|step|(?:times?|tries|attempts?) (?:in|over|within)(?: the)?(?: last| past)?|第几|几|数|\d ?/ ?)\s?$"
)
_NO_NUMBER_RIGHT = re.compile(
    r"(?:st|nd|rd|th)\b| ?[ap]\.?m\b|:\d\d| ?o'?clock|g\b(?! )|几|半(?!个|天|小时)|分之"
)
_MOMENT = re.compile(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}月\d{1,2}[日号]?|(?:\d{1,2}|[一二三四五六七八九十]{1,3})点(?:\d{1,2}|半|[一二三四五]?十[一二三四五六七八九]?)?分?(?!\d)|\d{1,2}:\d\d"
    r"|\d{4}年|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|sept|oct|nov|dec)[a-z]* \d{1,2}(?:st|nd|rd|th)?\b"
)
_CORRECTS = re.compile(
    r"不对|错了|哦不|不不|应该是|改[成为]|更正|打错|按错|\b(?:wait|actually|i mean|i meant|sorry|make that|oops|typo|no)\b"
)
_BETWEEN = re.compile(
    r"\s*(?:元|块|个|次|天)?\s*(?:-|~|to|or|到|至|或者?|、|and|、或)\s*[$¥€£]?\s*$"
)
_NONE_AT_ALL = re.compile(
    r"^\W*(?:从来|我)?(?:一[个次张笔分元块回遍天][都也]?没有?[\u4e00-\u9fff]{0,4}|没有过|零次|从没有过|none(?: at all)?|not (?:a single|even) one|zero|nil|never|never tried(?: it)?|haven't tried(?: it)?(?: yet)?|(?:从来?|还|都)?没有?[试用去做办打]过)(?:了|过|呢)?\W*$"
)
# The whole reply counts without a numeral: "tried twice", "first try", "x2".
_COUNTED = re.compile(
    r"\W*(?:(?:i|we|have|i've|just|only|maybe|tried|did|it|about|like|got it|worked|done|on|my|the)\s+)*"
    r"(?:(?P<word>once|twice|thrice)|(?P<first>(?:first|1st) (?:try|attempt|go|time)|a single time|one time)|x ?(?P<x>\d{1,2})|(?P<x2>\d{1,2}) ?x)"
    r"(?:\s+(?:only|i think|maybe|thanks|or so))?\W*"
)
_COUNT_WORDS = {"once": 1, "twice": 2, "thrice": 3}
_FRACTION = re.compile(r"^ ?/ ?\d")


def _usable(reply: Reply, number: Numeral, moments: list[Span]) -> bool:
    text = reply.text
    left = text[max(0, number.start - _WINDOW) : number.start]
    right = text[number.end : number.end + 12]
    if any(start <= number.start < end for start, end in moments[:100]):
        return False
    if _NO_NUMBER_LEFT.search(left) or _NO_NUMBER_RIGHT.match(right) or _FRACTION.match(right):
        return False
    clause = reply.clause_at(number.start)
    if not clause.asks:
        return True
    around = text[clause.start : number.start] + text[number.end : clause.end]
    around = around.removeprefix("$")
    unit = _UNIT.match(text[number.end : clause.end])
    if unit:
        around = text[clause.start : number.start] + text[number.end + unit.end() : clause.end]
    return says_nothing(around)


def _span(text: str, number: Numeral) -> Span:
    left = text[max(0, number.start - 8) : number.start]
    money = _MONEY_BEFORE.search(left)
    unit = _UNIT.match(text, number.end)
    start = number.start - (len(left) - money.start()) if money else number.start
    return start, unit.end() if unit else number.end


_AND_HALF = re.compile(r" ?(?:个|块|元|年|天|小时)半(?!天|年|小时)")


def _with_half(text: str, number: Numeral) -> Numeral:
    """两个半 is 2.5."""
    match = _AND_HALF.match(text, number.end)
    if not match or number.whole is None:
        return number
    half = Decimal("0.5")
    return Numeral(number.start, match.end(), number.low + half, number.high + half)


def _plain(value: Decimal) -> int | float:
    return int(value) if is_whole(value) else float(value)


def read_number(
    text: str,
    context: ReadContext,
    minimum: float | None = None,
    maximum: float | None = None,
) -> Reading[int | float]:
    """Read one number, an int where it is whole, within `minimum` and `maximum` (inclusive).

    Two different numbers and spans ("200-300", 两三个) are candidates; a later one that corrects
    the earlier wins. Dates, clock times, ordinals and questions are no amounts. Problem:
    OUT_OF_RANGE.
    """
    reply = parse(text)
    moments = [match.span() for match in _MOMENT.finditer(reply.text)]
    if _NONE_AT_ALL.match(reply.text) and _within(Decimal(0), minimum, maximum):
        return Reading(value=0, evidence=reply.original(0, len(reply.text)))
    if (count := _counted(reply)) is not None and _within(Decimal(count), minimum, maximum):
        return Reading(value=count, evidence=reply.original(0, len(reply.text)))
    numbers = [n for n in find_numbers(reply.text) if _usable(reply, n, moments)]
    kept, passed = _said(reply, [_with_half(reply.text, number) for number in numbers])
    if not kept:
        return Reading()
    spans = [_span(reply.text, number) for number in kept]
    values = list(dict.fromkeys(value for n in kept for value in (n.low, n.high)))
    good = [value for value in values if _within(value, minimum, maximum)]
    evidence = reply.original(spans[0][0], spans[-1][1]) if len(kept) < 3 else ""
    if not good:
        return Reading(problem=Problem.OUT_OF_RANGE, evidence=evidence)
    plain = [_plain(value) for value in good[:_MOST_CANDIDATES]]
    framed = [with_frame(reply, span) for span in spans]
    return decided(plain, evidence=evidence, rest=rest_of(reply, framed + passed))


def _counted(reply: Reply) -> int | None:
    """The count of a reply that says nothing but "twice", "first try" or "x2"."""
    match = _COUNTED.fullmatch(reply.text) if len(reply.text) <= 60 else None
    if match is None or reply.clauses[0].asks:
        return None
    if match["word"]:
        return _COUNT_WORDS[match["word"]]
    return 1 if match["first"] else int(match["x"] or match["x2"])


def _said(reply: Reply, numbers: list[Numeral]) -> tuple[list[Numeral], list[Span]]:
    """The numbers that the person stands by, and the spans of those denied or corrected."""
    kept: list[Numeral] = []
    passed: list[Span] = []
    for number in numbers:
        left = reply.text[max(0, number.start - _WINDOW) : number.start]
        between = reply.text[kept[-1].end : number.start] if kept else ""
        denied = _NOT.search(left)
        if denied and not _BETWEEN.fullmatch(between):
            passed.append((number.start - len(left) + denied.start(), number.end))
            continue
        if kept and len(between) < _WINDOW and _CORRECTS.search(between):
            passed.append((kept[0].start, number.start))
            kept.clear()
        kept.append(number)
    return kept, passed


def _within(value: Decimal, minimum: float | None, maximum: float | None) -> bool:
    if not value.is_finite():
        return False
    low = minimum is None or value >= Decimal(str(minimum))
    return low and (maximum is None or value <= Decimal(str(maximum)))

"""Reads a choice among amounts ("0次", "2 to 3 times", "4 or more") by the amount that is said."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import pairwise

from dialogs.replies.base import ReadContext, Reading, decided
from dialogs.replies.number import read_number
from dialogs.replies.numerals import find_numbers
from dialogs.replies.wording import parse

Range = tuple[float, float]

_NEVER = re.compile(r"^\W*(?:never|none|not once|zero|从不|从未|从没有?|没有过?|零)\W*$")
_ONCE = re.compile(r"\b(once|twice|thrice)\b")
_ONCE_VALUE = {"once": "1 time", "twice": "2 times", "thrice": "3 times"}
_MORE = re.compile(
    r"以上|或更多|及以上|超过|多于|不少于|至少|\+|or more|more than|over|at least|above"
)
_LESS = re.compile(r"以下|以内|不到|少于|不超过|less than|fewer than|under|up to|below|at most")
# Words that name a place in the list: then the number is no amount.
_PLACE = re.compile(
    r"第|选|号|项|答案|\b(?:option|choice|number|no|answer|one)\b|#|(?:st|nd|rd|th)\b"
)
_BARE = re.compile(r"[\W_]*(?:\d{1,2}|[一二两三四五六七八九十])[\W_]*")
_LEAST_LABELS = 3


def _range(label: str) -> Range | None:
    """The amounts that a label stands for, both ends included; None if it is no amount."""
    text = _in_digits(parse(label).text)
    if _NEVER.match(text):
        return 0.0, 0.0
    numbers = find_numbers(text)[:2]
    if not numbers:
        return None
    low, high = float(numbers[0].low), float(numbers[-1].high)
    if _MORE.search(text):
        return low, math.inf
    return (0.0, high) if _LESS.search(text) else (low, high)


def _in_digits(text: str) -> str:
    return _ONCE.sub(lambda match: _ONCE_VALUE[match[1]], text)


def ranges_of(labels: Sequence[str]) -> list[Range | None]:
    """Of each label; [] if they are no ascending amounts, one label ("not sure") excepted."""
    if len(labels) < _LEAST_LABELS:
        return []
    ranges = [_range(label) for label in labels]
    known = [found for found in ranges if found is not None]
    ascending = all(one[0] < other[0] for one, other in pairwise(known))
    units = any(not _BARE.fullmatch(parse(label).text) for label in labels)
    enough = len(known) >= max(_LEAST_LABELS, len(labels) - 1)
    return ranges if enough and ascending and units else []


def read_amount(text: str, labels: Sequence[str], context: ReadContext) -> Reading[int]:
    """The option whose range holds the amount said.

    A bare number that is also the place of another option asks which of the two is meant; an
    amount on the edge of two ranges asks as well. Nothing where the labels are no amounts.
    """
    ranges = ranges_of(labels)
    reply = parse(text)
    if not ranges or len(reply.text) > 200 or _PLACE.search(reply.text):
        return Reading()
    said = _in_digits(reply.text)
    reading = read_number("0" if _NEVER.match(said) else said, context)
    values = [reading.value] if reading.value is not None else []
    values += [candidate.value for candidate in reading.candidates]
    if not values or reading.rest:
        return Reading()
    fitting = [
        index
        for value in values
        for index, found in enumerate(ranges)
        if found is not None and found[0] <= value <= found[1]
    ]
    if fitting and _BARE.fullmatch(reply.text):
        place = int(values[0]) - 1
        fitting += [place] if 0 <= place < len(labels) else []
    return decided(sorted(set(fitting)), evidence=text.strip())

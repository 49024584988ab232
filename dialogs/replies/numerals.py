"""Numbers as people write them, in digits, Chinese and English, with the place where they stand."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

# Longer runs of digits are identifiers, not amounts; they are read as infinite, which no range holds.
_MOST_DIGITS = 15
_LARGEST = 10**15
_MOST_NUMBERS = 500
TOO_LARGE = Decimal("Infinity")

_DIGIT_ZH = {
    **{char: value for value, char in enumerate("零一二三四五六七八九")},
    **{char: value for value, char in enumerate("〇壹贰叁肆伍陆柒捌玖")},
    "两": 2,
    "俩": 2,
    "仨": 3,
    "貳": 2,
    "陸": 6,
}
_SMALL_ZH = {"十": 10, "百": 100, "千": 1000, "拾": 10, "佰": 100, "仟": 1000}
_LARGE_ZH = {"万": 10**4, "亿": 10**8}
_UNITS_EN = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS_EN = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_WORD_EN = {
    **{word: value for value, word in enumerate(_UNITS_EN)},
    **{word: 10 * value for value, word in enumerate(_TENS_EN, 2)},
}
_SCALE_EN = {"hundred": 100, "thousand": 1000, "million": 10**6}
_SUFFIX = {
    "k": 1000,
    "w": 10**4,
    "m": 10**6,
    "百": 100,
    "千": 1000,
    "万": 10**4,
    "亿": 10**8,
    "百万": 10**6,
    "千万": 10**7,
    **_SCALE_EN,
}
_HALF = Decimal("0.5")

_EN_WORDS = "|".join(sorted([*_WORD_EN, *_SCALE_EN], key=len, reverse=True))
_DIGITS = (
    r"(?P<digits>(?<![\w.])-?(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|(?<=[^\W\da-z])\d+(?:\.\d+)?)"
    r"(?: ?(?P<suffix>百万|千万|[百千万亿]|(?:[kwm]|hundred|thousand|million)(?![a-z]))(?P<tail>\d(?!\d|\.\d))?)?"
)
_ZH = (
    r"(?P<zh>[零〇一二两三四五六七八九十百千万亿]{1,24}|[壹贰貳叁肆伍陆陸柒捌玖拾佰仟万亿零]{2,24}|[壹贰貳叁肆伍柒捌玖俩仨])"
    r"(?:点(?P<point>[零〇一二三四五六七八九]{1,8})(?![十刻点]))?"
)
_EN = (
    rf"\b(?P<en>(?:an? )?(?:{_EN_WORDS})(?:(?: and | a |[ -])(?:{_EN_WORDS})\b){{0,8}}|a dozen)(?![a-z])"
    r"(?: point (?P<en_point>zero|one|two|three|four|five|six|seven|eight|nine)\b)?"
)
_NUMBER = re.compile(rf"{_DIGITS}|{_ZH}|{_EN}")
_AND_HALF = re.compile(r" (?:and a half|1/2|1⁄2)(?![\w⁄/])|1⁄2(?!\d)|½")

# Words with a numeral in them that count nothing.
_NO_NUMBERS = re.compile(
    r"一般|一点儿?(?!半|钟|\d|[零一二三四五六七八九十])|一下|一样|一直|一些|一起|统一|唯一|万一|一定|一共|一会儿?|一切|一向|一旦|一方面|一边"
    r"|(?:周|星期|礼拜)[一二三四五六]|进一步|一步|一致|一味|一概|一律|一再|一言难尽|一塌糊涂|一如既往|千万别|千万不|万分|百分之?"
    r"|乱七八糟|三番五次|不管三七|五花八门|十足|一流|不一|说一不二|一心|一时|一路|一头|二话|双十一|第一时间|最后一[次个步天回遍]|上一[次个步回]|下一[次个步回]|每一[次个步回]|前一[次个回]|[你我他她咱们][俩仨]|一句|有一说一|实话"
    r"|no one|any ?one|every ?one|some ?one|the (?:other|only|same|right|wrong|good|bad|best|worst) one|one of(?: (?:the|these|those)(?: two| three)?)?|this one|that one|one day|one more|one thing|which one"
)
_PAIR_ZH = re.compile(
    r"^(.*?[十百千万])?([一二两三四五六七八九])([二两三四五六七八九])([十百千万亿]*)$"
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number at `text[start:end]`; `low` and `high` differ for "三四" (three or four)."""

    start: int
    end: int
    low: Decimal
    high: Decimal

    @property
    def whole(self) -> int | None:
        """The value as an int; None for a fraction, a range or what is too large to be meant."""
        if self.low != self.high or not is_whole(self.low):
            return None
        return int(self.low)


def is_whole(value: Decimal) -> bool:
    """Whether the value is a finite whole number."""
    return value.is_finite() and value % 1 == 0


def _zh_value(text: str) -> Decimal | None:
    """The value of a Chinese numeral, 一千二 being 1200; None if it is not one."""
    if all(char in _DIGIT_ZH for char in text):
        return Decimal("".join(str(_DIGIT_ZH[char]) for char in text))
    total = section = digit = 0
    pending = False
    last_unit = 1
    for char in text:
        if char in _DIGIT_ZH:
            if pending and digit:
                return None
            digit, pending = _DIGIT_ZH[char], True
        elif char in _SMALL_ZH:
            last_unit = _SMALL_ZH[char]
            section += (digit if pending else 1) * last_unit
            digit, pending = 0, False
        else:
            last_unit = _LARGE_ZH[char]
            group = section + digit
            total = (
                (total + group or 1) * last_unit
                if char == "亿"
                else total + (group or 1) * last_unit
            )
            section, digit, pending = 0, 0, False
    if digit and last_unit >= 100 and not _follows_zero(text):
        digit *= last_unit // 10
    return Decimal(total + section + digit)


def _follows_zero(text: str) -> bool:
    return len(text) > 1 and _DIGIT_ZH.get(text[-2]) == 0


def _en_value(text: str) -> Decimal | None:
    """The value of English number words; None for words that make no one number ("two five")."""
    if text == "a dozen":
        return Decimal(12)
    total = current = 0
    smallest = 1000
    for word in re.split(r"[ -]", text):
        if word in ("a", "an"):
            current += 0
        elif word in _WORD_EN:
            value = _WORD_EN[word]
            if (size := 10 if value >= 20 else 1) >= smallest:
                return None
            smallest = size if value else 0
            current += value
        elif word == "hundred":
            current, smallest = max(1, current) * 100, 100
        elif word in _SCALE_EN:
            total, current, smallest = total + max(1, current) * _SCALE_EN[word], 0, 1000
    return Decimal(total + current)


def _digits_value(match: re.Match[str]) -> Decimal:
    digits = match["digits"].replace(",", "")
    if len(digits) > _MOST_DIGITS:
        return TOO_LARGE
    value = Decimal(digits)
    if suffix := match["suffix"]:
        value *= _SUFFIX[suffix]
        if match["tail"]:  # 3千5, 1万2
            value += int(match["tail"]) * _SUFFIX[suffix] // 10
    return value


def _read(match: re.Match[str]) -> tuple[Decimal, Decimal] | None:
    if match["digits"]:
        value: Decimal | None = _digits_value(match)
    elif match["zh"]:
        if pair := _pair(match["zh"]):
            return pair
        value = _zh_value(match["zh"])
        if value is not None and match["point"]:
            value += Decimal("0." + "".join(str(_DIGIT_ZH[c]) for c in match["point"]))
    else:
        value = _en_value(match["en"])
        if value is not None and match["en_point"]:
            value += Decimal(_WORD_EN[match["en_point"]]) / 10
    return None if value is None else (value, value)


def _pair(text: str) -> tuple[Decimal, Decimal] | None:
    """三四 → 3 and 4, 四五百 → 400 and 500, 十五六 → 15 and 16."""
    match = _PAIR_ZH.match(text)
    if not match:
        return None
    head, first, second, tail = (part or "" for part in match.groups())
    if _DIGIT_ZH[second] != _DIGIT_ZH[first] + 1 or (head and head[-1] not in "十" and not tail):
        return None
    low, high = _zh_value(head + first + tail), _zh_value(head + second + tail)
    return None if low is None or high is None else (low, high)


_ONE_WORD = re.compile(rf"\b(?:{'|'.join(_WORD_EN)})\b")


def _listed(match: re.Match[str]) -> list[Numeral]:
    """ "one and two": words that make no one number, but each a number."""
    if " and " not in (match["en"] or ""):
        return []
    words = _ONE_WORD.finditer(match.string, match.start(), match.end())
    values = [(word.start(), word.end(), Decimal(_WORD_EN[word[0]])) for word in words]
    return [Numeral(start, end, value, value) for start, end, value in values]


def find_numbers(text: str) -> list[Numeral]:
    """The first 500 numbers of a folded, simplified text; ordinals and units are not judged."""
    masked = {
        place for match in _NO_NUMBERS.finditer(text) for place in range(match.start(), match.end())
    }
    found: list[Numeral] = []
    for match in _NUMBER.finditer(text):
        if len(found) == _MOST_NUMBERS:
            break
        if found and match.start() < found[-1].end:
            continue
        if match.start() in masked or match.end() - 1 in masked:
            continue
        values = _read(match)
        if values is None:
            found += _listed(match)
            continue
        if max(map(abs, values)) > _LARGEST:
            values = (TOO_LARGE, TOO_LARGE)
        end = match.end()
        if half := _AND_HALF.match(text, end):
            values = (values[0] + _HALF, values[1] + _HALF)
            end = half.end()
        found.append(Numeral(match.start(), end, *values))
    return found

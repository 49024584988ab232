"""Dates, clock times and spans of time as people name them, found in a folded reply."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import Enum, auto

from dialogs.local_time import later_by
from dialogs.replies.numerals import find_numbers
from dialogs.replies.wording import Span

_N = r"(?:\d{1,3}|[一二三四五六七八九十两]{1,3})"
_N_EN = r"(?:\d{1,3}|an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|fifty)"
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?"
_DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_DAY = r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_DAYS_ZH = {char: index for index, char in enumerate("一二三四五六")} | {"日": 6, "天": 6, "末": 5}

_RELATIVE = {
    "大前天": -3,
    "前天": -2,
    "前日": -2,
    "昨天": -1,
    "昨日": -1,
    "昨晚": -1,
    "昨儿": -1,
    "今天": 0,
    "今日": 0,
    "今儿": 0,
    "今晚": 0,
    "今早": 0,
    "今夜": 0,
    "今晨": 0,
    "当天": 0,
    "明天": 1,
    "名天": 1,
    "明日": 1,
    "明儿": 1,
    "明早": 1,
    "明晚": 1,
    "明晨": 1,
    "明后天": 1,
    "隔天": 1,
    "后天": 2,
    "后日": 2,
    "后儿": 2,
    "大后天": 3,
    "大后日": 3,
    "the day before yesterday": -2,
    "yesterday": -1,
    "today": 0,
    "tonight": 0,
    "2day": 0,
    "this morning": 0,
    "this afternoon": 0,
    "this evening": 0,
    "the next day": 1,
    "tomorrow": 1,
    "tmr": 1,
    "tmrw": 1,
    "tomorow": 1,
    "tommorow": 1,
    "tommorrow": 1,
    "tmw": 1,
    "tomoz": 1,
    "tomos": 1,
    "2moro": 1,
    "2morrow": 1,
    "2mrw": 1,
    "the day after tomorrow": 2,
    "day after tomorrow": 2,
    "day after tmrw": 2,
    "day after tmr": 2,
    "overmorrow": 2,
}
_RELATIVE_WORD = "|".join(sorted(_RELATIVE, key=len, reverse=True))

# Feasts that fall on the same day of each year.
_FEASTS = {
    "元旦": (1, 1),
    "劳动节": (5, 1),
    "平安夜": (12, 24),
    "圣诞": (12, 25),
    "new year's day": (1, 1),
    "christmas eve": (12, 24),
    "christmas": (12, 25),
    "new year's eve": (12, 31),
}

DATE = re.compile(
    rf"(?P<y>20\d\d)\s?[-/.年]\s?(?P<ym>\d{{1,2}})\s?[-/.月]\s?(?P<yd>\d{{1,2}})(?:[日号]|(?!\d))"
    rf"|(?P<m>\d{{1,2}}|[一二三四五六七八九十]{{1,2}})月(?:份)?(?P<d>\d{{1,2}}|[一二三四五六七八九十廿]{{1,3}})[日号]?(?!\d)"
    rf"|(?P<month_zh>这个月|本月|下个?月)(?P<month_day>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})[日号]"
    rf"|(?<![\d.:/-])(?P<a>\d{{1,2}})[/](?P<b>\d{{1,2}})(?:/(?P<ab_year>\d{{4}}))?(?![\d/:])"
    rf"|(?<![\d.:/-])(?P<a2>\d{{1,2}})-(?P<b2>\d{{2}})(?![\d:/-])(?!\s*[点时ap])"
    rf"|(?<![\d.:/-])(?P<d3>\d{{1,2}})\.(?P<m3>\d{{1,2}})\.(?P<y3>20\d\d)(?!\d)"
    rf"|(?<![\d.:/-])(?P<a3>\d{{1,2}})\.(?P<b3>\d{{1,2}})(?=\s?(?:上午|下午|中午|早上|晚上|傍晚|凌晨|[日号]))[日号]?"
    rf"|(?P<feast>{'|'.join(_FEASTS)})(?: day\b|节|(?=[^a-z]|$))"
    rf"|\b(?P<en_month>{_MONTH}) ?(?:the )?(?P<en_day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:)(?:,? (?P<en_year>20\d\d)\b)?"
    rf"|\b(?P<en_day2>\d{{1,2}})(?:st|nd|rd|th)?(?: of)? (?P<en_month2>{_MONTH})(?![a-z])(?:,? (?P<en_year2>20\d\d)\b)?"
    rf"|(?P<week>(?:下{{1,3}}个?|这个?|本|上个?)?)(?:周|星期|礼拜)(?P<weekday>[一二三四五六日天末]|[1-7](?!\d|[点:]|周|个))"
    rf"|\b(?P<en_week>next|this|coming|this coming|last)? ?(?<!i )(?<!we )(?P<en_weekday>{_DAY})\b(?!')(?P<next_week> next week)?"
    rf"|(?P<ahead>{_N})\s?(?P<ahead_unit>天|日|个?星期|周|个?礼拜|个月)(?:之后|以后|后)"
    rf"|(?:过|再过)(?P<ahead2>{_N})\s?(?P<ahead_unit2>天|个?星期|周|个?礼拜|个月)"
    rf"|\bin (?P<en_ahead>{_N_EN}|a couple of) (?P<en_unit>day|week|month)s?\b|\b(?P<en_ahead2>{_N_EN}) (?P<en_unit2>day|week|month)s? (?:from now|later|from today)\b"
    rf"|\b(?:the )?(?P<nth>\d{{1,2}})(?:st|nd|rd|th)(?: of (?P<nth_month>this|next) month)?\b(?! (?:one|option|time))"
    rf"|(?<![\d月第])(?P<day_zh>\d{{1,2}}|[一二三四五六七八九十]{{1,3}})号(?![楼线门])"
    rf"|(?P<weekend>(?:this |next |the )?\bweekend\b)"
    rf"|(?<![a-z])(?P<relative>{_RELATIVE_WORD})(?![a-z])"
)

_PART = r"凌晨|清晨|大清早|一大早|早上|早晨|早间|上午|午前|正午|中午|午后|下午|午饭后|晏昼|晏晝|傍晚|黄昏|晚上|晚间|夜里|夜间|半夜|深夜|午夜|(?<=今)晚|(?<=明)晚|(?<=昨)晚|(?<=今)早|(?<=明)早|(?<=今)夜|(?<=\x01)晚上?|(?<=\x01)早上?|早(?=[一二三四五六七八九十\d]{1,2}[点:])|晚(?=[一二三四五六七八九十\d]{1,2}[点:])"
_MERIDIEM = r"[ap]\.?m\.?(?![a-z])"
_HOUR_EN = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_IN_THE = (
    r"(?:in the |at |this )?(?:early |late )?(?P<{name}>morning|afternoon|evening|night|tonight)\b"
)
TIME = re.compile(
    rf"(?P<part>{_PART})?的?\s?(?P<h_zh>\d{{1,2}}|[零一二三四五六七八九十两]{{1,3}})(?:点钟?|时(?!间|候|后|半会))(?:(?P<half>半)|(?P<quarter>[一三])刻|过?(?P<min_zh>\d{{1,2}}|[零一二三四五六七八九十]{{1,3}})分?(?![\d月号天]))?(?:整)?"
    rf"|(?P<part2>{_PART})?\s?(?<![\d.:/-])(?P<h>\d{{1,2}})(?::|(?<=\d)\.(?=\d\d ?[ap]\.?m))(?P<min>[0-5]\d)(?::[0-5]\d)?(?!\d)\s?(?P<mer>{_MERIDIEM})?(?: {_IN_THE.format(name='after')})?"
    rf"|(?<![\d.:/-])(?P<h2>\d{{1,2}}|\b(?:{_HOUR_EN})\b)(?: ?ish)?\s?(?P<mer2>{_MERIDIEM})"
    rf"|\b(?:(?P<past>half|quarter|a quarter|ten|twenty|five|10|20|5) (?P<dir>past|to|after|til))? ?(?P<h3>\d{{1,2}}|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve) ?(?:(?P<clock>o'?clock)(?: {_IN_THE.format(name='after2')})?|{_IN_THE.format(name='after3')}|(?<=[a-z\d])(?(past)(?![\d:])|(?!)))"
    rf"|(?:\bat|\baround|\babout|\bby|\bafter|\bbefore|@) ?(?P<h4>\d{{1,2}})(?![\d:/%.-]|st|nd|rd|th| ?(?:days?|weeks?|minutes?|hours?|months?|dollars?))(?: ?(?P<mer4>{_MERIDIEM}))?"
    rf"|(?P<named>正午|中午|noon|midday|午夜|零点|midnight|lunch ?time)"
    rf"|(?P<span_h>{_N})个?(?P<span_half>半)?(?:小时|钟头)(?P<span_half2>半)?(?:之后|以后|后)|(?P<just_half>半)个?(?:小时|钟头)(?:之后|以后|后)|(?P<span_q>[一三])刻钟(?:之后|以后|后)|(?P<span_m>\d{{1,3}}|[一二三四五六七八九十]{{1,3}})分钟(?:之后|以后|后)"
    rf"|(?:再?过|再?等)(?:(?P<span_h2>{_N})个?(?P<span_half3>半)?(?:小时|钟头|钟)|(?P<just_half2>半)个?(?:小时|钟头|钟)|(?P<span_m2>{_N})分钟)"
    rf"|\A\W*(?:(?P<span_m3>{_N})分钟|(?P<just_half3>半)个?(?:小时|钟头))(?=\W*\Z)"
    rf"|(?:\A\W*|\b(?:give me|gimme) )(?P<en_n3>{_N_EN}) ?(?P<en_span3>minutes?|mins?|hours?|hrs?)(?=\W*\Z)"
    rf"|\bin (?P<en_half>half an hour|a half hour)|\bin (?P<en_n>{_N_EN}|a couple of)(?P<en_and_half> and a half)? ?(?P<en_span>hours?|hrs?|h|minutes?|mins?)(?P<en_and_half2> and a half)?\b|\b(?P<en_n2>{_N_EN}) (?P<en_span2>hours?|hrs?|minutes?|mins?) (?:from now|later)\b|\b(?P<en_half2>half an hour) (?:from now|later)"
    rf"|(?P<now>现在就?|马上|立刻|right now|\bnow\b|immediately|asap)"
    rf"|(?P<only_part>{_PART})|\b{_IN_THE.format(name='only_part_en')}"
)


class Exactness(Enum):
    """Whether the words name the moment or only its neighbourhood."""

    EXACT = auto()
    ABOUT = auto()


@dataclass(frozen=True, slots=True)
class DatePart:
    """A day, or the days it may be ("next Friday" on a Wednesday); none if it cannot exist."""

    days: tuple[date, ...]
    span: Span
    exactness: Exactness = Exactness.EXACT
    part: str = ""  # 今晚 and "tonight" say which part of the day as well
    explicit: bool = True  # False where the next fitting day was assumed


@dataclass(frozen=True, slots=True)
class TimePart:
    """A time of day, a moment counted from now, or just a part of the day (`at` is None)."""

    at: time | None
    span: Span
    exactness: Exactness = Exactness.EXACT
    moment: datetime | None = None
    day_shift: int = 0  # 1 for the midnight that ends the day
    part: str = ""
    settled: bool = True  # False if only the hour was said, so that morning or evening is assumed
    possible: bool = True


def _number(text: str) -> int:
    text = text.strip().replace("廿", "二十")
    if text in ("a", "an"):
        return 1
    if text == "a couple of":
        return 2
    numbers = find_numbers(text)
    return int(numbers[0].low) if numbers and numbers[0].low.is_finite() else -1


def _months_later(day: date, months: int, wanted: int | None = None) -> date | None:
    """The same day (or `wanted`) some months later; a day that month lacks becomes its last."""
    index = day.month - 1 + months
    year, month = day.year + index // 12, index % 12 + 1
    last = (date(year + month // 12, month % 12 + 1, 1) - timedelta(days=1)).day
    if wanted is not None:
        return date(year, month, wanted) if 1 <= wanted <= last else None
    return date(year, month, min(day.day, last))


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


# A day and month more than this far back is meant for next year; less far it is a slip.
_SLIP = timedelta(days=182)


def _yearless(today: date, month: int, day: int) -> date | None:
    this = _day(today.year, month, day)
    if this is None:  # 29 February
        return _day(today.year + 1, month, day)
    return _day(today.year + 1, month, day) if today - this > _SLIP else this


def _month_first(region: str) -> bool:
    return region in ("CN", "US", "TW", "HK", "JP", "KR", "MO", "")


def _slashed(match: re.Match[str], today: date, region: str) -> tuple[date, ...]:
    first, second = (
        int(match[name] or match[f"{name}2"] or match[f"{name}3"]) for name in ("a", "b")
    )
    orders = [(first, second), (second, first)]
    if not _month_first(region):
        orders.reverse()
    days = []
    for month, day in orders:
        if match["ab_year"]:
            found = _day(int(match["ab_year"]), month, day)
        else:
            found = _yearless(today, month, day)
        if found:
            days.append(found)
    if _month_first(region):
        return tuple(days[:1])
    return tuple(dict.fromkeys(days))


def _of_week(match: re.Match[str], today: date) -> tuple[tuple[date, ...], bool, Exactness]:
    """Days of a named weekday, whether the week was said, and how exact it is."""
    said = match["weekday"]
    if said:
        week = match["week"]
        weekday = int(said) - 1 if said.isdigit() else _DAYS_ZH[said]
        exact = Exactness.ABOUT if said == "末" else Exactness.EXACT
        monday = today - timedelta(days=today.weekday())
        shift = -1 if week.startswith("上") else week.count("下")
        if week:
            return (monday + timedelta(days=weekday, weeks=shift),), True, exact
    else:
        exact = Exactness.EXACT
        weekday = _DAYS.index(match["en_weekday"][:3])
        monday = today - timedelta(days=today.weekday())
        coming = monday + timedelta(days=weekday)
        if match["next_week"]:
            return (coming + timedelta(weeks=1),), True, exact
        if match["en_week"] == "last":
            return (coming - timedelta(weeks=0 if coming < today else 1),), True, exact
        if match["en_week"] == "next":
            following = coming + timedelta(weeks=1)
            # Still ahead this week: some mean that day, others the one a week later.
            return ((following, coming) if coming > today else (following,)), True, exact
    ahead = (weekday - today.weekday()) % 7
    return (today + timedelta(days=ahead),), False, exact


def _in_units(count: int, unit: str, today: date) -> date | None:
    if count < 0:
        return None
    if unit.endswith("月") or unit == "month":
        return _months_later(today, count)
    weeks = unit not in ("天", "日", "day")
    return today + timedelta(days=count * 7 if weeks else count)


def read_date_part(match: re.Match[str], now: datetime, region: str) -> DatePart:
    """The day of one match of `DATE`, as seen from `now`."""
    today = now.date()
    span = match.span()
    found: date | None = None
    if match["y"]:
        found = _day(int(match["y"]), int(match["ym"]), int(match["yd"]))
    elif match["m"]:
        found = _yearless(today, _number(match["m"]), _number(match["d"]))
    elif match["month_zh"]:
        months = 1 if match["month_zh"].startswith("下") else 0
        found = _months_later(today, months, _number(match["month_day"]))
    elif match["y3"]:
        found = _day(int(match["y3"]), int(match["m3"]), int(match["d3"]))
    elif match["feast"]:
        found = _yearless(today, *_FEASTS[match["feast"]])
    elif match["a"] or match["a2"] or match["a3"]:
        return DatePart(_slashed(match, today, region), span)
    elif name := match["en_month"] or match["en_month2"]:
        month = _MONTHS.index(name[:3]) + 1
        day = int(match["en_day"] or match["en_day2"])
        year = match["en_year"] or match["en_year2"]
        found = _day(int(year), month, day) if year else _yearless(today, month, day)
    elif match["weekday"] or match["en_weekday"]:
        days, explicit, exactness = _of_week(match, today)
        return DatePart(days, span, exactness, explicit=explicit)
    elif count := match["ahead"] or match["ahead2"] or match["en_ahead"] or match["en_ahead2"]:
        unit = match["ahead_unit"] or match["ahead_unit2"] or match["en_unit"] or match["en_unit2"]
        found = _in_units(_number(count), unit, today)
    elif day_text := match["nth"] or match["day_zh"]:
        wanted = _number(day_text)
        months = 1 if match["nth_month"] == "next" or wanted < today.day else 0
        found = _months_later(today, months, wanted)
    elif match["weekend"]:
        weeks = 1 if match["weekend"].startswith("next") else 0
        saturday = today + timedelta(days=(5 - today.weekday()) % 7 if today.weekday() < 6 else -1)
        return DatePart((saturday + timedelta(weeks=weeks),), span, Exactness.ABOUT, explicit=False)
    else:
        word = match["relative"]
        days = (today + timedelta(days=_RELATIVE[word]),)
        if word == "明后天":
            days = (days[0], days[0] + timedelta(days=1))
        return DatePart(days, span, part=_part_in(word))
    return DatePart((found,) if found else (), span)


def _part_in(word: str) -> str:
    """The part of the day that a relative day names as well: 今晚, "tonight", "this morning"."""
    if word == "tonight" or word.endswith(("晚", "夜", "evening")):
        return "evening"
    if word.endswith(("早", "晨", "morning")):
        return "morning"
    return "afternoon" if word.endswith("afternoon") else ""


def _kind_of_part(part: str) -> str:
    """morning, noon, afternoon, evening, night (after midnight) or ""."""
    if not part:
        return ""
    if (
        part in ("evening", "night", "tonight")
        or "晚" in part
        or part in ("夜里", "夜间", "今夜", "夜", "黄昏", "深夜")
    ):
        return "evening"
    if part in ("凌晨", "半夜", "午夜"):
        return "night"
    if part in ("中午", "正午"):
        return "noon"
    return (
        "afternoon"
        if part in ("afternoon", "下午", "午后", "午饭后", "晏昼", "晏晝")
        else "morning"
    )


def clock(hour: int, minute: int, part: str, *, exact_form: bool) -> tuple[time | None, int, bool]:
    """The time on a 24-hour clock, days to add, and whether nothing was assumed.

    `part` is a part of the day or "". A bare 1–6 is taken for the afternoon, 7–12 as it stands, as
    appointments are; `exact_form` (two-digit hours such as 03:00) is taken as it stands.
    """
    if not (0 <= hour <= 24 and 0 <= minute <= 59):
        return None, 0, True
    kind = _kind_of_part(part)
    if hour == 24:
        return (time(0, minute), 1, True) if minute == 0 else (None, 0, True)
    if kind == "evening" and hour in (0, 12):
        return time(0, minute), 1, True
    if kind == "night" and hour == 12:
        return time(0, minute), 0, True
    if kind == "morning" and part in ("morning",) and hour == 12:
        return time(0, minute), 0, True
    late = kind in ("afternoon", "evening") or (kind == "noon" and hour < 10)
    if late and 1 <= hour < 12:
        return time(hour + 12, minute), 0, True
    if kind or exact_form or hour > 12 or hour == 0:
        return time(hour, minute), 0, True
    return time(hour + 12 if hour <= 6 else hour, minute), 0, False


_HALF_HOURS = ("just_half", "just_half2", "just_half3", "en_half", "en_half2")


def _from_span(match: re.Match[str], now: datetime) -> datetime | None:
    """The moment of "in two hours", 半小时后 and the like, to the minute."""
    if any(match[name] for name in _HALF_HOURS):
        minutes = 30
    elif hours := match["span_h"] or match["span_h2"]:
        half = bool(match["span_half"] or match["span_half2"] or match["span_half3"])
        minutes = 60 * _number(hours) + 30 * half
    elif match["span_q"]:
        minutes = 15 * _number(match["span_q"])
    elif said := match["span_m"] or match["span_m2"] or match["span_m3"]:
        minutes = _number(said)
    elif count := match["en_n"] or match["en_n2"] or match["en_n3"]:
        unit = match["en_span"] or match["en_span2"] or match["en_span3"]
        half = bool(match["en_and_half"] or match["en_and_half2"])
        minutes = _number(count) * (60 if unit.startswith("h") else 1) + 30 * half
    elif match["now"]:
        minutes = 0
    else:
        return None
    return later_by(now, timedelta(minutes=minutes)).replace(second=0, microsecond=0)


def _past_or_to(hour: int, said: str | None, direction: str | None) -> tuple[int, int]:
    """The hour and minute of "half past three" and "quarter to four"."""
    if not said:
        return hour, 0
    minutes = {"half": 30, "quarter": 15, "a quarter": 15}.get(said) or _number(said)
    if direction in ("past", "after"):
        return hour, minutes
    return (hour - 1 or 12), 60 - minutes


def read_time_part(match: re.Match[str], now: datetime) -> TimePart:
    """The time of one match of `TIME`, as seen from `now`."""
    span = match.span()
    if moment := _from_span(match, now):
        return TimePart(moment.time(), span, moment=moment)
    if named := match["named"]:
        midnight = named in ("午夜", "零点", "midnight")
        about = Exactness.ABOUT if named.startswith("lunch") else Exactness.EXACT
        return TimePart(time(0 if midnight else 12), span, about, day_shift=int(midnight))
    if only := match["only_part"] or match["only_part_en"]:
        if _kind_of_part(only) == "noon":
            return TimePart(time(12), span)
        return TimePart(None, span, Exactness.ABOUT, part=only)
    part = next(
        (match[name] for name in ("part", "part2", "after", "after2", "after3") if match[name]), ""
    )
    if meridiem := match["mer"] or match["mer2"] or match["mer4"]:
        part = "morning" if meridiem.startswith("a") else "afternoon"
    minute = 0
    exact_form = False
    if match["h_zh"]:
        hour = _number(match["h_zh"])
        minute = 30 if match["half"] else 15 * _number(match["quarter"]) if match["quarter"] else 0
        minute = _number(match["min_zh"]) if match["min_zh"] else minute
    elif match["h"]:
        hour, minute = int(match["h"]), int(match["min"])
        exact_form = match["h"].startswith("0")
    elif match["h3"]:
        hour, minute = _past_or_to(_number(match["h3"]), match["past"], match["dir"])
    else:
        hour = _number(match["h2"] or match["h4"])
    at, shift, settled = clock(hour, minute, part, exact_form=exact_form)
    return TimePart(at, span, day_shift=shift, part=part, settled=settled, possible=at is not None)

"""Reads a day, or a day and time, for an appointment: 明天下午三点, next Monday 9am, in two hours."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import pairwise

from dialogs.local_time import is_after, moments_at
from dialogs.replies.base import Problem, ReadContext, Reading, decided
from dialogs.replies.moments import (
    DATE,
    TIME,
    DatePart,
    Exactness,
    TimePart,
    clock,
    read_date_part,
    read_time_part,
)
from dialogs.replies.wording import Reply, Span, parse, rest_of, says_nothing, with_frame

_READ_UP_TO = 4000  # characters; nobody proposes a date further down
_MOST_PARTS = 60
_PLACEHOLDER = "\x01"  # stands where a date was, so that its digits are no time

_NEXT_TO = re.compile(
    r"(?:[\s,、.的在@]|大概|大约|差不多|左右|吧|就|那天|那|嗯+|呃+|额|like|maybe|say|um+|uh+|at|on|around|about|by|the|after|before|from|between|sometime|in|of|or so|or|或者?|and|到|至|to|-|~)*"
)
_RANGE_BEFORE = re.compile(
    r"(?<![\d:.])(?P<hour>\d{1,2}|[一二三四五六七八九十两]{1,2})(?P<mark>点|:00)?\s?(?:-|~|to|and|or|till|until|到|至|或者?)\s?$"
)
_NOT_BEFORE = re.compile(
    r"(?:不是|不要|别|并非|除了|\bcan'?t(?: do| make(?: it)?)?|\bcannot(?: do| make)?|\bbusy|\bnot(?: free| available| on| at)?|n't (?:do|make|on)|except|instead of|rather than|而不是)\s*(?:the |在)?$"
)
_NOT_AFTER = re.compile(
    r"[^,。;]{0,8}?(?:都?(?:不行|不可以|没空|没时间|不方便|不在|有事|不能|没法|不可能|不好|很忙|要忙)|(?:doesn't|don't|won't|does not|do not|will not|isn't|is not|not) (?:work|good|available|possible|suit|fit|free)|i'm busy|is bad|is out|i can't|i cannot)"
)
_ABOUT = re.compile(
    r"大概|大约|差不多|左右|前后|以后|之后|之前|以前|\b(?:around|about|roughly|approximately|ish|or so|after|before|sometime|some time)\b|ish\b"
)
_CORRECTS = re.compile(
    r"不对|错了|哦不|不不|应该是|改[成为到]|更正|还是|\b(?:wait|actually|i mean|i meant|sorry|make (?:that|it)|oops|rather)\b"
)
_PROPOSES = re.compile(
    r"可以|行不行|行|好吗|好不好|方便|吗|呢|怎么样|如何|打给?我?|给我|打电话|联系我?|来电|回电|电话|再|见|约|安排|有空|空|works?\b|\b(?:how about|what about|can|could|shall|should|would|we|you|do|call|ring|phone|reach|contact|back|be|ok|okay|good|fine|possible|available|me|it|free|schedule|make|meet|works)\b"
)
_ASKS_WHEN = re.compile(
    r"几点|什么时候|多久|几号|哪天|什么时间|\b(?:when|what time|how long|what day)\b"
)


@dataclass(frozen=True, slots=True)
class LocalMoment:
    """A day in the person's own time zone, with the time of day if it was said.

    `approximate` says that the words were loose: "around three", "tomorrow afternoon".
    """

    date: date
    time: time | None = None
    approximate: bool = False

    def iso(self) -> str:
        """ "YYYY-MM-DD", or "YYYY-MM-DDTHH:MM" where a time is known."""
        if self.time is None:
            return self.date.isoformat()
        return datetime.combine(self.date, self.time).isoformat(timespec="minutes")


@dataclass(slots=True)
class _Draft:
    """The parts of one moment as they are gathered from left to right."""

    day: DatePart | None = None
    clock: TimePart | None = None
    part: str = ""
    about: bool = False
    spans: list[Span] = field(default_factory=list)

    @property
    def end(self) -> int:
        return max(span[1] for span in self.spans)

    @property
    def start(self) -> int:
        return min(span[0] for span in self.spans)


def _parts(text: str, context: ReadContext) -> list[DatePart | TimePart]:
    dates = [read_date_part(match, context.now, context.region) for match in DATE.finditer(text)][
        :_MOST_PARTS
    ]
    without = list(text)
    for part in dates:
        for place in range(*part.span):
            without[place] = _PLACEHOLDER
    bare = "".join(without)
    times: list[TimePart] = []
    for match in list(TIME.finditer(bare))[:_MOST_PARTS]:
        this = read_time_part(match, context.now)
        if earlier := _range_start(bare, this):
            times.append(earlier)
        times.append(this)
    return sorted([*dates, *times], key=lambda part: part.span)


def _range_start(text: str, this: TimePart) -> TimePart | None:
    """The 3 of "3 to 5pm" and 三到五点, which has the unit of the second time."""
    if this.at is None or this.moment:
        return None
    left = text[max(0, this.span[0] - 12) : this.span[0]]
    found = _RANGE_BEFORE.search(left)
    if not found or (found["mark"] and not found["mark"].startswith(":")):
        return None
    digits = "一二三四五六七八九十".find(found["hour"]) + 1 or {"两": 2}.get(found["hour"], 0)
    hour = int(found["hour"]) if found["hour"].isdigit() else digits
    at, shift, settled = clock(hour, 0, this.part, exact_form=False)
    if at is None or not hour:
        return None
    start = this.span[0] - len(left) + found.start()
    return TimePart(at, (start, this.span[0]), day_shift=shift, part=this.part, settled=settled)


class _Gatherer:
    """Joins neighbouring parts to moments; a second time or day shares what the first said."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.drafts: list[_Draft] = []

    def add(self, part: DatePart | TimePart) -> None:
        last = self.drafts[-1] if self.drafts else None
        near = last is not None and self._near(last.end, part.span[0])
        if isinstance(part, DatePart):
            if last and near and last.day is None and not (last.clock and last.clock.moment):
                last.day = part
            else:
                last = _Draft(day=part)
                self.drafts.append(last)
            last.part = last.part or part.part
        elif part.at is None and part.possible:
            if not (last and near):
                last = _Draft()
                self.drafts.append(last)
            last.part = last.part or part.part
        elif last and near and last.clock is None:
            last.clock = part
        else:
            shares = last is not None and near
            last = _Draft(
                day=last.day if last and shares else None,
                clock=part,
                part=last.part if last and shares else "",
            )
            self.drafts.append(last)
        assert last is not None
        last.spans.append(part.span)

    def _near(self, end: int, start: int) -> bool:
        gap = self.text[end:start]
        return len(gap) <= 24 and bool(_NEXT_TO.fullmatch(gap))


def _refused(reply: Reply, draft: _Draft) -> bool:
    """Whether the moment is denied, or the clause asks about it instead of proposing it."""
    clause = reply.clause_at(draft.start)
    end = max(draft.end, reply.clause_at(draft.end - 1).end)
    before = reply.text[max(clause.start, draft.start - 60) : draft.start]
    after = reply.text[draft.end : min(end, draft.end + 60)]
    if _NOT_BEFORE.search(before[-24:]) or _NOT_AFTER.match(after):
        return True
    asks = clause.asks or reply.clause_at(draft.end - 1).asks
    if not asks:
        return False
    outside = before + " " + after
    if _ASKS_WHEN.search(outside):
        return True
    return not says_nothing(_PROPOSES.sub(" ", outside))


def _timed(draft: _Draft) -> tuple[time | None, int, bool]:
    """The time of a draft, days to add, and whether it had to be assumed at all."""
    said = draft.clock
    if said is None or said.at is None:
        return None, 0, True
    if said.settled or not draft.part:
        return said.at, said.day_shift, said.settled
    hour = said.at.hour - 12 if said.at.hour > 12 else said.at.hour
    return clock(hour, said.at.minute, draft.part, exact_form=False)


def _resolve(reply: Reply, draft: _Draft, now: datetime) -> list[LocalMoment]:
    """The moments that a draft may mean; none if it cannot exist."""
    around = reply.text[max(0, draft.start - 12) : draft.end + 8]
    said = draft.clock
    about = bool(_ABOUT.search(around)) or (
        (draft.day is not None and draft.day.exactness is Exactness.ABOUT)
        or (said is not None and said.exactness is Exactness.ABOUT)
        or (bool(draft.part) and said is None)
    )
    if said and said.moment:
        counted = "后" in around or "after" in around
        return [LocalMoment(said.moment.date(), said.moment.time(), about and not counted)]
    if said and not said.possible:
        return []
    at, shift, _ = _timed(draft)
    today = now.date()
    if draft.day is None:
        day = today
        if at and shift == 0 and at <= now.time():
            day += timedelta(days=1)
        return [LocalMoment(day + timedelta(days=shift), at, about)]
    days = list(draft.day.days)
    if not draft.day.explicit and days == [today]:
        later = today + timedelta(weeks=1)
        if at is None:
            days.append(later)
        elif at <= now.time():
            days = [later]
    return [LocalMoment(day + timedelta(days=shift), at, about) for day in days]


def _is_past(moment: LocalMoment, now: datetime) -> bool:
    if moment.time is None:
        return moment.date < now.date()
    _, last = moments_at(moment.date, moment.time, now.tzinfo)
    return is_after(now.replace(second=0, microsecond=0), last)


def _standing(reply: Reply, drafts: list[_Draft]) -> tuple[list[_Draft], list[Span]]:
    """The drafts that the person stands by, and the spans of those taken back."""
    kept: list[_Draft] = []
    dropped: list[Span] = []
    for draft in drafts:
        if draft.day is None and draft.clock is None:
            continue  # "in the morning" of no day
        if _refused(reply, draft):
            if not reply.clause_at(draft.start).asks:
                clause = reply.clause_at(draft.start)
                dropped.append((clause.start, clause.end))
            continue
        if kept:
            between = reply.text[kept[-1].end : draft.start]
            if len(between) < 40 and _CORRECTS.search(between):
                dropped.append((kept[0].start, draft.start))
                if draft.day is None and draft.clock and not draft.clock.moment:
                    draft.day = kept[-1].day  # only the hour is corrected
                kept.clear()
        kept.append(draft)
    return kept, dropped


def _share(drafts: list[_Draft]) -> None:
    """Joined moments share: "Monday or Tuesday at 3pm" the time, "3 or 4pm tomorrow" the day."""
    for one, following in pairwise(drafts):
        if following.start - one.end > 6:
            continue
        if one.day is None:
            one.day = following.day
        if one.day and one.clock is None and not one.part and following.clock and following.day:
            one.clock, one.part = following.clock, following.part


def read_date(text: str, context: ReadContext) -> Reading[LocalMoment]:
    """Read a future day and, where said, time, in the time zone of `context.now`.

    A bare number is no date. Hours without a part of the day are taken as appointments are (1–6 in
    the afternoon, 7–12 as they stand). Two moments, or an ambiguous one, are candidates; a
    proposal may be put as a question ("明天三点可以吗？"), a question about a date is none.
    Problems: IN_THE_PAST, NOT_POSSIBLE.
    """
    reply = parse(text)
    scanned = reply.text[:_READ_UP_TO]
    gatherer = _Gatherer(scanned)
    for part in _parts(scanned, context):
        gatherer.add(part)
    kept, dropped = _standing(reply, gatherer.drafts)
    if not kept:
        return Reading()
    _share(kept)
    resolved = [(draft, _resolve(reply, draft, context.now)) for draft in kept]
    good: list[LocalMoment] = []
    spans: list[Span] = []
    for draft, moments in resolved:
        ahead = [moment for moment in moments if not _is_past(moment, context.now)]
        good += ahead
        if ahead:
            spans.append((draft.start, draft.end))
    if not good:
        draft, moments = resolved[0]
        problem = Problem.IN_THE_PAST if moments else Problem.NOT_POSSIBLE
        return Reading(problem=problem, evidence=reply.original(draft.start, draft.end))
    evidence = " … ".join(dict.fromkeys(reply.original(*span) for span in spans))
    framed = [with_frame(reply, span) for span in spans]
    return decided(good, evidence=evidence, rest=rest_of(reply, framed + dropped))

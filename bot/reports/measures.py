"""Measures, from the rows alone: whoever has the exported file can make every number again."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import TypeVar

from bot.reports.rows import Row, Times
from dialogs.state import FollowupOutcome, Visit

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the follow-ups came. Each number is contained in the one before it; `rated` not."""

    created: int = 0
    started: int = 0  # the chat was opened
    delivered: int = 0  # the first message arrived
    replied: int = 0
    completed: int = 0
    handed_over: int = 0  # follow-ups with at least one handoff
    rated: int = 0


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 90th percentile in seconds, of `count` values; None of none."""

    count: int = 0
    median: float | None = None
    p90: float | None = None


@dataclass(frozen=True, slots=True)
class StepCounts:
    """What became of a question. `entered` = answered + skipped + the four after them.

    `left_out` (by a branch or a condition) and `not_reached` were never asked, so they are not in
    `entered`, and nobody abandoned them (DESK 19).
    """

    entered: int = 0
    answered: int = 0
    skipped: int = 0  # by the person
    abandoned: int = 0  # the follow-up ended with this question unanswered
    opted_out: int = 0
    handed_over: int = 0  # a person took over with this question unanswered
    waiting: int = 0  # it still runs
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Ratings:
    """How often each rating was given, and their mean; None of none."""

    counts: dict[int, int] = field(default_factory=dict)
    mean: float | None = None

    @property
    def count(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Faq:
    """Questions on the way: answered, without an answer, and whether answers helped."""

    answered: int = 0
    abstained: int = 0
    helpful: int = 0
    not_helpful: int = 0


@dataclass(frozen=True, slots=True)
class Day:
    started: int = 0
    completed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All measures of a set of rows. Weeks are named by their Monday; days and weeks are in the
    zone that was given. Durations: seconds by name."""

    reach: Reach
    durations: dict[str, Spread]
    ratings: Ratings
    ratings_by_week: dict[date, Ratings]
    steps: dict[str, StepCounts]
    outcomes: dict[str, int]  # "" stands for those that still run
    handoffs: dict[str, int]
    faq: Faq
    by_channel: dict[str, Reach]
    by_locale: dict[str, Reach]
    by_version: dict[int, Reach]
    days: dict[date, Day]


DURATIONS = (
    "created_to_delivered",
    "started_to_replied",
    "started_to_completed",
    "bot",
    "human",
    "handoff_to_claimed",
    "handoff_to_first_reply",
    "handoff_to_ended",
)


def measure(rows: Iterable[Row], zone: tzinfo = UTC) -> Report:
    """All measures of these rows."""
    tally = Tally(zone)
    for row in rows:
        tally.add(row)
    return tally.report()


class Tally:
    """Counts rows one by one, so that their number does not matter to memory."""

    def __init__(self, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._all: Counter[str] = Counter()
        self._channels: dict[str, Counter[str]] = defaultdict(Counter)
        self._locales: dict[str, Counter[str]] = defaultdict(Counter)
        self._versions: dict[int, Counter[str]] = defaultdict(Counter)
        self._spans: dict[str, list[float]] = {name: [] for name in DURATIONS}
        self._ratings: Counter[float] = Counter()
        self._weeks: dict[date, Counter[float]] = defaultdict(Counter)
        self._steps: dict[str, Counter[str]] = defaultdict(Counter)
        self._outcomes: Counter[str] = Counter()
        self._handoffs: Counter[str] = Counter()
        self._faq: Counter[str] = Counter()
        self._days: dict[date, Counter[str]] = defaultdict(Counter)

    def add(self, row: Row) -> None:
        reached = how_far(row)
        for counter in (
            self._all,
            self._channels[row.channel],
            self._locales[row.locale],
            self._versions[row.version],
        ):
            counter.update(reached)
        for name, seconds in durations(row):
            self._spans[name].append(seconds)
        for step, what in questions(row):
            self._steps[step][what] += 1
        if row.satisfaction is not None:
            self._ratings[row.satisfaction] += 1
            self._weeks[monday(row.started_at or row.created_at, self._zone)][row.satisfaction] += 1
        self._outcomes[row.outcome] += 1
        self._handoffs.update(row.handoffs)
        self._faq["answered"] += row.faq_answered
        self._faq["abstained"] += row.faq_abstained
        self._faq["helpful"] += row.faq_helpful_yes
        self._faq["not_helpful"] += row.faq_helpful_no
        self._count_days(row)

    def _count_days(self, row: Row) -> None:
        if row.started_at is not None:
            self._days[row.started_at.astimezone(self._zone).date()]["started"] += 1
        if row.outcome == FollowupOutcome.COMPLETED and row.ended_at is not None:
            self._days[row.ended_at.astimezone(self._zone).date()]["completed"] += 1

    def report(self) -> Report:
        return Report(
            reach=Reach(**self._all),
            durations={name: spread(values) for name, values in self._spans.items()},
            ratings=_ratings(self._ratings),
            ratings_by_week={week: _ratings(self._weeks[week]) for week in sorted(self._weeks)},
            steps={step: StepCounts(**counts) for step, counts in self._steps.items()},
            outcomes=_by_count(self._outcomes),
            handoffs=_by_count(self._handoffs),
            faq=Faq(**self._faq),
            by_channel={name: Reach(**self._channels[name]) for name in sorted(self._channels)},
            by_locale={name: Reach(**self._locales[name]) for name in sorted(self._locales)},
            by_version={name: Reach(**self._versions[name]) for name in sorted(self._versions)},
            days=_every_day({day: Day(**counts) for day, counts in self._days.items()}),
        )


def how_far(row: Row) -> list[str]:
    """The fields of Reach that a row counts for."""
    facts = {
        "created": True,
        "started": row.started_at is not None,
        "delivered": row.delivered_at is not None,
        "replied": row.replied_at is not None,
        "completed": row.outcome == FollowupOutcome.COMPLETED,
        "handed_over": bool(row.handoffs),
        "rated": row.satisfaction is not None,
    }
    return [name for name, holds in facts.items() if holds]


def durations(row: Row) -> list[tuple[str, float]]:
    """The durations that a row has, in seconds; those of cases once for each case (DESK 16)."""
    completed = row.ended_at if row.outcome == FollowupOutcome.COMPLETED else None
    found = [
        ("created_to_delivered", _seconds(row.created_at, row.delivered_at)),
        ("started_to_replied", _seconds(row.started_at, row.replied_at)),
        ("started_to_completed", _seconds(row.started_at, completed)),
        ("bot", row.bot_s),
        ("human", row.human_s),
    ]
    for name, ends in (
        ("handoff_to_claimed", row.case_claimed_at),
        ("handoff_to_first_reply", row.case_first_reply_at),
        ("handoff_to_ended", row.case_ended_at),
    ):
        found += [(name, seconds) for seconds in _case_seconds(row.case_opened_at, ends)]
    return [(name, seconds) for name, seconds in found if seconds is not None]


def questions(row: Row) -> list[tuple[str, str]]:
    """(question, field of StepCounts) of a row; a question is counted once, as it stands now."""
    visits = dict(entry.rpartition(":")[::2] for entry in row.path)
    found: list[tuple[str, str]] = []
    for step, how in visits.items():
        if step != row.open_question and how in (Visit.ANSWERED, Visit.SKIPPED):
            found += [(step, "entered"), (step, str(how))]
    if row.open_question:
        found += [(row.open_question, "entered"), (row.open_question, _left(row))]
    return found + [(step, "left_out") for step in row.off_path]


def _left(row: Row) -> str:
    """What the open question of a row is counted as."""
    match row.outcome:
        case FollowupOutcome.OPTED_OUT:
            return "opted_out"
        case FollowupOutcome.HANDED_OFF:
            return "handed_over"
        case "":
            held = bool(row.handoffs) and row.case_ended_at[-1] is None
            return "handed_over" if held else "waiting"
        case _:
            return "abandoned"


def monday(moment: datetime, zone: tzinfo) -> date:
    """The first day of the week of a moment, in the zone."""
    day = moment.astimezone(zone).date()
    return day - timedelta(days=day.weekday())


def spread(values: Sequence[float]) -> Spread:
    """Median and p90; between two values by proportion (as spreadsheets' PERCENTILE does)."""
    if not values:
        return Spread()
    ordered = sorted(values)
    return Spread(len(ordered), _quantile(ordered, 0.5), _quantile(ordered, 0.9))


def _quantile(ordered: Sequence[float], share: float) -> float:
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return None if start is None or end is None else (end - start).total_seconds()


def _case_seconds(starts: Times, ends: Times) -> list[float | None]:
    return [_seconds(start, end) for start, end in zip(starts, ends, strict=True)]


def _ratings(counts: Counter[float]) -> Ratings:
    total = sum(counts.values())
    if not total:
        return Ratings()
    mean = sum(score * count for score, count in counts.items()) / total
    return Ratings({int(score): counts[score] for score in sorted(counts)}, mean)


def _by_count(counts: Counter[T]) -> dict[T, int]:
    return dict(counts.most_common())


def _every_day(days: dict[date, Day]) -> dict[date, Day]:
    """Without holes, so that a quiet day is seen as one."""
    if not days:
        return {}
    first, last = min(days), max(days)
    span = (last - first).days + 1
    return {day: days.get(day, Day()) for day in (first + timedelta(days=n) for n in range(span))}

"""What the results page shows, from the measures: tiles, bars and tables, in the viewer's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from babel.dates import format_date
from babel.numbers import format_decimal, format_percent
from babel.units import format_unit

from bot.desk import labels
from bot.reports.measures import Reach, Report, Spread, StepCounts
from dialogs.script import AskKind, HandoffReason, Script
from dialogs.state import FollowupOutcome

Translate = Callable[[str], str]

# Where a duration is shown in the next larger unit, and its seconds.
_UNITS = (
    ("duration-second", 1, 90),
    ("duration-minute", 60, 90 * 60),
    ("duration-hour", 3600, 48 * 3600),
    ("duration-day", 86_400, float("inf")),
)


@dataclass(frozen=True, slots=True)
class Tile:
    """One key figure, and the line under it that says of what."""

    label: str
    value: str
    below: str = ""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a bar: `kind` names its colour, `start` and `share` are of 100."""

    kind: str
    start: float
    share: float


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of a bar chart, which is a table as well: `numbers` stand under its headings."""

    label: str
    pieces: tuple[Piece, ...]
    numbers: tuple[str, ...]


class View:
    """Everything in one language: `_` is gettext's, `locale` "zh" or "en"."""

    def __init__(self, report: Report, script: Script, translate: Translate, locale: str) -> None:
        self.report, self._script = report, script
        self._, self._locale = translate, locale

    # ── numbers as text ──

    def count(self, number: int) -> str:
        return str(format_decimal(number, locale=self._locale))

    def share(self, part: int, whole: int) -> str:
        """ "62 %", or a dash of nothing."""
        return str(format_percent(part / whole, locale=self._locale)) if whole else "–"

    def mean(self, number: float | None) -> str:
        return "–" if number is None else f"{number:.2f}"

    def duration(self, seconds: float | None) -> str:
        if seconds is None:
            return "–"
        unit, size = next((unit, size) for unit, size, below in _UNITS if seconds < below)
        value = seconds / size
        shown = round(value, 1) if value < 10 and unit != "duration-second" else round(value)
        return str(format_unit(shown, unit, length="short", locale=self._locale))

    # ── parts of the page ──

    def tiles(self) -> list[Tile]:
        _, reach, ratings = self._, self.report.reach, self.report.ratings
        took = self.report.durations["started_to_completed"]
        of = _("{part} of {whole}")

        def tile(label: str, part: int, whole: int) -> Tile:
            below = of.format(part=self.count(part), whole=self.count(whole))
            return Tile(label, self.share(part, whole), below)

        return [
            Tile(_("Follow-ups"), self.count(reach.created), _("created in this period")),
            tile(_("Reached"), reach.delivered, reach.created),
            tile(_("Replied"), reach.replied, reach.delivered),
            tile(_("Completed"), reach.completed, reach.started),
            Tile(
                _("Mean rating"),
                self.mean(ratings.mean),
                _("{n} ratings").format(n=self.count(ratings.count)),
            ),
            tile(_("Handed over"), reach.handed_over, reach.started),
            Tile(
                _("Time to complete"),
                self.duration(took.median),
                _("median; 9 of 10 within {p90}").format(p90=self.duration(took.p90)),
            ),
            tile(
                _("FAQ questions answered"),
                self.report.faq.answered,
                self.report.faq.answered + self.report.faq.abstained,
            ),
        ]

    def funnel(self) -> list[Bar]:
        """From the pre-approval to the end, each as a share of all."""
        _, reach = self._, self.report.reach
        lines = [
            (_("Follow-up created"), reach.created),
            (_("Chat opened"), reach.started),
            (_("First message delivered"), reach.delivered),
            (_("First reply"), reach.replied),
            (_("Rating given"), reach.rated),
            (_("Completed"), reach.completed),
        ]
        return [
            self._bar(label, [("good", number)], reach.created, (number, reach.created))
            for label, number in lines
        ]

    def steps(self) -> list[Bar]:
        """What became of each question, in the order of the script."""
        most = max((counts.entered for counts in self.report.steps.values()), default=0)
        known = [step for step in self._script.questions if step in self.report.steps]
        known += [step for step in self.report.steps if step not in self._script.questions]
        return [self._step(step, self.report.steps[step], most) for step in known]

    def _step(self, step: str, counts: StepCounts, most: int) -> Bar:
        stopped = counts.abandoned + counts.opted_out
        pieces = [
            ("good", counts.answered),
            ("soft", counts.skipped),
            ("waiting", counts.waiting + counts.handed_over),
            ("breaking", stopped),
        ]
        numbers = (
            *(counts.entered, counts.answered, counts.skipped, counts.abandoned, counts.opted_out),
            *(counts.handed_over, counts.waiting, counts.left_out),
        )
        return Bar(
            self._question(step),
            _pieces(pieces, most),
            tuple(self.count(number) for number in numbers),
        )

    def step_headings(self) -> list[str]:
        _ = self._
        return [
            *(_("Asked"), _("Answered"), _("Skipped"), _("Abandoned"), _("Opted out")),
            *(_("Handed over"), _("Still open"), _("Left out by a branch")),
        ]

    def outcomes(self) -> list[Bar]:
        names = labels.outcomes(self._)
        known = {str(key): name for key, name in names.items()} | {"": self._("Still running")}
        kinds = {
            str(FollowupOutcome.COMPLETED): "good",
            str(FollowupOutcome.HANDED_OFF): "waiting",
            "": "soft",
        }
        total = self.report.reach.created
        return [
            self._bar(known.get(key, key), [(kinds.get(key, "breaking"), n)], total, (n, total))
            for key, n in self.report.outcomes.items()
        ]

    def handoffs(self) -> list[Bar]:
        names = labels.reasons(self._)
        known: Mapping[str, str] = {str(key): name for key, name in names.items()}
        total = sum(self.report.handoffs.values())
        most = max(self.report.handoffs.values(), default=0)
        urgent = {str(HandoffReason.FRAUD_REPORT), str(HandoffReason.DISTRESS)}
        return [
            Bar(
                known.get(key, key),
                _pieces([("breaking" if key in urgent else "waiting", n)], most),
                (self.count(n), self.share(n, total)),
            )
            for key, n in self.report.handoffs.items()
        ]

    def durations(self) -> list[tuple[str, Spread]]:
        _ = self._
        names = {
            "created_to_delivered": _("Created → first message delivered"),
            "started_to_replied": _("Chat opened → first reply"),
            "started_to_completed": _("Chat opened → completed"),
            "bot": _("Time with the bot"),
            "human": _("Time with a person, waiting included"),
            "handoff_to_claimed": _("Handoff → claimed"),
            "handoff_to_first_reply": _("Handoff → first reply of a person"),
            "handoff_to_ended": _("Handoff → resolved or given back"),
        }
        return [(label, self.report.durations[key]) for key, label in names.items()]

    def groups(self) -> list[tuple[str, list[tuple[str, Reach]]]]:
        """Reach by channel, by language and by version of the script."""
        _, report = self._, self.report
        known = labels.languages(_)
        channels = [
            (labels.channel(name, _) if name else _("not opened yet"), reach)
            for name, reach in report.by_channel.items()
        ]
        languages = [
            (known.get(name, name) or _("unknown"), reach)
            for name, reach in report.by_locale.items()
        ]
        versions = [(str(version), reach) for version, reach in report.by_version.items()]
        return [
            (_("Channel"), channels),
            (_("Language"), languages),
            (_("Script version"), versions),
        ]

    def day(self, day: date) -> str:
        return str(format_date(day, "medium", locale=self._locale))

    @staticmethod
    def second(day: date) -> int:
        """The day for a plot: seconds since 1970 of its midnight in UTC."""
        return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())

    # ── helpers ──

    def _question(self, step: str) -> str:
        """What a question is called, in the viewer's language where the script says it."""
        found = self._script.steps.get(step)
        if found is not None and found.ask is AskKind.IDENTITY:
            return self._("Identity check")
        called = found.called.get(self._locale) if found else None
        label = called[0] if called else step.replace("_", " ")
        return label[:1].upper() + label[1:]

    def _bar(
        self, label: str, pieces: Sequence[tuple[str, int]], most: int, of: tuple[int, int]
    ) -> Bar:
        part, whole = of
        return Bar(label, _pieces(pieces, most), (self.count(part), self.share(part, whole)))


def _pieces(parts: Sequence[tuple[str, int]], most: int) -> tuple[Piece, ...]:
    """Parts beside each other; `most` is a whole bar."""
    found, start = [], 0.0
    for kind, number in parts:
        share = 100 * number / most if most else 0.0
        if number:
            found.append(Piece(kind, round(start, 2), round(share, 2)))
        start += share
    return tuple(found)

"""Reading the rows out of the database: in batches, so that memory does not grow with their number."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Select, and_, bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.reports.rows import Row, milliseconds
from bot.reports.standing import DONE, WITHDRAWN, Path, Standing, Standings
from bot.scripts import ScriptLibrary
from bot.services import Services
from bot.store.tables import case, followup, record, result
from bot.store.vault import PersonKey, SealError
from dialogs.script import AskKind, Script
from dialogs.source import ScriptError
from dialogs.state import FollowupOutcome, Visit

BATCH = 500  # follow-ups read with one statement a table
_KINDS = (
    "step",
    "withdrawn",
    "corrected",
    "reminder",
    "answered",
    "abstained",
    "helped",
    "handoff",
)
PERSONAL = frozenset({AskKind.TEXT, AskKind.PHONE})  # only on request
COMMENT = "_comment"  # what was said beside an answer


@dataclass(frozen=True, slots=True)
class Filter:
    """Which follow-ups. "" and None: all. `since` and `until` are aware, of `created_at`, the
    second one excluded. `account` is a channel account."""

    script: str = ""
    account: str = ""
    locale: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """Which answers come along, by name. Free text and telephone numbers only if asked for."""

    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, scripts: ScriptLibrary, name: str, *, with_text: bool) -> Answers:
        """The answers of a script, of every version that is known, in the order of asking.

        Raises KeyError if there is no such script.
        """
        names: dict[str, None] = {}
        for version in scripts.versions(scripts.get(name).script):
            try:
                script = scripts.get(name, version)
            except ScriptError:  # of an older product: its answers are not known by name any more
                continue
            for answer, step in script.names.items():
                if with_text or script.steps[step].ask not in PERSONAL:
                    names[answer] = None
                if with_text and script.steps[step].ask is not AskKind.IDENTITY:
                    names[f"{answer}{COMMENT}"] = None
        return cls(tuple(names))


@dataclass(frozen=True, slots=True)
class Episode:
    """One case of a follow-up: from the handoff until a person is done with it."""

    reason: str
    status: str
    opened_at: datetime
    claimed_at: datetime | None = None
    first_reply_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(slots=True)
class _Facts:
    """What else stands in the database about one follow-up."""

    path: list[tuple[str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    cases: list[Episode] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)  # by answer name


async def read_rows(
    services: Services, wanted: Filter, answers: Answers | None = None
) -> AsyncIterator[list[Row]]:
    """Batches of rows, oldest first. No transaction stays open between them."""
    reader = _Reader(services, answers or Answers())
    last: tuple[datetime, str] | None = None
    while True:
        async with services.db.read() as conn:
            found = (await conn.execute(_followups(wanted, last))).all()
            rows = await reader.rows(conn, found) if found else []
        if rows:
            yield rows
        if len(found) < BATCH:
            return
        last = (found[-1].created_at, found[-1].id)


def _followups(wanted: Filter, last: tuple[datetime, str] | None) -> Select[Any]:
    statement = select(followup).order_by(followup.c.created_at, followup.c.id).limit(BATCH)
    for column, value in (
        (followup.c.script, wanted.script),
        (followup.c.account, wanted.account),
        (followup.c.locale, wanted.locale),
    ):
        if value:
            statement = statement.where(column == value)
    if wanted.since is not None:
        statement = statement.where(followup.c.created_at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(followup.c.created_at < wanted.until)
    if last is not None:
        at, row_id = last
        statement = statement.where(
            followup.c.created_at >= at,
            or_(
                followup.c.created_at > at,
                and_(followup.c.created_at == at, followup.c.id > row_id),
            ),
        )
    return statement


class _Reader:
    """Makes rows of what was read; keeps the standings of each script version."""

    def __init__(self, services: Services, answers: Answers) -> None:
        self._services, self._answers = services, answers
        self._standings: dict[tuple[str, int], tuple[Script, Standings] | None] = {}

    async def rows(self, conn: AsyncConnection, found: Sequence[Any]) -> list[Row]:
        facts = await _facts(conn, [item.id for item in found])
        owners = {item.person_id for item in found if self._needs_key(item, facts[item.id])}
        keys = await self._services.vault.keys(conn, owners) if owners else {}
        return [self._row(item, facts[item.id], keys.get(item.person_id)) for item in found]

    def _needs_key(self, item: Any, known: _Facts) -> bool:
        """A value has to be opened for its own column, or to know which branch it took."""
        branched = item.outcome != FollowupOutcome.COMPLETED and known.path
        return bool(known.results) and bool(branched or self._answers.names)

    def _row(self, item: Any, known: _Facts, key: PersonKey | None) -> Row:
        path = tuple(known.path)
        visits = dict(path)
        answered = sum(how == Visit.ANSWERED for how in visits.values())
        skipped = sum(how == Visit.SKIPPED for how in visits.values())
        pinned = self._script(item.script, item.version)
        script = pinned[0] if pinned else None
        stands = self._stands(item, known, path, key)
        reopened = visits.get(stands.open_question) in DONE
        return Row(
            id=item.id,
            script=item.script,
            version=item.version,
            account=item.account or "",
            channel=(item.account or "").partition(":")[0],
            locale=item.locale or "",
            source=item.source,
            created_at=milliseconds(item.created_at) or item.created_at,
            started_at=milliseconds(item.started_at),
            delivered_at=milliseconds(item.delivered_at),
            replied_at=milliseconds(item.replied_at),
            ended_at=milliseconds(item.ended_at),
            outcome=item.outcome or "",
            flow=item.flow,
            stopped_reason=item.stopped_reason or "",
            last_step=stands.last_step,
            open_question=stands.open_question,
            path=tuple(f"{step}:{how}" for step, how in path),
            off_path=stands.off_path,
            questions_asked=answered + skipped + bool(stands.open_question and not reopened),
            questions_answered=answered,
            questions_skipped=skipped,
            reminders=known.counts["reminder"],
            handoffs=tuple(one.reason for one in known.cases),
            case_opened_at=tuple(milliseconds(one.opened_at) for one in known.cases),
            case_claimed_at=tuple(milliseconds(one.claimed_at) for one in known.cases),
            case_first_reply_at=tuple(milliseconds(one.first_reply_at) for one in known.cases),
            case_ended_at=tuple(milliseconds(one.ended_at) for one in known.cases),
            satisfaction=_satisfaction(script, known) if script else None,
            faq_answered=known.counts["answered"],
            faq_abstained=known.counts["abstained"],
            faq_helpful_yes=known.counts["helped_yes"],
            faq_helpful_no=known.counts["helped_no"],
            bot_s=bot_seconds(item.started_at, item.ended_at, known.cases),
            human_s=human_seconds(known.cases),
            answers=self._opened(known, key),
        )

    def _script(self, name: str, version: int) -> tuple[Script, Standings] | None:
        if (name, version) not in self._standings:
            try:
                script = self._services.scripts.get(name, version)
            except (KeyError, ScriptError):  # of another installation or time: its path is shown
                self._standings[name, version] = None
            else:
                self._standings[name, version] = (script, Standings(script))
        return self._standings[name, version]

    def _stands(self, item: Any, known: _Facts, path: Path, key: PersonKey | None) -> Standing:
        pinned = self._script(item.script, item.version)
        if pinned is None:
            return Standing(last_step=path[-1][0] if path else "")
        script, standings = pinned
        names = {step: name for name, step in script.names.items()}

        def answer_of(step: str) -> Any:
            row = known.results.get(names.get(step, step))
            return _value(row, key) if row is not None else None

        return standings.of(
            path,
            answer_of,
            completed=item.outcome == FollowupOutcome.COMPLETED,
            held=bool(known.cases) and known.cases[-1].status != "given_back",
            corrected=known.counts["corrected"] > 0,
        )

    def _opened(self, known: _Facts, key: PersonKey | None) -> dict[str, str]:
        opened = {}
        for name in self._answers.names:
            row = known.results.get(name)
            value = _value(row, key) if row is not None else None
            if value is not None:
                opened[name] = _text(value)
        return opened


async def _facts(conn: AsyncConnection, ids: list[str]) -> Mapping[str, _Facts]:
    facts: dict[str, _Facts] = defaultdict(_Facts)
    talks: set[str] = set()
    for row in await conn.execute(_RECORDS, {"ids": ids}):
        known = facts[row.followup_id]
        match row.kind:
            case "step":
                known.path.append((row.data["step"], row.data["how"]))
            case "withdrawn":
                known.path.append((row.data["step"], WITHDRAWN))
            case "helped":
                known.counts["helped_yes" if row.data["helpful"] else "helped_no"] += 1
            case "handoff":
                talks.add(row.conversation_id)
            case kind:
                known.counts[kind] += 1
    if talks:
        for followup_id, *columns in await conn.execute(_CASES, {"talks": list(talks), "ids": ids}):
            facts[followup_id].cases.append(Episode(*columns))
    for answer in await conn.execute(_RESULTS, {"ids": ids}):
        if not answer.withdrawn:
            facts[answer.followup_id].results[answer.name] = answer
    return facts


def _value(row: Any, key: PersonKey | None) -> Any:
    """An answer; None where its person was erased."""
    if row.number is not None:
        return row.number
    if key is None:
        return None
    try:
        return orjson.loads(key.open(row.value))
    except SealError:
        return None


def _text(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case list():
            return " ".join(str(one) for one in value)
        case _:
            return str(value)


def _satisfaction(script: Script, known: _Facts) -> float | None:
    for name, step in script.names.items():
        if script.steps[step].ask is AskKind.RATING:
            row = known.results.get(name)
            return row.number if row is not None else None
    return None


def human_seconds(cases: Iterable[Episode]) -> float | None:
    """Seconds in which people had the conversation: the ended cases, waiting included."""
    spans = [(one.ended_at - one.opened_at) for one in cases if one.ended_at is not None]
    return round(sum(span.total_seconds() for span in spans), 3) if spans else None


def bot_seconds(
    started: datetime | None, ended: datetime | None, cases: Iterable[Episode]
) -> float | None:
    """Seconds from the start to the end, or to the case that is open now, without the cases."""
    cases = list(cases)
    until = min(
        [one.opened_at for one in cases if one.ended_at is None] + ([ended] if ended else []),
        default=None,
    )
    if started is None or until is None:
        return None
    away = sum(_overlap(started, until, one) for one in cases)
    return round(max(0.0, (until - started).total_seconds() - away), 3)


def _overlap(started: datetime, until: datetime, one: Episode) -> float:
    low, high = max(started, one.opened_at), min(until, one.ended_at or one.opened_at)
    return max(0.0, (high - low).total_seconds())


_RECORDS = (
    select(record.c.followup_id, record.c.conversation_id, record.c.kind, record.c.data)
    .where(record.c.followup_id.in_(bindparam("ids", expanding=True)), record.c.kind.in_(_KINDS))
    .order_by(record.c.id)
)
# By conversation, which has an index; a case belongs to the follow-up it was opened in.
_CASES = (
    select(
        case.c.followup_id,
        case.c.reason,
        case.c.status,
        case.c.opened_at,
        case.c.claimed_at,
        case.c.first_reply_at,
        case.c.ended_at,
    )
    .where(
        case.c.conversation_id.in_(bindparam("talks", expanding=True)),
        case.c.followup_id.in_(bindparam("ids", expanding=True)),
    )
    .order_by(case.c.opened_at, case.c.id)
)
_RESULTS = select(
    result.c.followup_id, result.c.name, result.c.number, result.c.value, result.c.withdrawn
).where(result.c.followup_id.in_(bindparam("ids", expanding=True)))

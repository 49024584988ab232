"""One case as an agent sees it: who, why, what was answered, what was said, what was before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from gettext import NullTranslations
from typing import Any

import orjson
from sqlalchemy import RowMapping, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.desk.answers import Answer, question_label, read_answer
from bot.desk.labels import CaseStatus
from bot.desk.summary import Facts, summarise
from bot.desk.transcript import Entry, load_transcript
from bot.pipeline.flow import Author, Control
from bot.safety.access import Permission, User
from bot.services import Services
from bot.store.masks import mask_value
from bot.store.tables import address, case, conversation, followup, person, record, result, user
from bot.store.vault import PersonKey
from dialogs.script import AskKind, HandoffReason, Script
from dialogs.source import ScriptError
from dialogs.state import FollowupOutcome, State, Visit

EARLIER = 10  # earlier cases that are shown


@dataclass(frozen=True, slots=True)
class PersonCard:
    """Who the person is. `phone` is masked; all is "" of somebody who was erased."""

    name: str
    phone: str
    locale: str
    zone: str
    known: bool  # an applicant of ours, not somebody who just wrote
    identity: bool | None  # confirmed, failed, not asked
    opted_out_at: datetime | None
    erased_at: datetime | None


@dataclass(frozen=True, slots=True)
class Progress:
    """Questions of the script: answered or skipped, of how many on the person's path."""

    answered: int
    questions: int
    title: str
    outcome: FollowupOutcome | None


@dataclass(frozen=True, slots=True)
class Earlier:
    id: str
    reason: HandoffReason
    status: CaseStatus
    opened_at: datetime
    agent: str


@dataclass(frozen=True, slots=True)
class CaseView:
    """Everything of a case that a page shows. `newest` is the newest message in `entries`;
    `window_ends` is when the channel stops taking free text (None: never)."""

    id: str
    conversation_id: str
    status: CaseStatus
    reason: HandoffReason
    control: Control
    agent: str
    mine: bool
    account: str
    opened_at: datetime
    ended_at: datetime | None
    person: PersonCard
    summary: tuple[str, ...]
    answers: tuple[Answer, ...]
    progress: Progress | None
    resumable: bool  # whether the script has a place to go on from
    window_ends: datetime | None
    entries: tuple[Entry, ...]
    newest: int
    earlier: tuple[Earlier, ...]

    @property
    def open(self) -> bool:
        return self.ended_at is None

    @property
    def may_write(self) -> bool:
        """Whether a reply of the viewer would be taken: a waiting case, or one's own."""
        return self.open and self.person.erased_at is None and (self.mine or not self.agent)


async def load_case(
    services: Services, who: User, case_id: str, locale: str, words: NullTranslations
) -> CaseView | None:
    """A case with labels in the viewer's language; None if there is none.

    Raises PermissionError without DESK_READ.
    """
    if not who.may(Permission.DESK_READ):
        raise PermissionError(Permission.DESK_READ)
    async with services.db.read() as conn:
        row = (await conn.execute(_CASE.where(case.c.id == case_id))).mappings().first()
        if row is None:
            return None
        key = (await services.vault.keys(conn, [row["person_id"]])).get(row["person_id"])
        state, script = _script(services, row, key)
        results = await _results(conn, row["followup_id"]) if key else []
        identity = await _identity(conn, row["followup_id"])
        entries = await load_transcript(conn, row["conversation_id"], key)
        earlier = await _earlier(conn, row)
    answers = tuple(_answers(script, results, key, locale, words)) if key and script else ()
    progress = _progress(script, state, row, locale)
    facts = _facts(row, script, state, results, key, identity, progress, entries, locale)
    return CaseView(
        id=row["id"],
        conversation_id=row["conversation_id"],
        status=CaseStatus(row["status"]),
        reason=HandoffReason(row["reason"]),
        control=Control(row["control"]),
        agent=row["agent"] or "",
        mine=row["agent_id"] == who.id,
        account=row["account"],
        opened_at=row["opened_at"],
        ended_at=row["ended_at"],
        person=_card(row, key, identity),
        summary=summarise(facts, words),
        answers=answers,
        progress=progress,
        resumable=state is not None and bool(state.step or state.resume_at),
        window_ends=_window(services, row),
        entries=entries,
        newest=max((entry.id for entry in entries), default=0),
        earlier=earlier,
    )


def _script(
    services: Services, row: RowMapping, key: PersonKey | None
) -> tuple[State | None, Script | None]:
    """The engine's state, if it is still of this case's follow-up, and the script that ran."""
    state = None
    if key and row["state"] and row["followup_id"] == row["current_followup_id"]:
        state = State.from_json(orjson.loads(key.open(row["state"])))
    name, version = row["script"], row["version"]
    if name is None and state is not None:
        name, version = state.script, state.version
    try:
        return state, services.scripts.get(name, version) if name else None
    except (KeyError, ScriptError):
        return state, None


def _card(row: RowMapping, key: PersonKey | None, identity: bool | None) -> PersonCard:
    return PersonCard(
        name=key.open_or(row["name"]) if key else "",
        phone=mask_value(key.open_or(row["phone"])) if key else "",
        locale=row["locale"],
        zone=row["zone"],
        known=not row["provisional"],
        identity=identity,
        opted_out_at=row["opted_out_at"],
        erased_at=row["erased_at"],
    )


def _answers(
    script: Script,
    results: list[RowMapping],
    key: PersonKey,
    locale: str,
    words: NullTranslations,
) -> list[Answer]:
    """In the order of the script. The identity check is told by its outcome, not by digits."""
    place = {name: number for number, name in enumerate(script.names)}
    found = []
    for row in sorted(results, key=lambda row: place.get(row["name"], len(place))):
        step = script.steps.get(row["step"])
        if step is not None and step.ask is AskKind.IDENTITY:
            continue
        value, first = (orjson.loads(key.open(row[c])) for c in ("value", "first_value"))
        found.append(read_answer(script, row["name"], value, first, locale, words.gettext))
    return found


def _progress(
    script: Script | None, state: State | None, row: RowMapping, locale: str
) -> Progress | None:
    if script is None or state is None or not script.questions or not row["followup_id"]:
        return None
    done = len({step for step, how in state.path if how in (Visit.ANSWERED, Visit.SKIPPED)})
    title = script.title.get(locale) or next(iter(script.title.values()))
    outcome = FollowupOutcome(row["outcome"]) if row["outcome"] else None
    return Progress(done, max(done, state.total), title, outcome)


def _facts(
    row: RowMapping,
    script: Script | None,
    state: State | None,
    results: list[RowMapping],
    key: PersonKey | None,
    identity: bool | None,
    progress: Progress | None,
    entries: tuple[Entry, ...],
    locale: str,
) -> Facts:
    said = [e for e in entries if e.author is Author.PERSON and (e.text or e.label)]
    before = [e for e in said if e.at <= row["opened_at"]]
    asked = question_label(script, state.step, locale) if script and state else ""
    return Facts(
        reason=HandoffReason(row["reason"]),
        rating=_rating(script, results, key),
        question=asked,
        identity=identity,
        answered=progress.answered if progress else 0,
        questions=progress.questions if progress else 0,
        last_words=(before[-1].text or before[-1].label) if before else "",
        later=len(said) - len(before) if row["status"] == CaseStatus.QUEUED else 0,
    )


def _rating(
    script: Script | None, results: list[RowMapping], key: PersonKey | None
) -> tuple[int, int] | None:
    """The newest rating, and its scale."""
    for row in sorted(results, key=lambda row: row["at"], reverse=True):
        step = script.steps.get(row["step"]) if script else None
        if step is not None and step.ask is AskKind.RATING and key is not None:
            return int(orjson.loads(key.open(row["value"]))), step.scale
    return None


def _window(services: Services, row: RowMapping) -> datetime | None:
    channel = services.channels.get(row["account"])
    length: timedelta | None = channel.window.opens_for if channel else None
    if length is None:
        return None
    heard: datetime = row["heard_at"] or row["opened_at"]
    return heard + length


async def _results(conn: AsyncConnection, followup_id: str | None) -> list[RowMapping]:
    if followup_id is None:
        return []
    rows = await conn.execute(
        select(result).where(result.c.followup_id == followup_id, result.c.withdrawn.is_(False))
    )
    return list(rows.mappings())


async def _identity(conn: AsyncConnection, followup_id: str | None) -> bool | None:
    """Whether the last identity check was passed; None if there was none."""
    if followup_id is None:
        return None
    found: Mapping[str, Any] | None = await conn.scalar(
        select(record.c.data)
        .where(record.c.followup_id == followup_id, record.c.kind == "identity")
        .order_by(record.c.id.desc())
        .limit(1)
    )
    return bool(found["passed"]) if found else None


async def _earlier(conn: AsyncConnection, row: RowMapping) -> tuple[Earlier, ...]:
    rows = await conn.execute(
        select(case.c.id, case.c.reason, case.c.status, case.c.opened_at, user.c.name)
        .outerjoin(user, user.c.id == case.c.agent_id)
        .where(case.c.person_id == row["person_id"], case.c.id != row["id"])
        .order_by(case.c.opened_at.desc())
        .limit(EARLIER)
    )
    return tuple(
        Earlier(
            one.id, HandoffReason(one.reason), CaseStatus(one.status), one.opened_at, one.name or ""
        )
        for one in rows
    )


_CASE = (
    select(
        case,
        conversation.c.account,
        conversation.c.control,
        conversation.c.state,
        conversation.c.locale,
        conversation.c.followup_id.label("current_followup_id"),
        address.c.last_in_at.label("heard_at"),
        person.c.name,
        person.c.phone,
        person.c.zone,
        person.c.provisional,
        person.c.opted_out_at,
        person.c.erased_at,
        followup.c.script,
        followup.c.version,
        followup.c.outcome,
        user.c.name.label("agent"),
    )
    .join(conversation, conversation.c.id == case.c.conversation_id)
    .join(address, address.c.id == conversation.c.address_id)
    .join(person, person.c.id == case.c.person_id)
    .outerjoin(followup, followup.c.id == case.c.followup_id)
    .outerjoin(user, user.c.id == case.c.agent_id)
)

"""Filling a throw-away database for `huifang bench timers`: chats in the middle of the survey, and timers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import Connection, MetaData, exists, func, insert, inspect, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.bench.channel import ACCOUNT
from bot.bench.people import SCRIPT_NAME, SOURCE, STORED
from bot.bench.progress import Advance
from bot.pipeline.flow import Control, Flow
from bot.services import Services
from bot.store.columns import Ciphertext
from bot.store.database import Database
from bot.store.ids import new_id
from bot.store.people import Profile, import_people
from bot.store.statements import chunks
from bot.store.tables import address, conversation, followup, metadata, person, timer
from dialogs.context import Context, Person
from dialogs.engine import advance
from dialogs.events import Begin, Said
from dialogs.state import State

ROWS = 20_000  # timers in one statement
SPREAD = timedelta(days=5)  # when the timers that only wait are due


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation whose rating question waits since yesterday."""

    id: str
    person_id: str
    followup_id: str
    sender: str
    pending: int  # the serial of the question


async def clear_at(url: str) -> None:
    """`clear` of the database there."""
    db = await Database.open(url)
    try:
        await clear(db)
    finally:
        await db.dispose()


async def clear(db: Database) -> None:
    """Empty a database of the bench's. Raises RuntimeError, having changed nothing, if it holds
    people that are not the bench's."""
    async with db.write() as conn:
        if not await conn.run_sync(lambda sync: inspect(sync).has_table("person")):
            return
        ours = exists().where(
            followup.c.person_id == person.c.id, followup.c.source.in_((SOURCE, STORED))
        )
        strangers = await conn.scalar(select(func.count()).select_from(person).where(~ours))
        if strangers:
            raise RuntimeError(
                f"the database holds {strangers} people that are not the bench's: give an empty one"
            )
        await conn.run_sync(_drop)


def _drop(connection: Connection) -> None:
    """Our tables as they stand there, of whatever version."""
    found = MetaData()
    ours = {*metadata.tables, "alembic_version"}
    found.reflect(connection, only=lambda name, _: name in ours)
    found.drop_all(connection)


async def add_chats(services: Services, count: int, done: Advance) -> list[Chat]:
    """People of a zone where it is noon now, each asked for the rating and silent since."""
    now = services.clock.now()
    profile = Profile("en", noon_zone(now), "GB", name="Pat", last4="1234")
    state = _asked(services, now)
    body = orjson.dumps(state.to_json()).decode()
    chats: list[Chat] = []
    for numbers in chunks(range(count)):
        async with services.db.write() as conn:
            people = await import_people(conn, services.vault, [profile] * len(numbers), now)
            made = [
                Chat(new_id(now), one.id, new_id(now), f"p{number}", state.pending)
                for number, one in zip(numbers, people, strict=True)
            ]
            keys = await services.vault.keys(conn, [one.id for one in people])
            places = {chat.id: new_id(now) for chat in made}
            await conn.execute(
                insert(address),
                [
                    {
                        "id": places[chat.id],
                        "person_id": chat.person_id,
                        "account": ACCOUNT,
                        "value": keys[chat.person_id].seal(chat.sender),
                        "value_hash": services.vault.lookup_hash(ACCOUNT, chat.sender),
                        "bound_at": now,
                        "last_in_at": now,
                    }
                    for chat in made
                ],
            )
            await conn.execute(insert(followup), [_followup(chat, state, now) for chat in made])
            await conn.execute(
                insert(conversation),
                [
                    _conversation(chat, places[chat.id], keys[chat.person_id].seal(body), now)
                    for chat in made
                ],
            )
        chats += made
        done(len(made))
    return chats


def noon_zone(now: datetime) -> str:
    """An IANA zone where it is about noon, so that the send window is open. Its sign is POSIX's."""
    ahead = 12 - now.astimezone(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"


def _asked(services: Services, now: datetime) -> State:
    """The survey's state once the rating was asked for, as the engine makes it."""
    script = services.scripts.get(SCRIPT_NAME)
    context = Context(
        now=now,
        person=Person("Pat", "1234", "GB", {}),
        company=services.company.values,
        faq=services.knowledge,
        detect_intents=services.detect_intents,
    )
    state = State(script.script, script.version, "en")
    for event in (Begin(), Said("1234")):
        state = advance(script, state, event, context).state
    return state


def _followup(chat: Chat, state: State, now: datetime) -> dict[str, Any]:
    return {
        "id": chat.followup_id,
        "person_id": chat.person_id,
        "script": state.script,
        "version": state.version,
        "flow": str(Flow.IN_SCRIPT),
        "account": ACCOUNT,
        "locale": "en",
        "source": SOURCE,
        "created_at": now,
        "started_at": now,
        "delivered_at": now,
        "replied_at": now,
    }


def _conversation(chat: Chat, place: str, state: Ciphertext, now: datetime) -> dict[str, Any]:
    return {
        "id": chat.id,
        "person_id": chat.person_id,
        "address_id": place,
        "account": ACCOUNT,
        "followup_id": chat.followup_id,
        "state": state,
        "control": str(Control.BOT),
        "control_epoch": 1,
        "revision": 1,
        "feed": 0,
        "locale": "en",
        "created_at": now,
        "last_in_at": now,
    }


def waiting_timers(
    chats: list[Chat], count: int, now: datetime, seed: int
) -> Iterator[dict[str, Any]]:
    """Timers that come due in the next days, at times in no order."""
    chance = random.Random(seed)  # noqa: S311
    soon, span = now + timedelta(hours=6), SPREAD.total_seconds()
    for number in range(count):
        yield timer_of(chats[number % len(chats)], soon + timedelta(seconds=chance.random() * span))


def timer_of(chat: Chat, due_at: datetime, *, stale: bool = False) -> dict[str, Any]:
    """A reminder; a stale one is of the question before, which was answered."""
    return {
        "conversation_id": chat.id,
        "person_id": chat.person_id,
        "followup_id": chat.followup_id,
        "kind": "remind",
        "serial": chat.pending - 1 if stale else chat.pending,
        "due_at": due_at,
    }


async def add_timers(db: Database, rows: Iterator[dict[str, Any]], done: Advance) -> None:
    """Insert in bulk: by COPY on PostgreSQL."""
    for part in chunks(rows, ROWS):
        async with db.write() as conn:
            if db.is_sqlite:
                await conn.execute(insert(timer), part)
            else:
                await _copy(conn, part)
        done(len(part))


async def _copy(conn: AsyncConnection, rows: list[dict[str, Any]]) -> None:
    driver: Any = (await conn.get_raw_connection()).driver_connection
    await driver.copy_records_to_table(
        timer.name, columns=list(rows[0]), records=[tuple(row.values()) for row in rows]
    )


async def analyze(db: Database) -> None:
    """Tell the planner what is there, as the database would by itself in a while."""
    async with db.write() as conn:
        await conn.execute(text("ANALYZE"))

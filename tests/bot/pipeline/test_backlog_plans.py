"""What a turn, a sender and an outcome ask of the outbox is read by conversation, however many texts of a
campaign wait and however little PostgreSQL knows of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from bot.pipeline import claims, outcomes, turns
from bot.pipeline.flow import Cause
from bot.store.database import Database
from bot.store.direct import Query, driver_of
from bot.store.schema import migrate

WAITING = 20_000
FILL = [
    "INSERT INTO person (id, locale, zone, region, provisional, created_at)"
    " VALUES ('p', 'en', 'UTC', 'GB', false, now())",
    "INSERT INTO address (id, person_id, account, value, value_hash) SELECT 'a' || n, 'p', 'web',"
    f" '', sha256(n::text::bytea) FROM generate_series(1, {WAITING}) AS n",
    "INSERT INTO conversation (id, person_id, address_id, account, control, control_epoch,"
    " revision, feed, locale, created_at) SELECT 'c' || n, 'p', 'a' || n, 'web', 'bot', 0, 0, 0,"
    f" 'en', now() FROM generate_series(1, {WAITING}) AS n",
    "INSERT INTO outbox (conversation_id, person_id, account, author, cause, control_epoch,"
    " payload, due_at, status, attempts, parts_done, created_at) SELECT 'c' || n, 'p', 'web',"
    " 'bot', 'proactive', 0, '', now(), 'sent', 1, 1, now()"
    f" FROM generate_series(1, {WAITING}) AS n",
    "ANALYZE",
    "INSERT INTO outbox (conversation_id, person_id, account, author, cause, control_epoch,"
    " payload, due_at, status, attempts, parts_done, created_at) SELECT 'c' || n, 'p', 'web',"
    " 'bot', 'proactive', 0, '', now() - interval '1 s', 'pending', 0, 0, now()"
    f" FROM generate_series(1, {WAITING}) AS n",
]
IDS = [f"c{number}" for number in range(1, 11)]
NOW = datetime(2099, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("query", "values"),
    [
        (turns._HOLD, {"ids": IDS, "texts": 1}),
        (claims._ROWS, {"ids": IDS}),
        (Query(outcomes._BEHIND), {"ids": IDS, "now": NOW}),
        (claims._HEADS_AMONG[Cause.REPLY], {"among": IDS, "now": NOW, "expired": NOW}),
    ],
)
@pytest.mark.parametrize("kept", ["force_custom_plan", "force_generic_plan"])
async def test_a_campaign_is_not_read(
    pg_url: str, query: Query, values: dict[str, Any], kept: str
) -> None:
    db = await Database.open(pg_url)
    await migrate(db)
    async with db.write() as conn:
        for table in ("outbox", "conversation"):
            await conn.execute(text(f"ALTER TABLE {table} SET (autovacuum_enabled = off)"))
        for statement in FILL:
            await conn.execute(text(statement))
        await conn.execute(text(f"SET LOCAL plan_cache_mode = {kept}"))
        compiled = query._postgresql()
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled.sql}"
        plan = await driver_of(conn).fetchval(explain, *compiled.args(values))
    await db.dispose()
    assert _most(plan[0]["Plan"]) < 1_000, plan


def _most(node: dict[str, Any]) -> float:
    """The most rows that one step of the plan looked at."""
    own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return float(max([own, *map(_most, node.get("Plans", []))]))

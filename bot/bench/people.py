"""People of the bench, each with a follow-up that a start link opens: as `start_followup`, for many at once."""

from __future__ import annotations

from sqlalchemy import insert

from bot.bench.progress import Advance
from bot.outreach.links import LIFETIME, new_token
from bot.pipeline.flow import Flow
from bot.services import Services
from bot.store.ids import new_id
from bot.store.people import Profile, import_people
from bot.store.statements import chunks
from bot.store.tables import followup, start_link

SCRIPT_NAME = "bench_survey"
SOURCE = "bench"  # of every follow-up that a bench runs
STORED = "bench_stored"  # of those that were over before it began
LAST4 = "1234"  # what each of them answers to the question who they are


async def invite(
    services: Services, account: str, count: int, done: Advance = lambda n: None
) -> list[str]:
    """Bring so many people in and start their follow-ups; returns a start token for each, which
    works in a chat of the account."""
    version = services.scripts.get(SCRIPT_NAME).version
    tokens: list[str] = []
    for part in chunks(range(count)):
        now = services.clock.now()
        profiles = [
            Profile("en", "Europe/London", "GB", name=f"Person {n}", last4=LAST4) for n in part
        ]
        made = [new_token(services.vault) for _ in part]
        async with services.db.write() as conn:
            people = await import_people(conn, services.vault, profiles, now)
            followups = [
                {
                    "id": new_id(now),
                    "person_id": one.id,
                    "script": SCRIPT_NAME,
                    "version": version,
                    "flow": str(Flow.SCHEDULED),
                    "locale": "en",
                    "source": SOURCE,
                    "approved_at": now,
                    "created_at": now,
                }
                for one in people
            ]
            await conn.execute(insert(followup), followups)
            await conn.execute(
                insert(start_link),
                [
                    {
                        "token_hash": services.vault.lookup_hash("start_link", token),
                        "person_id": row["person_id"],
                        "followup_id": row["id"],
                        "account": account,
                        "expires_at": now + LIFETIME,
                    }
                    for token, row in zip(made, followups, strict=True)
                ],
            )
        tokens += made
        done(len(made))
    return tokens

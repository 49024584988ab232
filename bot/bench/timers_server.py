"""One worker as `huifang bench timers` runs it: no web, the bench's platform, and messages that are fed
straight into the inbox at a given rate."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import insert, select

from bot.assembly import open_services
from bot.bench.channel import ACCOUNT, BenchChannel
from bot.commands.serve import stop_asked
from bot.pipeline.bus import Topic
from bot.pipeline.flow import InboxKind
from bot.runtime import Runtime
from bot.services import Services
from bot.settings import Settings
from bot.store.statements import among, chunks
from bot.store.tables import conversation, inbox

SCRIPT = Path(__file__).with_name("survey.yaml")
STEP_S = 0.05  # between two feedings


async def feed(services: Services, chats: list[str], per_s: float) -> None:
    """Let one message of each of these conversations arrive, so many a second."""
    owners: dict[str, str] = {}
    query = select(conversation.c.id, conversation.c.person_id).where(
        among(conversation.c.id, "ids")
    )
    async with services.db.read() as conn:
        for part in chunks(chats):
            owners.update(
                (row.id, row.person_id) for row in await conn.execute(query, {"ids": part})
            )
    text = orjson.dumps({"text": "4", "redacted": []}).decode()
    began, fed = time.monotonic(), 0
    while fed < len(chats):
        due = chats[fed : int((time.monotonic() - began) * per_s)]
        if due:
            now = services.clock.now()
            async with services.db.write() as conn:
                keys = await services.vault.keys(conn, [owners[chat] for chat in due])
                rows: list[dict[str, Any]] = [
                    {
                        "account": ACCOUNT,
                        "external_id": f"load-{chat}",
                        "conversation_id": chat,
                        "person_id": owners[chat],
                        "kind": str(InboxKind.TEXT),
                        "payload": keys[owners[chat]].seal(text),
                        "received_at": now,
                    }
                    for chat in due
                ]
                await conn.execute(insert(inbox), rows)
            await services.bus.publish(Topic.TURNS, due)
            fed += len(due)
        await asyncio.sleep(STEP_S)


async def serve(platform_url: str, load: Path, per_s: float) -> None:
    """Work until SIGTERM; the settings come from the environment. `load` appears with the ids of the
    conversations to feed when the measurement begins."""
    async with open_services(Settings.load(), scripts=(SCRIPT,)) as services:
        services.channels[ACCOUNT] = BenchChannel("", platform_url)
        async with Runtime(services, web=False, worker=True):
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            with stop_asked() as stop:
                feeding = asyncio.create_task(_feed_when_asked(services, load, per_s))
                await stop.wait()
                feeding.cancel()
                await asyncio.gather(feeding, return_exceptions=True)


async def _feed_when_asked(services: Services, load: Path, per_s: float) -> None:
    while (chats := _chats(load)) is None:  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(STEP_S)
    await feed(services, chats, per_s)


def _chats(load: Path) -> list[str] | None:
    """The ids in the file; None before it is there."""
    return load.read_text().split() if load.exists() else None


if __name__ == "__main__":
    import uvloop

    from bot.logs import configure_logs

    configure_logs()
    uvloop.run(serve(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])))

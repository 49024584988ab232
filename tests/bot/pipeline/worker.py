"""A whole process on a database, for tests that kill it: `python -m tests.bot.pipeline.worker URL FOLDER
ROLE PEOPLE`. `feed` takes messages of PEOPLE and turns them, over and over; `turn` only works."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

from bot.clock import SystemClock
from bot.logs import configure_logs
from bot.runtime import Runtime
from channels.message import IncomingKind
from tests.bot.pipeline.harness import open_world


async def main(url: str, folder: Path, role: str, people: int) -> None:
    configure_logs()
    async with open_world(url, folder) as world:
        world.services.clock = SystemClock()
        async with Runtime(world.services) as runtime:
            print("ready", flush=True)  # noqa: T201
            for number in itertools.count():
                await asyncio.sleep(0.01)
                if role != "feed":
                    continue
                who = f"p{number % people}"
                updates = [
                    world.incoming(
                        IncomingKind.TEXT, who, text="fees?", external_id=f"{who}-{number}"
                    )
                ]
                await runtime.ingress.accept(updates)
                print(updates[0].external_id, flush=True)  # noqa: T201


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])))

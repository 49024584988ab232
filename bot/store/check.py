"""`python -m bot.store.check`: do the migrations build exactly the tables of tables.py?"""

from __future__ import annotations

import asyncio
import sys
import tempfile

from bot.store.database import Database
from bot.store.schema import differences, migrate


async def check(url: str) -> list[str]:
    """Migrate an empty database and list what it then lacks or has too much."""
    db = await Database.open(url)
    try:
        await migrate(db)
        return await differences(db)
    finally:
        await db.dispose()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(check(f"sqlite:///{folder}/empty.db"))
    for line in found:
        print(line, file=sys.stderr)  # noqa: T201 - a command
    if found:
        print("Run: python -m bot.store.revise", file=sys.stderr)  # noqa: T201
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

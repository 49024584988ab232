"""The rows as a CSV file: UTF-8 with its mark, RFC 4180, and no cell that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Iterable
from typing import Any

from sqlalchemy import insert

from bot.reports.read import Answers, Filter, read_rows
from bot.reports.rows import Row, from_cells, heading, to_cells
from bot.services import Services
from bot.store.tables import audit

MARK = "\ufeff"  # tells Excel that this is UTF-8


async def csv_parts(
    services: Services, wanted: Filter, *, with_text: bool = False
) -> AsyncIterator[tuple[str, int]]:
    """The file in parts, each with its number of rows, the mark first. With a script in `wanted` its answers are columns.

    Raises KeyError if there is no such script.
    """
    answers = Answers()
    if wanted.script:
        answers = Answers.of(services.scripts, wanted.script, with_text=with_text)
    yield MARK + _lines([heading(answers.names)]), 0
    async for rows in read_rows(services, wanted, answers):
        yield _lines(to_cells(row, answers.names) for row in rows), len(rows)


def _lines(rows: Iterable[list[str]]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows(rows)
    return out.getvalue()


def read_csv(text: str) -> list[Row]:
    """The rows of such a file."""
    return [
        from_cells(cells)
        for cells in csv.DictReader(io.StringIO(text.removeprefix(MARK), newline=""))
    ]


async def write_down(
    services: Services, actor: str, wanted: Filter, *, with_text: bool = False
) -> None:
    """Who exported what, for the audit log; before the first byte leaves."""
    data: dict[str, Any] = {
        "script": wanted.script,
        "account": wanted.account,
        "locale": wanted.locale,
        "since": wanted.since.isoformat() if wanted.since else None,
        "until": wanted.until.isoformat() if wanted.until else None,
        "with_text": with_text,
    }
    async with services.db.write() as conn:
        await conn.execute(
            insert(audit),
            {
                "at": services.clock.now(),
                "actor": actor[:64],
                "action": "reports.export",
                "object": "followups",
                "data": data,
            },
        )

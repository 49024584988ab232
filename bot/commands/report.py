"""`huifang report export`: one row per follow-up, as a file."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from datetime import datetime, time
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO
from zoneinfo import ZoneInfo

import typer

from bot.commands.base import ProblemError, UsageError, run, services
from bot.reports.export import csv_parts, write_down
from bot.reports.read import Filter

report_app = typer.Typer(no_args_is_help=True, help="What became of the follow-ups.")


@report_app.callback()
def report() -> None:
    """What became of the follow-ups."""


class Format(StrEnum):
    CSV = "csv"


@report_app.command()
def export(
    format: Annotated[Format, typer.Option(help="csv")] = Format.CSV,  # noqa: A002
    script: Annotated[str, typer.Option(help="only this script, with its answers")] = "",
    since: Annotated[str, typer.Option(help="first day, such as 2026-11-01")] = "",
    until: Annotated[str, typer.Option(help="last day, such as 2026-11-30")] = "",
    with_text: Annotated[bool, typer.Option("--with-text", help="free text as well")] = False,
    out: Annotated[Path | None, typer.Option(help="file; without it standard output")] = None,
) -> None:
    """Write one row per follow-up, oldest first. Times are UTC; the export is written down."""
    if with_text and not script:
        raise typer.BadParameter("free text belongs to a script: add --script", param_hint="text")

    async def work() -> int:
        async with services() as it:
            if script and script not in it.scripts.names:
                known = ", ".join(it.scripts.names)
                raise UsageError(f"there is no script '{script}'; there are: {known}")
            zone = ZoneInfo(it.settings.zone)
            wanted = Filter(script, since=_day(since, zone), until=_day(until, zone, after=True))
            await write_down(it, "command", wanted, with_text=with_text)
            parts = csv_parts(it, wanted, with_text=with_text)
            return await _write(parts, out)

    rows = run(work())
    if out is not None:
        typer.echo(f"{rows} follow-ups in {out}", err=True)


async def _write(parts: AsyncIterator[tuple[str, int]], out: Path | None) -> int:
    """Write the parts as they come; returns the number of rows."""
    if out is None:
        sys.stdout.reconfigure(encoding="utf-8", newline="")  # type: ignore[union-attr]
        return await _copy(parts, sys.stdout)
    try:
        # It holds personal data: for the owner's eyes only.
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise ProblemError(f"{out} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
        return await _copy(parts, file)


async def _copy(parts: AsyncIterator[tuple[str, int]], file: TextIO) -> int:
    written = 0
    async for part, rows in parts:
        file.write(part)
        written += rows
    file.flush()
    return written


def _day(text: str, zone: ZoneInfo, *, after: bool = False) -> datetime | None:
    """The first moment of a day in the settings' zone; with `after` the first one after it."""
    if not text:
        return None
    try:
        day = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  a date, no moment
    except ValueError:
        raise UsageError(f"'{text}' is no day like 2026-11-21") from None
    if after:
        day = type(day).fromordinal(day.toordinal() + 1)
    return datetime.combine(day, time(), tzinfo=zone)

"""`huifang simulate`: fill a database with people who were never there, through the real pipeline."""

from __future__ import annotations

import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from sqlalchemy import func, select

from bot.assembly import open_services
from bot.clock import GivenClock
from bot.commands.base import ProblemError, UsageError, run
from bot.personas import make_people
from bot.reports.measures import Report, Tally
from bot.reports.read import Filter, read_rows
from bot.services import Services
from bot.settings import Bus, Settings
from bot.simulate import ACCOUNT, SOURCE, Crowd, Summary
from bot.simulate import Progress as Tell
from bot.simulate_desk import SimulatedDesk
from bot.store.database import Database
from bot.store.schema import migrate
from bot.store.tables import followup
from bot.store.transplant import copy_content, move_people

DEMO = Path("data/demo")  # as `huifang demo` has it
PEOPLE_MAX, DAYS_MAX = 100_000, 365


def simulate(
    people: Annotated[int, typer.Option(help="how many", min=1, max=PEOPLE_MAX)] = 200,
    days: Annotated[
        int | None, typer.Option(help="spread over so many days up to now", min=1, max=DAYS_MAX)
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same answers")] = 1,
    script: Annotated[str, typer.Option(help="which script")] = "preapproval",
    demo: Annotated[
        bool | None,
        typer.Option(
            "--demo/--no-demo", help="the demo's database; without either: if there is no other"
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="also beside real follow-ups")] = False,
    json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Synthetic people answer a script. With --days on a clock of their own, and agents work on the
    older cases; without it here and now. Works while the demo runs."""
    settings = _settings(demo)
    if not settings.webchat.enabled:
        raise typer.BadParameter("simulated people use web chat: switch webchat on")
    run(_simulate(settings, people, days, seed, script, sure=yes, machine=json))


def _settings(demo: bool | None) -> Settings:
    """The settings' own database or the demo's."""
    settings = Settings.load()
    if demo is None:
        own = settings.database_url or (settings.data_dir / "huifang.db").exists()
        demo = not own and (DEMO / "demo.db").exists()
    if not demo:
        return settings
    return settings.model_copy(
        update={
            "data_dir": DEMO,
            "database_url": f"sqlite+aiosqlite:///{DEMO.resolve()}/demo.db",
            "master_keys_file": None,
            "bus": Bus.LOCAL,
        }
    )


async def _simulate(
    settings: Settings,
    people: int,
    days: int | None,
    seed: int,
    script: str,
    *,
    sure: bool,
    machine: bool,
) -> None:
    console = Console(stderr=True)
    wall, cpu = time.perf_counter(), time.process_time()
    sqlite = settings.database.startswith("sqlite")
    async with open_services(settings, migrated=sqlite, warn=console.print) as services:
        if script not in services.scripts.names:
            known = ", ".join(services.scripts.names)
            raise UsageError(f"there is no script '{script}'; there are: {known}")
        if not sure:
            await _only_simulated(services)
        with _bar(console, people, hidden=machine) as tell:
            if days is None:
                crowd = Crowd(services, make_people(people, seed), script)
                await crowd.run_now(tell)
            else:
                crowd = await simulate_days(services, people, days, seed, script, tell)
        summary = crowd.summary(time.perf_counter() - wall, time.process_time() - cpu)
        tally = Tally()
        mine = {chat.followup_id for chat in crowd.chats}
        async for rows in read_rows(services, Filter(script)):
            for row in rows:
                if row.id in mine:
                    tally.add(row)
        where = services.db.url.render_as_string(hide_password=True)
    if machine:
        typer.echo(orjson.dumps(_as_dict(summary, tally.report(), days, seed)).decode())
    else:
        _show(console, summary, tally.report(), where)


async def simulate_days(
    services: Services, people: int, days: int, seed: int, script: str, tell: Tell
) -> Crowd:
    """Simulate on a scratch database of its own, where no other process runs on the real clock,
    then move everybody into the database of `services`."""
    async with _scratch(services, days) as (scratch, clock, end):
        crowd = Crowd(scratch, make_people(people, seed), script)
        desk = await SimulatedDesk.open(scratch, seed, end)
        await crowd.run_days(clock, end, desk, tell)
        await move_people(
            scratch.db, services.db, [c.person_id for c in crowd.chats if c.person_id]
        )
    return crowd


@asynccontextmanager
async def _scratch(
    services: Services, days: int
) -> AsyncIterator[tuple[Services, GivenClock, datetime]]:
    """The same scripts, articles, settings and keys on an empty database, some days ago."""
    end = services.clock.now()
    clock = GivenClock(end - timedelta(days=days))
    with tempfile.TemporaryDirectory(prefix="huifang-simulate-", dir=_in_memory()) as folder:
        url = f"sqlite+aiosqlite:///{folder}/simulate.db"
        db = await Database.open(url)
        try:
            await migrate(db)
            await copy_content(services.db, db)
        finally:
            await db.dispose()
        settings = services.settings.model_copy(
            update={
                "database_url": url,
                "master_keys_file": services.settings.keys_file,
                "bus": Bus.LOCAL,
            }
        )
        async with open_services(settings, clock=clock, warn=lambda _: None) as scratch:
            scratch.channels = {ACCOUNT: services.channels[ACCOUNT]}
            yield scratch, clock, end


def _in_memory() -> Path | None:
    """A folder in memory where there is one: nothing of a scratch database has to last."""
    memory = Path("/dev/shm")  # noqa: S108 - what is in it is made by us, in a folder of our own
    return memory if memory.is_dir() else None


async def _only_simulated(services: Services) -> None:
    """Made-up follow-ups beside real ones would spoil every number. Raises ProblemError."""
    async with services.db.read() as conn:
        real = await conn.scalar(
            select(func.count())
            .select_from(followup)
            .where(followup.c.source.not_in([SOURCE, "demo"]))
        )
    if real:
        raise ProblemError(
            f"this database has {real} real follow-ups, whose results would be mixed with made-up "
            "ones. Use --demo, or say --yes"
        )


@contextmanager
def _bar(console: Console, people: int, *, hidden: bool) -> Iterator[Tell]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} people"),
    )
    with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
        task = progress.add_task("simulating", total=people)

        def tell(started: int, now: datetime) -> None:
            progress.update(task, completed=started, description=f"{now:%Y-%m-%d}")

        yield tell


def _as_dict(summary: Summary, report: Report, days: int | None, seed: int) -> dict[str, object]:
    return {
        **asdict(summary),
        "days": days,
        "seed": seed,
        "reach": asdict(report.reach),
        "outcomes": {name or "running": count for name, count in report.outcomes.items()},
        "handoffs": report.handoffs,
        "ratings": {str(score): count for score, count in report.ratings.counts.items()},
        "faq": asdict(report.faq),
    }


def _show(console: Console, summary: Summary, report: Report, where: str) -> None:
    reach = report.reach
    table = Table(title=f"{summary.people} people, {summary.inputs} things they did", min_width=44)
    table.add_column("")
    table.add_column("follow-ups", justify="right")
    for name in ("created", "started", "replied", "completed", "rated", "handed_over"):
        table.add_row(name.replace("_", " "), str(getattr(reach, name)))
    for outcome, count in report.outcomes.items():
        table.add_row(f"  outcome: {outcome or 'running'}", str(count))
    for reason, count in report.handoffs.items():
        table.add_row(f"  handoff: {reason}", str(count))
    console.print(table)
    if report.ratings.mean is not None:
        console.print(f"Mean rating {report.ratings.mean:.2f} of {report.ratings.count}.")
    console.print(f"{summary.seconds} s ({summary.cpu_seconds} s of CPU), written to {where}")

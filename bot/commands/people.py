"""`huifang people` and `huifang followup`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated

import orjson
import segno
import typer

from bot.commands.base import PROBLEM, ProblemError, UsageError, run, services
from bot.outreach.csv_import import read_people
from bot.outreach.followups import FollowupError, Started, start_followup
from bot.services import Services
from bot.store.erasure import Erasure, erase_person, list_erasures, replay_erasures
from bot.store.people import find_by_reference, import_people, show_person

people_app = typer.Typer(no_args_is_help=True, help="Applicants.")
followup_app = typer.Typer(no_args_is_help=True, help="Follow-ups.")
BATCH = 500  # people in one transaction's statements; the whole file is still one transaction


@people_app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="CSV with a heading", exists=True, dir_okay=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="check only, write nothing")] = False,
    start: Annotated[str, typer.Option(help="start this script for each of them")] = "",
) -> None:
    """Bring applicants in from a CSV file: all rows, or none if one of them is wrong."""

    async def work() -> None:
        async with services() as it:
            if start and start not in it.scripts.names:
                known = ", ".join(it.scripts.names)
                raise UsageError(f"there is no script '{start}'; there are {known}")
            people = read_people(file.read_bytes(), it.settings)
            for problem in people.problems:
                typer.echo(f"{file}: {problem}", err=True)
            if people.problems:
                count = len(people.problems)
                typer.echo(f"Nothing was written: {count} problem(s).", err=True)
                raise typer.Exit(PROBLEM)
            if dry_run:
                typer.echo(f"{len(people.profiles)} applicants are fine. Nothing was written.")
                return
            async with it.db.write() as conn:
                brought = await import_people(conn, it.vault, people.profiles, it.clock.now())
            created = sum(one.created for one in brought)
            hidden = sum(one.suppressed for one in brought)
            typer.echo(f"{created} new, {len(brought) - created} brought up to date.")
            if hidden:
                typer.echo(f"{hidden} were erased at their wish and are not contacted.")
            if start:
                await _start_all(it, [one.id for one in brought if not one.suppressed], start)

    run(work())


async def _start_all(it: Services, person_ids: Sequence[str], script: str) -> None:
    """Start for each; one who cannot be written to does not keep the others from it."""
    refused = 0
    for person_id in person_ids:
        try:
            _print(await start_followup(it, person_id, script, source="csv", contact=True))
        except FollowupError as error:
            refused += 1
            typer.echo(f"person {person_id}: {error}", err=True)
    if refused:
        raise ProblemError(f"{refused} follow-up(s) were not started, see above")


@people_app.command()
def show(person: Annotated[str, typer.Argument(help="id, or the wallet's reference")]) -> None:
    """What is known of a person, masked."""

    async def work() -> None:
        async with services() as it:
            async with it.db.read() as conn:
                known = await find_by_reference(conn, it.vault, person)
                found = await show_person(conn, it.vault, known or person)
            if found is None:
                raise ProblemError(f"there is no person '{person}'")
            _json(found)

    run(work())


@people_app.command()
def erase(
    person: Annotated[str, typer.Argument(help="id, or the wallet's reference")],
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
) -> None:
    """Erase a person for good: the key is dropped, bodies go, counts stay."""
    if not yes:
        typer.confirm("This cannot be undone. Erase this person?", abort=True)

    async def work() -> None:
        async with services() as it:
            async with it.db.write() as conn:
                known = await find_by_reference(conn, it.vault, person)
                done = await erase_person(conn, it.vault, known or person, it.clock.now())
            if not done:
                raise ProblemError(f"there is no person '{person}', or it was erased before")
            typer.echo("Erased.")

    run(work())


@people_app.command()
def erasures() -> None:
    """Print who was erased, one JSON object a line: keep it apart from the backups."""

    async def work() -> None:
        async with services() as it:
            async with it.db.read() as conn:
                listed = await list_erasures(conn)
            for entry in listed:
                line = {"person": entry.person_id, "at": entry.at.isoformat()}
                typer.echo(orjson.dumps(line).decode())

    run(work())


@people_app.command("replay-erasures")
def replay(
    file: Annotated[
        Path | None,
        typer.Argument(help="what `people erasures` printed", exists=True, dir_okay=False),
    ] = None,
) -> None:
    """After a backup was restored: erase again who was erased, by its own list and FILE's."""

    async def work() -> None:
        entries = _read_erasures(file) if file else []
        async with services() as it:
            count = await replay_erasures(it.db, it.vault, entries)
            typer.echo(f"{count} people were erased again.")

    run(work())


def _read_erasures(file: Path) -> list[Erasure]:
    found = []
    for number, line in enumerate(file.read_bytes().splitlines(), 1):
        try:
            entry = orjson.loads(line)
            at = datetime.fromisoformat(entry["at"])
            if at.tzinfo is None:
                raise ValueError
            found.append(Erasure(str(entry["person"]), at))
        except (ValueError, KeyError, TypeError):
            raise UsageError(
                f"{file}: line {number} is not as `people erasures` prints it"
            ) from None
    return found


@followup_app.command("start")
def start_one(
    person: Annotated[str, typer.Option(help="id, or the wallet's reference")],
    script: Annotated[str, typer.Option(help="which script")] = "preapproval",
    contact: Annotated[bool, typer.Option(help="write first where the channel allows it")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Start a follow-up; prints a link and a QR code per channel. Each works once, for 24 hours."""

    async def work() -> None:
        async with services() as it:
            async with it.db.read() as conn:
                known = await find_by_reference(conn, it.vault, person)
            started = await start_followup(
                it, known or person, script, source="command", contact=contact
            )
            if json:
                _json(_as_dict(started))
                return
            _print(started)
            for link in started.links:
                typer.echo(f"\n{link.account}")
                segno.make(link.url, error="m").terminal(out=sys.stdout, compact=True)

    run(work())


def _print(started: Started) -> None:
    typer.echo(f"follow-up {started.id} of person {started.person_id} ({started.script})")
    if started.contacted:
        typer.echo(f"  written to on {started.contacted}")
    for link in started.links:
        typer.echo(f"  {link.account}: {link.url}")


def _as_dict(started: Started) -> dict[str, object]:
    links = [
        {"account": one.account, "url": one.url, "expires_at": one.expires_at.isoformat()}
        for one in started.links
    ]
    return {
        "id": started.id,
        "person": started.person_id,
        "script": started.script,
        "version": started.version,
        "contacted": started.contacted,
        "links": links,
    }


def _json(data: object) -> None:
    typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode())

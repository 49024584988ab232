"""`huifang doctor`: one line for everything that Huifang needs, with the fix where it is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import orjson
import typer
from rich.console import Console
from rich.markup import escape

from bot.check import Check
from bot.checks import check_all
from bot.commands.base import PROBLEM, run
from bot.settings import Settings, SettingsError


def doctor(json: Annotated[bool, typer.Option("--json", help="a list of objects")] = False) -> None:
    """Check settings, machine, database, keys, Redis and channels. Nobody gets a message; exit code 1 if
    there is a problem."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        found = [Check("settings", "cannot be used", str(error))]
    else:
        found = run(check_all(settings))
    show_checks(found, machine=json)


def show_checks(found: Sequence[Check], *, machine: bool) -> None:
    """Print the checks; raises typer.Exit with code 1 if one of them found a problem."""
    if machine:
        lines = [
            {"check": one.name, "ok": one.ok, "detail": one.detail, "fix": one.fix} for one in found
        ]
        typer.echo(orjson.dumps(lines).decode())
    else:
        console = Console(highlight=False, soft_wrap=True)
        width = max(len(one.name) for one in found)
        for one in found:
            mark = "[green]ok[/green]     " if one.ok else "[red]problem[/red]"
            console.print(f"{mark}  {escape(one.name):<{width}}  {escape(one.detail)}")
            if not one.ok:
                console.print(f"         {'':<{width}}  → {escape(one.fix)}")
    if not all(one.ok for one in found):
        raise typer.Exit(PROBLEM)

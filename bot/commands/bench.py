"""`huifang bench`: print the figures, assert nothing."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bot.commands.base import ProblemError, run

bench_app = typer.Typer(no_args_is_help=True, help="Measure the product on this machine.")


@bench_app.callback()
def bench() -> None:
    """Measure the product on this machine."""


@bench_app.command()
def turns(
    database: Annotated[str | None, typer.Option(help="database URL; default: SQLite")] = None,
    bus: Annotated[str, typer.Option(help="local")] = "local",
    people: Annotated[int, typer.Option(min=1, help="how many people talk")] = 500,
    concurrency: Annotated[int, typer.Option(min=1, help="how many at once")] = 32,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """A six-turn survey over HTTP: signed webhook in, reply at a stub platform out."""
    from bot.bench.turns import bench_turns

    async def work() -> dict[str, Any]:
        if bus != "local":
            raise ProblemError("only --bus local is there yet")
        try:
            return await bench_turns(database, people, concurrency)
        except RuntimeError as error:
            raise ProblemError(str(error)) from None

    figures = run(work())
    if json:
        typer.echo(orjson.dumps(figures).decode())
        return
    table = Table("figure", "value", title="bench turns")
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)

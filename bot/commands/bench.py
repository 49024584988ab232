"""`huifang bench`: print the figures, assert nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.table import Table

from bot.commands.base import USAGE, ProblemError, fail, run
from bot.settings import Bus

if TYPE_CHECKING:
    from bot.bench.turns import Setup

REDIS = "redis://127.0.0.1:6379/0"

bench_app = typer.Typer(no_args_is_help=True, help="Measure the product on this machine.")


@bench_app.callback()
def bench() -> None:
    """Measure the product on this machine."""


@bench_app.command()
def turns(
    database: Annotated[str | None, typer.Option(help="database URL; default: SQLite")] = None,
    bus: Annotated[Bus, typer.Option(help="local or redis")] = Bus.LOCAL,
    redis: Annotated[str, typer.Option(help="Redis URL, for --bus redis")] = REDIS,
    roles: Annotated[
        str, typer.Option(help='processes, such as "all,all" or "web,worker,worker"')
    ] = "",
    people: Annotated[int, typer.Option(min=1, help="how many people talk")] = 500,
    concurrency: Annotated[int, typer.Option(min=1, help="how many at once")] = 32,
    stored: Annotated[
        str,
        typer.Option(help='stored conversations beside them; "10000,1000000": one run for each'),
    ] = "0",
    stored_messages: Annotated[
        int, typer.Option(min=1, help="lines in the transcript of each stored conversation")
    ] = 16,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """A six-turn survey over HTTP: signed webhook in, reply at a stub platform out."""
    from bot.bench.turns import bench_turns

    setup = _setup(
        database,
        bus,
        redis,
        roles,
        people,
        concurrency=concurrency,
        stored=_numbers("--stored", stored),
        stored_messages=stored_messages,
    )

    async def work() -> dict[str, Any]:
        try:
            return await bench_turns(setup)
        except RuntimeError as error:
            raise ProblemError(str(error)) from None

    _show("bench turns", run(work()), json=json)


@bench_app.command()
def timers(
    database: Annotated[
        str | None, typer.Option(help="URL of an empty database; default: SQLite")
    ] = None,
    timers: Annotated[int, typer.Option(min=1, help="how many wait")] = 1_000_000,
    due: Annotated[int, typer.Option(min=1, help="how many of them come due meanwhile")] = 10_000,
    window: Annotated[float, typer.Option(min=1, help="seconds within which they do")] = 20.0,
    turns_per_s: Annotated[float, typer.Option(min=0, help="messages a second beside them")] = 0.0,
    workers: Annotated[int, typer.Option(min=1, help="worker processes")] = 1,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """How late timers fire while many wait, half of them stale, in real worker processes."""
    from bot.bench.timers import Plan, bench_timers

    if due > timers:
        raise typer.BadParameter("no more than --timers can come due", param_hint="--due")
    plan = Plan(timers, due, window, turns_per_s, workers)

    async def work() -> dict[str, Any]:
        try:
            return await bench_timers(database, plan)
        except RuntimeError as error:
            raise ProblemError(str(error)) from None

    _show("bench timers", run(work()), json=json)


@bench_app.command()
def rest(
    database: Annotated[str | None, typer.Option(help="database URL; default: SQLite")] = None,
    bus: Annotated[Bus, typer.Option(help="local or redis")] = Bus.LOCAL,
    redis: Annotated[str, typer.Option(help="Redis URL, for --bus redis")] = REDIS,
    roles: Annotated[
        str, typer.Option(help='processes, such as "all,all" or "web,worker,worker"')
    ] = "",
    port: Annotated[int, typer.Option(min=0, help="where to listen; 0: any free port")] = 5005,
    people: Annotated[
        int, typer.Option(min=0, help="people brought in ahead, before it listens")
    ] = 1000,
) -> None:
    """The survey behind an endpoint like Rasa's REST channel, for load generators; until Ctrl+C."""
    from bot.bench.rest import serving
    from bot.commands.serve import stop_asked

    setup = _setup(database, bus, redis, roles, people)

    async def work() -> None:
        with stop_asked() as stop:
            try:
                async with serving(setup, port) as address:
                    typer.echo(f"Listening at {address}\nTry: {_CURL} {address}")
                    await stop.wait()
            except (RuntimeError, OSError) as error:
                raise ProblemError(str(error)) from None

    run(work())


@bench_app.command()
def kb(
    phrasings: Annotated[
        str, typer.Option(help='sizes of the base; "1000,10000": one run for each')
    ] = "1000,10000,100000",
    questions: Annotated[int, typer.Option(min=1, help="questions asked of each base")] = 300,
    locale: Annotated[str, typer.Option(help="zh or en")] = "zh",
    seed: Annotated[int, typer.Option(help="the same seed makes the same base")] = 1,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Latency, memory and hits of the knowledge base, beside BM25 and cosine on the same base."""
    from bot.bench.kb import bench_kb
    from bot.bench.kb_base import LOCALES
    from bot.bench.kb_table import show

    sizes = _numbers("--phrasings", phrasings)
    if sizes[0] < 1:
        raise typer.BadParameter("a base has one phrasing at least", param_hint="--phrasings")
    if locale not in LOCALES:
        raise typer.BadParameter(f"one of {', '.join(LOCALES)}", param_hint="--locale")
    try:
        figures = bench_kb(sizes, questions, locale, seed)
    except ValueError as error:
        fail(str(error), USAGE)
    except RuntimeError as error:
        fail(str(error))
    if json:
        typer.echo(orjson.dumps(figures).decode())
    else:
        show(Console(), figures)


_CURL = """curl -d '{"sender": "ann", "message": "hi"}'"""


def _setup(
    database: str | None, bus: Bus, redis: str, roles: str, people: int, **more: Any
) -> Setup:
    from bot.bench.turns import Setup

    shared = bus is Bus.REDIS
    chosen = tuple((roles or ("all,all" if shared else "all")).split(","))
    if any(role not in ("all", "web", "worker") for role in chosen):
        fail(f"--roles {roles}: a list of all, web and worker, by commas", USAGE)
    return Setup(database, redis if shared else None, chosen, people, **more)


def _numbers(option: str, text: str) -> tuple[int, ...]:
    """Rising numbers, by commas."""
    try:
        numbers = tuple(int(part) for part in text.split(","))
    except ValueError:
        fail(f"{option} {text}: numbers by commas", USAGE)
    if min(numbers) < 0 or list(numbers) != sorted(set(numbers)):
        fail(f"{option} {text}: every number must be larger than the one before", USAGE)
    return numbers


def _show(title: str, figures: dict[str, Any], *, json: bool) -> None:
    if json:
        typer.echo(orjson.dumps(figures).decode())
        return
    table = Table("figure", "value", title=title)
    for name, value in figures.items():
        table.add_row(name, str(value))
    Console().print(table)

"""`huifang demo`, `serve` and `migrate`: the processes."""

from __future__ import annotations

import asyncio
import errno
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from bot import __version__
from bot.commands.base import ProblemError, UsageError, run
from bot.hours import DutyHours
from bot.logs import configure_logs
from bot.memory import start_small
from bot.settings import LOOPBACK, Bus, Settings

STOPPING = "the process is stopping"


class ProcessRole(StrEnum):
    ALL = "all"
    WEB = "web"
    WORKER = "worker"


def demo(
    port: Annotated[int, typer.Option(help="TCP port")] = 8000,
    reset: Annotated[bool, typer.Option("--reset", help="drop the demo's data first")] = False,
) -> None:
    """Start the product with sample data: SQLite, in-process bus, loopback only."""
    folder = Path("data/demo")
    if reset and folder.exists():
        shutil.rmtree(folder)
    settings = Settings.load()
    # Whoever tries it out at night is the agent too, and there.
    duty = settings.duty if "duty" in settings.model_fields_set else DutyHours.always()
    settings = settings.model_copy(
        update={
            "data_dir": folder,
            "database_url": f"sqlite+aiosqlite:///{folder.resolve()}/demo.db",
            "master_keys_file": None,
            "host": "127.0.0.1",
            "port": port,
            "public_url": None,
            "bus": Bus.LOCAL,
            "duty": duty,
        }
    )
    run(_serve(settings, ProcessRole.ALL, demo=True))


def serve(
    role: Annotated[ProcessRole, typer.Option(help="all, web or worker")] = ProcessRole.ALL,
    host: Annotated[str | None, typer.Option(help="address to listen on")] = None,
    port: Annotated[int | None, typer.Option(help="TCP port")] = None,
) -> None:
    """Run the product on the database of the settings."""
    settings = Settings.load()
    configure_logs(form=settings.log_format)
    changes = {"host": host or settings.host, "port": port or settings.port}
    run(_serve(settings.model_copy(update=changes), role, demo=False))


def migrate() -> None:
    """Make or upgrade the database's schema."""
    run(_migrate())


async def _migrate() -> None:
    from bot.assembly import open_services

    settings = Settings.load()
    async with open_services(settings, migrated=True, warn=typer.echo):
        typer.echo("The database is up to date.")


async def _serve(settings: Settings, role: ProcessRole, *, demo: bool) -> None:
    start_small()
    from bot.app import create_app
    from bot.assembly import open_services
    from bot.health import health_listener
    from bot.probes import Probes
    from bot.runtime import Runtime
    from bot.web.server import Server, keep_what_is_made

    web, worker = role is not ProcessRole.WORKER, role is not ProcessRole.WEB
    if not demo and settings.bus is Bus.LOCAL and role is not ProcessRole.ALL:
        raise UsageError("--role web and --role worker need bus = redis; one process: --role all")
    listener = None if role is ProcessRole.WORKER else _listen(settings.host, settings.port)
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(
            open_services(
                settings,
                migrated=demo or settings.database.startswith("sqlite"),
                warn=_say,
                web=web,
                worker=worker,
            )
        )
        runtime = Runtime(services, web=web, worker=worker)
        probes = Probes(services, runtime.ingress, role, __version__)
        probes.not_ready = "the process is starting"
        await stack.enter_async_context(health_listener(settings, probes))
        await stack.enter_async_context(runtime)
        keep_what_is_made()
        with stop_asked() as stop:
            probes.not_ready = ""
            if listener is None:
                _say("The worker runs. Stop it with Ctrl+C.")
                await stop.wait()
                probes.not_ready = STOPPING
                return
            app = create_app(services, runtime, demo=demo, told=probes)
            server = Server(app, services.live)
            what = "The demo is ready" if demo else "Huifang serves"
            _say(f"\n  {what}: {settings.base_url}\n  Stop it with Ctrl+C.\n")
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            asked = asyncio.create_task(stop.wait())
            await asyncio.wait({serving, asked}, return_when=asyncio.FIRST_COMPLETED)
            probes.not_ready = STOPPING
            server.should_exit = True
            asked.cancel()
            await serving


@contextmanager
def stop_asked() -> Iterator[asyncio.Event]:
    """An event that Ctrl+C and SIGTERM set: the process stops in order. The second one does not wait."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    signals = (signal.SIGINT, signal.SIGTERM)

    def ask() -> None:
        stop.set()
        for each in signals:
            loop.remove_signal_handler(each)

    for each in signals:
        loop.add_signal_handler(each, ask)
    try:
        yield stop
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket. Raises ProblemError that says what to do when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)  # who comes before the server has started waits, and is not refused
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            other = f"make demo ARGS='--port {port + 1}'" if host in LOOPBACK else "--port"
            raise ProblemError(
                f"port {port} is taken by another program; use another one: {other}"
            ) from None
        raise ProblemError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    listener.setblocking(False)
    return listener


def _say(line: str) -> None:
    typer.echo(line, err=False)

"""What every sub-command shares: one line for an error, and the exit codes 0, 1 and 2."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeVar

import typer

T = TypeVar("T")

PROBLEM, USAGE = 1, 2


class ProblemError(Exception):
    """Something is wrong; the text is one line that says what to do. Exit code 1."""


class UsageError(Exception):
    """The command was called wrongly. Exit code 2."""


def fail(text: str, code: int = PROBLEM) -> NoReturn:
    typer.echo(f"huifang: {text}", err=True)
    raise typer.Exit(code)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a command's work; errors that are meant for people become one line."""
    from bot.company import CompanyError
    from bot.health import HealthError
    from bot.outreach.followups import FollowupError
    from bot.settings import SettingsError
    from bot.store.database import DatabaseError
    from bot.store.keys import KeysError
    from dialogs.lexicons import LexiconError
    from dialogs.source import ScriptError
    from dialogs.texts import TextError
    from kb.encoder import ShippedFileError

    try:
        return asyncio.run(work)
    except UsageError as error:
        fail(str(error), USAGE)
    except (
        ProblemError,
        SettingsError,
        CompanyError,
        DatabaseError,
        KeysError,
        ScriptError,
        LexiconError,
        TextError,
        FollowupError,
        HealthError,
        ShippedFileError,
    ) as error:
        fail(str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _warn(line: str) -> None:
    typer.echo(line, err=True)


@asynccontextmanager
async def services() -> Any:
    """The operator's own services, for commands that work on the stored data."""
    from bot.assembly import open_services
    from bot.settings import Settings

    async with open_services(Settings.load(), warn=_warn) as it:
        yield it

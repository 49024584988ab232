"""`huifang outbox`: texts that did not go out, without a word of what they say or to whom."""

from __future__ import annotations

from typing import Annotated

import orjson
import typer

from bot.commands.base import UsageError, run, services
from bot.pipeline.dead_letters import Pile, count_dead_letters, retry_dead_letters

outbox_app = typer.Typer(no_args_is_help=True, help="Texts that did not go out.")


@outbox_app.command("list")
def list_piles(
    as_json: Annotated[bool, typer.Option("--json", help="one object a line")] = False,
) -> None:
    """How many texts failed, or perhaps did, by account and reason. Nothing of a person is shown."""

    async def work() -> None:
        async with services() as it, it.db.read() as conn:
            piles = await count_dead_letters(conn)
        for pile in piles:
            typer.echo(orjson.dumps(pile).decode() if as_json else _line(pile))
        if not piles and not as_json:
            typer.echo("No text failed.")

    run(work())


@outbox_app.command()
def retry(
    account: Annotated[str, typer.Option(help="of this account only, for example telegram:main")],
    reason: Annotated[str, typer.Option(help="the reason as `list` prints it")],
) -> None:
    """Send replies that failed for this reason again, where the bot still speaks and the person wants
    messages. What may have arrived, and what the bot started itself, is never repeated this way."""

    async def work() -> None:
        async with services() as it:
            if account not in it.channels:
                raise UsageError(f"there is no account '{account}'")
            count = await retry_dead_letters(it, account, reason)
            typer.echo(f"{count} texts are sent again.")

    run(work())


def _line(pile: Pile) -> str:
    since = pile.since.isoformat(timespec="minutes")
    return f"{pile.count:>7}  {pile.account}  {pile.status}  {pile.reason or '-'}  since {since}"

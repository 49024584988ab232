"""`huifang channel list` and `channel test`: the accounts that are switched on, and whether they answer."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
import typer

from bot.assembly import make_channels
from bot.checks import check_channels
from bot.commands.base import ProblemError, run
from bot.commands.doctor import show_checks
from bot.settings import Settings
from channels.base import Channel

channel_app = typer.Typer(no_args_is_help=True, help="Channel accounts.")

Json = Annotated[bool, typer.Option("--json", help="a list of objects")]


@channel_app.command("list")
def list_channels(json: Json = False) -> None:
    """The channel accounts that the settings switch on, and what each can carry."""

    async def work() -> list[dict[str, Any]]:
        try:
            channels = make_channels(Settings.load())
        except ValueError as error:
            raise ProblemError(str(error)) from None
        return [_describe(account, one) for account, one in channels.items()]

    found = run(work())
    if json:
        typer.echo(orjson.dumps(found).decode())
        return
    if not found:
        typer.echo("No channel is switched on.")
    for one in found:
        window = f"{one['window_h']:g} h" if one["window_h"] is not None else "no limit"
        first = "may write first" if one["business_may_start"] else "the person starts"
        typer.echo(f"{one['account']}: {first}, {one['buttons']} buttons, reply window: {window}")


@channel_app.command("test")
def ask_channels(json: Json = False) -> None:
    """Ask every platform who we are. Nobody gets a message; exit code 1 if one does not answer."""

    async def work() -> list[Any]:
        return list(await check_channels(Settings.load()))

    show_checks(run(work()), machine=json)


def _describe(account: str, channel: Channel) -> dict[str, Any]:
    caps, window = channel.caps, channel.window.opens_for
    return {
        "account": account,
        "text_max": caps.text_max,
        "buttons": caps.buttons_max,
        "business_may_start": caps.business_may_start,
        "start_link": caps.start_link,
        "receipts": sorted(str(one) for one in caps.receipts),
        "window_h": window.total_seconds() / 3600 if window else None,
    }

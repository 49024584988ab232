"""`huifang admin create` and `huifang keys rotate`."""

from __future__ import annotations

from typing import Annotated

import typer

from bot.commands.base import ProblemError, run, services
from bot.safety.access import AccountError, Role, Scope, create_api_key, create_user

admin_app = typer.Typer(no_args_is_help=True, help="Accounts of the people who work with Huifang.")
keys_app = typer.Typer(no_args_is_help=True, help="The keys that personal data is sealed with.")


@admin_app.command()
def create(
    login: Annotated[str, typer.Option(prompt=True, help="to sign in with")],
    name: Annotated[str, typer.Option(help="as colleagues see it")] = "",
    role: Annotated[Role, typer.Option(help="what the account may do")] = Role.ADMIN,
    locale: Annotated[str, typer.Option(help="zh or en")] = "en",
    password: Annotated[
        str, typer.Option(prompt=True, confirmation_prompt=True, hide_input=True)
    ] = "",
) -> None:
    """Make an account; the password is asked for, never put it on the command line."""

    async def work() -> None:
        async with services() as it:
            try:
                await create_user(it, login, name, password, role, locale)
            except AccountError as error:
                raise ProblemError(str(error)) from None
        typer.echo(f"The account '{login}' is ready.")

    run(work())


@admin_app.command("api-key")
def api_key(
    name: Annotated[str, typer.Argument(help="who uses it")],
    scope: Annotated[list[Scope], typer.Option(help="what it may be used for; more than once")],
) -> None:
    """Make a bearer key for the REST API; it is shown this once."""

    async def work() -> str:
        async with services() as it:
            try:
                return await create_api_key(it, name, scope)
            except AccountError as error:
                raise ProblemError(str(error)) from None

    typer.echo(run(work()))


@keys_app.command("rotate")
def rotate_keys() -> None:
    """Seal every data key with a new master key."""
    from bot.store.rotation import Rotation, rotate

    async def work() -> Rotation:
        async with services() as it:
            return await rotate(it.db, it.vault)

    done = run(work())
    typer.echo(f"{done.rewrapped} data keys are wrapped with the new master key {done.master}.")
    typer.echo(done.warning)

"""The `huifang` command."""

from __future__ import annotations

import typer

from bot.commands.admin import admin_app, keys_app
from bot.commands.bench import bench_app
from bot.commands.channel import channel_app
from bot.commands.doctor import doctor
from bot.commands.intents import intents_app
from bot.commands.kb import kb_app
from bot.commands.outbox import outbox_app
from bot.commands.people import followup_app, people_app
from bot.commands.read import read
from bot.commands.report import report_app
from bot.commands.script import script_app
from bot.commands.serve import demo, migrate, serve
from bot.commands.simulate import simulate
from bot.commands.talk import talk
from bot.logs import configure_logs

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def huifang() -> None:
    """Huifang (回访): a follow-up held in the messaging app."""


app.command()(demo)
app.command()(serve)
app.command()(migrate)
app.command()(talk)
app.command()(read)
app.command()(simulate)
app.command()(doctor)
app.add_typer(script_app, name="script")
app.add_typer(people_app, name="people")
app.add_typer(followup_app, name="followup")
app.add_typer(kb_app, name="kb")
app.add_typer(intents_app, name="intents")
app.add_typer(bench_app, name="bench")
app.add_typer(report_app, name="report")
app.add_typer(channel_app, name="channel")
app.add_typer(admin_app, name="admin")
app.add_typer(keys_app, name="keys")
app.add_typer(outbox_app, name="outbox")


def main() -> None:
    """Entry point; the log goes to standard error."""
    configure_logs()
    app()

"""`huifang intents`: measure how well the wishes of people are recognised, check own phrasings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import orjson
import typer

from bot.commands.base import PROBLEM, ProblemError, fail, run, services
from dialogs.intent_eval import Heard, Result, evaluate, hear, read_lines
from dialogs.lexicons import LexiconError

intents_app = typer.Typer(
    no_args_is_help=True, help="Complaint, distress, fraud, the wish for a person and the like."
)

Own = Annotated[Path | None, typer.Option(help="folder of phrasings instead of intents_dir")]


@intents_app.command("eval")
def evaluate_file(
    questions: Annotated[
        Path, typer.Option(help="JSONL: locale, question, intent|none", exists=True)
    ],
    kb: Annotated[
        Path | None, typer.Option(help="JSONL articles instead of our own", exists=True)
    ] = None,
    own: Own = None,
    misses: Annotated[bool, typer.Option("--misses", help="show every wrong line")] = False,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure the detection of intents on lines of which it is known what they want."""
    from bot.intents import open_detector

    try:
        text = questions.read_text("utf-8")
    except UnicodeDecodeError:
        fail(f"{questions}: is not UTF-8 text; save it as UTF-8")
    lines, problems = read_lines(text, str(questions))
    if problems:
        for problem in problems:
            typer.echo(problem, err=True)
        typer.echo("Nothing was measured: mend these first.", err=True)
        raise typer.Exit(PROBLEM)
    try:
        detector = open_detector(_folder(own), _questions(kb))
    except LexiconError as error:
        fail(str(error))
    heard = hear(detector.detect, lines)
    results = evaluate(heard)
    if json:
        figures = {locale: asdict(result) for locale, result in results.items()}
        typer.echo(orjson.dumps(figures).decode())
    else:
        _show(results)
    if misses:
        _show_misses(heard)


@intents_app.command("check")
def check(
    folder: Annotated[
        Path | None, typer.Argument(help="folder of phrasings; else intents_dir")
    ] = None,
) -> None:
    """Check phrasings of your own, before a process loads them."""
    from bot.intents import lexicons_in_use

    mine = _folder(folder)
    try:
        lexicons = lexicons_in_use(mine)
    except LexiconError as error:
        fail(str(error))
    if mine is None:
        typer.echo("No phrasings of your own: intents_dir is empty.")
    for lexicon in lexicons if mine else ():
        typer.echo(f"{lexicon.locale}: {len(lexicon.own)} phrasings of your own")


def _folder(given: Path | None) -> Path | None:
    from bot.settings import Settings, SettingsError

    if given is not None:
        return given
    try:
        return Settings.load().intents_dir
    except SettingsError as error:
        fail(str(error))


def _questions(kb: Path | None) -> tuple[str, ...]:
    """The questions that the detector learns: of a file, of the database, else the shipped ones."""
    from bot.settings import Settings
    from kb.formats import read_jsonl
    from kb.shipped import articles

    if kb is not None:
        reading = read_jsonl(kb.read_text("utf-8-sig"), str(kb))
        for problem in reading.problems:
            typer.echo(str(problem), err=True)
        if reading.problems:
            fail("nothing was measured: mend these first")
        return tuple(phrasing for one in reading.articles for phrasing in one.phrasings)
    url = Settings.load().database
    if url.startswith("sqlite") and not Path(url.partition("///")[2]).exists():
        return tuple(phrasing for article in articles() for phrasing in article.phrasings)
    return run(_published())


async def _published() -> tuple[str, ...]:
    from bot.store.database import DatabaseError

    try:
        async with services() as it:
            return tuple(it.knowledge.phrasings)
    except DatabaseError as error:
        raise ProblemError(str(error)) from None


def _show(results: Mapping[str, Result]) -> None:
    typer.echo(f"{'':4}{'intent':12}{'lines':>7}{'recall':>9}{'precision':>11}{'handed over':>13}")
    for locale, result in results.items():
        for name, score in result.intents.items():
            typer.echo(
                f"{locale:4}{name:12}{score.lines:>7}{score.recall:>9.1%}"
                f"{score.precision:>11.1%}{score.handed_over:>13.1%}"
            )
        typer.echo(f"{locale:4}{'none':12}{result.neutral:>7}   alarms {result.alarms:.2%}")
        for pair, count in result.confusions.items():
            typer.echo(f"{locale:4}  {pair}: {count}")


def _show_misses(heard: list[Heard]) -> None:
    for item in heard:
        if not item.right:
            found = ", ".join(item.found) or "none"
            line = item.line
            typer.echo(f"{line.place}: {line.intent}, found {found}: {line.text}", err=True)

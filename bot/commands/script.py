"""`huifang script`: check scripts, play their transcripts, draw them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from bot.commands.base import PROBLEM, ProblemError, UsageError, fail
from bot.company import Company, CompanyError
from bot.scripts import house, read_scripts, scripts_in
from dialogs.script import Script
from dialogs.source import Problem, ScriptError

script_app = typer.Typer(no_args_is_help=True, help="Follow-up scripts: check, test, draw.")

Paths = Annotated[
    list[Path] | None, typer.Argument(help="scripts or folders of them; those in use if none")
]
CompanyFile = Annotated[Path | None, typer.Option("--company", help="your company file")]


@script_app.command()
def check(paths: Paths = None, company: CompanyFile = None) -> None:
    """Find what is wrong: lost steps, missing languages, unknown names, texts that ask for secrets."""
    from dialogs.lint import lint

    about = house(_company(company))
    problems: list[Problem] = []
    files = _files(paths)
    for path in files:
        try:
            problems += lint(Script.load(path), about)
        except ScriptError as error:
            problems += error.problems
        except CompanyError as error:
            fail(str(error))
    _finish(problems, f"{_count(len(files), 'script')} without a problem")


@script_app.command("test")
def play(paths: Paths = None, company: CompanyFile = None) -> None:
    """Play the transcripts beside each script and show what they reach."""
    from dialogs.testing import run_transcripts

    values = _company(company).values if company else None
    broken: list[object] = []
    played = 0
    for path in _files(paths, tests=True):
        try:
            report = run_transcripts(path, values)
        except ScriptError as error:
            broken += error.problems
            continue
        played += len(report.file.transcripts)
        broken += report.failures
        typer.echo(report.coverage.table())
    _finish(broken, f"{_count(played, 'transcript')} passed")


@script_app.command()
def graph(
    paths: Paths = None,
    locale: Annotated[str | None, typer.Option(help="language of the texts")] = None,
    out: Annotated[Path | None, typer.Option(help="file or folder; beside each script")] = None,
) -> None:
    """Draw each script as SVG beside it, or to --out."""
    from dialogs.graph import script_svg

    files = _files(paths)
    for path in files:
        try:
            script = Script.load(path)
        except ScriptError as error:
            _finish(error.problems, "")
        if locale is not None and locale not in script.locales:
            fail(f"{path}: has no texts in '{locale}', only {', '.join(script.locales)}", 2)
        target = path.with_suffix(".svg")
        if out is not None:
            target = out / target.name if out.is_dir() or len(files) > 1 else out
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(script_svg(script, locale), encoding="utf-8")
        except OSError as error:
            fail(f"{target} cannot be written: {error.strerror}; use --out")
        typer.echo(str(target))


def _files(paths: list[Path] | None, *, tests: bool = False) -> list[Path]:
    """The scripts meant; with `tests`, a file of transcripts may be named as well."""
    found: list[Path] = []
    for path in paths or _in_use():
        if path.is_dir():
            inside = scripts_in(path)
            if not inside:
                fail(f"{path} holds no scripts (*.yaml)", 2)
            found += inside
        elif not path.is_file():
            fail(f"there is no file {path}", 2)
        elif path.name.endswith(".test.yaml") and not tests:
            fail(f"{path} holds transcripts; name the script, or use: huifang script test", 2)
        else:
            found.append(path)
    return found


def _in_use() -> list[Path]:
    """The shipped scripts and those of the settings' folder, without what these replace."""
    from bot.settings import Settings, SettingsError

    try:
        return [one.path for one in read_scripts(Settings.load().scripts_dir)]
    except ScriptError as error:
        _finish(error.problems, "")
        raise
    except SettingsError as error:
        fail(str(error))


def _company(path: Path | None) -> Company:
    """The values that texts may use: of `path`, else of the settings' company file."""
    from bot.settings import Settings, SettingsError

    try:
        return Company.load(path if path is not None else Settings.load().company_file)
    except (CompanyError, SettingsError, ProblemError, UsageError) as error:
        fail(str(error))


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _finish(problems: Iterable[object], fine: str) -> None:
    """One line a problem and exit code 1, or the good news."""
    lines = [str(problem).replace("\n", " ⏎ ") for problem in problems]
    if not lines:
        typer.echo(fine)
        return
    for line in lines:
        typer.echo(line, err=True)
    raise typer.Exit(PROBLEM)

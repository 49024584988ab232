"""`huifang kb`: ask, evaluate, import and export the knowledge base."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NoReturn

import orjson
import typer

from bot.commands.base import PROBLEM, USAGE, ProblemError, fail, run, services
from bot.commands.kb_training import train_encoder
from bot.company import Company
from bot.embedders import open_embedders
from bot.knowledge import Knowledge, build_base, publish, published
from bot.synonyms import Synonyms, open_synonyms
from kb.answer import Decision
from kb.article import Article
from kb.encoder import Embedder
from kb.formats import Problem, Reading, read_csv, read_jsonl, write_csv, write_jsonl
from kb.frontmatter import read_markdown, read_zip, write_zip
from kb.shipped import articles as shipped_articles

kb_app = typer.Typer(no_args_is_help=True, help="The FAQ that the bot answers from.")
kb_app.command("train-encoder")(train_encoder)


@kb_app.command()
def ask(
    question: Annotated[str, typer.Argument(help="as a person would ask")],
    locale: Annotated[str, typer.Option(help="zh or en")] = "zh",
    kb: Annotated[
        Path | None, typer.Option(help="a JSONL file instead of our own", exists=True)
    ] = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What the bot would answer, with scores."""
    articles = _read(kb) if kb else run(_own())
    base = Knowledge(articles, Company.load(), None, *_aids())
    decision = base.base.ask(question, locale)
    shown = _as_dict(base, decision, locale)
    if json:
        typer.echo(orjson.dumps(shown).decode())
        return
    typer.echo(f"{shown['decision']}")
    for candidate in decision.candidates[:5]:
        typer.echo(f"  {candidate.score:5.0%}  {candidate.article}  {candidate.title}")
    if shown["text"]:
        typer.echo(f"\n{shown['text']}")


@kb_app.command("eval")
def evaluate_files(
    kb: Annotated[
        Path, typer.Option(help="JSONL: id, locale, title, phrasings, answer", exists=True)
    ],
    questions: Annotated[
        Path, typer.Option(help="JSONL: locale, question, article|null", exists=True)
    ],
    decisions: Annotated[Path | None, typer.Option(help="write every decision here")] = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Measure a knowledge base on questions with known answers."""
    from kb.golden import evaluate_decisions, read_questions

    base = build_base(_read(kb), None, *_aids())
    read, problems = read_questions(questions.read_text("utf-8"), str(questions))
    if problems:
        _refuse(problems)
    evaluation, decided = evaluate_decisions(base, read)
    if decisions is not None:
        lines = [orjson.dumps(_plain(one)).decode() for one in decided]
        decisions.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    figures = asdict(evaluation)
    if json:
        typer.echo(orjson.dumps(figures).decode())
        return
    for name, value in figures.items():
        typer.echo(f"{name:24} {value:.4g}")


@kb_app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help=".jsonl, .csv, .zip or .md", exists=True)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="compare only")] = False,
) -> None:
    """Publish articles from a file: all of them, or none if one is wrong."""
    articles = _read(file)

    async def work() -> None:
        async with services() as it:
            async with it.db.read() as conn:
                old = {item.key: item for item in await published(conn)}
            changed = [item for item in articles if _differs(old.get(item.key), item)]
            new = [item for item in changed if item.key not in old]
            typer.echo(
                f"{len(new)} new, {len(changed) - len(new)} changed, "
                f"{len(articles) - len(changed)} the same"
            )
            Knowledge(articles, it.company)  # an unknown placeholder is found here, not in a chat
            if dry_run:
                typer.echo("Nothing was written.")
                return
            async with it.db.write() as conn:
                await publish(conn, changed, datetime.now(UTC))
            typer.echo("Published. A running server takes it up within seconds.")

    run(work())


@kb_app.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help=".jsonl, .csv or .zip (Markdown)")],
) -> None:
    """Write the published articles to a file that `kb import` takes back."""
    articles = run(_own())
    match file.suffix:
        case ".jsonl":
            data = write_jsonl(articles).encode()
        case ".csv":
            data = write_csv(articles).encode("utf-8-sig")
        case ".zip":
            data = write_zip(articles)
        case _:
            fail(f"{file}: use a name that ends in .jsonl, .csv or .zip", USAGE)
    file.write_bytes(data)
    typer.echo(f"{len(articles)} articles in {file}")


async def _own() -> tuple[Article, ...]:
    """The published articles, or the shipped ones where there is no database yet."""
    from bot.settings import Settings
    from bot.store.database import DatabaseError

    if _no_database(Settings.load().database):
        return shipped_articles()
    try:
        async with services() as it, it.db.read() as conn:
            return await published(conn)
    except DatabaseError as error:
        raise ProblemError(str(error)) from None


def _aids() -> tuple[tuple[Embedder, ...], Synonyms]:
    """The embedders and synonyms that the settings switch on, as a server uses them."""
    from bot.settings import Settings, SettingsError

    try:
        settings = Settings.load()
    except SettingsError as error:
        fail(str(error))
    synonyms = open_synonyms(settings.data_dir)
    for problem in synonyms.problems:
        typer.echo(str(problem), err=True)
    return open_embedders(settings.embedders, lambda line: typer.echo(line, err=True)), synonyms


def _no_database(url: str) -> bool:
    return url.startswith("sqlite") and not Path(url.partition("///")[2]).exists()


def _read(file: Path) -> tuple[Article, ...]:
    reading = _parse(file)
    if reading.problems:
        _refuse(reading.problems)
    return tuple(reading.articles)


def _refuse(problems: Sequence[Problem]) -> NoReturn:
    for problem in problems:
        typer.echo(str(problem), err=True)
    typer.echo("Nothing was read: mend these first.", err=True)
    raise typer.Exit(PROBLEM)


def _parse(file: Path) -> Reading:
    if file.suffix == ".zip":
        return read_zip(file.read_bytes(), str(file))
    readers = {".csv": read_csv, ".md": read_markdown, ".jsonl": read_jsonl}
    if file.suffix not in readers:
        fail(f"{file}: use a file that ends in .jsonl, .csv, .zip or .md", USAGE)
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError:
        fail(f"{file}: is not UTF-8 text; save it as UTF-8")
    return readers[file.suffix](text, str(file))


def _differs(old: Article | None, new: Article) -> bool:
    return old is None or replace(old, version=1) != replace(new, version=1)


def _plain(decision: Decision) -> dict[str, object]:
    return {
        "decision": str(decision.kind),
        "text": decision.article.body if decision.article else "",
        "candidates": [
            {"article": c.article, "version": c.version, "title": c.title, "score": c.score}
            for c in decision.candidates
        ],
    }


def _as_dict(base: Knowledge, decision: Decision, locale: str) -> dict[str, object]:
    shown = _plain(decision)
    if decision.article is not None:
        ready = base.article(decision.article.id, locale)
        shown["text"] = ready.text if ready else ""
    return shown

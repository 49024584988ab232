"""`huifang kb`: ask, evaluate, import and export the knowledge base."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from bot.commands.base import USAGE, fail, run, services
from bot.commands.kb_eval import evaluate, plain
from bot.commands.kb_files import aids, articles_of, own_articles, sendable_articles_of, write
from bot.commands.kb_training import train_encoder
from bot.company import Company
from bot.knowledge import Knowledge, alone, publish, published
from kb.answer import Decision
from kb.article import Article
from kb.formats import write_csv, write_jsonl
from kb.frontmatter import write_zip

kb_app = typer.Typer(no_args_is_help=True, help="The FAQ that the bot answers from.")
kb_app.command("train-encoder")(train_encoder)


@kb_app.command()
def ask(
    question: Annotated[str, typer.Argument(help="as a person would ask")],
    locale: Annotated[str, typer.Option(help="zh or en")] = "zh",
    kb: Annotated[
        Path | None,
        typer.Option(help="a JSONL file instead of our own", exists=True, dir_okay=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """What the bot would answer, with scores."""
    base = run(_knowledge(kb))
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


kb_app.command("eval")(evaluate)


@kb_app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(help=".jsonl, .csv, .zip or .md", exists=True, dir_okay=False)
    ],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="compare only")] = False,
) -> None:
    """Publish articles from a file: all of them, or none if one is wrong."""
    articles = sendable_articles_of(file)

    async def compare() -> None:
        _changes(await own_articles(), articles)
        Knowledge(articles, _company())
        typer.echo("Nothing was written.")

    async def work() -> None:
        async with services() as it:
            Knowledge(articles, it.company)  # an unknown placeholder is found here, not in a chat
            async with it.db.write() as conn:
                await alone(conn)
                changed = _changes(await published(conn), articles)
                await publish(conn, changed, datetime.now(UTC))
            typer.echo("Published. A running server takes it up within seconds.")

    run(compare() if dry_run else work())


@kb_app.command("export")
def export_file(
    file: Annotated[Path, typer.Argument(help=".jsonl, .csv or .zip (Markdown)")],
) -> None:
    """Write the published articles to a file that `kb import` takes back."""
    articles = run(own_articles())
    match file.suffix:
        case ".jsonl":
            data = write_jsonl(articles).encode()
        case ".csv":
            data = write_csv(articles).encode("utf-8-sig")
        case ".zip":
            data = write_zip(articles)
        case _:
            fail(f"{file}: use a name that ends in .jsonl, .csv or .zip", USAGE)
    write(file, data)
    typer.echo(f"{len(articles)} articles in {file}")


def _changes(there: Iterable[Article], articles: Sequence[Article]) -> list[Article]:
    """Those that are new or differ; says how many."""
    old = {item.key: item for item in there}
    changed = [item for item in articles if _differs(old.get(item.key), item)]
    new = [item for item in changed if item.key not in old]
    typer.echo(
        f"{len(new)} new, {len(changed) - len(new)} changed, "
        f"{len(articles) - len(changed)} the same"
    )
    return changed


def _differs(old: Article | None, new: Article) -> bool:
    return old is None or replace(old, version=1) != replace(new, version=1)


async def _knowledge(kb: Path | None) -> Knowledge:
    articles = articles_of(kb) if kb else await own_articles()
    return Knowledge(articles, _company(), None, *aids())


def _company() -> Company:
    from bot.settings import Settings

    return Company.load(Settings.load().company_file)


def _as_dict(base: Knowledge, decision: Decision, locale: str) -> dict[str, Any]:
    shown = plain(decision)
    if decision.article is not None:
        ready = base.article(decision.article.id, locale)
        shown["text"] = ready.text if ready else ""
    return shown

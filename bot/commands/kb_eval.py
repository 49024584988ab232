"""`huifang kb eval`: measure a knowledge base on questions whose right article is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer
from rich.console import Console

from bot.bench.progress import waiting
from bot.calibrated import build_base
from bot.commands.base import USAGE, fail, run
from bot.commands.kb_files import (
    aids,
    articles_of,
    own_articles,
    questions_of,
    refuse,
    text_of,
    write,
)
from kb.answer import Decision
from kb.article import Article
from kb.golden import Question
from kb.search import KnowledgeBase
from kb.shipped import articles as shipped_articles

if TYPE_CHECKING:
    from kb.labelled import Split

_MOST_LEFT_OUT = 1000  # phrasings; about a minute


def evaluate(
    kb: Annotated[
        Path | None,
        typer.Option(
            help="JSONL: id, locale, title, phrasings, answer; default: the live base, or the "
            "shipped articles where there is none",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(help="JSONL: locale, question, article|null", exists=True, dir_okay=False),
    ] = None,
    shipped: Annotated[bool, typer.Option("--shipped", help="the shipped articles")] = False,
    split: Annotated[
        Path | None,
        typer.Option(
            help="instead of --kb and --questions: a labelled set (CSV like BANKING77, JSON like "
            "CLINC150), of which a part is held out and asked",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    each: Annotated[
        int | None, typer.Option(min=1, help="with --split: phrasings an article; default: all")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="ask only every n-th question in scope")] = 1,
    phrasings: Annotated[
        bool | None,
        typer.Option(
            help="which phrasings carry articles, by leaving each out in turn; default: in the "
            f"report, up to {_MOST_LEFT_OUT} of them"
        ),
    ] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="write every decision here, as `kb ask --json`")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="draw promised against found here, as SVG")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Measure a knowledge base on questions with known answers, and say what to look at."""
    from bot.evaluation.measured import as_dict, measure
    from bot.evaluation.show import show

    base, asked = _input(kb, questions, split, each, shipped=shipped)
    inside = [one for one in asked if one.article is not None][::every]
    asked = (*inside, *(one for one in asked if one.article is None)) if every > 1 else asked
    if phrasings is None:
        most: int | None = 0 if json else _MOST_LEFT_OUT
    else:
        most = None if phrasings else 0
    found = measure(base, asked, most)
    if decisions is not None:
        lines = [orjson.dumps(plain(one)) for one in found.decisions]
        write(decisions, b"".join(line + b"\n" for line in lines))
    if plot is not None:
        from bot.evaluation.plot import reliability_svg

        write(plot, reliability_svg(found.reliability, _named(kb, split)).encode())
    if json:
        typer.echo(orjson.dumps(as_dict(found)).decode())
    else:
        show(Console(), found)


def plain(decision: Decision) -> dict[str, Any]:
    """A decision as `kb ask --json` prints it."""
    return {
        "decision": str(decision.kind),
        "text": decision.article.body if decision.article else "",
        "candidates": [
            {"article": c.article, "version": c.version, "title": c.title, "score": c.score}
            for c in decision.candidates
        ],
    }


def _input(
    kb: Path | None,
    questions: Path | None,
    split: Path | None,
    each: int | None,
    *,
    shipped: bool,
) -> tuple[KnowledgeBase, tuple[Question, ...]]:
    if split is not None:
        if kb or questions or shipped:
            fail("--split brings its own articles and questions: give it alone", USAGE)
        articles, asked = _labelled(split, each or 10**6)
        return _built(articles), asked
    if questions is None:
        fail("say what to ask: --questions FILE.jsonl, or --split FILE", USAGE)
    if kb is not None and shipped:
        fail("--kb and --shipped are two bases: give one", USAGE)
    if each is not None:
        fail("--each is for --split", USAGE)
    if kb is not None:
        articles = articles_of(kb)
        asked = questions_of(questions, articles)
        return _built(articles), asked
    articles = shipped_articles() if shipped else run(own_articles())
    asked = questions_of(questions, articles)
    return build_base(articles, None, *aids()), asked


def _built(articles: tuple[Article, ...]) -> KnowledgeBase:
    with waiting("Building the base and fitting its calibration …"):
        return KnowledgeBase.build(articles)


def _labelled(file: Path, each: int) -> Split:
    from kb.labelled import LabelledError, split_csv, split_json

    readers = {".csv": split_csv, ".json": split_json}
    if file.suffix not in readers:
        fail(f"{file}: use a file that ends in .csv or .json", USAGE)
    try:
        found = readers[file.suffix](text_of(file), str(file), each)
    except LabelledError as error:
        refuse([error.problem])
    if not found[1]:
        fail(f"{file}:1: there is no question to hold out; give more rows")
    return found


def _named(kb: Path | None, split: Path | None) -> str:
    file = kb or split
    return file.name if file else "Our articles"

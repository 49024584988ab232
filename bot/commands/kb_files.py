"""Where `huifang kb` takes articles and questions from: files, the live base, the shipped articles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import NoReturn

import typer
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from bot.commands.base import PROBLEM, USAGE, fail
from bot.embedders import open_embedders
from bot.knowledge import published
from bot.settings import Settings, SettingsError
from bot.synonyms import Synonyms, open_synonyms
from kb.article import Article
from kb.encoder import Embedder
from kb.formats import Problem, Reading, read_csv, read_jsonl
from kb.frontmatter import read_markdown, read_zip
from kb.golden import Question, read_questions
from kb.shipped import articles as shipped_articles

_MOST = 20  # problems that are printed
_CLOSE = 0.75  # of difflib; below, an id is another one and no slip of the keyboard


async def own_articles() -> tuple[Article, ...]:
    """The published articles, or the shipped ones where there is no database or it is empty: with
    those a first start fills it. Writes nothing. Raises DatabaseError."""
    from bot.store.database import Database
    from bot.store.schema import require_migrated

    url = Settings.load().database
    if _no_database(url):
        return shipped_articles()
    db = await Database.open(url)
    try:
        await require_migrated(db)
        async with db.read() as conn:
            return await published(conn) or shipped_articles()
    finally:
        await db.dispose()


def aids() -> tuple[tuple[Embedder, ...], Synonyms]:
    """The embedders and synonyms that the settings switch on, as a server uses them."""
    try:
        settings = Settings.load()
    except SettingsError as error:
        fail(str(error))
    synonyms = open_synonyms(settings.data_dir)
    for problem in synonyms.problems:
        typer.echo(str(problem), err=True)
    return open_embedders(settings.embedders, lambda line: typer.echo(line, err=True)), synonyms


def _no_database(url: str) -> bool:
    try:
        parsed = make_url(url)
    except ArgumentError:  # opening it says what is wrong
        return False
    return parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file()


def articles_of(file: Path) -> tuple[Article, ...]:
    """The articles of a file of any format; ends the command where it is wrong."""
    reading = _parse(file)
    problems = (*reading.problems, *_said_twice(reading))
    if problems:
        refuse(problems)
    if not reading.articles:
        fail(f"{file}:1: there is no article in the file; write one object a line")
    return tuple(reading.articles)


def sendable_articles_of(file: Path) -> tuple[Article, ...]:
    """`articles_of` for articles that people are sent: each has an answer."""
    articles = articles_of(file)
    for item in articles:
        if not (item.body or item.links or item.video):
            fix = "write what people are to be told"
            fail(f"{file}: article {item.id} ({item.locale}) has no answer; {fix}")
    return articles


def _said_twice(reading: Reading) -> list[Problem]:
    """Which of two articles of one id is meant is the editor's to say."""
    first: dict[tuple[str, str], str] = {}
    problems = []
    for item, (file, line) in zip(reading.articles, reading.places, strict=True):
        if item.key in first:
            what = f"article {item.id!r} ({item.locale}) stands here again, as in {first[item.key]}"
            problems.append(Problem(file, line, what, "keep one of them, or give it its own id"))
        first.setdefault(item.key, f"{file}:{line}")
    return problems


def questions_of(file: Path, articles: Iterable[Article]) -> tuple[Question, ...]:
    """The questions of a file, all of which these articles can be asked; else ends the command."""
    questions, problems = read_questions(text_of(file), str(file))
    known = {article.key for article in articles}
    unknown = (_unknown(item, known, str(file)) for item in questions)
    found = sorted([*problems, *(one for one in unknown if one)], key=lambda one: one.line)
    if found:
        refuse(found)
    if not questions:
        fix = 'write lines such as {"locale": "zh", "question": "…", "article": "id" or null}'
        fail(f"{file}:1: there is no question in the file; {fix}")
    return questions


def text_of(file: Path) -> str:
    """The text of a UTF-8 file; ends the command where it is none."""
    data = bytes_of(file)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        fail(f"{file}:{line}: this is not UTF-8 text; save the file as UTF-8")


def bytes_of(file: Path) -> bytes:
    """The bytes of a file; ends the command where it cannot be read."""
    try:
        return file.read_bytes()
    except OSError as error:
        fail(f"{file}: cannot be read ({error.strerror}); check the path and who may read it")


def write(file: Path, data: bytes) -> None:
    """Write a file; ends the command where that does not work."""
    try:
        file.write_bytes(data)
    except OSError as error:
        fail(f"{file}: cannot be written ({error.strerror}); choose another place")


def refuse(problems: Sequence[Problem]) -> NoReturn:
    """One line for each problem, and the end."""
    for problem in problems[:_MOST]:
        typer.echo(str(problem), err=True)
    if len(problems) > _MOST:
        typer.echo(f"… and {len(problems) - _MOST} more like these.", err=True)
    typer.echo("Nothing was read: mend these first.", err=True)
    raise typer.Exit(PROBLEM)


def _unknown(item: Question, known: set[tuple[str, str]], file: str) -> Problem | None:
    """What is wrong with a question that the base can never answer right."""
    ids = sorted(name for name, locale in known if locale == item.locale)
    if not ids:
        there = ", ".join(sorted({locale for _, locale in known}))
        what = f"the base has no article in {item.locale[:20]!r}"
        return Problem(file, item.line, what, f"write one of {there}")
    if item.article is None or (item.article, item.locale) in known:
        return None
    close = get_close_matches(item.article, ids, 1, _CLOSE)
    fix = (
        f"did you mean {close[0]!r}?"
        if close
        else "write the id of an article of the base, or null"
    )
    what = f"the base has no article {item.article[:60]!r} in {item.locale!r}"
    return Problem(file, item.line, what, fix)


def _parse(file: Path) -> Reading:
    if file.suffix == ".zip":
        return read_zip(bytes_of(file), str(file))
    readers = {".csv": read_csv, ".md": read_markdown, ".jsonl": read_jsonl}
    if file.suffix not in readers:
        fail(f"{file}: use a file that ends in .jsonl, .csv, .zip or .md", USAGE)
    return readers[file.suffix](text_of(file), str(file))

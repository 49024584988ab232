"""`huifang kb train-encoder`: make the encoder's file anew from a paraphrase corpus."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.commands.base import PROBLEM, USAGE, fail

if TYPE_CHECKING:
    from kb.corpus_file import Message


def train_encoder(
    out: Annotated[Path, typer.Option(help="the file to write")] = Path("encoder.npz"),
    corpus: Annotated[
        Path | None,
        typer.Option(help="a folder of files like zh-a.txt instead of the shipped ones"),
    ] = None,
    without: Annotated[
        Path | None,
        typer.Option(help="a file of topics to leave out, one a line, to see what is lost"),
    ] = None,
) -> None:
    """Train the encoder that knows what customers mean. The same corpus gives the same file.

    Where the shipped file is made: --out kb/data/encoder.npz in the project's folder.
    """
    from bot.bench.progress import progress
    from kb.encoder_training import Recipe, train

    if not out.parent.is_dir():
        fail(f"{out}: there is no folder {out.parent}", USAGE)
    messages = _messages(corpus)
    if without is not None:
        messages = _without(messages, without)
    began = time.process_time()
    try:
        with progress() as bars:
            task = bars.add_task("training", total=None)
            encoder = train(
                messages,
                Recipe(),
                lambda done, of: bars.update(task, completed=done, total=of),
            )
    except ValueError as error:
        fail(str(error))
    spent = time.process_time() - began
    data = encoder.to_bytes()
    fresh = out.with_name(f".{out.name}.new")
    try:
        fresh.write_bytes(data)
        fresh.replace(out)
    except OSError as error:
        fail(f"{out}: cannot be written: {error.strerror}")
    topics = len({message.topic for message in messages})
    typer.echo(
        f"{encoder.name}: {len(messages):,} messages of {topics} topics, {len(encoder.features):,} features"
        f" × {encoder.dimensions}, {len(data) / 1e6:.1f} MB, {spent:.0f} s of CPU → {out}"
    )


def _messages(folder: Path | None) -> tuple[Message, ...]:
    from kb import shipped
    from kb.corpus_file import read_corpus
    from kb.formats import Problem

    if folder is None:
        return shipped.corpus()
    files = sorted(folder.glob("*.txt")) if folder.is_dir() else []
    if not files:
        fail(f"{folder}: has no files like zh-a.txt", USAGE)
    messages: list[Message] = []
    problems: list[Problem] = []
    for file in files:
        try:
            text = file.read_text("utf-8")
        except UnicodeDecodeError:
            problems.append(Problem(str(file), 1, "is not UTF-8 text", "save it as UTF-8"))
            continue
        found, wrong = read_corpus(text, file.name)
        messages += found
        problems += wrong
    if problems:
        _refuse(problems)
    return tuple(messages)


def _refuse(problems: Sequence[object]) -> None:
    for problem in problems:
        typer.echo(str(problem), err=True)
    raise typer.Exit(PROBLEM)


def _without(messages: Sequence[Message], file: Path) -> tuple[Message, ...]:
    try:
        wanted = {line.strip() for line in file.read_text("utf-8").splitlines() if line.strip()}
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file}: cannot be read: {error}", USAGE)
    unknown = wanted - {message.topic for message in messages}
    if unknown:
        fail(f"{file}: the corpus has no topic {', '.join(sorted(unknown))}")
    return tuple(message for message in messages if message.topic not in wanted)

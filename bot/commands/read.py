"""`huifang read`: what the readers make of replies, one a line, for script authors and for machines."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

import orjson
import typer

from bot.commands.base import USAGE, fail
from dialogs.replies import READERS, ReadContext, ReadOptions, ReplyKind, plain_value
from dialogs.replies.base import Candidate, Reading


class ReadKind(StrEnum):
    RATING = "rating"
    YES_NO = "yes_no"
    CHOICE = "choice"
    CHOICES = "choices"
    NUMBER = "number"
    DATE = "date"
    PHONE = "phone"
    TEXT = "text"
    INTENT = "intent"


def read(
    kind: Annotated[ReadKind, typer.Argument(help="what the question wants")],
    locale: Annotated[str, typer.Option(help="zh or en")] = "zh",
    scale: Annotated[int, typer.Option(min=2, max=10, help="highest mark of a rating")] = 5,
    option: Annotated[list[str] | None, typer.Option(help="label of a choice, in order")] = None,
    minimum: Annotated[float | None, typer.Option(help="least number")] = None,
    maximum: Annotated[float | None, typer.Option(help="greatest number")] = None,
    region: Annotated[str | None, typer.Option(help="for phone numbers, like CN")] = None,
    now: Annotated[str | None, typer.Option(help="ISO time with zone, for dates")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
) -> None:
    """Read replies from standard input, one a line, as an answer to a question of this kind."""
    if kind in (ReadKind.CHOICE, ReadKind.CHOICES) and len(option or []) < 2:
        fail("give the labels: --option A --option B", USAGE)
    context = ReadContext(locale, _moment(now), region or ("CN" if locale == "zh" else "GB"))
    options = ReadOptions(scale, tuple(option or ()), (), minimum, maximum)
    understand = _intents(locale) if kind is ReadKind.INTENT else _reader(kind, options, context)
    for line in _lines():
        reading = understand(line)
        if json:
            sys.stdout.write(orjson.dumps(_as_dict(kind, reading)).decode() + "\n")
        else:
            sys.stdout.write(_as_text(kind, reading) + "\n")
        sys.stdout.flush()


Understand = Callable[[str], Reading[Any]]


def _reader(kind: ReadKind, options: ReadOptions, context: ReadContext) -> Understand:
    reader = READERS[ReplyKind(kind.value)]
    return lambda text: reader(text, options, context)


def _intents(locale: str) -> Understand:
    """The detector as the pipeline has it, which knows the plain questions of the shipped articles."""
    from bot.intents import open_detector
    from bot.settings import Settings, SettingsError
    from dialogs.lexicons import LexiconError
    from kb.shipped import articles

    neutral = tuple(phrasing for article in articles() for phrasing in article.phrasings)
    try:
        detector = open_detector(Settings.load().intents_dir, neutral)
    except (LexiconError, SettingsError) as error:
        fail(str(error))

    def understand(text: str) -> Reading[Any]:
        found = detector.detect(text, locale)
        if not found:
            return Reading(value="none")
        candidates = tuple(Candidate(str(item.intent), item.score) for item in found)
        return Reading(str(found[0].intent), candidates, found[0].evidence, found[0].rest)

    return understand


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now().astimezone()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(f"--now {text!r} is no ISO time; write 2026-11-21T10:00:00+08:00", USAGE)
    if moment.tzinfo is None:
        fail(f"--now {text!r} has no zone; write 2026-11-21T10:00:00+08:00", USAGE)
    return moment


def _lines() -> Iterator[str]:
    """The replies, each as it comes. What is no UTF-8 is replaced, never refused."""
    source = sys.stdin
    if isinstance(source, io.TextIOWrapper):
        source.reconfigure(encoding="utf-8", errors="replace", newline="\n")
    for line in source:
        yield line.removesuffix("\n").removesuffix("\r")


def _as_dict(kind: ReadKind, reading: Reading[Any]) -> dict[str, Any]:
    return {
        "value": _value(kind, reading.value),
        "candidates": [
            {"value": _value(kind, candidate.value), "score": candidate.score}
            for candidate in reading.candidates
        ],
        "evidence": reading.evidence,
    }


def _value(kind: ReadKind, value: Any) -> Any:
    plain = plain_value(value)
    if kind in (ReadKind.NUMBER, ReadKind.RATING) and isinstance(plain, float):
        return int(plain) if plain.is_integer() else plain
    return plain


def _as_text(kind: ReadKind, reading: Reading[Any]) -> str:
    shown = _as_dict(kind, reading)
    if shown["value"] is None and shown["candidates"]:
        return "which one? " + " | ".join(str(item["value"]) for item in shown["candidates"])
    value = "—" if shown["value"] is None else str(shown["value"])
    more = f"   ({reading.problem})" if reading.problem else ""
    return f"{value}{more}"

"""Measures the readers and the intents on the held-out replies: `python -m tests.dialogs.replies.measure`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialogs.intents import IntentDetector
from dialogs.lexicons import bundled_lexicons
from dialogs.replies import READERS, ReadContext, Reading, ReadOptions, ReplyKind, plain_value
from dialogs.replies.base import Problem
from kb.shipped import articles

CORPUS = Path(__file__).with_name("corpus")
KINDS = ("rating", "yes_no", "choice", "choices", "number", "date", "phone", "free_text", "intent")
NOW = datetime(2026, 11, 21, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
HOURS_NEAR = 2  # by which a part of the day may differ, as the corpus says


class Half(StrEnum):
    """Of a corpus file: the readers were mended by sight of the misses of one half only."""

    DEV = "dev"  # even line numbers, counted from 1
    TEST = "test"  # odd ones
    WHOLE = "whole"


class Verdict(StrEnum):
    RIGHT = "right"
    WRONG = "wrong"  # something was recorded that the person did not say: the bad mistake
    MISSED = "missed"  # the bot would ask again, or ask something else


@dataclass(slots=True)
class Tally:
    """Counts of one kind in one locale. `rest_right` of `rest_said` say what else was heard."""

    counts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(Verdict, 0))
    rest_right: int = 0
    rest_said: int = 0

    @property
    def lines(self) -> int:
        return sum(self.counts.values())

    def share(self, verdict: Verdict) -> float:
        """From 0 to 1."""
        return self.counts[verdict] / self.lines


Line = Mapping[str, Any]


def lines_of(kind: str, half: Half = Half.WHOLE) -> Iterator[Line]:
    """The lines of one half of a file, or all."""
    with (CORPUS / f"{kind}.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            mine = half in (Half.WHOLE, Half.TEST if number % 2 else Half.DEV)
            if mine and line.strip():
                yield json.loads(line)


@cache
def _detector() -> IntentDetector:
    neutral = tuple(phrasing for article in articles() for phrasing in article.phrasings)
    return IntentDetector.from_lexicons(bundled_lexicons(), neutral)


def read_line(kind: str, line: Line) -> Reading[Any]:
    """What the reader of this kind makes of a line of the corpus."""
    if kind == "intent":
        found = _detector().detect(line["text"], line["locale"])
        return Reading(str(found[0].intent)) if found else Reading("none")
    now = datetime.fromisoformat(line["now"]) if "now" in line else NOW
    context = ReadContext(line["locale"], now, line.get("region", "CN"))
    options = ReadOptions(scale=line.get("scale", 5), labels=tuple(line.get("options", ())))
    reader = READERS[ReplyKind.TEXT if kind == "free_text" else ReplyKind(kind)]
    return reader(line["text"], options, context)


def judge(kind: str, line: Line, reading: Reading[Any]) -> Verdict:
    """The policies of the corpus's README."""
    value, wanted = plain_value(reading.value), line["value"]
    if kind == "intent":
        if value == wanted:
            return Verdict.RIGHT
        return Verdict.MISSED if value == "none" else Verdict.WRONG
    if wanted is None:
        if value is not None:
            return Verdict.WRONG
        if line.get("skip"):
            return Verdict.RIGHT if reading.problem == Problem.SKIPPED else Verdict.MISSED
        asked = {_key(plain_value(candidate.value)) for candidate in reading.candidates}
        fits = "ask" not in line or asked == {_key(item) for item in line["ask"]}
        return Verdict.RIGHT if fits else Verdict.MISSED
    if value is None:
        return Verdict.MISSED
    same = _near(value, wanted) if line.get("approx") else _key(value) == _key(wanted)
    return Verdict.RIGHT if same else Verdict.WRONG


def _key(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return json.dumps(sorted(value))
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value)


def _near(value: object, wanted: str) -> bool:
    """The same day, and the hour about the same where both name one."""
    got, meant = str(value), wanted
    if got[:10] != meant[:10]:
        return False
    if "T" not in got or "T" not in meant:
        return True
    return abs(int(got[11:13]) - int(meant[11:13])) <= HOURS_NEAR


_LETTERS = re.compile(r"[^\w\u4e00-\u9fff]+")


def _bare(text: str) -> str:
    return _LETTERS.sub("", text.casefold())


def measure(
    half: Half = Half.WHOLE,
    show: Callable[[str, Line, Reading[Any], Verdict], None] | None = None,
) -> dict[tuple[str, str], Tally]:
    """Every line of the half, counted by kind and locale. `show` sees each one."""
    found: dict[tuple[str, str], Tally] = {}
    for kind in KINDS:
        for line in lines_of(kind, half):
            reading = read_line(kind, line)
            verdict = judge(kind, line, reading)
            tally = found.setdefault((kind, line["locale"]), Tally())
            tally.counts[verdict] += 1
            if "rest" in line:
                tally.rest_said += 1
                tally.rest_right += _bare(line["rest"]) in _bare(reading.rest)
            if show is not None:
                show(kind, line, reading, verdict)
    return found


def table(halves: Mapping[Half, Mapping[tuple[str, str], Tally]]) -> str:
    """The figures as people read them: percent right/wrong/missed of each half, then the rests."""
    names = " ".join(f"{half + ' r/w/m %':>18}" for half in halves)
    rows = [f"{'kind':<10} {'':<3} {'lines':>5} {names} {'rest':>7}"]
    tallies = list(halves.values())[-1]
    for (kind, locale), tally in tallies.items():
        shares = " ".join(f"{_shares(half[kind, locale]):>18}" for half in halves.values())
        rest = f"{tally.rest_right}/{tally.rest_said}" if tally.rest_said else "–"
        rows.append(f"{kind:<10} {locale:<3} {tally.lines:>5} {shares} {rest:>7}")
    return "\n".join(rows)


def _shares(tally: Tally) -> str:
    return "/".join(f"{100 * tally.share(verdict):.1f}" for verdict in Verdict)


def by_halves() -> dict[Half, dict[tuple[str, str], Tally]]:
    """Both halves and, last, the whole."""
    return {half: measure(half) for half in Half}


if __name__ == "__main__":
    sys.stdout.write(table(by_halves()) + "\n")

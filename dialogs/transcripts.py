"""Transcripts beside a script, `<name>.test.yaml`: what people do and what must follow, as data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dialogs.script import parse_duration
from dialogs.source import Problem, ScriptError, Source, did_you_mean, read_text

ENDING = ".test.yaml"
ACTIONS = (
    "user",
    "burst",
    "edit",
    "tap",
    "wait",
    "media",
    "secret",
    "agent",
    "open",
    "crash",
    "redeliver",
)
CHECKS = ("bot", "event", "options")
AGENT = ("take", "give back", "end", "resolve")
_TOP = ("script", "faq", "transcripts")
_KEYS = ("name", "locale", "person", "now", "duty", "begin", "lines")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a transcript. `what` is one of ACTIONS or CHECKS, `value` as it was written."""

    number: int  # in the file, from 1
    what: str
    value: Any


@dataclass(frozen=True, slots=True)
class Transcript:
    """One conversation. `now` is aware, None for the player's own; `begin` is bot | open | none."""

    name: str
    locale: str
    line: int
    lines: tuple[Line, ...]
    person: Mapping[str, str] = field(default_factory=dict)
    now: datetime | None = None
    duty: str = "open"  # open | closed | the ISO time at which somebody is back
    begin: str = "bot"


@dataclass(frozen=True, slots=True)
class TranscriptFile:
    """All transcripts of one file. `faq` holds articles as they were written, () for the default."""

    path: Path
    script: Path
    transcripts: tuple[Transcript, ...]
    faq: tuple[Mapping[str, Any], ...] = ()


def transcripts_beside(script: Path) -> Path:
    """Where the transcripts of a script stand."""
    return script.with_name(script.name.removesuffix(".yaml") + ENDING)


def load_transcripts(path: Path) -> TranscriptFile:
    """Read a file of transcripts. Raises ScriptError with one problem a line."""
    if not path.exists():
        fix = "write some, as docs/scripts.md shows"
        raise ScriptError([Problem(str(path), 0, "there are no transcripts here yet", fix)])
    text = read_text(path)
    source = Source.parse(text, str(path))
    reader = _Reader(source)
    found = reader.file(path)
    if reader.problems:
        raise ScriptError(reader.problems)
    return found


class _Reader:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def bad(self, place: tuple[object, ...], what: str, fix: str = "") -> None:
        self.problems.append(self.source.problem(place, what, fix))

    def file(self, path: Path) -> TranscriptFile:
        data = self.source.data
        self._known(data, _TOP, ())
        script = path.with_name(data.get("script") or path.name.removesuffix(ENDING) + ".yaml")
        items = data.get("transcripts")
        if not isinstance(items, list) or not items:
            self.bad(("transcripts",), "there are no transcripts", "write a list of them")
            items = []
        found = tuple(self._transcript(i, item) for i, item in enumerate(items))
        return TranscriptFile(path, script, found, tuple(data.get("faq") or ()))

    def _known(
        self, data: Mapping[str, Any], known: tuple[str, ...], at: tuple[object, ...]
    ) -> None:
        for key in data:
            if key not in known:
                self.bad((*at, key), f"'{key}' is not known here", did_you_mean(str(key), known))

    def _transcript(self, i: int, item: Any) -> Transcript:
        at = ("transcripts", i)
        if not isinstance(item, dict):
            self.bad(at, "a transcript is a mapping with 'name', 'locale' and 'lines'")
            return Transcript("", "", self.source.line(at), ())
        self._known(item, _KEYS, at)
        for key in ("name", "locale", "lines"):
            if not item.get(key):
                self.bad(at, f"'{key}' is missing", "add it")
        begin = str(item.get("begin", "bot"))
        if begin not in ("bot", "open", "none"):
            self.bad((*at, "begin"), f"'{begin}' is no way to begin", "write bot, open or none")
        return Transcript(
            name=str(item.get("name", "")),
            locale=str(item.get("locale", "")),
            line=self.source.line(at),
            lines=tuple(self._lines(at, item.get("lines") or [])),
            person={str(key): str(value) for key, value in (item.get("person") or {}).items()},
            now=self._moment((*at, "now"), item["now"]) if "now" in item else None,
            duty=str(item.get("duty", "open")),
            begin=begin,
        )

    def _moment(self, at: tuple[object, ...], value: object) -> datetime | None:
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            moment = datetime.min  # noqa: DTZ901 (only a mark for "has no zone")
        if moment.tzinfo is None:
            self.bad(at, f"'{value}' is no time with a zone", "write 2026-11-21T12:30:00+08:00")
            return None
        return moment

    def _lines(self, at: tuple[object, ...], items: list[Any]) -> Iterator[Line]:
        for i, item in enumerate(items):
            place = (*at, "lines", i)
            pairs = {item: ""} if isinstance(item, str) else item
            if not isinstance(pairs, dict) or len(pairs) != 1:
                self.bad(place, "a line is one 'word: value'", "write for example  user: 五分")
                continue
            what, value = next(iter(pairs.items()))
            if what not in (*ACTIONS, *CHECKS):
                hint = did_you_mean(str(what), (*ACTIONS, *CHECKS))
                self.bad(place, f"'{what}' is no line of a transcript", hint)
                continue
            self._check_value(place, what, value)
            yield Line(self.source.line(place), what, value)

    def _check_value(self, place: tuple[object, ...], what: str, value: Any) -> None:
        match what:
            case "wait":
                try:
                    parse_duration(value)
                except ValueError as error:
                    self.bad(place, str(error))
            case "burst" if not (isinstance(value, list) and value):
                self.bad(place, "a burst is a list of messages", "write  burst: [how long, ...]")
            case "agent" if value not in AGENT:
                self.bad(place, f"'{value}' is nothing an agent does", f"one of {', '.join(AGENT)}")
            case "open" | "crash" | "redeliver":
                pass
            case _ if value in ("", None):
                self.bad(place, f"'{what}' says nothing", "write what is said or expected")

"""Plays a transcript against the engine: a given clock, timers at once, and no channel in between."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from dialogs.burst import TOGETHER
from dialogs.context import Context, Duty, Faq, Mode, Person
from dialogs.coverage import Coverage
from dialogs.effects import Effect, HandOff, Message, Recorded, Schedule
from dialogs.engine import advance
from dialogs.events import (
    Begin,
    Due,
    Event,
    GivenBack,
    Opened,
    Redacted,
    Resolved,
    Said,
    Sent,
    Tapped,
    TimerKind,
)
from dialogs.expect import UnmetError, check_bot, check_event, check_options, say_turn
from dialogs.intents import Detected
from dialogs.script import Script, parse_duration
from dialogs.state import State
from dialogs.texts import TextError
from dialogs.transcripts import Line, Transcript

A_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Failure:
    """A line of a transcript that did not come true."""

    file: str
    line: int
    transcript: str
    expected: str
    got: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: [{self.transcript}] expected {self.expected}; {self.got}"


@dataclass(frozen=True, slots=True)
class World:
    """What a transcript is played in; `moment(locale)` is when it begins where it does not say."""

    company: Callable[[str], Mapping[str, Any]]
    faq: Faq
    detect_intents: Callable[[str, str], tuple[Detected, ...]]
    person: Callable[[str], Person]
    moment: Callable[[str], datetime]


@dataclass(slots=True)
class _Timer:
    at: datetime
    kind: TimerKind
    serial: int


@dataclass(slots=True)
class Player:
    """One conversation under way. `play` runs a transcript to its end or its first failure."""

    script: Script
    transcript: Transcript
    world: World
    coverage: Coverage
    path: Path
    state: State = field(init=False)
    now: datetime = field(init=False)
    mode: Mode = Mode.BOT
    timers: list[_Timer] = field(default_factory=list)
    shown: list[Message] = field(default_factory=list)  # with options, the newest last
    turn: list[Message] = field(default_factory=list)  # said since the last action, unchecked
    said: list[Message] = field(default_factory=list)  # said since the last action
    effects: list[Effect] = field(default_factory=list)  # since the last action, unchecked
    last: tuple[State, Event, Context] | None = None
    wrote: int = 0  # messages of the person; an edit is of the newest

    def __post_init__(self) -> None:
        self.state = State(self.script.script, self.script.version, self.transcript.locale)
        self.now = self.transcript.now or self.world.moment(self.transcript.locale)

    def play(self) -> Failure | None:
        """None if every line came true."""
        line = Line(self.transcript.line, "begin", self.transcript.begin)
        try:
            if self.transcript.begin != "none":
                self._happen(Begin() if self.transcript.begin == "bot" else Opened())
            for line in self.transcript.lines:
                self._line(line)
        except UnmetError as failed:
            return self._failure(line, failed.expected, failed.got)
        except TextError as error:
            return self._failure(line, "a text that can be written", f"got: {error}")
        return None

    def _failure(self, line: Line, expected: str, got: str) -> Failure:
        return Failure(str(self.path), line.number, self.transcript.name, expected, got)

    # ── the lines ───────────────────────────────────────────────────────────────────────────────

    def _line(self, line: Line) -> None:
        value = line.value
        match line.what:
            case "bot":
                check_bot(value, self.turn, self.said)
                return
            case "event":
                check_event(str(value), self.effects, self.said)
                return
            case "options":
                check_options(value, self.said)
                return
            case "crash":
                self._crash()
                return
            case "redeliver":
                self._redeliver()
                return
        self.turn, self.said, self.effects = [], [], []
        match line.what:
            case "user":
                self._say([_text(value)])
            case "burst":
                self._say([_text(item) for item in value])
            case "edit":
                self._happen(Said(str(value), edited=True, ref=str(self.wrote)))
            case "tap":
                self._happen(self._tap(value))
            case "media":
                self._happen(Sent(str(value)))
            case "secret":
                self._happen(Redacted(("secret",), "…", str(value).replace("…", "").strip()))
            case "open":
                self._happen(Opened())
            case "wait":
                self._wait(parse_duration(value))
            case "agent":
                self._agent(str(value))

    def _say(self, texts: Sequence[str]) -> None:
        """One message, or several a second apart; then time enough for what waited for more."""
        self.now += TOGETHER  # what was said before is read and answered
        for text in texts:
            self.wrote += 1
            self.now += A_SECOND
            self._happen(Said(text, ref=str(self.wrote)))
        if any(timer.kind is TimerKind.BURST for timer in self.timers):
            self._wait(TOGETHER)

    def _happen(self, event: Event) -> None:
        context = self._context()
        before = self.state
        self.last = (before, event, context)
        step = advance(self.script, before, event, context)
        self.state = step.state
        if before.to_json() != self.last[0].to_json():
            raise UnmetError("the given state unchanged", "the engine changed it")
        self.coverage.add(before.locale, before.step, step.effects)
        for effect in step.effects:
            match effect:
                case HandOff():
                    self.mode = Mode.QUEUED
                case Schedule(kind=kind, serial=serial, after=after, at=at):
                    due = at if at is not None else self.now + (after or timedelta(0))
                    self.timers.append(_Timer(due, kind, serial))
                case _:
                    pass
        self.shown += [message for message in step.messages if message.options]
        self.turn += step.messages
        self.said += step.messages
        self.effects += step.effects

    def _context(self) -> Context:
        person = self.world.person(self.transcript.locale)
        given = dict(self.transcript.person)
        person = Person(
            name=given.pop("name", person.name),
            last4=given.pop("last4", person.last4),
            region=given.pop("region", person.region),
            fields={**person.fields, **given},
        )
        return Context(
            now=self.now,
            person=person,
            company=self.world.company,
            faq=self.world.faq,
            detect_intents=self.world.detect_intents,
            mode=self.mode,
            duty=_duty(self.transcript.duty),
        )

    def _tap(self, value: Any) -> Tapped:
        """A label, a number from 1, or {label, of: a part of the message that shows it}."""
        of = ""
        if isinstance(value, dict):
            value, of = value.get("label"), str(value.get("of", "")).removeprefix("~")
        for message in reversed(self.shown):
            if of and of not in message.text:
                continue
            if isinstance(value, int) and not of and message is not self.shown[-1]:
                break
            for option in message.options:
                if option.label == str(value):
                    return Tapped(message.serial, option.index)
            if isinstance(value, int) and 1 <= value <= len(message.options):
                return Tapped(message.serial, message.options[value - 1].index)
        known = [[o.label for o in m.options] for m in self.shown[-3:]]
        raise UnmetError(f"something to tap that is called {value!r}", f"shown last: {known}")

    def _wait(self, span: timedelta) -> None:
        until = self.now + span
        while due := [timer for timer in self.timers if timer.at <= until]:
            timer = min(due, key=lambda item: item.at)
            self.timers.remove(timer)
            self.now = max(self.now, timer.at)
            self._happen(Due(timer.kind, timer.serial))
        self.now = until

    def _agent(self, what: str) -> None:
        match what:
            case "take":
                self.mode = Mode.HUMAN
            case "resolve":
                self.mode = Mode.BOT
                self._happen(Resolved())
            case _:
                self.mode = Mode.BOT
                self._happen(GivenBack(resume=what == "give back"))

    def _crash(self) -> None:
        """The process dies before its commit: the stored state is read and the event comes again."""
        if self.last is None:
            raise UnmetError("something to repeat after the crash", "nothing has happened yet")
        before, event, context = self.last
        stored = State.from_json(json.loads(json.dumps(before.to_json())))
        again = advance(self.script, stored, event, context)
        first = advance(self.script, before, event, context)
        if (again.messages, again.effects) != (first.messages, first.effects):
            raise UnmetError("the same turn after a crash", say_turn(again.messages))
        self.state = State.from_json(json.loads(json.dumps(self.state.to_json())))

    def _redeliver(self) -> None:
        """The same tap again must do nothing; words are kept apart by the inbox before they get here."""
        if self.last is None or not isinstance(self.last[1], Tapped):
            raise UnmetError("a tap before 'redeliver'", "the line before is none")
        again = advance(self.script, self.state, self.last[1], self._context())
        recorded = [effect for effect in again.effects if isinstance(effect, Recorded)]
        if recorded or again.messages:
            raise UnmetError("no effect of a tap that comes twice", say_turn(again.messages))


def _text(value: Any) -> str:
    """A text, or {repeat, times} for a very long one."""
    if isinstance(value, dict):
        return str(value.get("repeat", "")) * int(value.get("times", 1))
    return str(value)


def _duty(text: str) -> Duty:
    if text in ("open", "closed"):
        return Duty(open=text == "open")
    return Duty(open=False, opens_at=datetime.fromisoformat(text))

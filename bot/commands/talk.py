"""`huifang talk`: hold a follow-up in the terminal, for people and, with --json, for machines."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from bot.commands.base import UsageError, run
from bot.talk import Bubble, Heard, Talk, TalkError, find_person, open_talk
from dialogs.script import Script

PROTOCOL = 1


def talk(
    script: Annotated[str, typer.Option(help="its name, or a file.yaml")] = "preapproval",
    locale: Annotated[str, typer.Option(help="zh or en")] = "zh",
    person: Annotated[str | None, typer.Option(help="a sample person")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    now: Annotated[str | None, typer.Option(help="ISO time with zone at which it begins")] = None,
) -> None:
    """Hold a follow-up in the terminal, on a throw-away database (last four digits: 1234)."""
    run(_talk(script, locale, person, now, machine=json))


def _moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now().astimezone()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"--now {text!r} is no time like 2026-11-21T10:00:00+08:00") from None
    if moment.tzinfo is None:
        raise UsageError(f"--now {text!r} lacks its zone; write +08:00 at the end")
    return moment


async def _talk(
    script: str, locale: str, person: str | None, now: str | None, *, machine: bool
) -> None:
    moment = _moment(now)
    try:
        profile = find_person(person, locale)
    except TalkError as error:
        raise UsageError(str(error)) from None
    profile = replace(profile, locale=locale)
    files, script = _script(script)
    async with open_talk(moment, scripts=files) as talk:
        if script not in talk.services.scripts.names:
            known = ", ".join(talk.services.scripts.names)
            raise UsageError(f"there is no script {script!r}; there are: {known}")
        locales = talk.services.scripts.get(script).locales
        if locale not in locales:
            raise UsageError(f"--locale {locale!r}: {script} speaks {', '.join(locales)}")
        person_id, heard = await talk.start(profile, script)
        if machine:
            await _for_machines(talk, person_id, script, heard)
        else:
            await _for_people(talk, heard)


def _script(wanted: str) -> tuple[tuple[Path, ...], str]:
    """The files to read besides those in use, and the script's name."""
    if not wanted.endswith(".yaml"):
        return (), wanted
    return (Path(wanted),), Script.load(Path(wanted)).script


async def _for_machines(talk: Talk, person_id: str, script: str, heard: Heard) -> None:
    _print({"protocol": PROTOCOL, "person": person_id, "script": script})
    _print_heard(heard)
    turn = 0
    _print({"turn": turn})
    async for line in _lines():
        if not line.strip():
            continue
        try:
            heard = await _act(talk, orjson.loads(line))
        except orjson.JSONDecodeError as error:
            _print({"error": f"this line is no JSON: {error}"})
            continue
        except TalkError as error:
            _print({"error": str(error)})
            continue
        turn += 1
        _print_heard(heard)
        _print({"turn": turn})


async def _act(talk: Talk, order: Any) -> Heard:
    """One order, exactly as the protocol has it: what is misspelt must not do something else."""
    match order:
        case {"text": str(text), **rest} if not rest:
            return await talk.say(text)
        case {"text": [str(), *_] as texts, **rest} if not rest and all(
            isinstance(text, str) for text in texts
        ):
            return await talk.say(*texts)
        case {"tap": str() | int() as wanted, "of": int(of), **rest} if not (
            rest or isinstance(wanted, bool) or isinstance(of, bool)
        ):
            return await talk.tap(wanted, of)
        case {"tap": str() | int() as wanted, **rest} if not (rest or isinstance(wanted, bool)):
            return await talk.tap(wanted)
        case {"wait": str(span), **rest} if not rest:
            return await talk.wait(span)
        case {"media": str(kind), **rest} if not rest:
            return await talk.media(kind)
        case _:
            raise TalkError(
                'write {"text": …} or {"text": [several at once]}, {"tap": label or number, "of": message id}, {"wait": "26h"} '
                'or {"media": "voice"}; "of" may be left out'
            )


def _print(data: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(data) + b"\n")
    sys.stdout.buffer.flush()


def _print_heard(heard: Heard) -> None:
    for event in heard.events:
        _print(event)
    for bubble in heard.bubbles:
        labels = [label for label, _ in bubble.options]
        _print({"say": bubble.text, "options": labels, "id": bubble.id})


async def _lines() -> AsyncIterator[str]:
    while line := await asyncio.to_thread(sys.stdin.readline):
        yield line


async def _for_people(talk: Talk, heard: Heard) -> None:
    console = Console(highlight=False)
    console.print(
        "[dim]Type an answer, a number to tap an option, /wait 26h to let time pass, "
        "/quit to leave.[/dim]"
    )
    _show(console, heard)
    while True:
        try:
            line = (await asyncio.to_thread(console.input, "[bold cyan]> [/bold cyan]")).strip()
        except (EOFError, KeyboardInterrupt):
            return
        if line in ("/quit", "/q"):
            return
        if not line:
            continue
        try:
            heard = await _typed(talk, line)
        except TalkError as error:
            console.print(f"[red]{error}[/red]")
            continue
        _show(console, heard)


async def _typed(talk: Talk, line: str) -> Heard:
    if line.startswith("/wait "):
        return await talk.wait(line.removeprefix("/wait ").strip())
    if line.startswith("/tap "):
        wanted = line.removeprefix("/tap ").strip()
        return await talk.tap(int(wanted) if wanted.isdigit() else wanted)
    return await talk.say(line)


def _show(console: Console, heard: Heard) -> None:
    for event in heard.events:
        details = ", ".join(f"{k}={v}" for k, v in event.items() if k != "event")
        console.print(Text(f"  · {event['event']} {details}".rstrip(), style="dim"))
    for bubble in heard.bubbles:
        console.print(_panel(bubble))


def _panel(bubble: Bubble) -> Panel:
    body = Text(bubble.text)
    for number, (label, _) in enumerate(bubble.options, start=1):
        body.append(f"\n  {number} ", style="bold cyan")
        body.append(label)
    return Panel.fit(body, border_style="green", padding=(0, 1))

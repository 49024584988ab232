"""The shipped transcripts on every channel: the same answers, outcome and handoffs as in the engine.

Of each script a few transcripts are played, spread over its file; those that need an agent, an edit,
closed hours or a secret are left to the engine's own tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.clock import GivenClock
from bot.company import Company
from bot.scripts import shipped_files
from bot.store.people import Profile
from bot.store.tables import case, conversation, followup, outbox
from dialogs.coverage import Coverage
from dialogs.effects import HandOff
from dialogs.player import Player
from dialogs.script import Script
from dialogs.testing import (
    ARTICLES,
    COMPANY,
    demo_moment,
    demo_person,
    demo_world,
    load_transcripts,
    transcripts_beside,
)
from dialogs.transcripts import Transcript
from tests.bot.pipeline.harness import Faq, World, open_world
from tests.bot.pipeline.phones import CHANNELS, Phone, open_phone, options_now

PLAYED = 5  # of each script, on each channel
DONE = ("user", "tap", "wait", "media", "open", "crash", "redeliver")


@dataclass(frozen=True, slots=True)
class Told:
    """What an operator would read of a follow-up."""

    answers: dict[str, Any]
    outcome: str | None
    handoffs: tuple[str, ...]


def playable(transcript: Transcript) -> bool:
    if transcript.begin == "none" or transcript.duty != "open":
        return False
    actions = [line for line in transcript.lines if line.what not in ("bot", "event", "options")]
    return all(line.what in DONE and not isinstance(line.value, dict) for line in actions)


@cache
def chosen() -> list[tuple[Path, str]]:
    found = []
    for path in shipped_files():
        beside = transcripts_beside(path)
        if path.stem == "reception" or not beside.exists():
            continue  # reception is no follow-up: it records no answers
        names = [one.name for one in load_transcripts(beside).transcripts if playable(one)]
        step = max(1, len(names) // PLAYED)
        found += [(path, name) for name in names[::step][:PLAYED]]
    return found


def by_engine(path: Path, name: str) -> tuple[Transcript, Faq, Told]:
    file = load_transcripts(transcripts_beside(path))
    script = Script.load(path)
    transcript = next(one for one in file.transcripts if one.name == name)
    player = Player(script, transcript, demo_world(articles=file.faq), Coverage(script), path)
    handoffs: list[str] = []
    seen = player._happen

    def happen(event: Any) -> None:
        player.effects = []
        seen(event)
        handoffs.extend(str(e.reason) for e in player.effects if isinstance(e, HandOff))

    object.__setattr__(player, "transcript", transcript)
    type(player)._happen = lambda self, event: happen(event)  # type: ignore[method-assign]
    try:
        player.play()
    finally:
        type(player)._happen = type(seen.__self__)._happen  # type: ignore[attr-defined]
    outcome = str(player.state.outcome) if player.state.outcome else None
    return transcript, Faq(file.faq or ARTICLES), Told(player.state.answers, outcome, tuple(handoffs))

"""The shipped transcripts on every channel: the same answers, outcome and handoffs as in the engine.

Of each script a few transcripts are played, spread over its file; those that need an agent, an edit,
closed hours or a secret are left to the engine's own tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, cast

import aiohttp
import pytest

from bot.clock import GivenClock
from bot.company import Company
from bot.scripts import shipped_files
from bot.store.people import Profile
from bot.store.tables import case, conversation, followup, outbox
from dialogs.coverage import Coverage
from dialogs.effects import Corrected, HandOff, Recorded, Withdrawn
from dialogs.events import Event
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
from tests.bot.pipeline.conftest import logs, sqlite_template, sqlite_url
from tests.bot.pipeline.harness import Faq, World, open_world
from tests.bot.pipeline.phones import CHANNELS, Phone, find_option, open_phone

__all__ = ["logs", "sqlite_template", "sqlite_url"]  # fixtures

PLAYED = 5  # of each script, on each channel
DONE = ("user", "tap", "wait", "media")


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


class Listener(Player):
    """Plays as the engine's own tests do, and remembers what an operator would read."""

    def _happen(self, event: Event) -> None:
        before = len(self.effects)
        super()._happen(event)
        self.handoffs: list[str] = getattr(self, "handoffs", [])
        self.answers: dict[str, Any] = getattr(self, "answers", {})
        for effect in self.effects[before:]:
            match effect:
                case HandOff(reason=reason):
                    self.handoffs.append(str(reason))
                case Recorded(name=name, value=value) | Corrected(name=name, new=value):
                    self.answers[name] = value
                case Withdrawn(name=name):
                    self.answers.pop(name, None)


def by_engine(path: Path, name: str) -> tuple[Transcript, Faq, Told]:
    file = load_transcripts(transcripts_beside(path))
    script = Script.load(path)
    transcript = next(one for one in file.transcripts if one.name == name)
    player = Listener(script, transcript, demo_world(articles=file.faq), Coverage(script), path)
    assert player.play() is None
    outcome = str(player.state.outcome) if player.state.outcome else None
    told = Told(player.answers, outcome, tuple(player.handoffs))
    return transcript, Faq(file.faq or ARTICLES), told


def applicant(transcript: Transcript) -> Profile:
    who, given = demo_person(transcript.locale), dict(transcript.person)
    zone = "Asia/Shanghai" if transcript.locale == "zh" else "Europe/London"
    return Profile(
        transcript.locale,
        zone,
        given.pop("region", who.region),
        name=given.pop("name", who.name),
        last4=given.pop("last4", who.last4),
        reference="somebody",
        fields={**who.fields, **given},
    )


async def play(world: World, phone: Phone, transcript: Transcript, url: str) -> None:
    await phone.start(world, url)
    await world.settle()
    for line in transcript.lines:
        world.clock.advance(timedelta(seconds=1))
        match line.what:
            case "user":
                await phone.say(str(line.value))
            case "media":
                await phone.media(str(line.value))
            case "wait":
                await world.wait(line.value)
            case "tap":
                await phone.tap(*await find_option(world, line.value))
        await world.settle()


async def told_by(world: World) -> Told:
    ended = await world.row(followup, followup.c.id == world.followup_id)
    cases = await world.rows(case)
    return Told(await world.answers(), ended.outcome, tuple(one.reason for one in cases))


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(("path", "name"), chosen(), ids=lambda v: getattr(v, "stem", str(v)))
async def test_a_transcript_records_the_same_on_every_channel(
    sqlite_url: str, tmp_path: Path, path: Path, name: str, channel: str
) -> None:
    transcript, faq, expected = by_engine(path, name)
    clock = GivenClock(transcript.now or demo_moment(transcript.locale))
    async with (
        aiohttp.ClientSession() as http,
        open_phone(channel, clock, transcript.locale, http) as phone,
        open_world(sqlite_url, tmp_path, clock=clock, more=[phone.channel], faq=faq) as world,
    ):
        world.services.company = cast(Company, _Demo())
        await world.applicant(applicant(transcript))
        started = await world.follow(path.stem)
        url = next((x.url for x in started.links if x.account == phone.channel.account), "")
        await play(world, phone, transcript, url)
        assert await told_by(world) == expected
        bad = await world.rows(outbox, outbox.c.status.not_in(["sent", "dropped"]))
        assert [(row.status, row.detail) for row in bad] == []
        assert {row.account for row in await world.rows(conversation)} == {phone.channel.account}
        phone.check()


class _Demo:
    """The company that the transcripts talk of."""

    domains: frozenset[str] = frozenset({"www.example.com"})

    def values(self, locale: str) -> Mapping[str, Any]:
        return COMPANY[locale]


def test_every_script_with_answers_is_played() -> None:
    assert {path.stem for path, _ in chosen()} == {"preapproval", "new_feature", "problem_solved"}

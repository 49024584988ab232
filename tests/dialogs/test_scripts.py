"""The shipped scripts: every transcript comes true, and together they would notice any wrong turning."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from bot.company import Company
from bot.safety.guard import check_outgoing
from channels.telegram_caps import CAPS as TELEGRAM
from channels.webchat import CAPS as WEBCHAT
from channels.whatsapp_render import CAPS as WHATSAPP
from dialogs.lint import House, lint
from dialogs.script import END, Script, Step
from dialogs.testing import Report, World, demo_world, load_transcripts, play_transcripts
from dialogs.transcripts import TranscriptFile, transcripts_beside
from dialogs.turn import longest_path

FOLDER = Path(__file__).parents[2] / "dialogs" / "scripts"
NAMES = sorted(p.stem for p in FOLDER.glob("*.yaml") if not p.name.endswith(".test.yaml"))


def path_of(name: str) -> Path:
    return FOLDER / f"{name}.yaml"


@cache
def transcripts_of(name: str) -> TranscriptFile:
    return load_transcripts(transcripts_beside(path_of(name)))


@cache
def world() -> World:
    return demo_world()


@cache
def played(name: str) -> Report:
    return play_transcripts(Script.load(path_of(name)), transcripts_of(name), world())


@pytest.mark.parametrize("name", NAMES)
def test_every_transcript_comes_true(name: str) -> None:
    assert [str(failure) for failure in played(name).failures] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_transcripts_take_every_way_in_every_language(name: str) -> None:
    coverage = played(name).coverage
    assert coverage.missing == [], coverage.table()
    assert coverage.share == 1.0


@pytest.mark.parametrize("name", NAMES)
def test_the_linter_finds_nothing(name: str) -> None:
    company = Company.load()
    caps = {"webchat": WEBCHAT, "telegram": TELEGRAM, "whatsapp": WHATSAPP}
    house = House(company.values, caps, lambda text: check_outgoing(text, company.domains))
    assert [str(problem) for problem in lint(Script.load(path_of(name)), house)] == []


def test_the_longest_way_through_the_preapproval_follow_up_is_short() -> None:
    script = Script.load(path_of("preapproval"))
    assert longest_path(script, script.start, hurried=False) <= 12


@pytest.mark.parametrize("name", NAMES)
def test_each_script_has_transcripts_in_each_language(name: str) -> None:
    languages = {transcript.locale for transcript in transcripts_of(name).transcripts}
    assert languages == set(Script.load(path_of(name)).locales)


# ── mutation: every wrong turning is noticed ────────────────────────────────────────────────────


def ways_on(name: str) -> list[tuple[str, str, str]]:
    """(step, branch or "next", where it leads) for everything that leads on."""
    script = Script.load(path_of(name))
    return [
        (step_id, key, target)
        for step_id, step in script.steps.items()
        for key, target in [*step.branches.items(), ("next", step.next)]
        if target is not None
    ]


def redirected(script: Script, step_id: str, key: str, target: str) -> Script:
    def change(step: Step) -> Step:
        if key == "next":
            return step.model_copy(update={"next": target})
        return step.model_copy(update={"branches": {**step.branches, key: target}})

    steps = {name: change(step) if name == step_id else step for name, step in script.steps.items()}
    return Script.model_validate(
        {
            **script.model_dump(
                include={"script", "version", "locales", "title", "start", "deadline"}
            )
        }
        | {"steps": steps}
    )


def elsewhere(script: Script, step_id: str, target: str) -> list[str]:
    """Two other places to lead to: the end, and a step that does not follow anyway."""
    others = [name for name in script.steps if name not in (target, step_id)]
    after = script.steps[target].next if target in script.steps else None
    far = [name for name in others if name != after]
    return [place for place in (END, *far[-1:]) if place != target]


@pytest.mark.parametrize(
    ("name", "step_id", "key", "target"),
    [(name, *way) for name in NAMES for way in ways_on(name)],
    ids=lambda value: str(value),
)
def test_a_wrong_turning_is_noticed(name: str, step_id: str, key: str, target: str) -> None:
    script = Script.load(path_of(name))
    for wrong in elsewhere(script, step_id, target):
        broken = redirected(script, step_id, key, wrong)
        report = play_transcripts(broken, transcripts_of(name), world(), stop_early=True)
        assert report.failures, f"{step_id}.{key} leads to '{wrong}' and nobody noticed"

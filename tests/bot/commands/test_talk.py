"""`huifang talk --json`: the protocol as machines rely on it (DESIGN, section 5)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from bot.cli import app

NOW = "2026-11-21T10:00:00+08:00"  # a Saturday: nobody is on duty
OWN = """script: own
version: 1
locales: [en]
title: {en: Own}
start: how
steps:
  how: {ask: rating, text: {en: How was it?}, next: bye}
  bye: {say: {en: Goodbye.}}
"""


class Talks:
    """Plays lines through the command and gives what was printed, by turn."""

    def __init__(self) -> None:
        self._runner = CliRunner()

    def hold(self, *lines: Any, args: tuple[str, ...] = ()) -> list[list[dict[str, Any]]]:
        given = [line if isinstance(line, str) else orjson.dumps(line).decode() for line in lines]
        result = self._runner.invoke(
            app, ["talk", "--json", "--now", NOW, *args], input="\n".join(given) + "\n"
        )
        assert result.exit_code == 0, result.output
        printed = [orjson.loads(line) for line in result.stdout.splitlines()]
        return list(_turns(printed))

    def refused(self, *args: str) -> tuple[int, str]:
        result = self._runner.invoke(app, ["talk", *args], input="")
        return result.exit_code, result.output


def _turns(printed: list[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """What one input caused; an error is what an input caused that was not taken."""
    turn: list[dict[str, Any]] = []
    for item in printed:
        turn.append(item)
        if "turn" in item or "error" in item:
            yield turn
            turn = []
    assert not turn, "after all that one input caused comes its turn"


@pytest.fixture
def talks(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Talks:
    monkeypatch.chdir(tmp_path)
    return Talks()


def test_a_talk_prints_protocol_texts_events_and_turns(talks: Talks) -> None:
    opening, identity, details, twice, _, old, changed, fraud, muted = talks.hold(
        {"text": "1234"},
        {"tap": "Yes"},
        {"tap": 2, "of": 6},
        {"tap": "Yes"},
        {"tap": 2, "of": 6},
        {"tap": "Yes"},
        {"text": "I was scammed, they took my code 483920"},
        {"tap": "Yes", "of": 6},
        args=("--locale", "en"),
    )
    assert opening[0]["protocol"] == 1
    assert opening[0].keys() == {"protocol", "person", "script"}
    assert opening[-1] == {"turn": 0}
    assert [item.keys() for item in opening[1:-1]] == [{"say", "options", "id"}] * 2
    assert identity[0] == {"event": "result", "name": "identity", "value": True}
    assert (identity[-2]["options"], identity[-2]["id"]) == (["Yes", "No"], 6)
    assert details[0] == {"event": "result", "name": "details_right", "value": True}
    assert twice == [{"turn": 3}], "a second tap on what was just answered needs no word"
    assert "You answered this before" in old[0]["say"]
    assert changed[0] == {"event": "corrected", "name": "details_right", "value": False}
    events = [item for item in fraud if "event" in item]
    assert {"event": "handoff", "reason": "fraud_report"} in events
    assert {"event": "redacted", "kind": "one_time_code"} in events
    assert "483920" not in str(fraud)
    assert muted == [{"event": "muted"}, {"turn": 8}]


def test_what_is_no_order_is_an_error_and_does_nothing(talks: Talks) -> None:
    wrong = [
        "no json",
        "{}",
        "[]",
        '{"text": 5}',
        '{"text": "1234", "of": 3}',
        '{"text": "1234", "tap": 1}',
        '{"tap": "Yes", "of": "3"}',
        '{"tap": true}',
        '{"tap": 1.5}',
        '{"tap": 7}',
        '{"wait": 5}',
        '{"wait": "5 bananas"}',
        '{"wait": "999999999d"}',
        '{"media": "hologram"}',
        '{"text": "\\ud800"}',
    ]
    opening, *errors, after = talks.hold(*wrong, "", {"text": "1234"}, args=("--locale", "en"))
    assert opening[-1] == {"turn": 0}
    assert [list(error[0]) for error in errors] == [["error"]] * len(wrong)
    assert all("\n" not in error[0]["error"] for error in errors)
    assert after[0] == {"event": "result", "name": "identity", "value": True}
    assert after[-1] == {"turn": 1}


def test_time_passes_and_an_appointment_is_kept(talks: Talks) -> None:
    _, later, first, again, second, over = talks.hold(
        {"text": "一小时后再说"},
        {"wait": "1h"},
        {"text": "两小时后"},
        {"wait": "2h"},
        {"wait": "6d"},
    )
    assert "今天11:00" in later[0]["say"]
    assert "按约定" in first[0]["say"]
    assert "今天13:00" in again[0]["say"]
    assert "按约定" in second[0]["say"], "a second one within a day as well: the person wanted it"
    assert {"event": "end", "outcome": "expired"} in over
    assert {"event": "reminder"} in over


def test_a_script_can_be_given_as_a_file(talks: Talks) -> None:
    Path("own.yaml").write_text(OWN)
    opening, answered = talks.hold({"text": "５"}, args=("--script", "own.yaml", "--locale", "en"))
    assert opening[0]["script"] == "own"
    assert answered[:2] == [
        {"event": "result", "name": "how", "value": 5},
        {"event": "end", "outcome": "completed"},
    ]


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("--script", "nope"), 2, "there is no script 'nope'; there are: new_feature"),
        (("--script", "nope.yaml"), 1, "nope.yaml: cannot be read"),
        (("--locale", "fr"), 2, "preapproval speaks zh, en"),
        (("--person", "nobody"), 2, "there is no sample person 'nobody'"),
        (("--now", "yesterday"), 2, "is no time like"),
        (("--now", "2026-11-21T10:00:00"), 2, "lacks its zone"),
    ],
)
def test_wrong_usage_is_said_in_one_line(
    talks: Talks, args: tuple[str, ...], code: int, said: str
) -> None:
    found, output = talks.refused(*args)
    assert (found, output.count("\n")) == (code, 1)
    assert said in output

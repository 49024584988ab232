"""`huifang script`: one line a problem, and the exit codes 0, 1 and 2."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from bot.cli import app

GOOD = """script: good
version: 1
locales: [en]
title: {en: Good}
start: a
steps:
  a: {ask: yes_no, text: {en: "Is all fine with {{brand}}?"}, next: b}
  b: {say: {en: Thank you.}}
"""
TRANSCRIPT = """transcripts:
  - name: fine
    locale: en
    lines:
      - bot: ~Is all fine
      - user: "yes"
      - bot: Thank you.
"""


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> CliRunner:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "good.test.yaml").write_text(TRANSCRIPT)
    return CliRunner()


def test_a_good_script_is_checked(run: CliRunner) -> None:
    result = run.invoke(app, ["script", "check", "good.yaml"])
    assert result.exit_code == 0, result.output
    assert "1 script without a problem" in result.output


def test_the_shipped_scripts_are_checked_where_none_is_named(run: CliRunner) -> None:
    result = run.invoke(app, ["script", "check"])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("change", "line", "what"),
    [
        (("next: b", "next: c"), 7, "there is no step 'c'"),
        (("Thank you.", "Please send me your password."), 8, "asks for something secret"),
        (("Thank you.", "See https://bit.ly/x"), 8, "leads away from our sites"),
        (("{{brand}}", "{{brnd}}"), 7, "did you mean 'brand'?"),
        (("[en]", "[en, zh]"), 8, "there is no text in 'zh'"),
    ],
)
def test_a_problem_is_one_line_with_its_place(
    run: CliRunner, change: tuple[str, str], line: int, what: str
) -> None:
    Path("good.yaml").write_text(GOOD.replace(*change))
    result = run.invoke(app, ["script", "check", "good.yaml"])
    assert result.exit_code == 1
    found = result.stderr.splitlines()
    assert any(p.startswith(f"good.yaml:{line}: ") and what in p for p in found), found


@pytest.mark.parametrize("command", ["check", "test", "graph"])
@pytest.mark.parametrize("path", ["gone.yaml", "empty"])
def test_a_path_that_holds_no_script_is_a_wrong_call(
    run: CliRunner, command: str, path: str
) -> None:
    Path("empty").mkdir()
    result = run.invoke(app, ["script", command, path])
    assert result.exit_code == 2
    assert path in result.stderr


def test_transcripts_are_played_and_counted(run: CliRunner) -> None:
    result = run.invoke(app, ["script", "test", "."])
    assert result.exit_code == 0, result.output
    assert "1 transcript passed" in result.output
    assert "not reached: en a: no" in result.output


def test_a_transcript_that_fails_names_its_line(run: CliRunner) -> None:
    Path("good.test.yaml").write_text(TRANSCRIPT.replace("bot: Thank you.", "bot: Thanks."))
    result = run.invoke(app, ["script", "test", "good.yaml"])
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("good.test.yaml:7: [fine] expected the bot to say “Thanks.”")


def test_a_script_is_drawn_beside_itself(run: CliRunner) -> None:
    result = run.invoke(app, ["script", "graph", "good.yaml"])
    assert result.exit_code == 0, result.output
    ET.fromstring(Path("good.svg").read_text(encoding="utf-8"))
    assert run.invoke(app, ["script", "graph", "good.yaml", "--locale", "zh"]).exit_code == 2

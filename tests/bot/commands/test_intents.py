"""`huifang intents`: figures for lines of a file, and errors that name file and line."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from bot.cli import app


def test_eval_prints_recall_precision_alarms_and_confusions(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    lines = [
        {"locale": "en", "question": "I want to make a complaint", "intent": "complaint"},
        {"locale": "en", "question": "blue sky over the hills", "intent": "complaint"},
        {"locale": "en", "question": "how do I add a card", "article": "link-card"},
        {"locale": "en", "question": "I want to talk to a human", "intent": "none"},
    ]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    result = CliRunner().invoke(app, ["intents", "eval", "--questions", str(file), "--json"])
    assert result.exit_code == 0, result.output
    english = json.loads(result.stdout)["en"]
    complaint = {"lines": 2, "recall": 0.5, "precision": 1.0, "handed_over": 0.5}
    assert english["intents"] == {"complaint": complaint}
    assert (english["neutral"], english["alarms"]) == (2, 0.5)
    assert english["confusions"] == {"complaint → none": 1, "none → human": 1}


def test_eval_names_file_and_line_of_what_it_cannot_read(tmp_path: Path) -> None:
    file = tmp_path / "lines.jsonl"
    file.write_text('{"locale": "en", "question": "x", "intent": "complant"}\n{\n', "utf-8")
    result = CliRunner().invoke(app, ["intents", "eval", "--questions", str(file)])
    assert result.exit_code == 1
    assert f"{file}:1: 'complant' is no intent; use one of" in result.output
    assert f"{file}:2: no line to measure; write" in result.output


def test_check_names_the_mistake_in_ones_own_phrasings(tmp_path: Path) -> None:
    (tmp_path / "en.yaml").write_text("locale: en\nadd:\n  humn: |\n    x\n", "utf-8")
    result = CliRunner().invoke(app, ["intents", "check", str(tmp_path)])
    assert result.exit_code == 1
    assert f"{tmp_path}/en.yaml:3: 'humn' is not known in add" in result.output

"""`huifang read`: one reply a line in, one reading a line out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from bot.cli import app

NOW = ["--now", "2026-11-21T10:00:00+08:00"]
OPTIONS = ["--option", "短信", "--option", "微信", "--option", "电话"]


def read(arguments: list[str], replies: str) -> list[dict[str, Any]]:
    result = CliRunner().invoke(app, ["read", *arguments, "--json"], input=replies)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "reply", "value"),
    [
        (["rating"], "四分", 4),
        (["rating", "--scale", "10"], "8/10", 8),
        (["rating"], "8/10", None),
        (["yes_no"], "好的", True),
        (["yes_no", "--locale", "en"], "nope", False),
        (["choice", *OPTIONS], "第二个", 1),
        (["choices", *OPTIONS], "短信和电话", [0, 2]),
        (["number"], "大概三百", 300),
        (["date", *NOW], "明天下午三点", "2026-11-22T15:00"),
        (["phone"], "138 0013 8000", "+8613800138000"),
        (["text"], "挺好的", "挺好的"),
        (["intent"], "转人工", "human"),
        (["intent"], "你好", "none"),
        (["intent", "--locale", "en"], "STOP", "stop"),
    ],
)
def test_a_reply_is_read(arguments: list[str], reply: str, value: object) -> None:
    (reading,) = read(arguments, reply + "\n")
    assert set(reading) == {"value", "candidates", "evidence"}
    assert reading["value"] == value


def test_several_readings_are_candidates() -> None:
    (reading,) = read(["rating"], "三四分\n")
    assert reading["value"] is None
    assert [item["value"] for item in reading["candidates"]] == [3, 4]
    assert all(0 < item["score"] <= 1 for item in reading["candidates"])


def test_every_line_has_its_answer_even_an_empty_one() -> None:
    readings = read(["rating"], "5\n\n  \n四分\r\n哈哈\n2")
    assert [reading["value"] for reading in readings] == [5, None, None, 4, None, 2]


@pytest.mark.parametrize(
    "arguments",
    [["choice"], ["choice", "--option", "a"], ["date", "--now", "today"], ["date", "--now", "2026-11-21T10:00"], ["mood"], []],
)  # fmt: skip
def test_a_wrong_call_has_exit_code_two(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, ["read", *arguments], input="5\n")
    assert result.exit_code == 2


def test_people_get_plain_words() -> None:
    result = CliRunner().invoke(app, ["read", "rating"], input="四分\n三四分\n10\n")
    assert result.stdout.splitlines() == ["4", "which one? 3 | 4", "—   (out_of_range)"]

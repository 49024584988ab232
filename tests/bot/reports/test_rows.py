"""Rows as cells and back: nothing lost, and nothing that a spreadsheet would run."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.reports.rows import COLUMNS, Row, from_cells, heading, plain_text, safe_cell, to_cells

words = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
moments = st.integers(0, 10**12).map(lambda ms: BEGIN + timedelta(milliseconds=ms))
maybe = st.none() | moments
seconds = st.none() | st.floats(0, 1e9)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    cases = draw(st.integers(0, 3))
    times = st.tuples(*[maybe] * cases)
    values: dict[str, Any] = {
        "id": draw(words),
        "script": draw(words),
        "version": draw(st.integers(1, 99)),
        "account": draw(st.sampled_from(["", "webchat:main", "telegram:main"])),
        "channel": draw(words),
        "locale": draw(st.sampled_from(["zh", "en", ""])),
        "source": draw(st.text(max_size=8)),
        "created_at": draw(moments),
        "started_at": draw(maybe),
        "ended_at": draw(maybe),
        "outcome": draw(st.sampled_from(["", "completed", "expired"])),
        "stopped_reason": draw(st.text(max_size=8)),
        "path": tuple(draw(st.lists(words.map(lambda w: f"{w}:said"), max_size=4))),
        "off_path": tuple(draw(st.lists(words, max_size=3))),
        "handoffs": tuple(draw(st.lists(words, min_size=cases, max_size=cases))),
        "case_opened_at": draw(times),
        "case_claimed_at": draw(times),
        "case_first_reply_at": draw(times),
        "case_ended_at": draw(times),
        "satisfaction": draw(st.none() | st.sampled_from([1.0, 4.0])),
        "bot_s": draw(seconds),
        "human_s": draw(seconds),
        "answers": draw(st.dictionaries(words, st.text(min_size=1, max_size=12), max_size=3)),
    }
    return Row(**values)


@given(rows())
def test_a_row_survives_the_file(one: Row) -> None:
    names = tuple(one.answers)
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(heading(names))
    writer.writerow(to_cells(one, names))
    back = list(csv.DictReader(io.StringIO(out.getvalue(), newline="")))
    assert [from_cells(cells) for cells in back] == [one]


@given(st.text())
def test_a_text_is_the_same_after_safe_cell_and_plain_text(text: str) -> None:
    assert plain_text(safe_cell(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-1+1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "  =1",
        "＝1+1",
        "＋1",
        "－1",
        "＠SUM(A1)",
        "|cmd",
        "-5 degrees",
    ],
)
def test_what_looks_like_a_formula_becomes_text(text: str) -> None:
    assert safe_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "-5", "-5.25", "4", "很好", "a=b", "it's", "5-6", "'quoted'"])
def test_what_is_none_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text


def test_every_column_is_named_once() -> None:
    assert len(set(heading(["rating"]))) == len(COLUMNS) + 1
    assert heading(["rating"])[-1] == "answer_rating"


def test_a_file_of_something_else_is_refused() -> None:
    with pytest.raises(KeyError):
        from_cells({"name": "x"})

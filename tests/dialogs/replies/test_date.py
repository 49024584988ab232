"""Days and times of appointments are read as seen from Saturday 21 November 2026, 10:00."""

from __future__ import annotations

import pytest

from dialogs.replies import Problem, read_date
from tests.dialogs.replies.given import WEDNESDAY_EN, ZH, outcome


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("明天", "2026-11-22"), ("明天下午三点", "2026-11-22T15:00"), ("明天下午3：30", "2026-11-22T15:30"),
        ("后天中午", "2026-11-23T12:00"), ("后天上午十点一刻", "2026-11-23T10:15"), ("大后天", "2026-11-24"),
        ("今晚8点", "2026-11-21T20:00"), ("晚上12点", "2026-11-22T00:00"), ("明天晚上吧，9点", "2026-11-22T21:00"),
        ("下周一9点", "2026-11-23T09:00"), ("下週一上午十點", "2026-11-23T10:00"), ("周五晚7点", "2026-11-27T19:00"),
        ("这周日", "2026-11-22"), ("下下周三", "2026-12-02"), ("两天后", "2026-11-23"), ("半小时后", "2026-11-21T10:30"),
        ("一个半小时后", "2026-11-21T11:30"), ("11月25号", "2026-11-25"), ("2026年11月25日15点", "2026-11-25T15:00"),
        ("下个月5号", "2026-12-05"), ("1月5号", "2027-01-05"), ("三点", "2026-11-21T15:00"), ("9点", "2026-11-22T09:00"),
        ("tomorrow at 3", "2026-11-22T15:00"), ("next Monday 9am", "2026-11-23T09:00"), ("9am tomorrow", "2026-11-22T09:00"),
        ("in two hours", "2026-11-21T12:00"), ("in half an hour", "2026-11-21T10:30"), ("Nov 25 at 3pm", "2026-11-25T15:00"),
        ("the 25th", "2026-11-25"), ("quarter to four tomorrow", "2026-11-22T15:45"), ("tonight at 8", "2026-11-21T20:00"),
        ("11/25 3pm", "2026-11-25T15:00"), ("2026-11-25 15:00", "2026-11-25T15:00"),
    ],
)  # fmt: skip
def test_a_moment_is_read_however_it_is_named(text: str, moment: str) -> None:
    assert outcome(read_date(text, ZH)) == moment


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("明天不行，后天可以", "2026-11-23"), ("不是明天，是后天", "2026-11-23"), ("not Monday, Tuesday", "2026-11-24"),
        ("明天，不对，后天下午两点", "2026-11-23T14:00"), ("周一或周二", ["2026-11-23", "2026-11-24"]),
        ("between 3 and 4pm tomorrow", ["2026-11-22T15:00", "2026-11-22T16:00"]),
        ("明天下午三点或者四点", ["2026-11-22T15:00", "2026-11-22T16:00"]), ("周六", ["2026-11-21", "2026-11-28"]),
        ("Monday or Tuesday at 3pm", ["2026-11-23T15:00", "2026-11-24T15:00"]),
        ("I called yesterday, please call tomorrow at 3pm", "2026-11-22T15:00"),
    ],
)  # fmt: skip
def test_refused_moments_fall_away_and_alternatives_are_asked_about(
    text: str, result: object
) -> None:
    assert outcome(read_date(text, ZH)) == result


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("昨天", Problem.IN_THE_PAST), ("11月20号", Problem.IN_THE_PAST), ("今天早上8点", Problem.IN_THE_PAST),
        ("2月30号", Problem.NOT_POSSIBLE), ("明天25点", Problem.NOT_POSSIBLE),
    ],
)  # fmt: skip
def test_past_and_impossible_moments_are_named(text: str, problem: Problem) -> None:
    assert outcome(read_date(text, ZH)) == problem


@pytest.mark.parametrize(
    "text",
    ["", "5", "25", "你好", "晚上", "我等了3天", "3 days ago", "明天几点开门？", "明天能到账吗？", "when do you open tomorrow?"],
)  # fmt: skip
def test_bare_numbers_and_questions_about_dates_are_none(text: str) -> None:
    assert outcome(read_date(text, ZH)) is None


def test_a_proposal_may_be_a_question() -> None:
    assert outcome(read_date("明天下午三点可以吗？", ZH)) == "2026-11-22T15:00"
    assert outcome(read_date("can we do tomorrow at 3pm?", ZH)) == "2026-11-22T15:00"


def test_next_friday_on_a_wednesday_is_asked_about() -> None:
    assert outcome(read_date("next Friday", WEDNESDAY_EN)) == ["2026-11-27", "2026-11-20"]


def test_a_slashed_date_is_ambiguous_where_the_day_comes_first() -> None:
    assert outcome(read_date("5/12", ZH)) == "2027-05-12"
    assert outcome(read_date("5/12", WEDNESDAY_EN)) == ["2026-12-05", "2027-05-12"]
    assert outcome(read_date("25/12", WEDNESDAY_EN)) == "2026-12-25"


@pytest.mark.parametrize("text", ["明天下午", "around 3 tomorrow", "tomorrow afternoon", "周末"])
def test_loose_words_make_an_approximate_moment(text: str) -> None:
    reading = read_date(text, ZH)
    values = [reading.value] if reading.value else [c.value for c in reading.candidates]
    assert values
    assert all(value.approximate for value in values if value)
    exact = read_date("明天下午三点", ZH).value
    assert exact is not None
    assert not exact.approximate

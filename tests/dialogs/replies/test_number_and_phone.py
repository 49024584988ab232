"""Amounts and phone numbers are read in every notation people use."""

from __future__ import annotations

import pytest

from dialogs.replies import Problem, read_number, read_phone
from tests.dialogs.replies.given import WEDNESDAY_EN, ZH, outcome


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("一千二", 1200), ("一万五", 15000), ("一亿三千万", 130_000_000), ("两千零五", 2005), ("1.2万", 12000), ("1.2w", 12000),
        ("3千5", 3500), ("3k", 3000), ("$3.5k", 3500), ("1,200.50", 1200.5), ("about 200", 200), ("两百块", 200), ("叁佰", 300),
        ("two hundred and fifty", 250), ("twenty five", 25), ("a dozen", 12), ("3 1/2", 3.5), ("两个半", 2.5), ("５００", 500),
        ("200-300", [200, 300]), ("三四百", [300, 400]), ("3 or 4", [3, 4]), ("我有2张卡，每月花300", [2, 300]),
        ("200 不对 300", 300), ("not 200 but 300", 300), ("一次都没有", 0), ("5个？", 5),
    ],
)  # fmt: skip
def test_a_number_is_read_however_it_is_written(text: str, number: object) -> None:
    assert outcome(read_number(text, ZH)) == number


@pytest.mark.parametrize(
    "text", ["", "十几个", "一半", "11月25号", "3点", "第二个", "手续费是5%吗", "不知道"]
)
def test_dates_ordinals_questions_and_vague_amounts_are_no_numbers(text: str) -> None:
    assert outcome(read_number(text, ZH)) is None


def test_a_whole_number_is_an_int_and_a_fraction_a_float() -> None:
    assert isinstance(read_number("2.0", ZH).value, int)
    assert isinstance(read_number("2.5", ZH).value, float)


@pytest.mark.parametrize("text", ["500", "0", "9" * 20, "亿" * 24, "9" * 6000])
def test_a_number_outside_the_bounds_is_named(text: str) -> None:
    assert outcome(read_number(text, ZH, minimum=1, maximum=100)) == Problem.OUT_OF_RANGE


def test_what_frames_a_number_is_no_rest() -> None:
    assert read_number("我每月花300，手续费多少？", ZH).rest == "手续费多少？"


@pytest.mark.parametrize(
    ("text", "phone"),
    [
        ("13800138000", "+8613800138000"), ("138 0013 8000", "+8613800138000"), ("+86 138-0013-8000", "+8613800138000"),
        ("86 13800138000", "+8613800138000"), ("008613800138000", "+8613800138000"),
        ("我的电话是１３８００１３８０００", "+8613800138000"), ("幺三八零零幺三八零零零", "+8613800138000"),
        ("010-62781234", "+861062781234"), ("+1 (415) 555-2671", "+14155552671"), ("+65 6123 4567", "+6561234567"),
        ("不是13800138000，是13900139000", "+8613900139000"),
        ("13800138000或13900139000", ["+8613800138000", "+8613900139000"]),
        ("1380013800", Problem.NOT_POSSIBLE), ("12345", None), ("2026-11-25", None), ("hello", None), ("", None),
    ],
)  # fmt: skip
def test_a_phone_number_is_read_to_e164(text: str, phone: object) -> None:
    assert outcome(read_phone(text, ZH)) == phone


def test_the_region_completes_a_national_number() -> None:
    assert outcome(read_phone("020 7946 0958", WEDNESDAY_EN)) == "+442079460958"


def test_what_frames_a_phone_number_is_no_rest_but_what_follows_is() -> None:
    assert read_phone("我的电话是13800138000，晚上打", ZH).rest == "晚上打"

"""What holds of all readers: any text is taken, the outcome is one of three, and always the same."""

from __future__ import annotations

import json
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.replies import READERS, ReadOptions, ReplyKind, plain_value
from dialogs.replies.numerals import find_numbers
from dialogs.replies.wording import parse, rest_of
from tests.dialogs.replies.given import WEDNESDAY_EN, ZH

OPTIONS = ReadOptions(labels=("信用卡", "Credit card", "1", "👍"), minimum=0, maximum=10**6)
_PIECES = (
    "5|５|五|十|百|亿|1/2|4.5|-|~|分|星|⭐|👍🏽|不|没|不是|没有|满意|not |no |very |good |ok |yes|好|可以|明天|周一|下午|3点|monday |at 3 "
    "|in two hours|13800138000|+86|第二|last |b)|A|选|除了|all |but |但是|因为|wait |?|吗|,|，|。|\n| |什么时候|between |and |1-3|\u200b|\u0301|\ufe0f|½|٣"
)
PHRASES = st.lists(st.sampled_from(_PIECES.split("|")), max_size=12).map("".join)
ANY_TEXT = st.text(max_size=60) | PHRASES


@pytest.mark.parametrize("kind", list(ReplyKind))
@settings(deadline=None, max_examples=150)
@given(text=ANY_TEXT)
def test_any_text_gives_one_of_three_outcomes(kind: ReplyKind, text: str) -> None:
    for context in (ZH, WEDNESDAY_EN):
        reading = READERS[kind](text, OPTIONS, context)
        assert reading == READERS[kind](text, OPTIONS, context)
        assert len(reading.candidates) != 1
        assert reading.value is None or not reading.candidates
        json.dumps(
            [plain_value(reading.value), *(plain_value(c.value) for c in reading.candidates)]
        )


@pytest.mark.parametrize("kind", list(ReplyKind))
@settings(deadline=None, max_examples=150)
@given(text=ANY_TEXT)
def test_evidence_and_rest_are_parts_of_the_reply(kind: ReplyKind, text: str) -> None:
    reading = READERS[kind](text, OPTIONS, ZH)
    known = f"{text}{unicodedata.normalize('NFC', text)} …"  # kept texts are composed
    for said in (reading.evidence, reading.rest):
        assert set(said) <= set(known)


@settings(deadline=None, max_examples=200)
@given(text=ANY_TEXT, scale=st.integers(min_value=2, max_value=10))
def test_a_rating_is_always_on_the_scale(text: str, scale: int) -> None:
    reading = READERS[ReplyKind.RATING](text, ReadOptions(scale=scale), ZH)
    values = [reading.value, *(candidate.value for candidate in reading.candidates)]
    assert all(1 <= value <= scale for value in values if value is not None)


@settings(deadline=None, max_examples=200)
@given(text=ANY_TEXT)
def test_a_chosen_option_always_exists(text: str) -> None:
    reading = READERS[ReplyKind.CHOICE](text, OPTIONS, ZH)
    values = [reading.value, *(candidate.value for candidate in reading.candidates)]
    assert all(0 <= value < len(OPTIONS.labels) for value in values if value is not None)


@pytest.mark.parametrize("kind", list(ReplyKind))
@pytest.mark.parametrize(
    "unit",
    ["5", "5,", "我5", "(1", "a ", "不", "not very ", "五", "亿", "明天", "1-", "1:00", "选1", "信用卡", "👍", "\u0301", " ", "吗"],
)  # fmt: skip
def test_fifty_thousand_characters_are_read_to_the_end(kind: ReplyKind, unit: str) -> None:
    text = (unit * 50_000)[:50_000]
    reading = READERS[kind](text, OPTIONS, ZH)
    assert reading.value is None or not reading.candidates


@given(text=ANY_TEXT)
def test_nothing_understood_leaves_no_more_than_was_said(text: str) -> None:
    assert len(rest_of(parse(text), [])) <= len(text)


@pytest.mark.parametrize(
    "number", [0, 1, 9, 10, 11, 20, 99, 100, 105, 110, 999, 1000, 1200, 10_000]
)
def test_digits_and_chinese_numerals_agree(number: int) -> None:
    found = find_numbers(_chinese(number))
    assert [int(numeral.low) for numeral in found] == [number]


def _chinese(number: int) -> str:
    """The plain formal numeral (一百一十, not 百十)."""
    if number == 0:
        return "零"
    text = ""
    zero = False
    for unit, name in ((10_000, "万"), (1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, unit)
        if digit:
            text += ("零" if zero else "") + "零一二三四五六七八九"[digit] + name
            zero = False
        elif text and number:
            zero = True
    return text

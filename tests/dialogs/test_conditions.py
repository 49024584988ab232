"""Conditions: what may be written, what it means, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.conditions import Condition, ConditionError

ANSWERS = {"rating": 2, "reason": "fees", "many": ["a", "b"], "fine": True, "zero": 0}


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("rating <= 2", True), ("rating < 2", False), ("rating == 2", True), ("rating != 2", False),
        ("1 <= rating <= 3", True), ("rating > -1", True), ("rating in [1, 2]", True),
        ("rating not in (1, 2)", False), ("reason == 'fees'", True), ('reason != "fees"', False),
        ("'a' in many", True), ("'c' in many", False), ("'c' not in many", True),
        ("fine", True), ("not fine", False), ("fine == yes", True), ("fine == no", False),
        ("rating <= 2 and fine", True), ("rating > 2 or fine", True), ("rating > 2 and fine", False),
        ("answered(rating)", True), ("answered(zero)", True), ("answered(gone)", False),
        ("gone == null", True), ("gone <= 2", False), ("gone > 2", False), ("gone == 1", False),
        ("reason < 3", False), ("rating < 'x'", False), ("not answered(gone) and rating == 2", True),
        ("'x' in rating", False), ("many == ['a', 'b']", True),
    ],
)  # fmt: skip
def test_a_condition_means_what_it_says(text: str, holds: bool) -> None:
    assert Condition.parse(text).holds(ANSWERS) is holds


def test_the_names_it_looks_at_are_known() -> None:
    condition = Condition.parse("rating <= 2 and answered(reason) or fine == yes")
    assert condition.names == {"rating", "reason", "fine"}


@pytest.mark.parametrize(
    "text",
    [
        "", "rating <=", "rating = 2", "rating <= 2;", "__import__('os')", "rating.real", "open('x')",
        "rating[0]", "lambda: 1", "[x for x in many]", "rating + 1 > 2", "f'{rating}'", "answered('x')",
        "answered(rating, fine)", "rating ** 99", "(" * 300, "rating == b'x'", "a if b else c", "{1: 2}",
        "rating <= 2 " + "and rating <= 2 " * 50, "answered(rating=1)", "x := 1", "1j == rating",
    ],
)  # fmt: skip
def test_anything_else_is_refused_with_words(text: str) -> None:
    with pytest.raises(ConditionError) as caught:
        Condition.parse(text)
    assert "condition" in str(caught.value)


@given(text=st.text(max_size=60))
def test_any_text_is_a_condition_or_refused(text: str) -> None:
    try:
        condition = Condition.parse(text)
    except ConditionError:
        return
    assert condition.holds(ANSWERS) in (True, False)
    assert condition.holds({}) in (True, False)


_ATOMS = ["rating <= 2", "reason == 'fees'", "fine", "answered(gone)", "'a' in many", "gone > 1"]


@given(parts=st.lists(st.sampled_from(_ATOMS), min_size=1, max_size=4))
def test_and_or_not_follow_logic(parts: list[str]) -> None:
    each = [Condition.parse(part).holds(ANSWERS) for part in parts]
    assert Condition.parse(" and ".join(parts)).holds(ANSWERS) is all(each)
    assert Condition.parse(" or ".join(parts)).holds(ANSWERS) is any(each)
    assert Condition.parse(f"not ({parts[0]})").holds(ANSWERS) is not each[0]

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.store.masks import mask_all, mask_digits, mask_name, mask_value


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("张三", "张•"),
        ("欧阳娜娜", "欧•••"),
        ("李", "李•"),
        ("Ada Lovelace", "A•• L•••••••"),
        ("👩‍🚀Li", "👩‍🚀••"),
        ("", ""),
    ],
)
def test_a_name_shows_the_first_character_of_each_word(name: str, shown: str) -> None:
    assert mask_name(name) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("+8613800138000", "••••••••••••00"),
        ("12345678", "••••••78"),
        ("1234", "•••4"),
        ("123", "•••"),
        ("", ""),
    ],
)
def test_a_value_shows_its_last_characters_at_most_a_quarter(value: str, shown: str) -> None:
    assert mask_value(value) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("1234", "••••"),
        ("it is 123X, thanks", "it is ••••, thanks"),
        ("尾号是 12 34", "尾号是 •••••"),
        ("１２３４", "••••"),
        ("一二三四", "••••"),
        ("I have 2 cards", "I have 2 cards"),
        ("您好", "您好"),
    ],
)
def test_numbers_of_three_digits_and_more_are_hidden(text: str, shown: str) -> None:
    assert mask_digits(text) == shown


@given(st.text(alphabet="0123456789abcXYZ张三", min_size=1))
def test_a_mask_hides_at_least_three_quarters(value: str) -> None:
    assert mask_value(value).count("•") * 4 >= len(value) * 3
    assert set(mask_all(value)) == {"•"}

"""Text is folded with a way back, measured in each platform's unit, and cut where it reads well."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.message import TextUnit
from channels.text import _fold_any, _fold_even, clean, fold, measure, split, truncate

ANY_TEXT = st.text(max_size=120) | st.text(
    alphabet="ab 你好，。！？\n.https:/👍🏽👨\u200d👩e\u0301\ufe0f", max_size=120
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("５分，ＯＫ！", "5分,ok!"), ("4️⃣", "4"), ("④", "4"), ("👍🏽", "👍"), ("❤️", "❤"), ("a\u200bb\u202e", "ab"),
        ("Don’t", "don't"), ("3–4", "3-4"), ("a  \u3000b", "a b"), ("a \n\n b", "a\nb"), ("e\u0301", "é"), ("", ""),
    ],
)  # fmt: skip
def test_looks_are_folded_away(text: str, folded: str) -> None:
    assert fold(text).text == folded


# What most messages are made of, with all that could break the short way of folding them.
_USUAL = st.text(
    st.sampled_from("aZ5 ,`?~手续费㐀鿿，。！？“’—（）Ａｚ５～　…\n\t\u200d\ufe0f\u20e3́👍🏽한ﾞ")
)


@given(_USUAL)
def test_the_short_way_of_folding_gives_what_the_long_one_gives(text: str) -> None:
    short = _fold_even(text)
    assert short is None or short == _fold_any(text)


def test_every_letter_of_the_short_way_is_folded_like_by_the_long_one() -> None:
    letters = [chr(code) for code in range(0x30000) if not 0xD800 <= code < 0xE000]
    even = [(letter, _fold_even(letter)) for letter in letters]
    assert sum(short is not None for _, short in even) > 27_000
    assert all(short in (None, _fold_any(letter)) for letter, short in even)


def test_each_folded_part_leads_back_to_what_was_typed() -> None:
    folded = fold("评４️⃣分\u200b ½")
    assert folded.text == "评4分 1⁄2"
    assert folded.original(1, 3) == "４️⃣分"
    assert folded.original(5, 6) == "½"
    assert folded.original(2, 2) == ""


@given(text=ANY_TEXT)
def test_folding_maps_every_position_into_the_source(text: str) -> None:
    folded = fold(text)
    assert len(folded.text) == len(folded.starts) == len(folded.ends)
    pairs = zip(folded.starts, folded.ends, strict=True)
    assert all(0 <= start < end <= len(text) for start, end in pairs)
    assert list(folded.starts) == sorted(folded.starts)


def test_cleaning_keeps_emoji_whole_and_drops_what_hides() -> None:
    assert clean(" a\u202e\u200b👨\u200d👩❤️ ") == "a👨\u200d👩❤️"


@pytest.mark.parametrize(
    ("unit", "length"),
    [(TextUnit.CHAR, 5), (TextUnit.BYTE, 18), (TextUnit.UTF16, 8), (TextUnit.GRAPHEME, 2)],
)
def test_a_text_is_measured_as_the_platform_counts(unit: TextUnit, length: int) -> None:
    assert measure("👨\u200d👩🏽好", unit) == length


@settings(max_examples=300)
@given(text=ANY_TEXT, limit=st.integers(min_value=4, max_value=40), unit=st.sampled_from(TextUnit))
def test_pieces_fit_and_lose_nothing_but_white_space(text: str, limit: int, unit: TextUnit) -> None:
    pieces = split(text, limit, unit)
    assert all(0 < measure(piece, unit) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("第一段。\n\n第二段很长很长。", 12, ["第一段。", "第二段很长很长。"]),
        ("你好，世界。这是一句话。", 8, ["你好，世界。", "这是一句话。"]),
        ("One two. Three four five", 12, ["One two.", "Three four", "five"]),
        ("hello there", 8, ["hello", "there"]),
        ("看 https://a.cn/b1 吧好", 14, ["看 https://a.cn", "/b1 吧好"]),
        ("看看 https://a.cn/b1 吧", 15, ["看看", "https://a.cn/b1", "吧"]),
        ("", 5, []),
        ("   ", 5, []),
    ],
)
def test_cuts_fall_where_the_text_pauses(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit, TextUnit.CHAR) == pieces


def test_a_grapheme_is_cut_only_if_it_cannot_fit() -> None:
    family = "👨\u200d👩\u200d👧"
    assert split(family * 2, 6, TextUnit.CHAR) == [family, family]
    assert all(measure(piece, TextUnit.BYTE) <= 4 for piece in split("👍👍", 4, TextUnit.BYTE))


def test_a_limit_that_holds_no_character_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot hold"):
        split("好", 3, TextUnit.BYTE)


@given(text=ANY_TEXT, limit=st.integers(min_value=0, max_value=40), unit=st.sampled_from(TextUnit))
def test_a_truncated_text_fits(text: str, limit: int, unit: TextUnit) -> None:
    shown = truncate(text, limit, unit)
    assert measure(shown, unit) <= limit
    assert shown == text or text.startswith(shown.removesuffix("…"))


def test_truncation_is_marked() -> None:
    assert truncate("你好，世界。", 4, TextUnit.CHAR) == "你好，…"
    assert truncate("short", 5, TextUnit.CHAR) == "short"

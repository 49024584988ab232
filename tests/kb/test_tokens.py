"""Texts that mean the same to a reader have the same or shared features."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.concepts import parse, stem, thesaurus
from kb.normalize import MAX_CHARS, normalize
from kb.shipped import data_lines
from kb.tokens import Field, encode, field_of


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("ＡＰＰ　１２３", "app 123"),
        ("TRANSFER", "transfer"),
        ("轉帳失敗了，錢會退嗎", "转帐失败了,钱会退吗"),
        ("提\u200b现\u200d\ufeff", "提现"),
        ("can’t", "cant"),
        ("can't", "cant"),
        ("café", "cafe"),
        ("\u202eabc", "abc"),
        ("Straße", "strasse"),
        ("a\ud800b", "ab"),
    ],
)
def test_spelling_is_folded(typed: str, same: str) -> None:
    assert normalize(typed) == same


def test_a_long_text_keeps_its_start_and_end() -> None:
    text = normalize("start " + "x" * 5000 + " end")
    assert len(text) <= MAX_CHARS
    assert text.startswith("start")
    assert text.endswith("end")


@given(st.text(max_size=300))
def test_any_text_is_encoded_into_sorted_distinct_features(text: str) -> None:
    ids, counts, meaning = encode(text)
    assert meaning is None
    assert np.all(np.diff(ids.astype(np.int64)) > 0)
    assert np.all(counts >= 1)
    assert len(ids) == len(counts)
    assert set(field_of(ids)) <= set(Field)


@given(st.text(max_size=60))
def test_normalizing_twice_changes_nothing(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@pytest.mark.parametrize("text", ["", "   ", "😀👍🏽", "？！…", "\u200b", "👨‍👩‍👧"])
def test_a_text_without_letters_has_no_features(text: str) -> None:
    assert len(encode(text).ids) == 0


@pytest.mark.parametrize(
    ("one", "other", "field"),
    [
        ("余额不足", "余鹅不足", Field.SOUND_PAIR),  # a homophone typo
        ("怎么充值", "如何往里充钱", Field.CONCEPT),
        ("打款", "transfer", Field.CONCEPT),  # across languages
        ("cash out", "withdrawal", Field.CONCEPT),
        ("transferring", "transfers", Field.WORD),
        ("withdrawl", "withdrawal", Field.LETTER_GRAM),
        ("账户余额", "账户被锁", Field.HAN_PAIR),
        ("用iPhone登录", "iphone", Field.WORD),
    ],
)
def test_related_texts_share_features_of_a_field(one: str, other: str, field: Field) -> None:
    shared = np.intersect1d(encode(one).ids, encode(other).ids)
    assert field in set(field_of(shared))


def test_traditional_script_has_the_features_of_simplified() -> None:
    assert np.array_equal(encode("轉帳到帳時間").ids, encode("转帐到帐时间").ids)


def test_a_pasted_address_costs_few_features() -> None:
    assert len(encode("bc1q" + "a8f3" * 200).ids) < 300


@pytest.mark.parametrize(
    "forms",
    [
        "transfer transfers transferred transferring",
        "verify verified verification verifying",
        "cancel cancels cancelled cancellation",
        "charge charged charges charging",
    ],
)
def test_forms_of_a_word_have_one_stem(forms: str) -> None:
    assert len({stem(word) for word in forms.split()}) == 1


def test_every_line_of_the_thesaurus_has_a_name_and_both_languages() -> None:
    for line in data_lines("concepts.txt"):
        name, colon, rest = line.partition(":")
        assert colon
        assert name.isidentifier()
        assert parse((line,)).words or parse((line,)).han
        assert rest.count("|") == 1, line
    assert thesaurus().in_han("我要退款")

"""Which secrets are removed from what a person wrote, and which look-alikes stay."""

from __future__ import annotations

import pytest

from bot.safety.guard import check_outgoing
from bot.safety.notices import marker
from bot.safety.redact import (
    Expectation,
    Redaction,
    RedactionContext,
    SecretKind,
    redact,
    what_to_do,
)
from tests.bot.safety.lines import redact_lines
from tests.bot.safety.vectors import SEED12, VECTORS

ZH, EN = RedactionContext(locale="zh"), RedactionContext(locale="en")
LINES = [(locale, *line) for locale in ("zh", "en") for line in redact_lines(locale)]


def found(text: str, context: RedactionContext = EN) -> list[tuple[str, str]]:
    return [(f.kind.value, text[f.start : f.end]) for f in redact(text, context).found]


@pytest.mark.parametrize(("locale", "kinds", "secrets", "text"), LINES)
def test_a_line_loses_its_secrets_and_nothing_else(
    locale: str, kinds: str, secrets: tuple[str, ...], text: str
) -> None:
    expected = list(zip(kinds.split(), secrets, strict=True)) if kinds != "-" else []
    assert found(text, RedactionContext(locale=locale)) == expected


@pytest.mark.parametrize(("locale", "kinds", "secrets", "text"), LINES)
def test_redacting_twice_changes_nothing(
    locale: str, kinds: str, secrets: tuple[str, ...], text: str
) -> None:
    context = RedactionContext(locale=locale)
    once = redact(text, context)
    assert redact(once.text, context) == Redaction(once.text)
    assert not any(secret in once.text for secret in secrets)


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_there_are_enough_lines_of_both_sorts(locale: str) -> None:
    kinds = [line[0] for line in redact_lines(locale)]
    assert kinds.count("-") >= 80
    assert len(kinds) - kinds.count("-") >= 80


def test_the_marker_names_the_kind_in_the_persons_language_and_no_length() -> None:
    assert redact("卡号 4111 1111 1111 1111", ZH).text == "卡号 ［已隐去：银行卡号］"
    assert redact("card 378282246310005", EN).text == "card [removed: card number]"


def test_what_a_removal_lays_bare_is_removed_in_the_same_reading() -> None:
    assert redact("4111111111111111code 1111", EN).text == (
        "[removed: card number]code [removed: one-time code]"
    )


def test_spans_are_places_in_the_original_text() -> None:
    text = "①②③ 我的卡：\u200b４１１１\u200b1111 1111\u200b1111。"
    (finding,) = redact(text, ZH).found
    assert text[finding.start : finding.end] == "４１１１\u200b1111 1111\u200b1111"


@pytest.mark.parametrize(
    ("expects", "text", "removed"),
    [
        (Expectation.UNKNOWN, "583920", False),
        (Expectation.NOTHING, "583920", True),
        (Expectation.NOTHING, "五八三九二零", True),
        (Expectation.NOTHING, "583 920", True),
        (Expectation.NOTHING, "5839", False),
        (Expectation.NOTHING, "20261121", False),
        (Expectation.CHOICE, "583920", True),
        (Expectation.CHOICE, "5", False),
        (Expectation.CHOICE, "1234", False),
        (Expectation.FREE_TEXT, "给你 583920", True),
        (Expectation.FREE_TEXT, "it's 583920 thanks", True),
        (Expectation.FREE_TEXT, "583920 people use it", False),
        (Expectation.DIGITS_LAST4, "1234", False),
        (Expectation.DIGITS_LAST4, "583920", True),
        (Expectation.NUMBER, "583920", False),
        (Expectation.PHONE, "62345678", False),
        (Expectation.DATE, "20261121", False),
        (Expectation.DATE, "112126", False),
        (Expectation.ONE_TIME_CODE_POSSIBLE, "5839", True),
        (Expectation.ONE_TIME_CODE_POSSIBLE, "58392017", True),
        (Expectation.ONE_TIME_CODE_POSSIBLE, "13800138000", False),
        (Expectation.ONE_TIME_CODE_POSSIBLE, "583", False),
    ],
)
def test_the_pending_question_decides_about_a_bare_number(
    expects: Expectation, text: str, removed: bool
) -> None:
    result = redact(text, RedactionContext(locale="zh", expects=expects))
    assert [f.kind for f in result.found] == [SecretKind.ONE_TIME_CODE] * removed


@pytest.mark.parametrize(
    ("recent", "text", "expects", "removed"),
    [
        (("收到验证码了",), "583920", Expectation.UNKNOWN, True),
        (("收到验证码了",), "5839", Expectation.UNKNOWN, False),
        (("收到验证码了",), "5839", Expectation.CHOICE, True),
        (("收到验证码了",), "1234", Expectation.DIGITS_LAST4, False),
        (("I got the code",), "583920", Expectation.UNKNOWN, True),
        (("hello",), "583920", Expectation.UNKNOWN, False),
        (("收到验证码了", "你好", "在吗"), "58392", Expectation.UNKNOWN, False),
    ],
)
def test_a_bare_number_after_talk_of_a_code_is_the_code(
    recent: tuple[str, ...], text: str, expects: Expectation, removed: bool
) -> None:
    context = RedactionContext(locale="zh", expects=expects, recent=recent)
    assert bool(redact(text, context).found) is removed


def test_eight_recovery_words_count_where_the_question_speaks_of_them() -> None:
    eight = VECTORS["seed8"]
    asked = RedactionContext(locale="en", question="Have you backed up your recovery phrase?")
    assert found(eight, EN) == []
    assert found(eight, asked) == [("seed_phrase", eight)]


def test_chinese_recovery_words_without_gaps_need_the_checksum_or_their_name() -> None:
    glued = VECTORS["zh12_glued"]
    assert found(glued, ZH) == []
    asked = RedactionContext(locale="zh", question="助记词备份好了吗？")
    assert found(glued, asked) == [("seed_phrase", glued)]


def test_words_of_the_second_half_of_a_mixed_message_are_all_gone() -> None:
    text = f"卡 4111111111111111 词 {SEED12} 密码是abc12345"
    assert [kind for kind, _ in found(text, ZH)] == ["card", "seed_phrase", "password"]


@pytest.mark.parametrize("kind", list(SecretKind))
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_advice_passes_the_guard_and_holds_no_secret(kind: SecretKind, locale: str) -> None:
    advice = what_to_do(kind, locale)
    assert check_outgoing(advice) == ()
    assert redact(advice, RedactionContext(locale=locale)).found == ()
    assert "{" not in advice


@pytest.mark.parametrize("kind", list(SecretKind))
@pytest.mark.parametrize("locale", ["zh", "en", "zh-TW", "en-GB", ""])
def test_markers_are_never_taken_for_secrets(kind: SecretKind, locale: str) -> None:
    for text in (
        marker(kind, locale),
        f"密码是{marker(kind, locale)}",
        f"code {marker(kind, locale)} 谢谢",
    ):
        assert redact(text, ZH).found == ()


def test_advice_for_lost_keys_says_to_move_the_money() -> None:
    for kind in (SecretKind.SEED_PHRASE, SecretKind.PRIVATE_KEY, SecretKind.KEYSTORE):
        assert "转移" in what_to_do(kind, "zh")
        assert "move your funds" in what_to_do(kind, "en")

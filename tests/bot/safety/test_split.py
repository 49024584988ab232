"""Secrets told in several messages: what is found, and which earlier messages are scrubbed."""

from __future__ import annotations

import pytest

from bot.safety.notices import marker
from bot.safety.redact import RedactionContext, SecretKind, find_split, redact
from tests.bot.safety.vectors import HEX64, SEED12, ZH12

WORDS = tuple(SEED12.split())
SEED_MARKER = marker(SecretKind.SEED_PHRASE, "en")


def parts(recent: tuple[str, ...], text: str) -> list[tuple[str, list[tuple[int, str]]]]:
    texts = (*recent, text)
    return [
        (
            finding.kind.value,
            [(p.message, texts[p.message][p.start : p.end]) for p in finding.parts],
        )
        for finding in find_split(recent, text)
    ]


def test_twelve_words_in_twelve_messages_are_all_named() -> None:
    assert parts(WORDS[:11], WORDS[11]) == [("seed_phrase", list(enumerate(WORDS)))]
    assert parts(WORDS[:10], WORDS[10]) == []


def test_talk_before_the_words_is_left_alone_and_lowers_the_count() -> None:
    recent = ("my recovery phrase is", *WORDS[:7])
    assert parts(recent, WORDS[7]) == [
        ("seed_phrase", [(i + 1, word) for i, word in enumerate(WORDS[:8])])
    ]


def test_numbered_words_and_several_in_a_message_are_found() -> None:
    recent = tuple(
        f"{i}. {a} {b}" for i, (a, b) in enumerate(zip(WORDS[:10:2], WORDS[1:10:2], strict=True))
    )
    ((kind, places),) = parts(recent, " ".join(WORDS[10:]))
    assert (kind, len(places)) == ("seed_phrase", 6)
    assert places[0] == (0, f"{WORDS[0]} {WORDS[1]}")


@pytest.mark.parametrize(
    ("before", "after"),
    [("my recovery phrase is ", ""), ("", " should I worry?"), ("so: ", " ok? bye")],
)
@pytest.mark.parametrize("cut", [2, 6, 10])
def test_talk_in_the_first_and_the_last_message_hides_no_words(
    before: str, after: str, cut: int
) -> None:
    recent = "bonjour madame", before + " ".join(WORDS[:cut])
    ((kind, places),) = parts(recent, " ".join(WORDS[cut:]) + after)
    assert kind == "seed_phrase"
    assert places == [(1, " ".join(WORDS[:cut])), (2, " ".join(WORDS[cut:]))]


def test_chinese_words_one_by_one_are_found() -> None:
    assert parts(tuple(ZH12[:11]), ZH12[11]) == [("seed_phrase", list(enumerate(ZH12)))]


def test_the_thirteenth_word_is_found_after_the_first_twelve_were_scrubbed() -> None:
    recent = ("hello",) + (SEED_MARKER,) * 12
    assert parts(recent, "zebra") == [("seed_phrase", [(13, "zebra")])]
    assert parts(recent, "what shall I do now?") == []


@pytest.mark.parametrize(
    ("recent", "text", "kind"),
    [
        (("4111", "1111", "1111"), "1111", "card"),
        (("41111111",), "11111111", "card"),
        (("4111 1111", "等下"), "1111 1111", "card"),
        (("前面是 4111 1111",), "后面 1111 1111", "card"),
        (("肆壹壹壹", "壹壹壹壹", "壹壹壹壹"), "壹壹壹壹", "card"),
        (("110105", "19491231"), "002X", "identity"),
        ((HEX64[:32],), HEX64[32:], "private_key"),
        (("0x" + HEX64[:16], HEX64[16:40]), HEX64[40:], "private_key"),
    ],
)
def test_numbers_and_keys_in_pieces_are_found(
    recent: tuple[str, ...], text: str, kind: str
) -> None:
    ((got, places),) = parts(recent, text)
    assert got == kind
    assert places[0][0] == 0
    assert places[-1][0] == len(recent)


@pytest.mark.parametrize(
    ("recent", "text"),
    [
        (("1234", "5", "3"), "13800138000"),
        (("13800138000",), "1234"),
        (("5", "4", "5", "很满意"), "1234"),
        (("4111", "1111", "你好，我的余额是 200 元", "1111"), "1111"),
        (("yes", "ok", "thanks"), "good"),
        (("I lost my recovery phrase", "can you help"), "yes please help me now with this"),
        (("where is the fee for the card", "and the limit"), "that is all"),
        (("好", "是", "对", "嗯"), "行"),
        ((HEX64[:32],), "谢谢"),
        (("2026", "11"), "21"),
        ((), "4111"),
    ],
)
def test_rows_of_ordinary_answers_are_no_secret(recent: tuple[str, ...], text: str) -> None:
    assert find_split(recent, text) == ()


@pytest.mark.parametrize(
    ("previous", "text", "removed"),
    [
        ("我的密码是", "abc12345", True),
        ("my password is", "sunshine", True),
        ("密码", "123456", True),
        ("password:", "hunter2", True),
        ("my PIN is", "1234", True),
        ("我忘记密码了", "123456", False),
        ("I forgot my password", "help", False),
        ("密码是", "什么", False),
        ("my password is", "wrong", False),
    ],
)
def test_a_password_announced_in_the_message_before_is_removed(
    previous: str, text: str, removed: bool
) -> None:
    context = RedactionContext(recent=(previous,))
    assert [f.kind for f in redact(text, context).found] == [SecretKind.PASSWORD] * removed


def test_redact_removes_the_last_piece_by_itself() -> None:
    context = RedactionContext(locale="en", recent=("4111", "1111", "1111"))
    assert redact("1111", context).text == "[removed: card number]"


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_the_rest_of_an_identity_number_goes_after_its_first_six_digits_looked_like_a_code(
    locale: str,
) -> None:
    code = marker(SecretKind.ONE_TIME_CODE, locale)
    assert parts((code, "19491231"), "002X") == [("identity", [(1, "19491231"), (2, "002X")])]
    assert parts((code,), "19491231002X") == [("identity", [(1, "19491231002X")])]
    assert parts((code,), "19491231") == []
    assert parts(("hello",), "19491231002X") == []
    assert parts((f"it was {code}",), "19491231002X") == []

"""What holds of every text: secrets go, wherever they stand; nothing raises; time is linear."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mnemonic import Mnemonic

from bot.safety.detectors.card import passes_luhn
from bot.safety.detectors.normalise import normalise
from bot.safety.guard import check_outgoing
from bot.safety.personal import mask_personal
from bot.safety.redact import Expectation, RedactionContext, SecretKind, find_split, redact
from tests.bot.safety.vectors import VECTORS

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_TALK = [
    "你好，我想问一下",
    "麻烦帮我查一下，谢谢！",
    "已经等了三天了",
    "hi, is anybody there",
    "please help me",
    "that did not work at all",
    "充值 200 元没到",
    "😀😀",
    "\n",
    "尾号1234",
    "order 20261121",
    "（急）",
    "\u200b",
]


def _card(pick: random.Random) -> str:
    head, size = pick.choice(
        [("4", 16), ("51", 16), ("2400", 16), ("37", 15), ("62", 19), ("62", 16)]
    )
    body = head + "".join(pick.choices("0123456789", k=size - len(head) - 1))
    return next(body + d for d in "0123456789" if passes_luhn(body + d))


def _grouped_card(pick: random.Random) -> str:
    number = _card(pick)
    gap = pick.choice([" ", "-", ".", "", "\u200b"])
    text = gap.join(number[i : i + 4] for i in range(0, len(number), 4))
    return (
        text.translate(str.maketrans("0123456789", "０１２３４５６７８９"))
        if pick.random() < 0.3
        else text
    )


def _resident(pick: random.Random) -> str:
    body = f"{pick.choice(['110105', '440106', '622201'])}{pick.randint(1930, 2020)}{pick.randint(1, 12):02}{pick.randint(1, 28):02}{pick.randint(0, 999):03}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def _seed(pick: random.Random) -> str:
    words = Mnemonic("english").to_mnemonic(pick.randbytes(pick.choice([16, 24, 32]))).split()
    match pick.randrange(4):
        case 0:
            return "\n".join(f"{i}. {word}" for i, word in enumerate(words, 1))
        case 1:
            return ", ".join(words)
        case 2:
            return " ".join(word.upper() for word in words)
        case _:
            return " ".join(words)


def _hanzi(pick: random.Random) -> str:
    words = Mnemonic("chinese_simplified").to_mnemonic(pick.randbytes(16)).split()
    return pick.choice([" ", "、", "，", "\n"]).join(words)


SECRETS: dict[SecretKind, Callable[[random.Random], str]] = {
    SecretKind.CARD: _grouped_card,
    SecretKind.IDENTITY: _resident,
    SecretKind.SEED_PHRASE: _seed,
    SecretKind.PRIVATE_KEY: lambda pick: pick.choice(["", "0x"]) + pick.randbytes(32).hex(),
    SecretKind.API_TOKEN: lambda pick: (
        f"{pick.randint(10**8, 10**9)}:{''.join(pick.choices(_BASE58, k=35))}"
    ),
    SecretKind.KEYSTORE: lambda pick: VECTORS["keystore"].replace("ab", pick.randbytes(1).hex()),
}
NAMED: dict[SecretKind, tuple[list[str], Callable[[random.Random], str]]] = {
    SecretKind.PASSWORD: (
        ["密码是", "密码：", "password: ", "my password is "],
        lambda pick: "".join(pick.choices("abcdefgh", k=5)) + str(pick.randint(10000, 99999)),
    ),
    SecretKind.ONE_TIME_CODE: (
        ["验证码", "验证码是", "OTP ", "my code is ", "驗證碼："],
        lambda pick: str(pick.randint(100000, 999999)),
    ),
    SecretKind.PASSPORT: (
        ["护照号", "passport "],
        lambda pick: f"E{pick.randint(10**7, 10**8 - 1)}",
    ),
    SecretKind.CARD_SECURITY: (["cvv ", "安全码是"], lambda pick: str(pick.randint(100, 999))),
}


@settings(max_examples=400)
@given(
    kind=st.sampled_from([*SECRETS, *NAMED]),
    seed=st.integers(0, 2**32),
    before=st.lists(st.sampled_from(_TALK), max_size=4),
    after=st.lists(st.sampled_from(_TALK), max_size=4),
)
def test_a_secret_is_removed_from_any_chatter(
    kind: SecretKind, seed: int, before: list[str], after: list[str]
) -> None:
    pick = random.Random(seed)
    if kind in SECRETS:
        lead, secret = "", SECRETS[kind](pick)
    else:
        leads, make = NAMED[kind]
        lead, secret = pick.choice(leads), make(pick)
    assume(not any(secret in said for said in [*before, *after]))
    text = "，".join([*before, lead + secret, *after])
    result = redact(text)
    assert secret not in result.text
    assert kind in {finding.kind for finding in result.found}
    digits = re.sub(r"\D", "", normalise(secret).text)
    left = re.sub(r"\D", "", normalise(result.text).text)
    harmless = re.sub(r"\D", "", normalise("，".join([*before, *after])).text)
    runs = {digits[i : i + 5] for i in range(len(digits) - 4)}
    assert not any(run in left and run not in harmless for run in runs)
    assert redact(result.text).text == result.text


@settings(max_examples=300)
@given(
    text=st.text(max_size=200),
    expects=st.sampled_from(Expectation),
    recent=st.lists(st.text(max_size=30), max_size=4),
)
def test_any_text_is_read_without_an_error_and_only_once(
    text: str, expects: Expectation, recent: list[str]
) -> None:
    context = RedactionContext(expects=expects, recent=tuple(recent))
    once = redact(text, context)
    assert redact(once.text, context).text == once.text
    ends = [0, *(end for f in once.found for end in (f.start, f.end)), len(text)]
    assert ends == sorted(ends)
    find_split(tuple(recent), text)
    check_outgoing(text, ("wallet.example",))
    mask_personal(text)


_PIECES = st.sampled_from(
    [
        "4111",
        " ",
        "1111",
        "密码",
        "是",
        ":",
        "code",
        "abandon ",
        "12/28",
        "私钥",
        "0x",
        "ab" * 16,
        "{",
        "}",
        '"crypto":{',
        "[removed: password]",
        "［已隐去：验证码］",
        "一",
        "、",
        "E1234567",
        "护照",
        "-----BEGIN PRIVATE KEY-----",
        "583920",
        "\n",
        "password is ",
        "tx ",
    ]
)


@settings(max_examples=500)
@given(pieces=st.lists(_PIECES, max_size=30))
def test_redacting_what_is_redacted_changes_nothing(pieces: list[str]) -> None:
    once = redact("".join(pieces))
    assert redact(once.text).text == once.text


@given(text=st.text(max_size=80))
def test_every_character_of_the_plain_form_leads_back_into_the_text(text: str) -> None:
    normal = normalise(text)
    assert len(normal.text) == len(normal.words) == len(normal.digits)
    for i in range(len(normal.text)):
        start, end = normal.original_span(i, i + 1)
        assert 0 <= start < end <= len(text)


@pytest.mark.parametrize(
    "piece",
    [
        "4",
        "41 ",
        "a",
        "abandon ",
        "一",
        "一 ",
        "密码是",
        "code ",
        "{",
        "[1,",
        "-----BEGIN PRIVATE KEY-----",
        "请把",
        "https://",
        "a.",
        "1/",
        "不",
        "eyJ",
        "password is a ",
        "验证码是我",
        "\u200b4",
        "send me ",
    ],
)
def test_ten_times_the_text_takes_no_more_than_about_ten_times_as_long(piece: str) -> None:
    def cost(size: int) -> float:
        text = (piece * size)[:size]
        best = float("inf")
        for _ in range(2):
            began = time.process_time()
            redact(text)
            check_outgoing(text)
            best = min(best, time.process_time() - began)
        return best

    # A ratio, not seconds: a quadratic step would show as a hundredfold.
    assert cost(50_000) < 40 * max(cost(5_000), 0.002)

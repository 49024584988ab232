"""No text may go out that asks for a secret or links elsewhere."""

from __future__ import annotations

import pytest

from bot.safety.guard import ViolationKind, check_outgoing
from tests.bot.safety.lines import read_lines

DOMAINS = ("wallet.com", "huifang.example")


@pytest.mark.parametrize("line", read_lines("asks_zh") + read_lines("asks_en"))
def test_a_text_that_asks_for_a_secret_is_refused(line: str) -> None:
    violations = check_outgoing(line, ("wallet.com",))
    assert {v.kind for v in violations} & {ViolationKind.ASKS_SECRET, ViolationKind.ASKS_ACTION}
    assert all(0 <= v.start < v.end <= len(line) for v in violations)


@pytest.mark.parametrize("line", read_lines("safe_zh") + read_lines("safe_en"))
def test_a_warning_an_instruction_or_an_ordinary_question_may_go(line: str) -> None:
    assert check_outgoing(line) == ()


@pytest.mark.parametrize("name", ["asks_zh", "asks_en", "safe_zh", "safe_en"])
def test_there_are_enough_lines_of_each_sort(name: str) -> None:
    assert len(set(read_lines(name))) >= 80


def test_a_violation_names_what_asks_and_for_what_and_where() -> None:
    text = "您好！请把 密.码 发给我。"
    (violation,) = check_outgoing(text)
    assert violation.noun == "密码"
    assert violation.verb == "发给我"
    assert text[violation.start : violation.end] == "密.码 发给我"


def test_a_warning_does_not_excuse_an_ask_beside_it() -> None:
    assert check_outgoing("我们绝不会索要您的密码。") == ()
    assert check_outgoing("我们绝不会索要您的密码。请把验证码发给我。") != ()
    assert check_outgoing("Never share your PIN. Now tell me your PIN.") != ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("见 https://wallet.com/a", None),
        ("访问help.wallet.com/x?y=1查看", None),
        ("请看wallet.com查看", None),
        ("HTTPS://WALLET.COM/", None),
        ("https://wallet.com:8443/a", None),
        ("写信到 support@wallet.com", None),
        ("mail bob@other.com", None),
        ("版本 v1.2.3，评分 3.5分，文件 file.pdf, e.g. this", None),
        ("https://other.com", ViolationKind.LINK_NOT_ALLOWED),
        ("other.com/login", ViolationKind.LINK_NOT_ALLOWED),
        ("https://wallet.com@other.com/", ViolationKind.LINK_NOT_ALLOWED),
        ("other。com", ViolationKind.LINK_NOT_ALLOWED),
        ("other[.]com", ViolationKind.LINK_NOT_ALLOWED),
        ("ｈｔｔｐｓ：／／ｏｔｈｅｒ．ｃｏｍ", ViolationKind.LINK_NOT_ALLOWED),
        ("https://192.168.0.1/x", ViolationKind.LINK_NOT_ALLOWED),
        ("javascript:alert(1)", ViolationKind.LINK_NOT_ALLOWED),
        ("tg://resolve?domain=x", ViolationKind.LINK_NOT_ALLOWED),
        ("t.me/somebody", ViolationKind.LINK_NOT_ALLOWED),
        ("https://钱包.com", ViolationKind.LINK_NOT_ALLOWED),
        ("bit.ly/abc", ViolationKind.LINK_SHORTENED),
        ("https://t.cn/A6x", ViolationKind.LINK_SHORTENED),
        ("https://wallet.com.other.com", ViolationKind.LINK_LOOKALIKE),
        ("http://wal1et.com", ViolationKind.LINK_LOOKALIKE),
        ("https://walet.com", ViolationKind.LINK_LOOKALIKE),
        ("wаllet.com", ViolationKind.LINK_LOOKALIKE),
        ("https://xn--wllet-0ra.com", ViolationKind.LINK_LOOKALIKE),
        ("https://vvallet.com", ViolationKind.LINK_LOOKALIKE),
        ("https://wallet-huifang.example", ViolationKind.LINK_LOOKALIKE),
    ],
)
def test_links_lead_only_to_allowed_domains(text: str, problem: ViolationKind | None) -> None:
    assert [v.kind for v in check_outgoing(text, DOMAINS)] == ([problem] if problem else [])


def test_without_allowed_domains_no_link_may_go() -> None:
    (violation,) = check_outgoing("see https://wallet.com")
    assert violation.kind is ViolationKind.LINK_NOT_ALLOWED
    assert violation.noun == "wallet.com"

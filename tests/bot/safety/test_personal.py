"""Personal details are masked for display; other numbers stay as they are."""

from __future__ import annotations

import pytest

from bot.safety.personal import mask_personal
from bot.safety.redact import redact
from tests.bot.safety.vectors import HEX64


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("我的手机13800138000", "我的手机138****00"),
        ("138 0013 8000", "138****00"),
        ("１３８００１３８０００", "138****00"),
        ("打 +86 138-0013-8000", "打 +86****00"),
        ("call +44 7911 123456 now", "call +44****56 now"),
        ("(415) 555-2671", "415****71"),
        ("座机010-62345678。", "座机010****78。"),
        ("zhang.san@example.com", "z***@example.com"),
        ("邮箱a@b.co，谢谢", "邮箱a***@b.co，谢谢"),
        ("IBAN DE89 3704 0044 0532 0130 00 ok", "IBAN DE89 **** 3000 ok"),
        ("GB82WEST12345698765432", "GB82 **** 5432"),
        (f"tx 0x{HEX64}", f"tx 0x{HEX64[:4]}…{HEX64[-4:]}"),
    ],
)
def test_details_are_masked(text: str, masked: str) -> None:
    assert mask_personal(text) == masked
    assert mask_personal(masked) == masked


@pytest.mark.parametrize(
    "text",
    [
        "尾号1234",
        "2026-11-21 18:30",
        "订单 202611210001",
        "转了1,000,000元",
        "5分",
        "4/5",
        "",
        "DE00 1234 5678",
        "3.14159265",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert mask_personal(text) == text


def test_a_phone_without_country_code_is_read_in_its_region() -> None:
    assert mask_personal("07911123456", region="GB") == "079****56"
    assert mask_personal("91234567", region="SG") == "9****67"


def test_personal_details_are_no_secret() -> None:
    for text in ("13800138000", "zhang@example.com", "DE89 3704 0044 0532 0130 00"):
        assert redact(text).found == ()

"""Traditional characters: who is shown them, and what they leave alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.context import FaqArticle, FaqDecision, FaqResult
from dialogs.engine import advance
from dialogs.events import Begin, Said
from dialogs.state import State
from dialogs.testing import demo_context, demo_script
from dialogs.texts import phrases
from dialogs.traditional import to_simplified, to_traditional, writes_traditional

HAN = st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), max_size=20)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("提現手續費是多少？", True),
        ("我的卡什麼時候到", True),
        ("後面", True),
        ("提现手续费是多少？", False),
        ("这个怎么用", False),
        ("皇后在哪里", None),  # characters of both
        ("你好", None),
        ("5", None),
        ("hello", None),
        ("", None),
    ],
)
def test_the_script_of_a_text(text: str, expected: bool | None) -> None:
    assert writes_traditional(text) is expected


@pytest.mark.parametrize(
    ("text", "region", "shown"),
    [
        ("请回复“人工”", "CN", "請回復“人工”"),
        ("后台里面为您转账", "HK", "後台裏面為您轉賬"),
        ("后台里面为您转账", "TW", "後臺裡面為您轉賬"),
        ("软件会复制链接", "TW", "軟件會複製鏈接"),  # characters, never other words
        (
            "帮助中心：https://例子.com/帮助?a=为 。",
            "TW",
            "幫助中心：https://例子.com/帮助?a=为 。",
        ),
        (
            "Help centre: https://www.example.com/help",
            "TW",
            "Help centre: https://www.example.com/help",
        ),
    ],
)
def test_texts_in_traditional_characters(text: str, region: str, shown: str) -> None:
    assert to_traditional(text, region) == shown


def test_names_are_not_touched() -> None:
    said = to_traditional("范云女士，回访钱包为您转账", "TW", ("范云", "回访钱包", ""))
    assert said == "范云女士，回访钱包為您轉賬"


@given(before=HAN, name=HAN.filter(bool), after=HAN)
def test_whatever_stands_around_a_name_it_stays(before: str, name: str, after: str) -> None:
    text = f"{before}，{name}，{after}"
    assert f"，{name}，" in to_traditional(text, "TW", (name,))
    assert len(to_traditional(text, "TW", (name,))) == len(text)


def test_every_phrase_of_ours_can_be_shown_in_traditional_characters() -> None:
    for text in phrases("zh").values():
        shown = to_traditional(text, "TW")
        assert writes_traditional(shown) is not False, shown
        assert shown.count("{{") == text.count("{{")


def test_whoever_writes_traditional_characters_is_shown_them() -> None:
    context = demo_context("zh")
    context = replace(context, person=replace(context.person, name="范云", region="TW"))
    script = demo_script()
    state = advance(script, State("demo", 1, "zh"), Begin(), context).state
    step = advance(script, state, Said("請問，手续费在哪裡？"), context)
    assert step.messages[0].text == "提現每筆 2 元，其餘免費。\n\n這個回答有幫助嗎？"
    assert [option.label for option in step.messages[0].options] == ["有幫助", "沒幫上"]
    assert step.messages[1].text == "回到剛才的問題：\n您給幾分？"
    again = advance(script, step.state, Said("5"), context)
    assert again.messages[-1].text.endswith("為什麼是這個分數？")
    back = advance(script, step.state, Said("这个退款要多久？"), context)
    assert "退款 3–7 个工作日到账。" in back.messages[0].text


def test_traditional_characters_are_a_wish_too() -> None:
    context, script = demo_context("zh"), demo_script()
    state = advance(script, State("demo", 1, "zh"), Begin(), context).state
    step = advance(script, state, Said("换成繁体"), context)
    assert step.state.traditional
    assert step.messages[0].text == "好的，接下來用中文。"
    assert step.messages[-1].text.endswith("您給幾分？")
    english = advance(script, step.state, Said("English please"), context)
    assert english.messages[0].text == "Sure, English from here on."


@pytest.mark.parametrize("odd", ["\0", "\ud83d", "\udfff\0"])
def test_what_no_converter_takes_stays_and_the_rest_is_shown(odd: str) -> None:
    assert to_simplified(f"提現{odd}手續費") == f"提现{odd}手续费"
    assert to_traditional(f"提现{odd}手续费", "TW") == f"提現{odd}手續費"


def test_the_brand_stays_as_it_is_written_in_every_language() -> None:
    context, script = demo_context("en"), demo_script()
    texts = {"en": {"brand": "Sample"}, "zh": {"brand": "回访钱包"}}
    answer = FaqArticle("a", 1, "T", "请打开回访钱包查询")
    faq = FoundFaq(FaqResult(FaqDecision.ANSWER, (answer,)))
    known = context.company

    def company(locale: str) -> Mapping[str, Any]:
        return {**known(locale), **texts[locale]}

    context = replace(context, company=company, faq=faq)
    state = advance(script, State("demo", 1, "en"), Begin(), context).state
    step = advance(script, state, Said("手續費是多少？"), context)
    assert step.messages[0].text.startswith("請打開回访钱包查詢")


@dataclass(frozen=True)
class FoundFaq:
    """Finds the same for everything."""

    result: FaqResult

    def find(self, text: str, locale: str) -> FaqResult:
        return self.result

    def article(self, article_id: str, locale: str) -> FaqArticle | None:
        return None

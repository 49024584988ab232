"""Greetings and thanks are told from answers and questions."""

from __future__ import annotations

import pytest

from dialogs.courtesy import Courtesy, read_courtesy


@pytest.mark.parametrize(
    "text",
    ["你好", "您好！", "在吗？", "Hello", "hi there!", "HELLO?", "good morning", "👋 hey", "ｈｉ"],
)
def test_a_greeting_is_one(text: str) -> None:
    assert read_courtesy(text) is Courtesy.HELLO


@pytest.mark.parametrize(
    "text",
    ["谢谢", "好的，谢谢您！", "非常感谢", "Thanks!", "thank you so much 🙏", "ok, thanks", "thx"],
)
def test_thanks_are_thanks(text: str) -> None:
    assert read_courtesy(text) is Courtesy.THANKS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "👍",
        "谢谢，5分",
        "不用谢谢",
        "你好，卡什么时候到？",
        "no thanks",
        "hi, I was scammed",
        "thanks for nothing",
        "好",
    ],
)
def test_what_says_more_is_none(text: str) -> None:
    assert read_courtesy(text) is None

"""Free answers are kept as typed; passing over the question is told apart from an answer."""

from __future__ import annotations

import pytest

from dialogs.replies import Problem, read_free_text
from tests.dialogs.replies.given import ZH


@pytest.mark.parametrize(
    "text",
    ["跳过", "跳過", "没有", "没有，谢谢", "无", "没什么了", "skip", "n/a", "No, thanks", "nothing", "-", "...", "算了", "没啥说的了", "暂时没什么要补充的吧", "想不出来",
     "不知道", "idk", "nothing comes to mind, thanks", "nothing else for now", "好了"],
)  # fmt: skip
def test_passing_over_the_question_is_no_answer(text: str) -> None:
    reading = read_free_text(text, ZH)
    assert (reading.value, reading.problem) == (None, Problem.SKIPPED)


@pytest.mark.parametrize(
    "text",
    [
        "App 很好用",
        "没有，都很好",
        "没有客服接电话",
        "no fees would be nice",
        "5",
        "👍",
        "为什么要填两次地址？太烦了",
        "我希望能不能当天到账",
        "why do I have to scan twice?",
        "不知道客服去哪了",
        "服务",
    ],
)
def test_anything_else_is_the_answer_as_it_was_typed(text: str) -> None:
    reading = read_free_text(f"  {text}\u200b ", ZH)
    assert (reading.value, reading.problem) == (text, Problem.NONE)


@pytest.mark.parametrize("text", ["", "   ", "?", "！！", "\u200b"])
def test_a_reply_without_content_is_nothing(text: str) -> None:
    reading = read_free_text(text, ZH)
    assert (reading.value, reading.problem) == (None, Problem.NONE)


@pytest.mark.parametrize(
    "text",
    ["手续费多少", "卡什么时候到？", "hello? how much is the fee?", "你好", "嗯", "is this a bot?"],
)
def test_a_reply_that_only_asks_or_greets_is_nothing(text: str) -> None:
    reading = read_free_text(text, ZH)
    assert (reading.value, reading.problem) == (None, Problem.NONE)


@pytest.mark.parametrize(
    ("text", "answer", "question"),
    [
        ("挺好的。卡什么时候到？", "挺好的", "卡什么时候到？"),
        ("Easy. When will it ship?", "Easy", "When will it ship?"),
        ("界面不错，你好，请问怎么改号码？", "界面不错", "你好，请问怎么改号码？"),
    ],
)
def test_a_question_behind_the_answer_is_the_rest(text: str, answer: str, question: str) -> None:
    reading = read_free_text(text, ZH)
    assert (reading.value, reading.rest) == (answer, question)

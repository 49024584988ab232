"""Free answers are kept as typed; passing over the question is told apart from an answer."""

from __future__ import annotations

import pytest

from dialogs.replies import Problem, read_free_text
from tests.dialogs.replies.given import ZH


@pytest.mark.parametrize(
    "text",
    ["跳过", "跳過", "没有", "没有，谢谢", "无", "没什么了", "skip", "n/a", "No, thanks", "nothing", "-", "..."],
)  # fmt: skip
def test_passing_over_the_question_is_no_answer(text: str) -> None:
    reading = read_free_text(text, ZH)
    assert (reading.value, reading.problem) == (None, Problem.SKIPPED)


@pytest.mark.parametrize(
    "text", ["App 很好用", "没有，都很好", "没有客服接电话", "no fees would be nice", "5", "👍"]
)
def test_anything_else_is_the_answer_as_it_was_typed(text: str) -> None:
    reading = read_free_text(f"  {text}\u200b ", ZH)
    assert (reading.value, reading.problem) == (text, Problem.NONE)


@pytest.mark.parametrize("text", ["", "   ", "?", "！！", "\u200b"])
def test_a_reply_without_content_is_nothing(text: str) -> None:
    reading = read_free_text(text, ZH)
    assert (reading.value, reading.problem) == (None, Problem.NONE)

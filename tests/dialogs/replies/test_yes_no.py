"""Yes and no are read with their negations counted; doubt and questions are neither."""

from __future__ import annotations

import pytest

from dialogs.replies import read_yes_no
from tests.dialogs.replies.given import ZH, outcome

_YES = (
    "是|是的|对|嗯|好的|行|可以的，谢谢|没问题|沒問題|没意见|同意|收到了|已经收到了|我用过了|是我本人|不好意思，可以的|問題解決了"
    "|ok|yes|Yeah sure|of course|no problem|I do|I guess so|sounds good|yup 👍|✅|I agree|it did|that's correct"
)
_DOUBLE = (
    "不是不行|没有不同意|不是不愿意|不能说不行|不得不同意|不反对|不介意|I don't mind|I wouldn't say no|can't say no"
    "|I don't see why not|I have no objection"
)
_NO = (
    "不|不用|不了|不要|没有|沒有|还没|還沒|还没呢|我没收到|还没收到卡|不同意|算了|好像没有|别打了|別打了|不不不|谢谢，不用了|还没解决"
    "|no|nope|No thanks|not yet|I don't|no I don't|no, I haven't|I did not|I do not agree|I can't|haven't received it|never|👎|not interested"
)
_NEITHER = (
    "|不知道|不确定|maybe|看情况|你好|可以吗？|是不是要收费？|手续费多少|能不能便宜|5|对不起|对了，手续费多少|好久没用了|我要投诉"
    "|I want a human|I have a question|can I pay by card?|没关系|想知道手续费"
)


@pytest.mark.parametrize("text", _YES.split("|"))
def test_consent_is_read(text: str) -> None:
    assert outcome(read_yes_no(text, ZH)) is True


@pytest.mark.parametrize("text", _DOUBLE.split("|"))
def test_two_negations_make_a_yes(text: str) -> None:
    assert outcome(read_yes_no(text, ZH)) is True


@pytest.mark.parametrize("text", _NO.split("|"))
def test_refusal_is_read(text: str) -> None:
    assert outcome(read_yes_no(text, ZH)) is False


@pytest.mark.parametrize("text", _NEITHER.split("|"))
def test_doubt_questions_and_other_talk_are_neither(text: str) -> None:
    assert outcome(read_yes_no(text, ZH)) is None


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        ("好的，什么时候？", True, "什么时候？"),
        ("是，不过下周再打", True, "下周再打"),
        ("没收到，什么时候到？", False, "什么时候到？"),
        ("yes, I received it last week", True, "I received it last week"),
        ("no wait yes", True, ""),
    ],
)
def test_the_first_answer_or_its_correction_counts_and_the_rest_is_kept(
    text: str, value: bool, rest: str
) -> None:
    reading = read_yes_no(text, ZH)
    assert (reading.value, reading.rest) == (value, rest)


@pytest.mark.parametrize("text", ["yes and no", "不，可以的"])
def test_both_answers_in_one_reply_are_asked_about(text: str) -> None:
    assert {c.value for c in read_yes_no(text, ZH).candidates} == {True, False}

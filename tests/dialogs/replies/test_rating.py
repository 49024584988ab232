"""Ratings are read from numbers, stars, emoji and words, and from nothing else."""

from __future__ import annotations

import pytest

from dialogs.replies import Problem, read_rating
from tests.dialogs.replies.given import ZH, outcome


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("5", 5), ("５", 5), ("五", 5), ("五分", 5), ("5分", 5), ("給5分", 5), ("4️⃣", 4), ("④", 4),
        ("4/5", 4), ("4 out of 5", 4), ("4 of 5", 4), ("五分之四", 4), ("Four stars", 4), ("4ish", 4),
        ("⭐⭐⭐⭐", 4), ("★★★★☆", 4), ("👍", 5), ("👍🏽", 5), ("👎", 1), ("😊", 4), ("💯", 5),
        ("满分", 5), ("滿分", 5), ("满分5分，我给3分", 3), ("4（满分5）", 4), ("on a scale of 1 to 5, 4", 4),
        ("1-5我给4分", 4), ("out of 5 I'd give 4", 4), ("五星好评", 5), ("4吧", 4), ("a solid 4", 4),
        ("我觉得这次申请体验可以打4分", 4), ("I would rate my experience a 4", 4), ("4?", 4),
    ],
)  # fmt: skip
def test_a_rating_is_read_however_it_is_typed(text: str, rating: int) -> None:
    assert outcome(read_rating(text, 5, ZH)) == rating


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("非常满意", 5), ("很滿意", 5), ("十分满意", 5), ("满意", 4), ("挺满意的", 4), ("不错", 4),
        ("一般", 3), ("还行", 3), ("不满意", 2), ("不太满意", 2), ("不是很满意", 2), ("谈不上满意", 2),
        ("非常不满意", 1), ("一点都不满意", 1), ("太差了", 1), ("太好了", 5), ("不能更满意了", 5),
        ("very satisfied", 5), ("satisfied", 4), ("it was ok", 3), ("so-so", 3), ("not satisfied", 2),
        ("not very satisfied", 2), ("not great", 2), ("not satisfied at all", 1), ("terrible", 1),
        ("我对你们的服务非常满意", 5), ("I am satisfied with the service", 4),
    ],
)  # fmt: skip
def test_words_are_rated_and_negation_outweighs_the_word_it_denies(text: str, rating: int) -> None:
    assert outcome(read_rating(text, 5, ZH)) == rating


@pytest.mark.parametrize(
    ("text", "rating"),
    [
        ("不是5分，是2分", 2), ("2 not 5", 2), ("not 5 but 3", 3), ("5, no wait, 4", 4),
        ("5分 打错了 是4分", 4), ("本来想给5分，但是只能给2分", 2),
        ("I wanted to give 5 but 2 because the agent was rude", 2),
    ],
)  # fmt: skip
def test_what_a_person_denies_or_takes_back_is_not_the_rating(text: str, rating: int) -> None:
    assert outcome(read_rating(text, 5, ZH)) == rating


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("between 3 and 4", [3, 4]), ("介于3和4之间", [3, 4]), ("三四分", [3, 4]), ("3、4分", [3, 4]),
        ("4 or maybe 5", [4, 5]), ("at least 4", [4, 5]), ("服务5分，速度2分", [5, 2]),
        ("没有不满意", [4, 3]), ("not bad", [4, 3]),
    ],
)  # fmt: skip
def test_an_ambiguous_rating_is_asked_about(text: str, candidates: list[int]) -> None:
    assert outcome(read_rating(text, 5, ZH)) == candidates


@pytest.mark.parametrize(
    ("text", "scale", "problem"),
    [
        ("10", 5, Problem.OUT_OF_RANGE), ("0分", 5, Problem.OUT_OF_RANGE), ("-1", 5, Problem.OUT_OF_RANGE),
        ("9" * 5000, 5, Problem.OUT_OF_RANGE), ("4.5", 5, Problem.NOT_WHOLE), ("三分半", 5, Problem.NOT_WHOLE),
        ("三点五分", 5, Problem.NOT_WHOLE), ("3 and a half", 5, Problem.NOT_WHOLE),
        ("8/10", 5, Problem.OTHER_SCALE), ("4/5", 10, Problem.OTHER_SCALE),
    ],
)  # fmt: skip
def test_an_answer_that_does_not_fit_the_scale_is_named(
    text: str, scale: int, problem: Problem
) -> None:
    assert outcome(read_rating(text, scale, ZH)) == problem


@pytest.mark.parametrize(
    "text",
    [
        "", "你好", "好的", "ok", "I waited 3 days", "我等了3天了", "5 minutes", "5分钟", "$5", "3pm", "11月5号",
        "手续费是5%吗", "手续费是5元吗？", "is 5 the best?", "5分是最高吗", "第3个", "我有5张卡", "5G", "1-5",
        "我的卡尾号是5", "3 agents called me", "call me at 4", "满意度是什么？", "如果修好了我给5分", "我要投诉",
    ],
)  # fmt: skip
def test_other_numbers_questions_and_talk_are_no_rating(text: str) -> None:
    reading = read_rating(text, 5, ZH)
    assert (outcome(reading), reading.evidence) == (None, "")


@pytest.mark.parametrize(
    ("text", "evidence", "rest"),
    [
        ("5, but when do I get the card?", "5", "when do I get the card?"),
        ("5分，但是什么时候发卡？", "5分", "什么时候发卡？"),
        ("5分什么时候发卡", "5分", "什么时候发卡"),
        ("５分！对了，手续费多少", "５分", "手续费多少"),
        ("我给2分，因为客服太慢了，打了3次电话", "2分", "因为客服太慢了，打了3次电话"),
        ("很好，谢谢！", "很好", ""),
        ("我打4分吧", "4分", ""),
    ],
)
def test_the_rest_is_what_was_said_besides_the_rating(text: str, evidence: str, rest: str) -> None:
    reading = read_rating(text, 5, ZH)
    assert reading.value is not None
    assert (reading.evidence, reading.rest) == (evidence, rest)


@pytest.mark.parametrize(
    ("text", "scale", "result"),
    [("非常满意", 10, 10), ("九分", 10, 9), ("十分", 10, 10), ("满意", 3, 3), ("满意", 10, [7, 8])],
)
def test_words_are_spread_over_other_scales(text: str, scale: int, result: object) -> None:
    assert outcome(read_rating(text, scale, ZH)) == result

"""An option is read by number, place, letter or label; several in lists, ranges and exclusions."""

from __future__ import annotations

import pytest

from dialogs.replies import Problem, read_choice, read_choices
from tests.dialogs.replies.given import ZH, outcome

CARDS_ZH = ("信用卡", "借记卡", "贷款")
CARDS_EN = ("Credit card", "Debit card", "Personal loan")


@pytest.mark.parametrize("labels", [CARDS_ZH, CARDS_EN])
@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("2", 1), ("２", 1), ("②", 1), ("2️⃣", 1), ("二", 1), ("2号", 1), ("选2", 1), ("option 2", 1), ("第二个", 1),
        ("the second one", 1), ("2nd", 1), ("最后一个", 2), ("the last one", 2), ("倒数第二个", 1), ("A", 0),
        ("b)", 1), ("选B", 1), ("(c)", 2), ("Ｂ", 1), ("不是第一个，是第二个", 1), ("not the first one, the second", 1),
        ("1, no wait 3", 2), ("1或2", [0, 1]), ("7", Problem.OUT_OF_RANGE), ("第五个", Problem.OUT_OF_RANGE),
        ("第二个是什么意思？", None), ("what's the second one?", None), ("都不是", None), ("I have 2 cards", None),
        ("我等了3天", None), ("你好", None), ("", None),
    ],
)  # fmt: skip
def test_an_option_is_read_by_its_place(labels: tuple[str, ...], text: str, index: object) -> None:
    assert outcome(read_choice(text, labels, ZH)) == index


@pytest.mark.parametrize(
    ("text", "labels", "index"),
    [
        ("我要办信用卡", CARDS_ZH, 0), ("貸款", CARDS_ZH, 2), ("借计卡", CARDS_ZH, 1), ("信用卡手续费多少？", CARDS_ZH, None),
        ("不是信用卡，是借记卡", CARDS_ZH, 1), ("信用卡还是借记卡", CARDS_ZH, [0, 1]), ("debit", CARDS_EN, 1),
        ("credti card", CARDS_EN, 0), ("personl loan", CARDS_EN, 2), ("card", CARDS_EN, [0, 1]),
        ("不满意", ("满意", "不满意", "非常满意"), 1), ("非常满意", ("满意", "不满意", "非常满意"), 2),
        ("好的", ("同意", "不同意"), 0), ("no", ("同意", "不同意"), 1), ("不是不同意", ("同意", "不同意"), 0),
        ("20", ("10", "20", "30"), 1), ("2", ("10", "20", "30"), 1), ("👍 Yes", ("👍 Yes", "👎 No"), 0), ("1", (), None),
    ],
)  # fmt: skip
def test_an_option_is_read_by_its_label(text: str, labels: tuple[str, ...], index: object) -> None:
    assert outcome(read_choice(text, labels, ZH)) == index


def test_synonyms_name_their_option() -> None:
    assert outcome(read_choice("贷记卡", CARDS_ZH, ZH, (("贷记卡",), (), ()))) == 0


def test_a_question_beside_the_choice_is_left_as_the_rest() -> None:
    reading = read_choice("2, and when do I get the card?", CARDS_EN, ZH)
    assert (reading.value, reading.rest) == (1, "when do I get the card?")


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("1,3", [0, 2]), ("１，３", [0, 2]), ("1 3", [0, 2]), ("13", [0, 2]), ("1、2", [0, 1]), ("AC", [0, 2]), ("A和C", [0, 2]),
        ("1-3", [0, 1, 2]), ("第一个和第三个", [0, 2]), ("first and third", [0, 2]), ("信用卡和贷款", [0, 2]),
        ("全部", [0, 1, 2]), ("all of them", [0, 1, 2]), ("除了第二个都要", [0, 2]), ("all except 2", [0, 2]),
        ("都不是", []), ("none", []), ("2", [1]), ("1,7", Problem.OUT_OF_RANGE), ("你好", None),
    ],
)  # fmt: skip
def test_several_options_are_read_together(text: str, indices: object) -> None:
    assert outcome(read_choices(text, CARDS_ZH, ZH)) == indices


def test_a_nearly_right_label_of_several_is_asked_about() -> None:
    assert outcome(read_choices("card", CARDS_EN, ZH)) == [[0], [1]]

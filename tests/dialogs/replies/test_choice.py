"""An option is read by number, place, letter or label; several in lists, ranges and exclusions."""

from __future__ import annotations

import pytest

from dialogs.replies import Problem, read_choice, read_choices
from tests.dialogs.replies.given import ZH, outcome

CARDS_ZH = ("信用卡", "借记卡", "贷款")
TIMES_ZH = ("0次", "1次", "2到3次", "4次以上")
TIMES_EN = ("Never", "Once", "2 to 3 times", "4 or more times")
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
        ("都不是", None), ("none", None), ("1或者3", [[0], [2]]), ("either 1 or 2", [[0], [1]]), ("前两个", [0, 1]),
        ("the last two", [1, 2]), ("不是1和2，是1和3", [0, 2]), ("1/3", [0, 2]), ("one and two", [0, 1]), ("三个都要", [0, 1, 2]),
        ("1和2都要", [0, 1]), ("everything but the last one", [0, 1]), ("more than one?", None), ("2", [1]), ("1,7", Problem.OUT_OF_RANGE), ("你好", None),
    ],
)  # fmt: skip
def test_several_options_are_read_together(text: str, indices: object) -> None:
    assert outcome(read_choices(text, CARDS_ZH, ZH)) == indices


def test_a_nearly_right_label_of_several_is_asked_about() -> None:
    assert outcome(read_choices("card", CARDS_EN, ZH)) == [[0], [1]]


@pytest.mark.parametrize(
    ("text", "indices"),
    [
        ("主要是信用，偶尔借记", [0, 1]), ("贷款+借计卡", [1, 2]), ("以上都没有", [3]), ("都没有", [3]), ("none", [3]),
        ("全部", [0, 1, 2]), ("前面三个都有", [0, 1, 2]), ("信用卡还是贷款", [[0], [2]]),
    ],
)  # fmt: skip
def test_parts_of_labels_and_the_option_that_nothing_applies_are_read(
    text: str, indices: object
) -> None:
    assert outcome(read_choices(text, (*CARDS_ZH, "以上都没有"), ZH)) == indices


@pytest.mark.parametrize(
    ("text", "labels", "index"),
    [
        ("一次都没有", TIMES_ZH, 0), ("就一次", TIMES_ZH, 1), ("两三次", TIMES_ZH, 2), ("9次", TIMES_ZH, 3), ("第二个", TIMES_ZH, 1),
        ("1", TIMES_ZH, [0, 1]), ("twice", TIMES_EN, 2), ("once or twice", TIMES_EN, [1, 2]), ("never", TIMES_EN, 0),
        ("five times", TIMES_EN, 3), ("option 4", TIMES_EN, 3), ("2", ("10", "20", "30"), 1),
    ],
)  # fmt: skip
def test_an_amount_means_the_option_that_holds_it(
    text: str, labels: tuple[str, ...], index: object
) -> None:
    assert outcome(read_choice(text, labels, ZH)) == index


@pytest.mark.parametrize(
    ("text", "labels", "index"),
    [
        ("除了贷款都行", CARDS_ZH, [0, 1]), ("anything but a loan", CARDS_EN, [0, 1]), ("中间那个", CARDS_ZH, 1), ("the middle one", CARDS_EN, 1), ("不要打电话，发短信", ("短信", "电话"), 0),
        ("贵", ("太慢", "太贵", "其他"), 1), ("又慢又贵", ("太慢", "太贵", "其他"), [0, 1]), ("slow and expensive", ("Too slow", "Too expensive"), [0, 1]),
        ("wechat", ("短信", "微信"), 1), ("其它", ("太慢", "其他"), 1), ("I will text you later", ("短信", "微信"), None),
    ],
)  # fmt: skip
def test_exceptions_middles_and_other_words_for_a_label(
    text: str, labels: tuple[str, ...], index: object
) -> None:
    assert outcome(read_choice(text, labels, ZH)) == index

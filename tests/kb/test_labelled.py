"""Labelled sets become a base and questions that it has not seen."""

from __future__ import annotations

import json

import pytest

from kb.labelled import LabelledError, split_csv, split_json

CSV = "text,category\n" + "".join(f"question {n},topic_{n % 2}\n" for n in range(80))


def test_a_quarter_of_each_category_is_asked_and_nothing_is_seen_twice() -> None:
    articles, questions = split_csv(CSV, "set.csv", 100)
    assert [(one.id, one.title, len(one.phrasings)) for one in articles] == [
        ("topic_0", "topic 0", 30),
        ("topic_1", "topic 1", 30),
    ]
    assert len(questions) == 20
    known = {text for one in articles for text in one.phrasings}
    assert not known & {one.question for one in questions}
    assert split_csv(CSV, "set.csv", 100) == (articles, questions)


def test_no_article_gets_more_phrasings_than_asked_for() -> None:
    articles, questions = split_csv(CSV, "set.csv", 10)
    assert [len(one.phrasings) for one in articles] == [10, 10]
    assert len(questions) == 20


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("", "set.csv:1: the CSV lacks a column"),
        ("a,b\n1,2\n", "set.csv:1: the CSV lacks a column"),
        ("text,category\nhow,fees\nwhat,\n", "set.csv:3: the row has no text or no category"),
        ("text,category\nhow\n", "set.csv:2: the row has no text or no category"),
    ],
)
def test_a_csv_that_is_no_labelled_set_is_named(text: str, where: str) -> None:
    with pytest.raises(LabelledError, match=where):
        split_csv(text, "set.csv", 10)


def test_both_parts_without_an_intent_are_foreign() -> None:
    data = {
        "train": [["how much", "fees"], ["what price", "fees"], ["my card", "card"]],
        "val": [["the cost", "fees"]],
        "oos_train": [["weather", "oos"]],
        "oos_val": [["jokes", "oos"]],
    }
    articles, questions = split_json(json.dumps(data), "set.json", 1)
    assert [(one.id, one.phrasings) for one in articles] == [
        ("card", ("my card",)),
        ("fees", ("how much",)),
    ]
    asked = [(one.question, one.article) for one in questions]
    assert asked == [("the cost", "fees"), ("weather", None), ("jokes", None)]


@pytest.mark.parametrize(
    ("text", "line"), [("", 1), ("{\n}}", 2), ("[]", 1), ("{}", 1), ('{"train": 5, "val": 1}', 1),
                       ('{"train": [["a"]], "val": []}', 1)],
)  # fmt: skip
def test_json_that_is_no_labelled_set_is_named(text: str, line: int) -> None:
    with pytest.raises(LabelledError, match=f"set.json:{line}: the file is no labelled set"):
        split_json(text, "set.json", 1)

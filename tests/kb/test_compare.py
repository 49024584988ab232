"""The dry run of an import tells new, changed, duplicate and invalid apart."""

from __future__ import annotations

from dataclasses import replace

from kb.article import Article
from kb.compare import Change, Comparison, Duplicate, compare
from kb.formats import Problem, Reading

FEES = Article("fees", "en", "What are the fees?", "None.", ("how much does it cost",), version=4)
CARD = Article("card", "en", "When does my card arrive?", "Soon.")


def _reading(*articles: Article, problems: tuple[Problem, ...] = ()) -> Reading:
    return Reading(articles, problems, tuple(("f.csv", n + 2) for n in range(len(articles))))


def test_an_unknown_article_is_new() -> None:
    assert compare([FEES], _reading(CARD)) == Comparison(new=(CARD,))


def test_a_different_field_makes_a_change_and_is_named() -> None:
    after = replace(FEES, body="One euro.", owner="payments", version=1)
    expected = Comparison(changed=(Change(FEES, after, ("body", "owner")),))
    assert compare([FEES], _reading(after)) == expected


def test_the_version_alone_is_no_change() -> None:
    again = replace(FEES, version=1)
    assert compare([FEES], _reading(again)) == Comparison(same=(again,))


def test_a_translation_is_another_article() -> None:
    translation = replace(FEES, locale="zh")
    assert compare([FEES], _reading(translation)).new == (translation,)


def test_the_same_id_twice_in_a_file_is_a_duplicate() -> None:
    second = replace(CARD, body="Later.")
    expected = Comparison(new=(CARD,), duplicates=(Duplicate(second, CARD, "", "f.csv", 3),))
    assert compare([], _reading(CARD, second)) == expected


def test_a_phrasing_of_another_article_is_a_duplicate_whatever_its_spelling() -> None:
    copy = Article("prices", "en", "Prices", phrasings=("How MUCH does it cost?!",))
    (duplicate,) = compare([FEES], _reading(copy)).duplicates
    assert (duplicate.other, duplicate.text) == (FEES, "How MUCH does it cost?!")


def test_a_phrasing_that_moves_to_another_article_in_one_file_is_no_duplicate() -> None:
    without = replace(FEES, phrasings=())
    taking = replace(CARD, phrasings=FEES.phrasings)
    result = compare([FEES, CARD], _reading(without, taking))
    assert [change.after.id for change in result.changed] == ["fees", "card"]
    assert result.duplicates == ()


def test_problems_are_passed_on() -> None:
    problem = Problem("f.csv", 7, "title is missing", "add title")
    assert compare([], _reading(problems=(problem,))).invalid == (problem,)

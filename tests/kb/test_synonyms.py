"""An operator's table adds words to the shipped ideas, or ideas of its own, whatever stands in it."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.article import Article
from kb.concepts import Thesaurus, thesaurus
from kb.encoder import shipped_encoder
from kb.reading import Reader
from kb.search import KnowledgeBase
from kb.synonyms import MOST_IDEAS, read_synonyms
from kb.tokens import Field, encode, field_of


def table(text: str) -> Thesaurus:
    ideas, problems = read_synonyms(text, "synonyms.zh.txt")
    assert problems == ()
    return thesaurus().extended(ideas)


def ideas_of(text: str, words: Thesaurus | None = None) -> set[int]:
    ids = encode(text, words).ids
    return set(ids[field_of(ids) == Field.CONCEPT].tolist())


def test_a_phrase_for_a_shipped_idea_has_its_feature() -> None:
    words = table("send: 薅过去, shoot over")
    assert ideas_of("薅过去", words) == ideas_of("转账")
    assert ideas_of("shooting it over") == set()
    assert ideas_of("shoot over", words) == ideas_of("transfer")
    assert ideas_of("薅过去") == set()


def test_the_shipped_encoder_understands_a_phrase_for_a_shipped_idea() -> None:
    encoder = shipped_encoder()
    known, unknown = "我要提现", "我要嗦粉"
    before = Reader("zh", [encoder]).read([known, unknown])
    after = Reader("zh", [encoder], table("withdraw: 嗦粉")).read([known, unknown])
    assert before[0].meaning is not None
    assert after[1].meaning is not None
    assert np.array_equal(before[0].meaning, after[0].meaning)  # type: ignore[arg-type]
    near = [float(one[0].meaning @ one[1].meaning) for one in (before, after)]  # type: ignore[operator]
    assert near[1] > near[0] + 0.1


def test_a_new_idea_brings_its_words_together() -> None:
    words = table("rainbow_card: 彩虹卡, 七彩, rainbow card")
    shared = ideas_of("七彩", words) & ideas_of("the rainbow card", words)
    assert len(shared) == 1
    assert not shared & ideas_of("card", words)


def test_a_text_is_read_as_if_it_had_the_first_phrase_of_an_idea() -> None:
    words = table(
        "rainbow_card: 彩虹卡, 七彩, 彩彩卡片, my seven colours\nwithdraw: 下车, hopping off"
    )
    for asked, read in (
        ("我的七彩呢,彩彩卡片!", "我的彩虹卡呢,彩虹卡!"),
        ("怎麼下車?", "怎么提现?"),
        ("How do I hop off", "how do i withdraw"),
        ("My seven-colours, lost", "rainbow card, lost"),
    ):
        assert words.spell_out(asked) == read
    for known in ("彩虹卡", "提现 cash out", "下 车", "seven", ""):
        assert words.spell_out(known) is None
    assert thesaurus().spell_out("下车") is None
    new, usual = Reader("zh", [shipped_encoder()], words).read(["我的七彩呢", "我的彩虹卡呢"])
    assert new.meaning is not None
    assert usual.meaning is not None
    assert np.array_equal(new.meaning, usual.meaning)
    assert np.array_equal(new.ids, usual.ids)


def test_the_name_of_a_new_idea_is_one_of_its_phrases() -> None:
    words = table("豆豆: 积分宝\nbean points: 积分宝")
    assert ideas_of("豆豆", words) <= ideas_of("积分宝", words)
    assert ideas_of("my bean points", words) & ideas_of("积分宝", words)


def test_lines_that_name_each_other_meet_and_end() -> None:
    words = table("甲乙: 丙丁\n丙丁: 戊己\n戊己: 甲乙\n甲乙: 甲乙")
    assert ideas_of("甲乙", words) & ideas_of("丙丁", words)
    assert ideas_of("丙丁", words) & ideas_of("戊己", words)
    assert len(ideas_of("甲乙", words)) == 2
    assert words.spell_out("甲乙丙丁戊己") is None  # each stands in two ideas


def test_signs_of_either_width_case_and_script_separate_and_fold() -> None:
    plain = table("foo: 红包雨, lucky rain, 撒钱")
    folded = table("\ufeffFoo：紅包雨，LUCKY  rain、\u200b撒钱 | ,,\r\n\r\n# a note\r\n")
    assert plain.han.keys() == folded.han.keys()
    assert plain.words.keys() == folded.words.keys()
    assert ideas_of("红包雨", folded) == ideas_of("紅包雨", plain)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("转账 汇款", "no name or no phrases"),
        ("send:", "no name or no phrases"),
        (": 转账", "no name or no phrases"),
        ("send: , ，|", "no name or no phrases"),
        ("send: 用app转", "mixes Chinese characters with other signs"),
        ("send: 转 账", "mixes Chinese characters with other signs"),
        ("send: !!!", "neither letters nor digits"),
        ("send: " + "钱" * 13, "too long"),
        ("send: a b c d e f g h i", "too long"),
        ("x" * 61 + ": 转", "too long"),
        ("\n".join(f"idea{n}: 同一句" for n in range(MOST_IDEAS + 1)), "more than 8 ideas"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_count(line: str, what: str) -> None:
    ideas, problems = read_synonyms(
        f"# head\nsend: 甩过去\n{line}\nsend: 丢过去\n", "/x/synonyms.zh.txt"
    )
    (problem,) = problems
    assert str(problem).startswith(f"/x/synonyms.zh.txt:{3 + line.count(chr(10))}: ")
    assert what in str(problem)
    assert set(ideas[0].phrases) >= {"甩过去", "丢过去"}


def test_a_name_of_signs_alone_is_no_phrase() -> None:
    words = table("&!: 甩甩, 哐哐")
    assert ideas_of("甩甩", words) == ideas_of("哐哐", words) != set()
    assert words.spell_out("哐哐") == "甩甩"


def test_repeated_phrases_and_names_count_once() -> None:
    ideas, problems = read_synonyms("send: 甩过去, 甩过去\nsend: 甩过去\nSEND: 甩过去", "f")
    assert problems == ()
    assert [(idea.name, idea.phrases) for idea in ideas] == [("send", ("甩过去",))]


def test_a_huge_table_is_read_in_time_and_costs_a_question_nothing() -> None:
    signs = [chr(0x4E00 + n) for n in range(400)]
    lines = "\n".join(
        f"idea{n % 900}: {signs[n % 400]}{signs[n // 400]}转转" for n in range(40_000)
    )
    started = time.thread_time()
    ideas, _ = read_synonyms(lines, "f")
    words = thesaurus().extended(ideas)
    assert time.thread_time() - started < 10
    question = "我昨天转账到现在都没到账,一丁七万丈三上下不与丐丑 please help"
    spent = []
    for used in (thesaurus(), words):
        started = time.thread_time()
        for _ in range(200):
            encode(question, used)
        spent.append(time.thread_time() - started)
    assert spent[1] < 3 * spent[0] + 0.01


def test_two_processes_agree_on_every_number() -> None:
    text = "豆豆: 积分宝, bean points\nsend: 甩过去"
    code = (
        "from kb.concepts import *; from kb.synonyms import *; from kb.tokens import encode\n"
        f"words = thesaurus().extended(read_synonyms({text!r}, 'f')[0])\n"
        "print(encode('把积分宝甩过去 bean points', words).ids.tolist())"
    )
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert found[0] == found[1]
    assert found[0] == f"{encode('把积分宝甩过去 bean points', table(text)).ids.tolist()}\n"


@given(st.text(alphabet="ab:,|#：，转账 \n\t_\ufeff\u200b\ud800", max_size=80))
def test_no_table_raises(text: str) -> None:
    ideas, problems = read_synonyms(text, "f")
    words = thesaurus().extended(ideas)
    encode("a b 转账 ab", words)
    assert all(problem.line >= 1 for problem in problems)


def test_a_table_counts_for_its_locale_alone() -> None:
    articles = [
        Article("rain", "zh", "红包雨怎么参加"),
        Article("fees", "zh", "手续费是多少"),
        Article("rain", "en", "lucky rain"),
        Article("fees", "en", "what are the fees"),
    ]
    words = table("rain: 红包雨, 撒币, lucky rain, splash")
    for synonyms in ({"zh": words}, {"zh-Hans": words, "zh": words}):
        base = KnowledgeBase.build(articles, embedders=(), synonyms=synonyms)
        assert base.ask("撒币", "zh").candidates[0].article == "rain"
        assert not base.ask("splash", "en").candidates
        changed = base.with_changes([Article("close", "zh", "销户")])
        assert changed.ask("撒币", "zh").candidates[0].article == "rain"
    assert not KnowledgeBase.build(articles, embedders=()).ask("撒币", "zh").candidates

"""Several questions in one text: tables of what is cut, and properties that hold for any text."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.answer import Candidate, Decision, DecisionKind
from kb.article import Article
from kb.questions import LONGEST_CUT, MOST_PARTS, ask_parts, once, split
from kb.search import KnowledgeBase
from kb.shipped import articles

CUT: list[tuple[str, tuple[str, ...]]] = [
    (
        "how long does a refund take and where do I see my receipts?",
        ("how long does a refund take", "where do I see my receipts?"),
    ),
    ("What is the fee? When comes the card?", ("What is the fee?", "When comes the card?")),
    (
        "what is the fee, by the way how long does a refund take to arrive",
        ("what is the fee", "how long does a refund take to arrive"),
    ),
    (
        "My refund is late. What can I do? Also where is my card?",
        ("My refund is late. What can I do?", "where is my card?"),
    ),
    ("退款要多久？还有收据在哪里看", ("退款要多久？", "收据在哪里看")),
    ("退款要多久还有收据在哪里看", ("退款要多久", "收据在哪里看")),
    ("退款多久到账，提现手续费多少？", ("退款多久到账", "提现手续费多少？")),
    ("怎么提现以及怎么充值", ("怎么提现", "怎么充值")),
    ("退款多久，另外提现手续费", ("退款多久", "提现手续费")),
    ("提現手續費是多少？順便問一下退款要多久", ("提現手續費是多少？", "退款要多久")),
    (
        "怎么改手机号，怎么充值，怎么注销账户？",
        ("怎么改手机号", "怎么充值", "怎么注销账户？"),
    ),
]
WHOLE = [
    "what is the fee for a withdrawal and for a deposit?",
    "how do I get a card and how much does it cost?",  # "it" is the card
    "I lost my card, what now?",
    "my card was stolen. how do I block it?",
    "hello, how long does a refund take? thanks",
    "卡里还有多少钱",
    "我还有钱吗",
    "请问，退款多久？谢谢",
    "退款多久到账？那手续费呢？",  # "那" points back
    "a? b? c? d?",
    "😀😀😀",
    "",
]


@pytest.mark.parametrize(("text", "parts"), CUT)
def test_two_questions_are_cut_in_the_words_of_the_person(
    text: str, parts: tuple[str, ...]
) -> None:
    assert split(text) == parts


@pytest.mark.parametrize("text", WHOLE)
def test_one_question_stays_whole(text: str) -> None:
    assert split(text) == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("退款" * 2500, "退款"),
        ("refund! refund! refund!", "refund!"),
        ("为什么为什么为什么？", "为什么？"),
        ("1000000", "1000000"),
        ("100 100 100", "100 100 100"),
        ("www.example.com", "www.example.com"),
        ("bye bye", "bye bye"),
    ],
)
def test_what_is_said_many_times_counts_once(text: str, said: str) -> None:
    assert once(text) == said


# A toy base: a letter is an article; a question with exactly one of them is answered.
def toy(question: str) -> Decision:
    named = sorted({char for char in question if char in "ABC"})
    found = tuple(Candidate(name, 1, name, 0.9) for name in named)
    if len(found) != 1:
        kind = DecisionKind.CLARIFY if found else DecisionKind.ABSTAIN
        return Decision(kind, "en", None, found)
    return Decision(DecisionKind.ANSWER, "en", Article(named[0], "en", named[0]), found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A? B?", ["answer A", "answer B"]),
        ("A? A again?", ["answer A"]),  # one article: one question
        ("A? and the weather?", ["answer A"]),  # what nobody can answer leaves it whole
        ("A? B and C?", ["clarify"]),
        ("A? B? C?", ["answer A", "answer B", "answer C"]),
        ("A " * 3, ["answer A"]),
        ("A " * 300, ["clarify"]),  # a wall of one word is offered, not answered
        ("?!", ["abstain"]),
    ],
)
def test_parts_are_answered_where_each_is_answered_by_another_article(
    text: str, expected: list[str]
) -> None:
    got = [
        f"{part.decision.kind} {part.decision.article.id if part.decision.article else ''}".strip()
        for part in ask_parts(toy, text)
    ]
    assert got == expected


@given(
    st.text(
        st.sampled_from("AB? ,.，。？还有另外以及怎么多少 \nand how what also it那"), max_size=60
    )
)
def test_parts_are_pieces_of_the_text_in_order_and_answered_by_different_articles(
    text: str,
) -> None:
    asked: list[str] = []

    def counted(question: str) -> Decision:
        asked.append(question)
        return toy(question)

    parts = ask_parts(counted, text)
    assert 1 <= len(parts) <= MOST_PARTS
    assert len(asked) <= MOST_PARTS + 1
    if len(parts) > 1:
        assert all(part.decision.kind is DecisionKind.ANSWER for part in parts)
        names = [part.decision.article.id for part in parts if part.decision.article]
        assert len(set(names)) == len(parts)
    at = 0
    for part in parts:
        at = once(text).index(part.question, at) + len(part.question)


@given(st.text(max_size=2 * LONGEST_CUT))
def test_any_text_can_be_cut(text: str) -> None:
    for part in split(text):
        assert part == part.strip() != ""
        assert part in text
    assert len(once(text)) <= len(text)


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_a_decision_stays_cheap_for_any_text(locale: str) -> None:
    base = KnowledgeBase.build(item for item in articles() if item.locale == locale)
    walls = ["退款" * 2500, "refund and how " * 330, "😀" * 5000, "ab " * 1700, "怎么，" * 1600]
    base.ask("warm", locale)
    for text in walls:
        took = []
        for _ in range(3):
            begun = time.process_time()
            ask_parts(lambda question: base.ask(question, locale), text)
            took.append(time.process_time() - begun)
        assert min(took) < 0.05, text[:20]

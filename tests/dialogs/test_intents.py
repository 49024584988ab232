"""What people want besides answering is recognised, and plain answers and questions are left alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.intents import (
    CorrectDetails,
    Intent,
    IntentDetector,
    LanguageDetails,
    LaterDetails,
    is_ambiguous_stop,
    is_start_word,
)
from dialogs.lexicons import bundled_lexicons
from kb.shipped import articles

LINES = Path(__file__).parent / "intent_lines"
FAQ = (
    "How long does a transfer take?",
    "Why was my card declined?",
    "How do I complain about a merchant?",
    "What are the fees for a withdrawal?",
    "转账多久到账？",
    "卡为什么被拒？",
    "怎么投诉商家？",
    "提现手续费是多少？",
)


@pytest.fixture(scope="module")
def detector() -> IntentDetector:
    return IntentDetector.from_lexicons(bundled_lexicons(), neutral=FAQ)


def lines(name: str) -> Iterator[tuple[str, str]]:
    intent = ""
    for line in (LINES / f"{name}.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            intent = line.strip("[]")
        elif line and not line.startswith("#"):
            yield intent, line


def found(detector: IntentDetector, text: str, locale: str = "en") -> set[str]:
    return {detected.intent.value for detected in detector.detect(text, locale)}


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_known_wordings_of_every_intent_are_recognised(
    detector: IntentDetector, locale: str
) -> None:
    missed = [
        (intent, line)
        for intent, line in lines(locale)
        if intent != "none" and intent not in found(detector, line, locale)
    ]
    assert len(missed) <= 2, missed


@pytest.mark.parametrize("name", ["en", "zh", "blind_en", "blind_zh"])
def test_plain_answers_and_questions_raise_no_alarm(detector: IntentDetector, name: str) -> None:
    plain = [line for intent, line in lines(name) if intent == "none"]
    alarms = [line for line in plain if found(detector, line, name[-2:])]
    assert len(alarms) <= len(plain) * 0.05, alarms


@pytest.mark.parametrize(("name", "floor"), [("blind_en", 0.78), ("blind_zh", 0.80)])
def test_most_wordings_that_were_never_seen_are_recognised(
    detector: IntentDetector, name: str, floor: float
) -> None:
    wanted = [(intent, line) for intent, line in lines(name) if intent != "none"]
    missed = [p for p in wanted if p[0] not in found(detector, p[1], name[-2:])]
    assert 1 - len(missed) / len(wanted) >= floor, Counter(intent for intent, _ in missed)


@pytest.mark.parametrize(
    "text",
    [
        "STOP", "stop", " Stop! ", "ＳＴＯＰ", "StopAll", "unsubscribe", "CANCEL", "end", "quit",
        "revoke", "OPTOUT", "opt out", "Opt-out", "退订", "拒收。", "不要再发", "别发了",
        "取消订阅", "取消訂閱", "配信停止", "СТОП", "ARRÊT", "baja",
    ],
)  # fmt: skip
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_an_opt_out_word_counts_as_the_whole_message(
    detector: IntentDetector, text: str, locale: str
) -> None:
    (only,) = detector.detect(text, locale)
    assert (only.intent, only.score, only.rest) == (Intent.STOP, 1.0, "")


@pytest.mark.parametrize(
    "text",
    [
        "how do I stop a payment", "stop the transfer to Anna", "can I cancel my card",
        "the contract will end", "怎么退订会员", "不要再发验证码到旧手机", "don't stop",
        "please stop the direct debit", "停止扣款怎么弄", "I cancelled it",
    ],
)  # fmt: skip
def test_opt_out_words_inside_a_message_do_not_opt_out(detector: IntentDetector, text: str) -> None:
    assert "stop" not in found(detector, text)


@pytest.mark.parametrize(
    "text",
    [
        "please stop messaging me", "别再给我发消息了", "Don't contact me again.",
        "Stop texting me! I told you already.", "請不要再發訊息給我", "以后别联系我了",
        "take me off your list", "我不想再收到你们的短信",
    ],
)  # fmt: skip
def test_a_sentence_that_revokes_opts_out(detector: IntentDetector, text: str) -> None:
    assert detector.detect(text, "en")[0].intent is Intent.STOP


@pytest.mark.parametrize("text", ["T", "td", "N", "r", "Ｎ"])
def test_one_letter_opts_out_on_sms_only(detector: IntentDetector, text: str) -> None:
    assert [d.intent for d in detector.detect(text, "zh", channel_is_sms=True)] == [Intent.STOP]
    assert "stop" not in found(detector, text)


def test_which_stop_words_are_asked_about_and_which_words_start_again() -> None:
    assert all(is_ambiguous_stop(text) for text in ("CANCEL", "end", "Quit.", "取消"))
    assert not any(is_ambiguous_stop(text) for text in ("STOP", "退订", "end of story", ""))
    assert all(is_start_word(text) for text in ("START", "unstop", "恢复订阅"))
    assert not any(is_start_word(text) for text in ("start over please", "yes", "", "stop"))


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("English please", "en"), ("说中文", "zh"), ("switch to English", "en"),
        ("能用英文吗", "en"), ("我看不懂英文", "zh"), ("I don't understand Chinese", "en"),
        ("Español por favor", "es"), ("换成繁体", "zh-Hant"), ("change language", ""),
    ],
)  # fmt: skip
def test_the_language_asked_for_is_named(detector: IntentDetector, text: str, target: str) -> None:
    (only,) = detector.detect(text, "en")
    assert (only.intent, only.details) == (Intent.LANGUAGE, LanguageDetails(target))


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("明天下午再说", "明天下午"), ("下周三上午十点再联系我吧", "下周三上午十点"),
        ("I'm busy, call me at 6:30pm please", "at 6:30pm"), ("在开会", ""),
        ("remind me in 2 hours", "in 2 hours"), ("can't talk right now", ""),
        ("过半小时再找我", "过半小时"), ("not now, tomorrow morning", "tomorrow morning"),
    ],
)  # fmt: skip
def test_later_keeps_the_time_as_it_was_written(
    detector: IntentDetector, text: str, when: str
) -> None:
    detected = detector.detect(text, "en")[0]
    assert (detected.intent, detected.details) == (Intent.LATER, LaterDetails(when))


@pytest.mark.parametrize(
    ("text", "target", "value"),
    [
        ("actually my rating is 2", "rating", "2"), ("改成3分", "", "3分"),
        ("刚才说错了，应该是3分", "", "3分"), ("I want to change my answer", "", ""),
        ("评分想改为4", "评分", "4"), ("change my answer to no", "answer", "no"),
        ("我按错了，选第二个", "", "第二个"), ("我说错了，是不满意", "", "不满意"),
        ("oops wrong button, I meant 3", "", "3"), ("go back to the previous question", "", ""),
    ],
)  # fmt: skip
def test_a_correction_names_what_and_to_which_value(
    detector: IntentDetector, text: str, target: str, value: str
) -> None:
    (only,) = detector.detect(text, "zh")
    assert (only.intent, only.details) == (Intent.CORRECT, CorrectDetails(target, value))


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("5, but transfer me to a human", "5"),
        ("转人工，另外手续费多少？", "另外手续费多少？"),
        ("When do I get the card? And I want a human", "When do I get the card?"),
        ("我要投诉", ""),
    ],
)
def test_what_is_left_of_the_message_is_kept(
    detector: IntentDetector, text: str, rest: str
) -> None:
    assert detector.detect(text, "zh")[0].rest == rest


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("我被骗了全部积蓄，不想活了", [Intent.DISTRESS, Intent.FRAUD]),
        ("This is useless, let me talk to a real person", [Intent.HUMAN, Intent.COMPLAINT]),
        ("我要投诉，叫你们经理来", [Intent.COMPLAINT, Intent.HUMAN]),
        ("不要再发了，烦死了", [Intent.STOP, Intent.COMPLAINT]),
    ],
)
def test_the_most_important_intent_comes_first(
    detector: IntentDetector, text: str, order: list[Intent]
) -> None:
    assert [d.intent for d in detector.detect(text, "en")] == order


@pytest.mark.parametrize(
    ("text", "angry"),
    [
        ("WHERE IS MY MONEY!!!", True), ("why no answer?!", True), ("钱呢？！！", True),
        ("Thank you!!!", False), ("GREAT SERVICE!!!", False), ("太好了！！！", False),
        ("HELLO I WANT TO KNOW THE FEES", False),
    ],
)  # fmt: skip
def test_shouting_is_a_complaint_only_where_something_is_wrong(
    detector: IntentDetector, text: str, angry: bool
) -> None:
    detected = [d for d in detector.detect(text, "en") if d.intent is Intent.COMPLAINT]
    assert bool(detected) is angry
    assert all(d.evidence and d.evidence in text for d in detected)


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("i need to speek to an operater", "human"), ("reprsentative", "human"),
        ("I want to make a complant", "complaint"), ("轉人工", "human"), ("我要投訴", "complaint"),
        ("got scamed yesterday, I was defruaded", "fraud"), ("能转人公吗", "human"),
    ],
)  # fmt: skip
def test_typing_errors_and_traditional_script_are_understood(
    detector: IntentDetector, text: str, intent: str
) -> None:
    assert intent in found(detector, text)


@pytest.mark.parametrize(
    "text", ["I urgently need the agenda", "personal data", "scan the code", "complete the form"]
)
def test_words_that_look_like_ours_are_not_mended(detector: IntentDetector, text: str) -> None:
    assert not found(detector, text)


def test_without_neutral_questions_the_detector_still_works() -> None:
    bare = IntentDetector.from_lexicons(bundled_lexicons())
    assert "human" in found(bare, "talk to a human")
    assert not found(bare, "When will my card arrive?")


def test_two_detectors_from_the_same_files_agree(detector: IntentDetector) -> None:
    other = IntentDetector.from_lexicons(bundled_lexicons(), neutral=FAQ)
    for name in ("blind_en", "blind_zh"):
        for _, line in lines(name):
            assert other.detect(line, "en") == detector.detect(line, "en")


PIECES = st.sampled_from(
    ["stop", "STOP ", "转人工", "not ", "我不想", "!!!", "？", "complain ", "3分", "改成", "'", "：",
     "tomorrow at ", "明天", "轉", "İ", "ﬁ", "\ud800", "①", "👍", "\x00", "ß", "۳"]
)  # fmt: skip


@given(st.one_of(st.text(max_size=300), st.lists(PIECES, max_size=40).map("".join)))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_without_an_error(detector: IntentDetector, text: str) -> None:
    for sms in (False, True):
        for detected in detector.detect(text, "zh", sms):
            assert 0 <= detected.score <= 1
            assert detected.evidence in text
    is_ambiguous_stop(text)
    is_start_word(text)


@pytest.mark.parametrize("piece", ["a", "我要", "not ", "stop, ", "!?", "改成3分", "please "])
def test_a_text_of_fifty_thousand_characters_is_read(detector: IntentDetector, piece: str) -> None:
    text = (piece * 50_000)[:50_000]
    assert all(d.evidence in text for d in detector.detect(text, "zh"))


@pytest.mark.parametrize(
    "text",
    [
        "someone pretending to be you stole my money",
        "a man posing as your support emptied my account",
        "I think someone claiming to be from your team took my savings",
    ],
)
def test_a_thief_in_our_name_is_fraud_before_a_complaint(
    detector: IntentDetector, text: str
) -> None:
    assert detector.detect(text, "en")[0].intent is Intent.FRAUD


@pytest.mark.parametrize("text", ["you stole my money", "you people are thieves"])
def test_calling_us_thieves_is_a_complaint_and_no_fraud(
    detector: IntentDetector, text: str
) -> None:
    assert "fraud" not in found(detector, text)
    assert "complaint" in found(detector, text)


@pytest.mark.parametrize(
    ("text", "locale"),
    [("I have", "en"), ("kids", "en"), ("i want to", "en"), ("孩子", "zh"), ("钱", "zh")],
)
def test_a_few_bare_words_are_never_guessed_to_be_distress_or_fraud(text: str, locale: str) -> None:
    # The whole product's questions: what the model guesses depends on what it learnt from.
    neutral = tuple(phrasing for article in articles() for phrasing in article.phrasings)
    whole = IntentDetector.from_lexicons(bundled_lexicons(), neutral)
    assert not found(whole, text, locale) & {"distress", "fraud"}

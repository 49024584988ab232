"""What holds of the engine whatever people do: it is pure, it never raises, and its state is JSON."""

from __future__ import annotations

import copy
import doctest
import importlib
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialogs.context import Context, Duty, Mode
from dialogs.effects import Corrected, Ended, HandOff, Recorded
from dialogs.engine import advance
from dialogs.events import (
    Begin,
    Due,
    Event,
    GivenBack,
    Left,
    Opened,
    Redacted,
    Resolved,
    Said,
    Sent,
    Tapped,
    TimerKind,
)
from dialogs.script import Script
from dialogs.state import ASKED_KEPT, HEARD_KEPT, State
from dialogs.testing import demo_context, demo_script

SCRIPTS = Path(__file__).parents[2] / "dialogs" / "scripts"

_EVERY_KIND = """
script: every_kind
version: 1
locales: [zh, en]
title: {zh: 全部, en: Every kind}
start: who
steps:
  who: {ask: identity, text: {zh: 后四位, en: Last four}, next: many}
  many:
    ask: choices
    optional: true
    text: {zh: 选几项, en: Pick some}
    options:
      - {value: a, label: {zh: 苹果, en: Apple}}
      - {value: b, label: {zh: 香蕉, en: Banana}}
      - {value: c, label: {zh: 橙子, en: Orange}}
    branches: {a: amount}
    next: day
  amount: {ask: number, minimum: 1, maximum: 99, text: {zh: 几个, en: How many}, next: day}
  day: {ask: date, optional: true, text: {zh: 哪天, en: Which day}, remind: {after: 2h, times: 2}, next: phone}
  phone: {ask: phone, text: {zh: 电话, en: Phone}, why: {zh: 方便联系, en: To reach you}, next: again}
  again: {ask: yes_no, text: {zh: 再来, en: Once more}, branches: {yes: many, no: stars}}
  stars: {ask: rating, when: answered(amount), scale: 10, text: {zh: 打分, en: Rate}, branches: {1-4: sad}, next: why}
  sad: {say: {zh: 抱歉, en: Sorry}, handoff: low_rating, next: why}
  why: {ask: text, optional: true, candid: true, text: {zh: 为什么, en: Why}, thanks: {zh: 谢谢, en: Thanks}}
"""
EVERY_KIND = Script.parse(_EVERY_KIND, "every_kind")
PREAPPROVAL = Script.load(SCRIPTS / "preapproval.yaml")

_WORDS = (
    "1234|5|五分|4/5|三四分|不是5分，是2分|是|不是|没有|跳过|苹果和香蕉|苹果|第二个|就这些|3|明天下午三点|13800138000|为什么要问这个？|手续费是多少？"
    "|退款和手续费？|月亮上有银行吗？|转人工|我要投诉|被骗了|稍后|明天再说|退订|取消|STOP|START|恢复|English|说中文|再说一遍|帮助|评分改成1分|不对，评分是3"
    "|1, terrible|yes|no|actually my rating is 2|later|help|8/10|👍|👎|哈哈|…| |\n|{{person.name}}|{% if %}|5，手续费是多少？|\x00|e\u0301|明天，算了，后天"
)
TEXTS = st.sampled_from([*_WORDS.split("|"), "\ud83d"]) | st.text(max_size=30)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(Said, TEXTS),
    st.builds(Said, TEXTS),
    st.builds(Said, TEXTS, edited=st.booleans(), ref=st.sampled_from(["", "1", "2", "3"])),
    st.builds(Tapped, st.integers(0, 12), st.integers(0, 7)),
    st.builds(Tapped, st.integers(0, 12), st.integers(0, 7)),
    st.builds(Tapped, st.none(), st.just(0)),
    st.builds(Sent, st.sampled_from(["voice", "sticker", "image", "audio", "video", "x"])),
    st.builds(Redacted, st.just(("code",)), st.just("notice"), TEXTS),
    st.builds(Due, st.sampled_from(TimerKind), st.integers(0, 12)),
    st.builds(GivenBack, st.booleans()),
    st.sampled_from([Opened(), Begin(), Left(), Resolved()]),
)
MOMENTS = st.sampled_from([timedelta(0), timedelta(minutes=3), timedelta(hours=13)])
MODES = st.sampled_from([Mode.BOT, Mode.BOT, Mode.BOT, Mode.QUEUED, Mode.HUMAN])
TURNS = st.lists(st.tuples(EVENTS, MOMENTS, MODES), max_size=25)
_PROGRESS = re.compile(r"^(\d+)/(\d+) · ")


def in_mode(context: Context, mode: Mode, later: timedelta) -> Context:
    return Context(
        now=context.now + later,
        person=context.person,
        company=context.company,
        faq=context.faq,
        detect_intents=context.detect_intents,
        mode=mode,
        duty=Duty(open=mode is Mode.BOT),
    )


@pytest.mark.parametrize("script", [EVERY_KIND, PREAPPROVAL], ids=lambda script: script.script)
@pytest.mark.parametrize("locale", ["zh", "en"])
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(turns=TURNS)
def test_whatever_happens_the_engine_is_pure_and_never_raises(
    script: Script, locale: str, turns: list[tuple[Event, timedelta, Mode]]
) -> None:
    context = demo_context(locale)
    state = State(script.script, script.version, locale)
    total: int | None = None
    for event, later, mode in [(Begin(), timedelta(0), Mode.BOT), *turns]:
        context = in_mode(context, mode, later)
        before = copy.deepcopy(state)
        step = advance(script, state, event, context)
        assert state == before, "the given state was changed"
        again = advance(
            script, State.from_json(json.loads(json.dumps(state.to_json()))), event, context
        )
        assert again.messages == step.messages
        assert again.effects == step.effects
        assert State.from_json(json.loads(json.dumps(step.state.to_json()))) == step.state
        if mode is Mode.HUMAN and isinstance(event, (Said, Tapped, Sent, Opened, Due)):
            said = [message.text for message in step.messages]
            assert step.state.opted_out or state.opted_out or not said, said
        for message in step.messages:
            assert message.text
            if match := _PROGRESS.match(message.text):
                at, of = int(match[1]), int(match[2])
                assert 1 <= at <= of
                assert total is None or of <= total, "the promised total grew"
                total = of
        state = step.state


@given(text=TEXTS)
@settings(deadline=None, max_examples=60)
def test_nobody_who_opted_out_is_asked_anything(text: str) -> None:
    context = demo_context("zh")
    step = advance(PREAPPROVAL, State("preapproval", 1, "zh"), Begin(), context)
    step = advance(PREAPPROVAL, step.state, Said("退订"), context)
    step = advance(PREAPPROVAL, step.state, Said(text), context)
    assert not any(message.question for message in step.messages)
    assert not any(isinstance(effect, Recorded) for effect in step.effects)


def test_every_question_waits_under_its_own_serial() -> None:
    context = demo_context()
    script = demo_script()
    step = advance(script, State("demo", 1, "en"), Begin(), context)
    asked = [message for message in step.messages if message.question]
    assert [message.serial for message in asked] == [step.state.pending]
    assert [option.label for option in asked[0].options] == ["1", "2", "3", "4", "5"]


def test_a_follow_up_ends_once() -> None:
    context = demo_context()
    script = demo_script()
    state = State("demo", 1, "en")
    ends = 0
    events: list[Event] = [Begin(), Said("5"), Said("skip"), Said("hello"), Opened(), Resolved()]
    for event in events:
        step = advance(script, state, event, context)
        state = step.state
        ends += sum(isinstance(effect, Ended) for effect in step.effects)
    assert ends == 1


def test_a_question_is_remembered_however_much_is_offered_beside_it() -> None:
    context = demo_context()
    script = demo_script()
    step = advance(script, State("demo", 1, "en"), Begin(), context)
    for _ in range(ASKED_KEPT + 5):
        step = advance(script, step.state, Said("CANCEL"), context)
        step = advance(script, step.state, Tapped(step.messages[-1].serial, 1), context)
    assert len(step.state.asked) <= ASKED_KEPT + 2
    step = advance(script, step.state, Said("4"), context)
    assert Recorded("rating", 4, "rating") in step.effects


def test_a_stale_timer_does_nothing() -> None:
    context = demo_context()
    step = advance(PREAPPROVAL, State("preapproval", 1, "en"), Begin(), context)
    waiting = step.state.pending
    step = advance(PREAPPROVAL, step.state, Said("1234"), context)
    step = advance(PREAPPROVAL, step.state, Due(TimerKind.REMIND, waiting), context)
    assert step.messages == ()
    assert step.effects == ()


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("1分，太差了", "low_rating"),
        ("1分，我要投诉", "complaint"),
        ("1分，转人工", "asked_human"),
        ("非常不满意", "low_rating"),
    ],
)
def test_a_low_rating_with_more_beside_it_is_one_handoff(said: str, reason: str) -> None:
    script = demo_script()
    context = demo_context("zh")
    step = advance(script, State("demo", 1, "zh"), Begin(), context)
    step = advance(script, step.state, Said(said), context)
    handed = [effect.reason for effect in step.effects if isinstance(effect, HandOff)]
    assert handed == [reason]
    assert Recorded("rating", 1, "rating") in step.effects
    step = advance(script, step.state, GivenBack(), context)
    assert not any(isinstance(effect, HandOff) for effect in step.effects)


def test_several_answers_are_picked_with_taps_and_words() -> None:
    context = demo_context("en")
    step = advance(EVERY_KIND, State("every_kind", 1, "en"), Begin(), context)
    step = advance(EVERY_KIND, step.state, Said("1234"), context)
    step = advance(EVERY_KIND, step.state, Tapped(step.state.pending, 1), context)
    assert [option.label for option in step.messages[-1].options] == [
        "That's all",
        "Apple",
        "Orange",
    ]
    step = advance(EVERY_KIND, step.state, Said("orange"), context)
    step = advance(EVERY_KIND, step.state, Said("1"), context)
    assert Recorded("many", ["b", "c"], "many") in step.effects


def test_words_for_several_answers_are_taken_at_once() -> None:
    context = demo_context("zh")
    step = advance(EVERY_KIND, State("every_kind", 1, "zh"), Begin(), context)
    step = advance(EVERY_KIND, step.state, Said("1234"), context)
    step = advance(EVERY_KIND, step.state, Said("苹果和香蕉"), context)
    assert Recorded("many", ["a", "b"], "many") in step.effects


@pytest.mark.parametrize("module", ["engine", "testing", "conditions"])
def test_the_examples_in_the_docs_are_true(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"dialogs.{module}"))
    assert result.attempted
    assert not result.failed


def test_an_edit_corrects_the_answer_that_its_message_gave_and_no_other() -> None:
    context = demo_context()
    state = State("preapproval", PREAPPROVAL.version, "en")

    def say(text: str, ref: str, *, edited: bool = False) -> list[Any]:
        nonlocal state
        step = advance(PREAPPROVAL, state, Said(text, edited=edited, ref=ref), context)
        state = step.state
        return [effect for effect in step.effects if isinstance(effect, (Recorded, Corrected))]

    state = advance(PREAPPROVAL, state, Begin(), context).state
    for number, text in enumerate(["1234", "yes", "yes", "none", "4", "yes"]):
        say(text, f"m{number}")
    assert state.answers["satisfaction"] == 4
    (change,) = say("5", "m4", edited=True)
    assert (change.name, change.old, change.new) == ("satisfaction", 4, 5)
    before = dict(state.answers)
    say("lovely weather", "m6")
    for ref in ("unheard of", "m1"):
        assert say("2", ref, edited=True) == []
    assert {name: state.answers[name] for name in before} == before


def test_what_messages_answered_is_forgotten_in_the_end() -> None:
    state = State("preapproval", PREAPPROVAL.version, "en")
    for number in range(HEARD_KEPT + 5):
        state.hear(str(number), "")
    assert list(state.heard) == [str(number) for number in range(5, HEARD_KEPT + 5)]

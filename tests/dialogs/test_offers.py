"""Words about what was just answered, beside a question of the script that wants a yes or no too."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from dialogs.effects import Effect, HandOff, Helped, Recorded
from dialogs.engine import advance
from dialogs.events import Begin, Event, Said
from dialogs.script import Script
from dialogs.state import State
from dialogs.testing import demo_context

SCRIPT = Script.parse(
    """
script: right
version: 1
locales: [zh, en]
title: {zh: 对吗, en: Right}
start: right
steps:
  right:
    ask: yes_no
    text: {zh: 资料都对吗？, en: "Is everything right?"}
""",
    "right",
)


def after_an_answer(text: str, locale: str) -> list[Effect]:
    """What the text causes when it follows the answer about fees."""
    context = demo_context(locale)
    state = State("right", 1, locale)
    question = "手续费是多少？" if locale == "zh" else "what are the fees?"
    events: list[Event] = [Begin(), Said(question)]
    for event in events:
        state = advance(SCRIPT, state, event, context).state
    later = replace(context, now=context.now + timedelta(seconds=9))
    return list(advance(SCRIPT, state, Said(text), later).effects)


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("No, that did not help", "en"),
        ("that didn't help at all.", "en"),
        ("not helpful, sorry", "en"),
        ("that's not what I asked", "en"),
        ("wrong answer", "en"),
        ("没帮上忙", "zh"),
        ("没有帮助", "zh"),
        ("沒幫到我", "zh"),
        ("这不是我想问的", "zh"),
        ("答非所问！", "zh"),
    ],
)
def test_no_that_did_not_help_is_about_the_answer(text: str, locale: str) -> None:
    effects = after_an_answer(text, locale)
    assert Helped("fees", helpful=False) in effects
    assert not any(isinstance(effect, (Recorded, HandOff)) for effect in effects)


@pytest.mark.parametrize(
    ("text", "locale"),
    [
        ("yes, that helped, thanks", "en"),
        ("very helpful!", "en"),
        ("有帮助，谢谢", "zh"),
        ("很有用", "zh"),
    ],
)
def test_yes_that_helped_is_about_the_answer(text: str, locale: str) -> None:
    effects = after_an_answer(text, locale)
    assert effects == [Helped("fees", helpful=True)]


@pytest.mark.parametrize(
    ("text", "locale", "value"),
    [
        ("yes", "en", True),
        ("no", "en", False),
        ("no, my name is wrong", "en", False),
        ("是", "zh", True),
        ("不是", "zh", False),
        ("没有问题", "zh", True),
    ],
)
def test_a_plain_yes_or_no_answers_the_script(text: str, locale: str, value: object) -> None:
    recorded = [e.value for e in after_an_answer(text, locale) if isinstance(e, Recorded)]
    assert recorded[:1] == [value]

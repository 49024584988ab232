"""Messages within seconds are one question: what waits, for how long, and what it becomes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.burst import MOST, QUIET, is_unfinished
from dialogs.effects import Abstained, Answered, Clarified, Effect, HandOff, Recorded, Schedule
from dialogs.engine import advance
from dialogs.events import Begin, Due, Event, Said, TimerKind
from dialogs.state import State
from dialogs.testing import demo_context, demo_script

SCRIPT, CONTEXT = demo_script(), demo_context()
ASKED = (Answered, Clarified, Abstained)


@dataclass
class Chat:
    """One conversation on a given clock; timers of a burst come when they are due."""

    state: State = field(default_factory=lambda: State(SCRIPT.script, SCRIPT.version, "en"))
    now: datetime = CONTEXT.now
    due: list[datetime] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    def happen(self, event: Event) -> None:
        stored = State.from_json(json.loads(json.dumps(self.state.to_json())))
        step = advance(SCRIPT, stored, event, replace(CONTEXT, now=self.now))
        self.state = step.state
        self.said += [message.text for message in step.messages]
        self.effects += step.effects
        self.due += [
            effect.at
            for effect in step.effects
            if isinstance(effect, Schedule) and effect.kind is TimerKind.BURST and effect.at
        ]

    def wait(self, seconds: float) -> None:
        end = self.now + timedelta(seconds=seconds)
        while self.due and (first := min(self.due)) <= end:
            self.due.remove(first)
            self.now = first
            self.happen(Due(TimerKind.BURST))
        self.now = end

    def asked(self) -> list[str]:
        """What became of the questions, in order."""
        return [
            f"{type(effect).__name__.lower()} {getattr(effect, 'article', '')}".strip()
            for effect in self.effects
            if isinstance(effect, ASKED)
        ]


def chat_of(*turns: tuple[float, str], after: float = 10.0) -> Chat:
    """A chat whose rating is asked; each text comes so many seconds after the one before."""
    chat = Chat()
    chat.happen(Begin())
    chat.said.clear()
    for seconds, text in turns:
        chat.wait(seconds)
        chat.happen(Said(text))
    chat.wait(after)
    return chat


@pytest.mark.parametrize(
    ("turns", "asked"),
    [
        # Pieces that mean nothing by themselves are one question.
        ([(0, "how much"), (1.5, "is the"), (1.5, "fee")], ["answered fees"]),
        ([(0, "how long"), (1, "does a refund"), (1, "take?")], ["answered refund"]),
        ([(0, "退款"), (1, "要多久"), (1, "到账")], ["answered refund"]),
        # Who writes in pieces is waited for, even if one of them has an answer.
        ([(0, "how much"), (1, "is the fee"), (1, "for a refund")], ["clarified"]),
        # What is complete is answered at once; a few words more only add to it.
        ([(0, "what are the fees?"), (1, "for me"), (1, "please")], ["answered fees"]),
        # Two questions stay two.
        (
            [(0, "what are the fees?"), (2, "when do I get the card?")],
            ["answered fees", "answered card"],
        ),
        # Pieces of something that nobody knows are one gap.
        ([(0, "is there"), (1, "a bank"), (1, "on the moon?")], ["abstained"]),
        # Far apart they are messages of their own.
        ([(0, "the fee"), (60, "the card")], ["answered fees"]),
    ],
)
def test_desk_25_messages_within_seconds_are_one_question(
    turns: list[tuple[float, str]], asked: list[str]
) -> None:
    assert chat_of(*turns).asked() == asked


@pytest.mark.parametrize(
    "text",
    [
        "what are the fees?",
        "what are the fees",
        "5",
        "hello",
        "is there a bank on the moon?",
        "😀",
        "???",
        "agent",
    ],
)
def test_a_lone_message_is_answered_at_once(text: str) -> None:
    chat = chat_of((0, text), after=0)
    assert chat.said
    assert not chat.due


@pytest.mark.parametrize("text", ["elephant", "purple elephants"])
def test_a_piece_waits_no_longer_than_the_quiet_time_and_spends_one_retry(text: str) -> None:
    chat = chat_of((0, text), after=QUIET.total_seconds() - 0.5)
    assert chat.said == []
    chat.wait(0.5)
    assert len(chat.said) == 1
    assert chat.state.misses == 1


def test_three_pieces_without_sense_are_one_miss_and_no_handoff() -> None:
    chat = chat_of((0, "well"), (1, "you see"), (1, "the thing"))
    assert len(chat.said) == 1
    assert chat.state.misses == 1
    assert not any(isinstance(effect, HandOff) for effect in chat.effects)


def test_an_answer_to_the_pending_question_is_taken_at_once_and_the_piece_before_it_dropped() -> (
    None
):
    chat = chat_of((0, "let me think"), (1, "4"))
    assert [e.value for e in chat.effects if isinstance(e, Recorded)] == [4]
    assert not any("get that" in text for text in chat.said)


def test_a_question_in_pieces_is_answered_even_if_the_answer_follows_it() -> None:
    """Both were in the inbox when the turn began."""
    chat = Chat()
    chat.happen(Begin())
    chat.happen(Said("what about the fee", more=True))
    chat.happen(Said("5"))
    assert [e.value for e in chat.effects if isinstance(e, Recorded)] == [5]
    assert chat.asked() == ["answered fees"]
    assert sum("Why this score?" in text for text in chat.said) == 1


def test_what_waits_together_is_heard_together() -> None:
    chat = Chat()
    chat.happen(Begin())
    for text in ("what are the fees?", "and when do I get the card?"):
        chat.happen(Said(text, more=text.startswith("what")))
    assert chat.asked() == ["answered fees", "answered card"]
    assert (
        sum("How was it" in text for text in chat.said) == 2
    )  # the first ask, and once after both


def test_more_pieces_than_a_question_has_are_not_waited_for() -> None:
    chat = chat_of(*[(1, f"word{n}") for n in range(MOST)], after=0)
    assert len(chat.said) == 1


@pytest.mark.parametrize(
    ("text", "unfinished"),
    [
        ("how long", True),
        ("我想问一下", True),
        ("is there a bank on the moon?", False),
        ("I paid twice.", False),
        ("谢谢。", False),
        ("ok 👍", False),
        ("😀😀😀", False),
        ("...", False),
        ("12345", False),
        ("привет", False),
        ("word " * 30, False),
        ("", False),
    ],
)
def test_only_a_few_words_without_an_end_are_unfinished(text: str, unfinished: bool) -> None:
    assert is_unfinished(text) is unfinished


_TEXTS = st.sampled_from(
    [
        "how long",
        "does a refund take",
        "fee",
        "5",
        "hmm",
        "card arrive",
        "?",
        "why",
        "still",
        "你好",
        "退款",
    ]
)
_GAPS = st.sampled_from([0.0, 1.0, 2.4, 2.6, 3.9, 30.0])


@given(st.lists(st.tuples(_GAPS, _TEXTS), min_size=1, max_size=8))
def test_nothing_waits_for_ever_and_everything_is_answered_somehow(
    turns: list[tuple[float, str]],
) -> None:
    chat = chat_of(*turns, after=QUIET.total_seconds())
    assert not chat.due
    assert not chat.state.burst or not chat.state.burst["waits"]
    heard = [effect for effect in chat.effects if not isinstance(effect, Schedule)]
    assert chat.said or heard

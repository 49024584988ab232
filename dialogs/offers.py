"""Words instead of a tap on what was offered beside the question: later, stop, a person, a change."""

from __future__ import annotations

import re

from channels.text import fold
from dialogs.asides import come_back, named_moment
from dialogs.events import Tapped
from dialogs.replies.choice import read_choice
from dialogs.replies.yes_no import read_yes_no
from dialogs.state import Asked, AskedKind
from dialogs.taps import tapped
from dialogs.traditional import to_simplified
from dialogs.turn import Turn, read_context

LONGEST = 40  # characters; more is no answer to an offer


# "Did this help?" in the words of its answer, whole; the script's question may want a yes or no too.
_LEAD = r"(?:(?:no|nope|yes|yeah|yep|sorry|but|well|ok|okay|thanks|thank you|不|没有|是的|嗯|谢谢|可是|但是|好的)[,，.。!！\s]*)*"
_TAIL = r"(?:[,，.。!！\s]*(?:thanks|thank you|at all|sorry|much|a lot|谢谢|啊|呢|呀|了|哦|的))*[.。!！~～\s]*"
_DENIED = (
    r"(?:(?:that|this|it|the answer|your answer) )?(?:really )?(?:did(?:n't| not)|does(?:n't| not)) (?:really )?"
    r"(?:help|answer (?:it|that|my question))(?: me)?"
    r"|(?:(?:that|this|it)(?:'s| is| was) )?not (?:really |very |that )?(?:helpful|useful|what i (?:asked|meant|was asking|wanted|wanted to know))(?: for)?"
    r"|(?:that|this|it)(?:'s| is| was) (?:no help|unhelpful|the wrong answer)|(?:no help|unhelpful|wrong answer)"
    r"|(?:这个?|那个?|这个?回答|好像|还是|并|完全|根本|都|也)*(?:没(?:有)?(?:什么|啥|任何)?帮(?:上忙|上|到我|到|助)(?:我|忙)?|帮不上忙?|没(?:什么|啥)用|"
    r"不是我(?:想|要)?(?:问|要|知道)的?(?:问题|内容)?|没(?:有)?(?:回答|答)(?:到)?我?的?问题|答非所问)"
)
_GRANTED = (
    r"(?:(?:that|this|it) )?(?:really |did )?help(?:s|ed)?(?: me)?|(?:(?:that|this|it)(?:'s| is| was) )?(?:very |really )?helpful"
    r"|(?:这个?|很|挺|真的?|非常)*(?:有帮助|帮到我?|帮上忙|有用)"
)
_HELPED_NOT = re.compile(rf"{_LEAD}(?:{_DENIED}){_TAIL}", re.IGNORECASE)
_HELPED = re.compile(rf"{_LEAD}(?:{_GRANTED}){_TAIL}", re.IGNORECASE)


def said_of_answer(turn: Turn, text: str) -> bool:
    """Take "no, that did not help" as what it is, a word about the answer before, and not as the
    answer to the script's question; False if it is not."""
    asked = turn.state.asked.get(str(turn.state.offer))
    if asked is None or asked.kind is not AskedKind.HELPFUL or asked.data.get("used"):
        return False
    if asked.step != turn.state.step:  # it may be about the script's next question
        return False
    said = to_simplified(fold(text).text).strip()
    if len(said) > LONGEST:
        return False
    helpful = _HELPED.fullmatch(said) is not None
    if not helpful and _HELPED_NOT.fullmatch(said) is None:
        return False
    tapped(turn, Tapped(turn.state.offer, asked.values.index(helpful)))
    return True


def answers_offer(turn: Turn, text: str) -> bool:
    """Whether the words are an answer to the newest offer; nothing is done about it."""
    asked = turn.state.asked.get(str(turn.state.offer))
    if asked is None or len(text) > LONGEST or asked.data.get("used"):
        return False
    if _chosen(turn, asked, text) is not None:
        return True
    return asked.kind is AskedKind.LATER and named_moment(turn, text) is not None


def said_to_offer(turn: Turn, text: str) -> bool:
    """Take the words as the answer to the newest offer; False if they are not. An offer is open
    for one message: what is said after that is about something else."""
    serial, turn.state.offer = turn.state.offer, 0
    asked = turn.state.asked.get(str(serial))
    if asked is None or len(text) > LONGEST or asked.data.get("used"):
        return False
    index = _chosen(turn, asked, text)
    if index is None:
        return asked.kind is AskedKind.LATER and _named_a_time(turn, asked, text)
    tapped(turn, Tapped(serial, index))
    return True


def _named_a_time(turn: Turn, asked: Asked, text: str) -> bool:
    at = named_moment(turn, text)
    if at is None or not turn.waits:
        return False
    asked.data["used"] = True
    come_back(turn, at)
    return True


def _chosen(turn: Turn, asked: Asked, text: str) -> int | None:
    context, labels = read_context(turn), asked.data["labels"]
    if asked.values[0] is True:
        answer = read_yes_no(text, context)
        if answer.value is not None and not answer.rest and answer.value in asked.values:
            return asked.values.index(answer.value)
    if len(labels) < 2:
        said = fold(text).text.strip(" .。!！")
        return 0 if said in ("1", fold(labels[0]).text) else None
    choice = read_choice(text, labels, context)
    return choice.value if not choice.rest else None

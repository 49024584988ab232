"""Taking an answer: record it, hear what else was said with it, go on; or say what is expected."""

from __future__ import annotations

import re
from typing import Any

from dialogs.answers import matches_identity, read_answer
from dialogs.asides import (
    RULE,
    STRONG,
    hand_off_if_strong,
    is_criticism,
    languages,
    looks_like_question,
    says_something,
    take_intent,
    worth_a_guess,
)
from dialogs.effects import IdentityChecked, Recorded, Schedule
from dialogs.faq import answer_question
from dialogs.intents import Detected, Intent
from dialogs.script import END, AskKind, HandoffReason
from dialogs.turn import Turn, ask_again, show_question
from dialogs.walk import enter, hand_off, record

MISSES_BEFORE_HANDOFF = 3
SHORTEST_COMMENT = 4  # characters; less is a filler word
_ONLY_WRONG = re.compile(
    r"(?:错|錯|不对|不對|有误|有誤|不准)(?:了|的)?\W*$|\b(?:wrong|incorrect|not right|misspelled)\W*$",
    re.IGNORECASE,
)


def take_answer(turn: Turn, value: Any, rest: str, intents: tuple[Detected, ...] = ()) -> None:
    """Take an answer, hear what else was said with it, and go on."""
    step, step_id = turn.step, turn.state.step
    if step.ask is AskKind.IDENTITY and value is not None:
        if not _identity(turn, value):
            return
        value = True
    following = record(turn, value)
    if step.thanks is not None and value is not None:
        turn.say(turn.text(step.thanks))
    handed, resume_at = _handoff_of_script(turn, following, intents)
    if not handed and hand_off_if_strong(turn, intents):
        turn.state.resume_at, turn.state.resume_replay = resume_at, False
        _keep_comment(turn, step_id, rest)
        return
    hurried = turn.state.hurried and turn.state.skips == 2 and value is None
    if hurried:
        turn.tell("hurry")
    locale = turn.state.locale
    enter(turn, following)
    if turn.state.handed_off:
        _keep_comment(turn, step_id, rest)
    elif rest:
        _hear_rest(turn, rest, locale, step_id)


def _handoff_of_script(
    turn: Turn, following: str, intents: tuple[Detected, ...]
) -> tuple[bool, str]:
    """Whether the script itself gives the conversation to a person next, so that criticism beside
    a low rating is no second handoff; and where to go on if it is given back."""
    step = turn.script.steps.get(following)
    if step is None or step.handoff is None:
        return False, following
    graver = any(i.intent in STRONG and not is_criticism(i) for i in intents)
    return not graver, step.next or END


def _hear_rest(turn: Turn, rest: str, locale: str, step_id: str) -> None:
    """ "5, but when do I get the card?": the question is answered before the next one is asked."""
    asked_next = turn.messages[-1:] if turn.waits else []
    before = turn.messages[:-1] if asked_next else turn.messages[:]
    least = 0.0 if worth_a_guess(rest) else RULE
    candid = bool(step_id) and turn.script.steps[step_id].candid
    intents = tuple(
        found
        for found in turn.context.detect_intents(rest, locale)
        if found.intent not in (Intent.CORRECT, Intent.STOP)
        and found.score >= least
        and not (candid and is_criticism(found))
    )
    turn.messages.clear()
    if not take_intent(turn, intents, rest):
        turn.messages.clear()
        answered = looks_like_question(rest) and answer_question(turn, rest)
        if not answered:
            turn.messages[:] = [*before, *asked_next]
            value = _answer_to_what_follows(turn, step_id, rest)
            if value is None:
                _keep_comment(turn, step_id, rest)
            else:
                _answer_at_once(turn, value)
            return
    same_language = turn.state.locale == locale
    if turn.messages and turn.messages[-1].question and asked_next and same_language:
        turn.messages[-1:] = asked_next
    turn.messages[:0] = before


def _answer_to_what_follows(turn: Turn, step_id: str, rest: str) -> Any:
    """What `rest` answers to the question that a branch led to, None if nothing: "no, my name is
    Clark" needs no "what should be corrected?", and "3, withdrawals are slow" no "what is wrong?".
    """
    step = turn.script.steps[step_id] if step_id else None
    if step is None or not turn.waits or turn.state.step not in step.branches.values():
        return None
    if turn.step.ask is AskKind.CHOICE:
        return read_answer(turn, turn.step, rest).value
    if turn.step.ask is not AskKind.TEXT or not says_something(rest):
        return None
    again = read_answer(turn, step, rest)  # "4, pretty good" says the same twice
    read = again.value is not None or again.candidates
    said_twice = read and 2 * len(again.evidence) > len(rest)
    return None if said_twice or _ONLY_WRONG.search(rest) else rest


def _answer_at_once(turn: Turn, value: Any) -> None:
    """Take an answer to the question that would have been asked now."""
    asked = turn.state.pending
    turn.messages[:] = [m for m in turn.messages if m.serial != asked]
    turn.effects[:] = [
        e for e in turn.effects if not (isinstance(e, Schedule) and e.serial == asked)
    ]
    take_answer(turn, value, "")


def hear_first_words(turn: Turn, text: str) -> None:
    """Somebody wrote before we said anything: what was said follows the greeting."""
    _hear_rest(turn, text, turn.state.locale, "")


def _keep_comment(turn: Turn, step_id: str, rest: str) -> None:
    """What was said along with an answer is feedback; it is kept beside the answer."""
    if not step_id:
        return
    if len(rest) >= SHORTEST_COMMENT and turn.script.steps[step_id].ask is not AskKind.IDENTITY:
        turn.effect(Recorded(f"{turn.script.result_name(step_id)}_comment", rest, step_id))


def _identity(turn: Turn, last4: str) -> bool:
    """Check the last four; False if the question waits again or a person takes over."""
    state, step = turn.state, turn.step
    if matches_identity(turn, last4):
        turn.effect(IdentityChecked(passed=True))
        return True
    state.attempts += 1
    left = step.attempts - state.attempts
    if left > 0:
        show_question(turn, turn.phrase("identity_wrong", left=left))
        return False
    turn.effect(IdentityChecked(passed=False))
    turn.tell("identity_failed")
    state.resume_at = ""  # nothing may be asked of somebody who is not known to be the person
    state.step, state.pending = "", 0
    hand_off(turn, HandoffReason.IDENTITY_FAILED)
    return False


def miss(turn: Turn, problem: str) -> None:
    """Not understood: say what is expected, then show the question, then give up to a person."""
    state = turn.state
    state.misses += 1
    if state.misses >= MISSES_BEFORE_HANDOFF:
        hand_off(turn, HandoffReason.NOT_UNDERSTOOD)
        return
    sorry = turn.phrase(problem or "sorry_not_understood", languages=languages(turn))
    hint = turn.phrase(f"retry_{turn.step.ask}", scale=turn.step.scale)
    if state.misses == 1:
        show_question(turn, f"{sorry}{turn.space}{hint}")
    else:
        ask_again(turn, before=f"{sorry}{turn.space}{hint}")

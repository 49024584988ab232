"""Changing an earlier answer: by words, by an old button, by editing a message."""

from __future__ import annotations

from typing import Any

from rapidfuzz import fuzz

from dialogs.answers import read_answer, say_name, say_value
from dialogs.effects import Corrected, Ended
from dialogs.intents import CorrectDetails, Detected, Intent
from dialogs.script import AskKind
from dialogs.state import Asked, AskedKind, Status, Visit
from dialogs.turn import Turn, ask_again
from dialogs.walk import enter, withdraw

_KIND_WORDS = {
    AskKind.RATING: ("rating", "score", "stars", "评分", "分数", "打分", "評分"),
    AskKind.PHONE: ("phone", "number", "手机", "电话", "號碼", "号码"),
    AskKind.DATE: ("date", "time", "day", "时间", "日期"),
    AskKind.YES_NO: (),
}
SHORTEST_NAME = 2  # characters; one alone stands in too many words
NEAR_ENOUGH = 80  # of 100, rapidfuzz partial ratio between a name and what was written


def answered_steps(turn: Turn) -> list[str]:
    """The steps whose answers count now, the newest first."""
    seen: list[str] = []
    for step_id, how in reversed(turn.state.path):
        name = turn.script.result_name(step_id)
        counts = how is Visit.ANSWERED and name in turn.state.answers and step_id not in seen
        if counts and turn.script.steps[step_id].ask is not AskKind.IDENTITY:
            seen.append(step_id)
    return seen


def corrects_another(turn: Turn, text: str, intents: tuple[Detected, ...]) -> bool:
    """Change an earlier answer that is named: "no, my rating is 2" while something else is asked.
    False if none is named, or nothing was to be corrected."""
    found = next((i.details for i in intents if i.intent is Intent.CORRECT), None)
    if not isinstance(found, CorrectDetails):
        return False
    for step_id in answered_steps(turn):
        if found.target and not _is_called(turn, step_id, found.target):
            continue
        if not found.target and not _names(turn, step_id, text):
            continue
        reading = read_answer(turn, turn.script.steps[step_id], found.value or text)
        if reading.value is not None and turn.script.steps[step_id].ask is not AskKind.TEXT:
            correct(turn, step_id, reading.value)
            return True
    return False


def correct_by_words(turn: Turn, target: str, value: str, text: str) -> None:
    """ "actually my rating is 2", "改成3分": find the answer that is meant, and change it."""
    steps = answered_steps(turn)
    if not steps:
        turn.tell("change_nothing")
        ask_again(turn)
        return
    if not value:
        _correct_the_rating(turn, steps, text)
        return
    named = [step_id for step_id in steps if target and _is_called(turn, step_id, target)]
    for step_id in named or steps:
        reading = read_answer(turn, turn.script.steps[step_id], value)
        if reading.value is not None and turn.script.steps[step_id].ask is not AskKind.TEXT:
            correct(turn, step_id, reading.value)
            return
    if named and turn.script.steps[named[0]].ask is AskKind.TEXT:
        correct(turn, named[0], value)
        return
    if named:
        turn.tell("change_unclear", name=say_name(turn, turn.script.steps[named[0]]))
    else:
        turn.tell("change_which")
    ask_again(turn)


def _correct_the_rating(turn: Turn, steps: list[str], text: str) -> None:
    """ "no, 4 stars": only a rating is plain without its name."""
    for step_id in steps:
        step = turn.script.steps[step_id]
        if step.ask is AskKind.RATING:
            reading = read_answer(turn, step, text)
            if reading.value is not None:
                correct(turn, step_id, reading.value)
                return
    turn.tell("change_which")
    ask_again(turn)


def correct_by_edit(turn: Turn, step_id: str, text: str) -> bool:
    """The person edited the message that answered this step; False if it does not fit any more."""
    if step_id not in answered_steps(turn):
        return False
    reading = read_answer(turn, turn.script.steps[step_id], text)
    if reading.value is None:
        return False
    correct(turn, step_id, reading.value)
    return True


def offer_change(turn: Turn, step_id: str, value: Any) -> None:
    """A tap on an older question: nothing is executed, a change is offered."""
    step = turn.script.steps[step_id]
    asked = Asked(AskedKind.CHANGE, step_id, [True, False], {"value": value})
    text = turn.phrase(
        "change_offer", name=say_name(turn, step), value=say_value(turn, step, value)
    )
    labels = [turn.phrase("yes"), turn.phrase("no")]
    turn.offer(text, asked, labels)


def correct(turn: Turn, step_id: str, value: Any) -> None:
    """Change an answer and take the branch that it leads to; what is off the path is withdrawn."""
    state, step = turn.state, turn.script.steps[step_id]
    name = turn.script.result_name(step_id)
    old = state.answers.get(name)
    if old == value:
        turn.tell("change_kept")
        ask_again(turn)
        return
    state.answers[name] = value
    turn.effect(Corrected(name, old, value, step_id))
    turn.tell("changed", name=say_name(turn, step), value=say_value(turn, step, value))
    if state.handed_off or state.opted_out:
        return
    follow_again(turn, step_id, old)


def follow_again(turn: Turn, step_id: str, old: Any) -> None:
    """Walk on from a corrected step: known answers stand, the first open question is asked."""
    state, script = turn.state, turn.script
    name = script.result_name(step_id)
    was, now = script.after(step_id, old), script.after(step_id, state.answers[name])
    if was == now and not _conditions_on(turn, name):
        ask_again(turn)
        return
    waiting, ended = state.step, state.status is Status.ENDED
    kept = _reachable(turn, now)
    for other in script.questions:
        if other not in kept and _was_after(turn, other, step_id):
            withdraw(turn, other)
    state.path = [
        (other, how)
        for other, how in state.path
        if other in kept or not _was_after(turn, other, step_id)
    ]
    before = len(turn.messages)
    if ended:
        _reopen(turn, now)
        return
    enter(turn, now, replay=True)
    if state.step and state.step == waiting and len(turn.messages) == before:
        ask_again(turn)


def _reopen(turn: Turn, step_id: str) -> None:
    """A correction after the end: new questions or a handoff open the follow-up again; if there is
    nothing of it, the end and its outcome stand."""
    state, outcome, so_far = turn.state, turn.state.outcome, len(turn.effects)
    state.status, state.outcome = Status.RUNNING, None
    enter(turn, step_id, replay=True)
    if state.status is Status.ENDED:
        state.outcome = outcome
        turn.effects[so_far:] = [e for e in turn.effects[so_far:] if not isinstance(e, Ended)]


def _conditions_on(turn: Turn, name: str) -> bool:
    steps = turn.script.steps.values()
    return any(step.when is not None and name in step.when.names for step in steps)


def _reachable(turn: Turn, start: str) -> set[str]:
    found: set[str] = set()
    open_ends = [start]
    while open_ends:
        step_id = open_ends.pop()
        if step_id in found or step_id not in turn.script.steps:
            continue
        found.add(step_id)
        open_ends.extend(turn.script.targets(step_id))
    return found


def _was_after(turn: Turn, step_id: str, corrected: str) -> bool:
    order = [name for name, _ in turn.state.path]
    if step_id not in order or corrected not in order:
        return False
    last = len(order) - 1 - order[::-1].index(step_id)
    return last > order.index(corrected)


def _is_called(turn: Turn, step_id: str, target: str) -> bool:
    wanted = target.casefold().strip()
    if len(wanted) < SHORTEST_NAME:
        return False
    names = _called(turn, step_id)
    return any(fuzz.partial_ratio(wanted, name) >= NEAR_ENOUGH for name in names)


def _names(turn: Turn, step_id: str, text: str) -> bool:
    said = text.casefold()
    return any(len(name) >= SHORTEST_NAME and name in said for name in _called(turn, step_id))


def _called(turn: Turn, step_id: str) -> list[str]:
    """What people call the answer to a step, in every language."""
    step = turn.script.steps[step_id]
    names = [word for words in step.called.values() for word in words]
    names.append(turn.script.result_name(step_id).replace("_", " "))
    if step.ask is not None:
        names += _KIND_WORDS.get(step.ask, ())
    return [name.casefold() for name in names]

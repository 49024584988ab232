"""Changing an earlier answer: by words, by an old button, by editing a message."""

from __future__ import annotations

from typing import Any

from rapidfuzz import fuzz

from dialogs.answers import read_answer, say_name, say_value
from dialogs.effects import Corrected, Withdrawn
from dialogs.script import AskKind
from dialogs.state import Asked, AskedKind, Status, Visit
from dialogs.turn import Turn, ask_again
from dialogs.walk import enter

_KIND_WORDS = {
    AskKind.RATING: ("rating", "score", "stars", "评分", "分数", "打分", "評分"),
    AskKind.PHONE: ("phone", "number", "手机", "电话", "號碼", "号码"),
    AskKind.DATE: ("date", "time", "day", "时间", "日期"),
    AskKind.YES_NO: (),
}
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


def correct_by_words(turn: Turn, target: str, value: str) -> None:
    """ "actually my rating is 2", "改成3分": find the answer that is meant, and change it."""
    steps = answered_steps(turn)
    if not steps:
        turn.tell("change_nothing")
        ask_again(turn)
        return
    if not value:
        turn.tell("change_which")
        ask_again(turn)
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


def correct_by_edit(turn: Turn, text: str) -> bool:
    """The person edited the message that answered the newest question; False if it does not fit."""
    steps = answered_steps(turn)
    if not steps:
        return False
    step = turn.script.steps[steps[0]]
    reading = read_answer(turn, step, text)
    if reading.value is None:
        return False
    correct(turn, steps[0], reading.value)
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
    for other, other_step in list(script.names.items()):
        off_path = other_step not in kept and _was_after(turn, other_step, step_id)
        if off_path and other in state.answers:
            del state.answers[other]
            turn.effect(Withdrawn(other, other_step))
    if ended:
        state.status = Status.RUNNING
    before = len(turn.messages)
    enter(turn, now, replay=True)
    if ended and len(turn.messages) == before:
        return
    if state.step and state.step == waiting and len(turn.messages) == before:
        ask_again(turn)


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
    step = turn.script.steps[step_id]
    names = [word for words in step.called.values() for word in words]
    names += [turn.script.result_name(step_id).replace("_", " ")]
    if step.ask is not None:
        names += _KIND_WORDS.get(step.ask, ())
    wanted = target.casefold().strip()
    return any(fuzz.partial_ratio(wanted, name.casefold()) >= NEAR_ENOUGH for name in names)

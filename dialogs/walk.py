"""Walking the script: from one step to the next until a question waits, or the end."""

from __future__ import annotations

from typing import Any

from dialogs.effects import Ended, HandOff, Offered, Recorded, Schedule, StepPassed, Withdrawn
from dialogs.events import TimerKind
from dialogs.script import END, HandoffReason, Step
from dialogs.state import FollowupOutcome, Status, Visit
from dialogs.texts import say_moment
from dialogs.turn import Turn, ask

LONGEST_WALK = 200  # steps in one turn; only a script with a loop of texts could need more


def begin(turn: Turn) -> None:
    """Start the script at its first step."""
    turn.state.status = Status.RUNNING
    turn.effect(Schedule(TimerKind.EXPIRE, 0, after=turn.script.deadline))
    enter(turn, turn.script.start)


def enter(turn: Turn, step_id: str, *, replay: bool = False) -> None:
    """Go on from this step. With `replay` (after a correction) nothing already said is said
    again, and a question that is already answered is passed with its answer."""
    turn.state.resume_replay = replay
    turn.state.step, turn.state.pending = "", 0
    seen: set[str] = set()
    for _ in range(LONGEST_WALK):
        if step_id == END:
            break
        step = turn.script.steps[step_id]
        again = replay and step_id not in seen
        seen.add(step_id)
        if step.when is not None and not step.when.holds(turn.state.answers):
            _visit(turn, step_id, Visit.PASSED)
            if replay:
                withdraw(turn, step_id)
            step_id = step.next or END
        elif step.ask is None:
            if not (again and turn.state.visited(step_id)) and not _speak(turn, step_id, step):
                return
            step_id = step.next or END
        elif again and _is_answered(turn, step_id):
            step_id = turn.script.after(step_id, turn.state.answers.get(_name(turn, step_id)))
        elif step.optional and turn.state.hurried:
            _visit(turn, step_id, Visit.SKIPPED)
            step_id = turn.script.after(step_id, None)
        else:
            ask(turn, step_id)
            schedule_reminder(turn)
            return
    finish(turn, FollowupOutcome.COMPLETED)


def schedule_reminder(turn: Turn) -> None:
    """Remind of the pending question when it stays unanswered, as often as its step says."""
    remind = turn.step.remind
    if remind is not None and turn.state.reminders < remind.times:
        turn.effect(Schedule(TimerKind.REMIND, turn.state.pending, after=remind.after))


def record(turn: Turn, value: Any) -> str:
    """Record the pending question's answer (None: skipped); returns the step that follows."""
    state, step_id = turn.state, turn.state.step
    if value is None:
        _visit(turn, step_id, Visit.SKIPPED)
        state.skips += 1
        if state.skips == 2 and not state.hurried:
            state.hurried = True
    else:
        name = _name(turn, step_id)
        state.answers[name] = value
        _visit(turn, step_id, Visit.ANSWERED)
        turn.effect(Recorded(name, value, step_id))
    state.answered = state.pending
    state.step, state.pending, state.misses = "", 0, 0
    return turn.script.after(step_id, value)


def withdraw(turn: Turn, step_id: str) -> None:
    """Take back the answer of a step that a correction took off the path."""
    name = _name(turn, step_id)
    if name in turn.state.answers and turn.script.names.get(name) == step_id:
        del turn.state.answers[name]
        turn.effect(Withdrawn(name, step_id))


def hand_off(turn: Turn, reason: HandoffReason, words: str = "") -> None:
    """Give the conversation to a person and say what happens next and when; `words` is the phrase
    for it, where that of the reason does not suit."""
    turn.state.handed_off = True
    turn.state.waiting_told = False
    turn.state.misses = 0
    duty, now = turn.context.duty, turn.context.now
    if duty.open:
        then = turn.phrase("next_open")
    elif duty.opens_at is None:
        then = turn.phrase("next_closed_unknown")
    else:
        when = say_moment(duty.opens_at.astimezone(now.tzinfo), now, turn.state.locale)
        then = turn.phrase("next_closed", when=when)
    turn.say(f"{turn.phrase(words or f'handoff_{reason}')}\n{then}")
    turn.effect(HandOff(reason))


def finish(turn: Turn, outcome: FollowupOutcome) -> None:
    """End the follow-up once; what happens later does not change its outcome."""
    state = turn.state
    state.step, state.pending, state.resume_at = "", 0, ""
    if state.status is Status.ENDED:
        return
    state.status, state.outcome = Status.ENDED, outcome
    turn.effect(Ended(outcome))


def _speak(turn: Turn, step_id: str, step: Step) -> bool:
    """Say a step; False if it gave the conversation to a person."""
    assert step.say is not None
    turn.say(turn.text(step.say))
    _visit(turn, step_id, Visit.SAID)
    if step.offer is not None and step.offer.id not in turn.state.offers:
        turn.state.offers.append(step.offer.id)
        turn.effect(Offered(step.offer.id))
    if step.handoff is None:
        return True
    turn.state.resume_at = step.next or END
    hand_off(turn, step.handoff, "handoff_of_script")  # the step itself has said how sorry we are
    return False


def _visit(turn: Turn, step_id: str, how: Visit) -> None:
    turn.state.path.append((step_id, how))
    turn.effect(StepPassed(step_id, how))


def _name(turn: Turn, step_id: str) -> str:
    return turn.script.result_name(step_id)


def _is_answered(turn: Turn, step_id: str) -> bool:
    return any(
        name == step_id and how in (Visit.ANSWERED, Visit.SKIPPED) for name, how in turn.state.path
    )

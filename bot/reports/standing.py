"""Where a follow-up stands in its script, told from the path that was written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dialogs.script import END, Script
from dialogs.state import Visit

WITHDRAWN = "withdrawn"  # beside the visits: a correction took this answer off the path
DONE = (Visit.ANSWERED, Visit.SKIPPED)

Path = tuple[tuple[str, str], ...]  # (step, how), in order
AnswerOf = Callable[[str], Any]  # the answer given at a step, None where it is not known


@dataclass(frozen=True, slots=True)
class Standing:
    """`open_question` was asked and is not answered. `off_path` are the questions that a branch or
    a condition left out: they cannot come any more, so nobody abandoned them (DESK 19)."""

    last_step: str = ""
    open_question: str = ""
    off_path: tuple[str, ...] = ()


class Standings:
    """Standings in one version of a script. Pure; what can be reached is remembered per step."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._reach: dict[str, frozenset[str]] = {END: frozenset()}

    def of(
        self, path: Path, answer_of: AnswerOf, *, completed: bool, held: bool, corrected: bool
    ) -> Standing:
        """`held`: a person has the case, so that a step which hands over asks nothing more.
        `corrected`: an answer was changed; what is answered further on was passed in silence.
        """
        steps = self._script.steps
        visited = [step for step, how in path if how != WITHDRAWN and step in steps]
        if not visited:
            return Standing()
        visits = dict(path)  # a correction can visit a step again: the last visit counts
        if completed:
            return Standing(visited[-1], "", self._left_out(visits, END))
        following = self._after(visited[-1], visits, answer_of)
        if corrected:
            following = self._skip_done(following, visits, answer_of)
        handed_over_there = held and steps[visited[-1]].handoff is not None
        asks = following in self._script.questions and not handed_over_there
        return Standing(
            last_step=following if asks else visited[-1],
            open_question=following if asks else "",
            off_path=self._left_out(visits, following),
        )

    def _after(self, step_id: str, visits: dict[str, str], answer_of: AnswerOf) -> str:
        """Where the script goes on after a visited step."""
        if visits[step_id] == Visit.ANSWERED:
            return self._script.after(step_id, answer_of(step_id))
        if visits[step_id] == Visit.SKIPPED:
            return self._script.after(step_id, None)
        return self._script.steps[step_id].next or END

    def _skip_done(self, step_id: str, visits: dict[str, str], answer_of: AnswerOf) -> str:
        seen: set[str] = set()
        while visits.get(step_id, WITHDRAWN) != WITHDRAWN and step_id not in seen:
            seen.add(step_id)
            step_id = self._after(step_id, visits, answer_of)
        return step_id

    def _left_out(self, visits: dict[str, str], following: str) -> tuple[str, ...]:
        """Questions that were neither answered nor skipped and cannot come any more."""
        reach = self._reachable(following)
        return tuple(
            step
            for step in self._script.questions
            if visits.get(step) not in DONE and step not in reach
        )

    def _reachable(self, step_id: str) -> frozenset[str]:
        if step_id not in self._reach:
            found, waiting = set[str](), [step_id]
            while waiting:
                current = waiting.pop()
                if current not in found and current in self._script.steps:
                    found.add(current)
                    waiting += self._script.targets(current)
            self._reach[step_id] = frozenset(found)
        return self._reach[step_id]

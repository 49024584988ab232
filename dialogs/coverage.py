"""Which steps and branches of a script its transcripts reach, in each language."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dialogs.effects import Effect, IdentityChecked, Recorded, StepPassed
from dialogs.script import AskKind, Script, Step
from dialogs.state import Visit


@dataclass(frozen=True, slots=True, order=True)
class Spot:
    """One thing to reach: a way out of a step, in one language. `way` is "said", "skipped",
    "passed", "held", "answered", "failed", or an answer."""

    locale: str
    step: str
    way: str

    def __str__(self) -> str:
        return f"{self.locale} {self.step}: {self.way}"


def ways(step: Step) -> list[str]:
    """The ways through a step that a transcript should take, each once."""
    found = ["passed"] if step.when is not None else []
    match step.ask:
        case None:
            found.append("said")
        case AskKind.RATING:
            found += [str(score) for score in range(1, step.scale + 1)]
        case AskKind.YES_NO:
            found += ["yes", "no"]
        case AskKind.CHOICE | AskKind.CHOICES:
            found += [choice.value for choice in step.options]
        case AskKind.IDENTITY:
            found += ["answered", "failed"]
        case _:
            found.append("answered")
    return [*found, "skipped"] if step.optional else found


@dataclass(slots=True)
class Coverage:
    """What the transcripts of one script reached. Feed it the effects of every turn."""

    script: Script
    reached: set[Spot] = field(default_factory=set)

    @property
    def wanted(self) -> list[Spot]:
        """Everything there is to reach, in the order of the file."""
        return [
            Spot(locale, step_id, way)
            for locale in self.script.locales
            for step_id, step in self.script.steps.items()
            for way in ways(step)
        ]

    @property
    def missing(self) -> list[Spot]:
        return [spot for spot in self.wanted if spot not in self.reached]

    @property
    def share(self) -> float:
        """From 0 to 1."""
        wanted = self.wanted
        return 1 - len(self.missing) / len(wanted) if wanted else 1.0

    def add(self, locale: str, waiting: str, effects: Sequence[Effect]) -> None:
        """Note what one turn did; `waiting` is the step whose question waited before it."""
        self.reached.update(self._spots(locale, waiting, effects))

    def _spots(self, locale: str, waiting: str, effects: Sequence[Effect]) -> Iterator[Spot]:
        for effect in effects:
            match effect:
                case StepPassed(step=step, how=how) if how != Visit.ANSWERED:
                    yield Spot(locale, step, str(how))
                case Recorded(step=step, value=value) if step in self.script.steps:
                    for way in _ways_of(self.script.steps[step], value):
                        yield Spot(locale, step, way)
                case IdentityChecked(passed=False):
                    yield Spot(locale, waiting, "failed")
                case _:
                    pass

    def table(self) -> str:
        """One line a language, and one for every way that no transcript takes."""
        missing = self.missing
        rows = []
        for locale in self.script.locales:
            wanted = [spot for spot in self.wanted if spot.locale == locale]
            steps = {spot.step for spot in wanted}
            done = [spot for spot in wanted if spot in self.reached]
            reached = len({spot.step for spot in done})
            share = 100 * len(done) / len(wanted)
            rows.append(
                f"{self.script.script:<16}{locale:<4}steps {reached}/{len(steps)}   "
                f"ways {len(done)}/{len(wanted)}   {share:.0f} %"
            )
        return "\n".join([*rows, *(f"  not reached: {spot}" for spot in missing)])


def _ways_of(step: Step, value: object) -> Iterable[str]:
    match step.ask, value:
        case AskKind.RATING, int() | float():
            return [str(int(value))]
        case AskKind.YES_NO, bool():
            return ["yes" if value else "no"]
        case ((AskKind.CHOICE | AskKind.CHOICES), str()):
            return [value]
        case AskKind.CHOICES, list() | tuple():
            return [str(item) for item in value]
        case _:
            return ["answered"]

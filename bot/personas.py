"""Synthetic people for `simulate`: who they are and how they answer. Pure, with a given random source."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from bot.persona_words import FIRST, GIVEN, LAST, SURNAMES, WORDS
from bot.store.people import Profile
from dialogs.script import AskKind, Step
from dialogs.state import AskedKind

ACTS_MAX = 60  # things that one person does; only a mistake of ours could need more
LATER = timedelta(hours=1)  # an answer that takes longer than this comes on another visit


class Persona(StrEnum):
    PATIENT = "patient"
    HURRIED = "hurried"
    ANGRY = "angry"
    CONFUSED = "confused"
    CHATTY = "chatty"  # asks questions on the way
    SILENT = "silent"  # does not open the chat, or stops answering
    LEAVING = "leaving"  # opts out
    LATE = "late"  # answers a day later, after the reminder


# How many of a hundred; made up so that every path of a script and of the desk is walked.
SHARES = {
    Persona.PATIENT: 30,
    Persona.HURRIED: 16,
    Persona.CHATTY: 14,
    Persona.SILENT: 14,
    Persona.LATE: 8,
    Persona.ANGRY: 8,
    Persona.CONFUSED: 7,
    Persona.LEAVING: 3,
}
_RATINGS = {  # shares of 1, 2, 3, 4, 5
    Persona.ANGRY: (5, 4, 1, 0, 0),
    Persona.CONFUSED: (1, 2, 3, 3, 1),
    Persona.HURRIED: (0, 1, 2, 4, 3),
}
_USUAL_RATINGS = (0, 1, 2, 4, 5)
_PAUSES = {Persona.HURRIED: (5, 40), Persona.CONFUSED: (40, 240), Persona.CHATTY: (30, 200)}
_USUAL_PAUSES = (15, 120)  # seconds


@dataclass(frozen=True, slots=True)
class Tap:
    """One option on the screen: what it was shown for, and the value that it stands for."""

    label: str
    token: str
    kind: AskedKind
    value: Any


@dataclass(frozen=True, slots=True)
class Scene:
    """What somebody sees: the pending question, the options, and who is speaking."""

    step: Step | None
    step_id: str
    taps: Sequence[Tap]
    held: bool = False  # a person has the conversation
    agent_wrote: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody does, so long after seeing the scene: a tap if there is a token, else words."""

    after: timedelta
    text: str = ""
    token: str = ""


@dataclass(slots=True)
class Someone:
    """One person with a character and a memory of what was done already."""

    number: int
    persona: Persona
    profile: Profile
    rng: random.Random
    opens_after: timedelta | None  # None: the link stays unopened
    gives_up_at: int | None  # which question is too much
    late_at: int
    taps_share: float
    acts: int = 0
    asked: int = 0
    questions: int = 0
    misses: int = 0
    thanked: bool = False
    tapped: set[str] = field(default_factory=set)
    seen_steps: set[str] = field(default_factory=set)

    def act(self, scene: Scene) -> Act | None:
        """What this person does next; None: nothing until something else is seen."""
        if scene.over or self.acts >= ACTS_MAX:
            return None
        self.acts += 1
        if scene.held:
            return self._while_held(scene)
        beside = [tap for tap in scene.taps if tap.kind is not AskedKind.QUESTION]
        if (tap := self._beside(beside)) is not None:
            return Act(self._pause(), token=tap.token)
        if scene.step is None:
            return None
        if scene.step_id not in self.seen_steps:
            self.seen_steps.add(scene.step_id)
            self.questions += 1
        return self._at_question(scene, scene.step)

    def _while_held(self, scene: Scene) -> Act | None:
        if not scene.agent_wrote or self.thanked:
            return None
        self.thanked = True
        return Act(self._pause(), text=self.rng.choice(WORDS[self.lang]["to_agent"]))

    def _beside(self, taps: Sequence[Tap]) -> Tap | None:
        """Answer what is offered beside the question; each offer once."""
        fresh = [tap for tap in taps if tap.token not in self.tapped]
        if not fresh:
            return None
        kind = fresh[-1].kind
        offered = [tap for tap in fresh if tap.kind is kind]
        self.tapped.update(tap.token for tap in taps)
        match kind:
            case AskedKind.HELPFUL:
                if self.rng.random() < 0.35:
                    return None
                return offered[0] if self.rng.random() < 0.75 else offered[-1]
            case AskedKind.PERSON:
                return offered[0] if self.persona is Persona.CONFUSED else offered[-1]
            case AskedKind.START:
                return None
            case _:
                return offered[0]

    def _at_question(self, scene: Scene, step: Step) -> Act | None:
        words = WORDS[self.lang]
        if self.gives_up_at is not None and self.questions >= self.gives_up_at:
            if self.persona is not Persona.LEAVING:
                return None
            return Act(self._pause(), text=self.rng.choice(words["stop"]))
        if self.persona is Persona.CHATTY and self.asked < 3 and self.rng.random() < 0.3:
            self.asked += 1
            return Act(self._pause(), text=self.rng.choice(words["questions"]))
        if self.persona is Persona.CONFUSED and self.misses < 3 and self.rng.random() < 0.25:
            self.misses += 1
            return Act(self._pause(), text=self.rng.choice(words["puzzled"]))
        return self._answer(scene, step)

    def _answer(self, scene: Scene, step: Step) -> Act:
        pause = self._pause()
        if self.persona is Persona.LATE and self.questions == self.late_at:
            self.late_at = 0
            pause = timedelta(hours=self.rng.uniform(26, 40))
        taps = [tap for tap in scene.taps if tap.kind is AskedKind.QUESTION]
        value = self._value(step)
        wanted = next((tap for tap in taps if tap.value == value and tap.value is not None), None)
        if value is None and step.optional:
            skip = next((tap for tap in taps if tap.value is None), None)
            if skip is not None and self.rng.random() < self.taps_share:
                return Act(pause, token=skip.token)
            return Act(pause, text=self.rng.choice(WORDS[self.lang]["skip"]))
        if wanted is not None and self.rng.random() < self.taps_share:
            return Act(pause, token=wanted.token)
        return Act(pause, text=self._typed(step, value, wanted.label if wanted else ""))

    def _value(self, step: Step) -> Any:
        """The answer itself, before it is put into words; None: skip."""
        rng, cross = self.rng, self.persona is Persona.ANGRY
        if step.optional and rng.random() < (0.8 if self.persona is Persona.HURRIED else 0.3):
            return None
        match step.ask:
            case AskKind.RATING:
                shares = _RATINGS.get(self.persona, _USUAL_RATINGS)
                score = rng.choices(range(1, 6), shares)[0]
                return max(1, round(score * step.scale / 5))
            case AskKind.YES_NO:
                return rng.random() < (0.4 if cross else 0.82)
            case AskKind.CHOICE | AskKind.CHOICES:
                first = 0.15 if cross else 0.55
                values = [choice.value for choice in step.options]
                return values[0] if rng.random() < first else rng.choice(values[1:])
            case AskKind.NUMBER:
                return int(step.minimum or 0) + rng.randint(0, 5)
            case _:
                return ""

    def _typed(self, step: Step, value: Any, label: str) -> str:
        words, rng = WORDS[self.lang], self.rng
        match step.ask:
            case AskKind.IDENTITY:
                wrong = self.persona is Persona.CONFUSED and self.misses == 0
                self.misses += wrong
                return "0000" if wrong else self.profile.last4
            case AskKind.RATING:
                text = rng.choice(words["ratings"]).format(
                    n=value, word=words["numbers"][value - 1]
                )
                asks = self.persona is Persona.CHATTY and rng.random() < 0.3
                return text + rng.choice(words["and_ask"]) if asks else text
            case AskKind.YES_NO:
                return rng.choice(words["yes" if value else "no"])
            case AskKind.CHOICE | AskKind.CHOICES:
                return self._misspelt(label)
            case AskKind.DATE:
                return words["date"][0]
            case AskKind.PHONE:
                return self.profile.phone or "+447700900123"  # Ofcom: kept for films and books
            case AskKind.NUMBER:
                return str(value)
            case _:
                mood = "complaints" if self.persona is Persona.ANGRY else "feedback"
                return rng.choice(words[mood])

    def _misspelt(self, label: str) -> str:
        """Now and then two neighbouring letters change places, or the last sign is missing."""
        if len(label) < 4 or self.rng.random() > 0.12:
            return label
        if self.lang == "zh":
            return label[:-1]
        at = self.rng.randrange(1, len(label) - 2)
        return label[:at] + label[at + 1] + label[at] + label[at + 2 :]

    def _pause(self) -> timedelta:
        return timedelta(seconds=self.rng.uniform(*_PAUSES.get(self.persona, _USUAL_PAUSES)))

    @property
    def lang(self) -> str:
        return "zh" if self.profile.locale == "zh" else "en"


def make_people(count: int, seed: int) -> list[Someone]:
    """`count` people; the same seed makes the same people, who answer the same."""
    return [_someone(number, random.Random(f"{seed}:{number}")) for number in range(count)]  # noqa: S311 - nothing secret


def _someone(number: int, rng: random.Random) -> Someone:
    persona = rng.choices(list(SHARES), list(SHARES.values()))[0]
    opens = persona is not Persona.SILENT or rng.random() < 0.6
    wait = timedelta(minutes=rng.choices([1, 20, 180], [6, 2, 2])[0])
    return Someone(
        number=number,
        persona=persona,
        profile=_profile(rng),
        rng=rng,
        opens_after=wait if opens else None,
        gives_up_at=rng.randint(1, 6) if persona in (Persona.SILENT, Persona.LEAVING) else None,
        late_at=rng.randint(1, 5),
        taps_share=rng.choice([0.1, 0.5, 0.9]),
    )


def _profile(rng: random.Random) -> Profile:
    last4 = f"{rng.randrange(10_000):04d}"
    if rng.random() < 0.6:
        name = rng.choice(SURNAMES) + rng.choice(GIVEN)
        city = rng.choice(["上海", "成都", "深圳", "杭州", "武汉"])
        fields = {"product": "钱包账户", "city": city}
        return Profile("zh", "Asia/Shanghai", "CN", name=name, last4=last4, fields=fields)
    name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    zone, region, city = rng.choice(
        [("Europe/London", "GB", "Leeds"), ("Asia/Singapore", "SG", "Singapore")]
    )
    fields = {"product": "wallet account", "city": city}
    return Profile("en", zone, region, name=name, last4=last4, fields=fields)

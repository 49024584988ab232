"""The workbench of one turn: the state being changed, what is said, and what the world must do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dialogs.context import Context
from dialogs.effects import Choosable, Effect, Message
from dialogs.replies.base import ReadContext, Reading
from dialogs.script import END, AskKind, Script, Step, Text
from dialogs.state import Asked, AskedKind, State, Visit
from dialogs.texts import is_plain, phrases, render_text


@dataclass(slots=True)
class Turn:
    """Changes only its own copy of the state; `advance` hands the result out."""

    script: Script
    state: State
    context: Context
    messages: list[Message] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    readings: dict[tuple[Any, ...], Reading[Any]] = field(default_factory=dict)
    _values: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def step(self) -> Step:
        """The step whose question waits."""
        return self.script.steps[self.state.step]

    @property
    def waits(self) -> bool:
        return bool(self.state.step)

    @property
    def space(self) -> str:
        """What stands between two sentences."""
        return "" if self.state.locale == "zh" else " "

    def values(self) -> dict[str, Any]:
        """The names that texts may use, in the conversation's locale."""
        locale = self.state.locale
        if locale not in self._values:
            person = self.context.person
            self._values[locale] = {
                **self.context.company(locale),
                "person": {
                    name: value
                    or None  # Liquid takes an empty text for true, and nothing for false
                    for name, value in {**person.fields, "name": person.name}.items()
                },
            }
        return {**self._values[locale], "answers": self.state.answers}

    def phrase(self, key: str, **more: Any) -> str:
        template = phrases(self.state.locale)[key]
        return self._filled(template, more)

    def _filled(self, template: str, more: Mapping[str, Any]) -> str:
        """The values are only put together for a text that has places for them."""
        if is_plain(template):
            return template
        return render_text(template, {**self.values(), **more})

    def text(self, text: Text) -> str:
        """A script's text in the conversation's locale, else in the first one that there is."""
        template = text.get(self.state.locale) or text.get(self.script.locales[0])
        if template is None:
            template = next(iter(text.values()))
        return self._filled(template, {})

    def say(self, text: str) -> None:
        self.messages.append(Message(text))

    def tell(self, key: str, **more: Any) -> None:
        self.say(self.phrase(key, **more))

    def offer(self, text: str, asked: Asked, labels: Sequence[str]) -> int:
        """Say something with options beside the script's question; returns their serial."""
        asked.data["labels"] = list(labels)
        serial = self.state.offer = self.state.remember(asked)
        options = tuple(Choosable(i, label) for i, label in enumerate(labels))
        self.messages.append(Message(text, options, serial))
        return serial

    def effect(self, effect: Effect) -> None:
        self.effects.append(effect)


def read_context(turn: Turn) -> ReadContext:
    """What a reader may know in this turn."""
    return ReadContext(turn.state.locale, turn.context.now, turn.context.person.region)


def question_labels(turn: Turn) -> list[str]:
    """The labels of the pending question's options, in the order of `Asked.values`."""
    step, asked = turn.step, turn.state.asked[str(turn.state.pending)]
    by_value = {choice.value: choice.label for choice in step.options}
    labels = []
    for value in asked.values:
        match value:
            case None:
                labels.append(turn.phrase("skip"))
            case bool():
                labels.append(turn.phrase("yes" if value else "no"))
            case str() if value in by_value:
                labels.append(turn.text(by_value[value]))
            case _:
                labels.append(turn.phrase("done") if value == DONE else str(value))
    return labels


DONE = "__done__"  # the option that closes a question with several answers


def ask(turn: Turn, step_id: str) -> None:
    """Make this step the pending question and ask it."""
    state = turn.state
    state.step = step_id
    state.misses = state.attempts = state.reminders = 0
    state.pending = state.remember(Asked(AskedKind.QUESTION, step_id, option_values(turn.step), {}))
    ask_again(turn, progress=True)


def option_values(step: Step) -> list[Any]:
    """What can be tapped: one value an option; None stands for skipping."""
    match step.ask:
        case AskKind.RATING:
            values: list[Any] = list(range(1, step.scale + 1))
        case AskKind.YES_NO:
            values = [True, False]
        case AskKind.CHOICE | AskKind.CHOICES:
            values = [choice.value for choice in step.options]
        case _:
            values = []
    return [*values, None] if step.optional else values


def ask_again(turn: Turn, *, before: str = "", progress: bool = False) -> None:
    """Show the pending question (again), with the same options; `before` stands in front."""
    if not turn.waits:
        return
    assert turn.step.text is not None
    head = ""
    if progress:
        at, of = progress_of(turn)
        head = turn.phrase("progress", at=at, of=of)
    text = f"{before}\n{turn.text(turn.step.text)}" if before else turn.text(turn.step.text)
    show_question(turn, head + text)


def show_question(turn: Turn, text: str) -> None:
    """Say a text with the pending question's options; their labels are kept for the transcript."""
    labels = question_labels(turn)
    turn.state.asked[str(turn.state.pending)].data["labels"] = labels
    options = tuple(Choosable(i, label) for i, label in enumerate(labels))
    turn.messages.append(Message(text, options, turn.state.pending, question=True))


def progress_of(turn: Turn) -> tuple[int, int]:
    """Which question this is, of how many on the longest path that remains; never grows."""
    state = turn.state
    remaining = longest_path(turn.script, state.step, hurried=state.hurried)
    done = sum(how in (Visit.ANSWERED, Visit.SKIPPED) for _, how in state.path)
    whole = done + remaining
    state.total = min(state.total, whole) if state.total else whole
    return max(1, state.total - remaining + 1), state.total


def longest_path(script: Script, step_id: str, *, hurried: bool) -> int:
    """How many questions can still come, this step included; loops count once."""
    key = (step_id, hurried)
    if key not in script.remaining:
        script.remaining[key] = _count_path(script, step_id, hurried=hurried)
    return script.remaining[key]


def _count_path(script: Script, step_id: str, *, hurried: bool) -> int:
    known: dict[str, int] = {END: 0}

    def count(current: str, above: frozenset[str]) -> int:
        if current in above:
            return 0
        if current not in known:
            step = script.steps[current]
            below = max(count(t, above | {current}) for t in script.targets(current))
            known[current] = below + int(step.ask is not None and not (hurried and step.optional))
        return known[current]

    return count(step_id, frozenset())

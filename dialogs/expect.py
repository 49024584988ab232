"""What a transcript may expect of a turn: bubbles, options and events, with words for a failure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from dialogs.effects import (
    Abstained,
    Answered,
    Clarified,
    Corrected,
    Effect,
    Ended,
    HandOff,
    Helped,
    IdentityChecked,
    LocaleChanged,
    Message,
    Muted,
    Offered,
    OptIn,
    OptOut,
    Recorded,
    Reminded,
    StepPassed,
    Withdrawn,
)

GAP = Message("")  # a mark: what follows may come after other bubbles
GAPS = ("...", "…")
LONGEST_GOT = 160  # characters of what came instead, in a failure
_PROGRESS = re.compile(r"^\d+/\d+ · ")


class UnmetError(Exception):
    """An expectation that was not met, in the words of the transcript."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}; {got}")
        self.expected, self.got = expected, got


def say_turn(messages: Iterable[Message]) -> str:
    """What was said, for a failure."""
    texts = [f"“{_short(message.text)}”" for message in messages]
    return f"got {' '.join(texts)}" if texts else "got silence"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_GOT else f"{text[:LONGEST_GOT]}…"


def check_bot(value: Any, turn: list[Message], said: Sequence[Message]) -> None:
    """`~part`, the whole text or `silent`. The first one after an action may be any bubble of the
    turn, the next ones follow it without a gap; `...` stands for a gap. A list names the bubbles
    that come next, from the first one on."""
    if isinstance(value, list):
        for wanted in value:
            _check_bubble(str(wanted), turn, said, may_skip=False)
        return
    text = str(value)
    if text == "silent":
        if said:
            raise UnmetError("silence", say_turn(said))
    elif text in GAPS:
        turn.insert(0, GAP)
    else:
        _check_bubble(text, turn, said, may_skip=len(turn) == len(said) or turn[:1] == [GAP])


def _check_bubble(
    text: str, turn: list[Message], said: Sequence[Message], *, may_skip: bool
) -> None:
    left = [message for message in turn if message is not GAP]
    found = next((i for i, message in enumerate(left) if _fits(text, message)), None)
    if found is None:
        raise UnmetError(f"the bot to say “{text}”", say_turn(said))
    if found and not may_skip:
        raise UnmetError(f"“{text}” to come next", say_turn(left))
    turn[:] = left[found + 1 :]


def _fits(wanted: str, message: Message) -> bool:
    if wanted.startswith("~"):
        return wanted[1:].strip() in message.text
    return wanted in (message.text, _PROGRESS.sub("", message.text))


def check_options(value: Any, said: Sequence[Message]) -> None:
    """The labels of the newest bubble that has options."""
    labels = next(([o.label for o in m.options] for m in reversed(said) if m.options), [])
    wanted = [str(item) for item in (value if isinstance(value, list) else [value])]
    if labels != wanted:
        raise UnmetError(f"the options {wanted}", f"got {labels}")


def check_event(value: str, effects: list[Effect], said: Sequence[Message]) -> None:
    """`name details…`: every word must be there. Each check uses up one event."""
    wanted = value.split()
    for i, effect in enumerate(effects):
        words = describe(effect)
        if words[: len(wanted)] == wanted:
            del effects[i]
            return
    happened = "; ".join(_short(" ".join(w)) for e in effects if (w := describe(e))) or "nothing"
    raise UnmetError(f"the event “{value}”", f"happened: {happened}; {say_turn(said)}")


def describe(effect: Effect) -> list[str]:
    """An effect in the words of a transcript, [] for one that has none (timers)."""
    match effect:
        case Recorded(name=name, value=value):
            return ["result", name, *_words(value)]
        case Corrected(name=name, new=new):
            return ["corrected", name, *_words(new)]
        case Withdrawn(name=name):
            return ["withdrawn", name]
        case StepPassed(step=step, how=how):
            return ["step", step, str(how)]
        case HandOff(reason=reason):
            return ["handoff", str(reason)]
        case Answered(article=article):
            return ["answered", article]
        case Clarified(articles=articles):
            return ["clarified", *articles]
        case Abstained():
            return ["abstained"]
        case Helped(article=article, helpful=helpful):
            return ["helped", article, "yes" if helpful else "no"]
        case Reminded(step=step):
            return ["reminder", step]
        case LocaleChanged(locale=locale):
            return ["language", locale]
        case Offered(offer=offer):
            return ["offer", offer]
        case IdentityChecked(passed=passed):
            return ["identity", "passed" if passed else "failed"]
        case OptOut():
            return ["opted_out"]
        case OptIn():
            return ["opted_in"]
        case Muted():
            return ["muted"]
        case Ended(outcome=outcome):
            return ["end", str(outcome)]
        case _:
            return []


def _words(value: Any) -> list[str]:
    match value:
        case bool():
            return ["yes" if value else "no"]
        case list() | tuple():
            return [str(item) for item in value]
        case float() if value.is_integer():
            return [str(int(value))]
        case _:
            return str(value).split()

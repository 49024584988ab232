"""The paraphrase corpus: what customers of a wallet say, by topic, in several people's voices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from kb.formats import Problem
from kb.normalize import normalize


class Message(NamedTuple):
    """One message of a customer."""

    topic: str
    language: str  # ISO 639
    voice: str  # whose hand wrote it
    text: str


def read_corpus(text: str, name: str) -> tuple[tuple[Message, ...], tuple[Problem, ...]]:
    """The messages of a file `<language>-<voice>.txt`: a line "# topic", then its messages, a line each.

    Blank lines and lines that begin with "//" are skipped. What is wrong is returned with its line.
    """
    language, _, voice = name.removesuffix(".txt").partition("-")
    if not language or not voice:
        what = f"{name}: the name does not say language and voice"
        return (), (Problem(name, 0, what, "name the file like zh-a.txt"),)
    messages: list[Message] = []
    problems: list[Problem] = []
    topic = ""
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("//"):
            continue
        if line.startswith("# "):
            topic = line[2:].strip()
        elif not topic:
            problems.append(Problem(name, number, "no topic yet", 'write a line "# topic" above'))
        else:
            messages.append(Message(topic, language, voice, line))
    return tuple(messages), tuple(problems)


def repeated(messages: Iterable[Message]) -> list[tuple[Message, Message]]:
    """Messages that say the same letter for letter, whatever their signs and case: (first, again)."""
    first: dict[str, Message] = {}
    found = []
    for message in messages:
        plain = "".join(sign for sign in normalize(message.text) if sign.isalnum())
        other = first.setdefault(plain, message)
        if other is not message:
            found.append((other, message))
    return found

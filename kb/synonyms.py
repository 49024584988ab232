"""An operator's table of synonyms as text: the ideas in it, and what is wrong with its place."""

from __future__ import annotations

import re

from kb.concepts import BETWEEN, HAS_HAN, WORD, Idea
from kb.formats import Problem
from kb.normalize import HAN, normalize

MOST_WORDS, MOST_HAN = 8, 12  # of a phrase; longer ones are sentences and meet nobody's question
LONGEST_NAME = 60  # characters
MOST_IDEAS = (
    8  # that one phrase of a table names: each is a feature of every text that has the phrase
)

_ALL_HAN = re.compile(f"[{HAN}]+")
_COLON = re.compile(r"[:：]")
_FORM = 'write "name: phrase, phrase"'


def read_synonyms(text: str, file: str) -> tuple[tuple[Idea, ...], tuple[Problem, ...]]:
    """The ideas of an operator's table for `Thesaurus.extended`, and what is wrong in it.

    Lines as in `kb/data/concepts.txt`; full-width signs (：，、) separate as well. Blank lines and lines
    that begin with "#" are skipped, equal names are one idea, repeated phrases count once. What is wrong
    is left out, the rest stays.
    """
    ideas: dict[str, dict[str, None]] = {}
    named: dict[str, set[str]] = {}
    problems: list[Problem] = []
    for number, raw in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        first, *rest = _COLON.split(line, maxsplit=1)
        name = "_".join(normalize(first).replace("_", " ").split())
        phrases = [normalize(part).strip() for part in BETWEEN.split(rest[0])] if rest else []
        faults = _line_faults(name, phrases)
        for phrase in filter(None, phrases):
            of_phrase = named.setdefault(phrase, set())
            if fault := _phrase_fault(phrase, of_phrase | {name}):
                faults.append(fault)
            elif 0 < len(name) <= LONGEST_NAME:
                of_phrase.add(name)
                ideas.setdefault(name, {})[phrase] = None
        problems += [Problem(file, number, what, fix) for what, fix in faults]
    return tuple(Idea(name, tuple(phrases)) for name, phrases in ideas.items()), tuple(problems)


def _line_faults(name: str, phrases: list[str]) -> list[tuple[str, str]]:
    if not name or not any(phrases):
        return [("the line has no name or no phrases", _FORM)]
    if len(name) > LONGEST_NAME:
        return [
            (f'the name "{name[:30]}…" is too long', f"write at most {LONGEST_NAME} characters")
        ]
    return []


def _phrase_fault(phrase: str, names: set[str]) -> tuple[str, str] | None:
    shown = f'"{phrase[:30]}"'
    words = WORD.findall(phrase)
    if HAS_HAN.search(phrase):
        if not _ALL_HAN.fullmatch(phrase):
            return (
                f"{shown} mixes Chinese characters with other signs",
                "write a phrase of one kind",
            )
        if len(phrase) > MOST_HAN:
            return f"{shown} is too long", f"write at most {MOST_HAN} characters"
    elif not words:
        return f"{shown} has neither letters nor digits", _FORM
    elif len(words) > MOST_WORDS:
        return f"{shown} is too long", f"write at most {MOST_WORDS} words"
    if len(names) > MOST_IDEAS:
        return f"{shown} stands in more than {MOST_IDEAS} ideas", "keep it where it fits best"
    return None

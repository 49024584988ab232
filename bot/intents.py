"""The detector of intents in use: the shipped lexicons, the operator's phrasings, the base's questions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from dialogs.intents import IntentDetector
from dialogs.lexicons import Lexicon, LexiconError, bundled_lexicons
from dialogs.own_phrasings import with_own
from kb.shipped import out_of_scope

FOLDER_VARIABLE = "HUIFANG_INTENTS_DIR"


def lexicons_in_use(folder: Path | None) -> tuple[Lexicon, ...]:
    """The shipped lexicons with the phrasings of a folder, if there is one. Raises LexiconError."""
    if folder is not None and not folder.is_dir():
        fix = f"make it, or correct intents_dir ({FOLDER_VARIABLE})"
        raise LexiconError(str(folder), 1, f"no such folder of phrasings; {fix}")
    return with_own(bundled_lexicons(), folder)


def open_detector(folder: Path | None, questions: Sequence[str]) -> IntentDetector:
    """`questions` are those of the articles, which shall raise no alarm; neither shall talk about
    the weather. Raises LexiconError."""
    if folder is None:
        return _shipped(tuple(questions))
    return _trained(lexicons_in_use(folder), questions)


@lru_cache(1)
def _shipped(questions: tuple[str, ...]) -> IntentDetector:
    """What a process trained last is not trained again: detectors never change."""
    return _trained(lexicons_in_use(None), questions)


def _trained(lexicons: Sequence[Lexicon], questions: Sequence[str]) -> IntentDetector:
    foreign = [line for lexicon in lexicons for line in out_of_scope(lexicon.locale)]
    return IntentDetector.from_lexicons(lexicons, (*questions, *foreign))

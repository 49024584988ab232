"""What a message wants besides answering: a person, to complain, to stop, to be asked later, and the like."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dialogs import intent_text
from dialogs.intent_details import (
    CorrectDetails,
    Details,
    LanguageDetails,
    LaterDetails,
    correction,
    language,
    when,
)
from dialogs.intent_match import ALARMS, Hit, Intent, View, agreed, by_model, by_rules, rage, train
from dialogs.intent_model import IntentModel
from dialogs.intent_text import WHOLE_LIMIT, Speller
from dialogs.lexicons import NONE, Lexicon, bundled_lexicons

__all__ = [
    "ALARMS",
    "CorrectDetails",
    "Details",
    "Detected",
    "Intent",
    "IntentDetector",
    "LanguageDetails",
    "LaterDetails",
    "is_ambiguous_stop",
    "is_start_word",
]

_RANK = {intent: rank for rank, intent in enumerate(Intent)}
_OWN = 0.95  # the score of a phrasing that the operator wrote
_ENOUGH = (*ALARMS, Intent.CORRECT, Intent.LANGUAGE)  # where a rule found one, no guess is needed
_GUESS_LIMIT = 300  # characters; the model knows chat lines, not letters
_LODGED = re.compile(r"compl|grievance|投诉|投拆|投訴")


@dataclass(frozen=True, slots=True)
class Detected:
    """One intent found in a message.

    `score` is 0–1: 1 an opt-out word, from 0.85 a rule, below 0.8 shouting or the model's guess.
    `evidence` is the part of the message that shows it. `rest` is the message without the clauses
    that carry it, "" if nothing that means anything remains.
    """

    intent: Intent
    score: float
    evidence: str
    rest: str
    details: Details | None = None


class IntentDetector:
    """Finds intents in what people type; built once, used for every message, thread-safe."""

    def __init__(self, lexicons: Sequence[Lexicon], neutral: Sequence[str]) -> None:
        self._lexicons = tuple(lexicons)
        self._stop = _StopWords(lexicons)
        lines = [line for lexicon in lexicons for line in lexicon.neutral]
        for lexicon in lexicons:
            lines += [line for rules in lexicon.intents.values() for line in rules.examples]
        seen = frozenset(re.findall(r"[a-z]+", " ".join((*lines, *neutral)).lower()))
        self._spellers = {
            lexicon.locale: Speller(lexicon.words, seen | lexicon.known) for lexicon in lexicons
        }
        self._own = {key: name for lexicon in lexicons for key, name in lexicon.own.items()}
        self._models = {lexicon.locale: self._train(lexicon, neutral) for lexicon in lexicons}

    @classmethod
    def from_lexicons(
        cls, lexicons: Sequence[Lexicon], neutral: Sequence[str] = ()
    ) -> IntentDetector:
        """Build a detector in under a second of CPU time.

        `neutral` are the questions of the knowledge base, in any language: the model learns from
        them what people ask here without being in trouble.
        """
        return cls(lexicons, neutral)

    def _train(self, lexicon: Lexicon, base: Sequence[str]) -> IntentModel | None:
        mine = [line for line in base if intent_text.has_han(line) != lexicon.spaced]

        def shows_alarm(line: str) -> bool:
            views = self._views(line, intent_text.fold(line), lexicon.locale)
            return any(hit.intent in ALARMS for view in views for hit in by_rules(view))

        return train(lexicon, mine, shows_alarm)

    def detect(self, text: str, locale: str, channel_is_sms: bool = False) -> tuple[Detected, ...]:
        """All intents of a message, the most important first. Never raises.

        `locale` decides only where the letters do not: people write in the language they like.
        At most READ_LIMIT characters are looked at. An opt-out word is never joined by others.
        """
        folded = intent_text.fold(text[: intent_text.READ_LIMIT])
        if self._stop.is_stop(text, folded, sms=channel_is_sms):
            return (Detected(Intent.STOP, 1.0, text.strip(), ""),)
        own = self._own.get(intent_text.key_of(folded)) if len(text) <= WHOLE_LIMIT else None
        if own is not None:
            return () if own == NONE else (Detected(Intent(own), _OWN, text.strip(), ""),)
        views = self._views(text, folded, locale)
        hits = self._signs(text, views)
        if len(text) <= _GUESS_LIMIT and not any(hit.intent in _ENOUGH for hit in hits):
            for view in _main(views):
                guesses = by_model(self._models[view.lexicon.locale], view)
                # Beside "later" or "no surveys" somebody may be in need; a guess of less adds nothing.
                hits.extend(hit for hit in guesses if not hits or hit.intent in ALARMS)
        return _merge(text, hits, views) if hits else ()

    def _signs(self, text: str, views: list[View]) -> list[Hit]:
        """What rules and shouting show, as far as the model agrees with mere hints."""
        by_view = [list(by_rules(view)) for view in views]
        if not any(hit.intent is Intent.COMPLAINT for hits in by_view for hit in hits):
            for shout in rage(text, views):
                by_view[[view.lexicon for view in views].index(shout.lexicon)].append(shout)
        return [
            hit
            for view, hits in zip(views, by_view, strict=True)
            for hit in agreed(self._models[view.lexicon.locale], view, hits)
        ]

    def _views(self, text: str, folded: intent_text.Folded, locale: str) -> list[View]:
        han, latin = intent_text.has_han(text), intent_text.has_latin(folded)
        length = min(len(text), intent_text.READ_LIMIT)
        views: list[View] = []
        for lexicon in self._lexicons:
            neither = not han and not latin and locale.startswith(lexicon.locale)
            if lexicon.spaced and (latin or neither):
                mend = self._spellers[lexicon.locale].mend
                views.append(View(lexicon, intent_text.spaced_clauses(folded, length, mend)))
            elif not lexicon.spaced and (han or neither):
                views.append(View(lexicon, intent_text.unspaced_clauses(folded, length)))
        return views


def _main(views: list[View]) -> list[View]:
    """The view of the language that most of a message is in: the model of the other one would judge
    a few words ("hotline是几号") without what is said about them."""
    if len(views) < 2:
        return views
    words = [word for clause in views[0].clauses for word in clause.form.split()]
    spaced = sum(word.isascii() for word in words) * 2 > len(words)
    return [view for view in views if view.lexicon.spaced == spaced]


def _merge(text: str, hits: list[Hit], views: list[View]) -> tuple[Detected, ...]:
    found: list[Detected] = []
    hits = _without_values(text, hits, views)
    for intent in dict.fromkeys(hit.intent for hit in hits):
        mine = [hit for hit in hits if hit.intent is intent]
        best = max(mine, key=lambda hit: hit.score)
        evidence = text[best.span[0] : best.span[1]].strip()
        details, extra = _details(text, intent, mine, views)
        rest = intent_text.without(text, [hit.clause for hit in mine] + extra)
        found.append(Detected(intent, best.score, evidence, rest, details))
    return tuple(sorted(found, key=_importance))


def _without_values(text: str, hits: list[Hit], views: list[View]) -> list[Hit]:
    """Leave out what only looks like an intent: a corrected value, a language as a value.

    "I pressed the wrong one, I meant unhappy" is no complaint, "change to Chinese" no correction.
    """
    languages = {hit.clause for hit in hits if hit.intent is Intent.LANGUAGE}
    hits = [h for h in hits if h.intent is not Intent.CORRECT or h.clause not in languages]
    fixes = [hit for hit in hits if hit.intent is Intent.CORRECT]
    if not fixes:
        return hits
    values = set(correction(text, fixes, views)[1])
    clauses = {hit.clause for hit in fixes}
    return [
        hit
        for hit in hits
        if hit.intent is Intent.CORRECT
        or (hit.clause not in values and not (hit.clause in clauses and hit.score < 0.9))
    ]


def _details(
    text: str, intent: Intent, hits: list[Hit], views: list[View]
) -> tuple[Details | None, list[tuple[int, int]]]:
    """The details of an intent and the further spans of the text that they took."""
    match intent:
        case Intent.LANGUAGE:
            return language(text, hits), []
        case Intent.LATER:
            return when(text, views)
        case Intent.CORRECT:
            return correction(text, hits, views)
        case _:
            return None, []


def _importance(detected: Detected) -> tuple[float, float]:
    """A wish for a person goes before mere anger, an explicit complaint before that wish."""
    rank = float(_RANK[detected.intent])
    if detected.intent is Intent.COMPLAINT and not _LODGED.search(detected.evidence.lower()):
        rank = _RANK[Intent.HUMAN] + 0.5
    return rank, -detected.score


class _StopWords:
    """Opt-out and opt-in words of all languages: they count only as the whole message."""

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        def keys(name: str) -> frozenset[str]:
            words = (word for lexicon in lexicons for word in lexicon.stop.get(name, ()))
            return frozenset(intent_text.whole_key(word) for word in words) - {""}

        self._words, self._sms = keys("words"), keys("sms_words")
        self._ambiguous, self._start = keys("ambiguous"), keys("start")

    def is_stop(self, text: str, folded: intent_text.Folded, *, sms: bool) -> bool:
        """`folded` is what `fold` makes of the text, or of its beginning if it is long."""
        key = intent_text.key_of(folded) if len(text) <= intent_text.WHOLE_LIMIT else ""
        return key in self._words or (sms and key in self._sms)

    def is_ambiguous(self, text: str) -> bool:
        return intent_text.whole_key(text) in self._ambiguous

    def is_start(self, text: str) -> bool:
        return intent_text.whole_key(text) in self._start


@lru_cache(maxsize=1)
def _bundled_words() -> _StopWords:
    return _StopWords(bundled_lexicons())


def is_ambiguous_stop(text: str) -> bool:
    """Is it CANCEL, END, QUIT or their like: an opt-out that is asked about once while a question waits?"""
    return _bundled_words().is_ambiguous(text)


def is_start_word(text: str) -> bool:
    """Is it START, UNSTOP or their like: the only words that lift an opt-out?"""
    return _bundled_words().is_start(text)

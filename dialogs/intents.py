"""What a message wants besides answering: a person, to complain, to stop, to be asked later, and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz.distance import OSA

from dialogs import intent_text
from dialogs.intent_text import Clause
from dialogs.lexicons import IntentRules, Lexicon, Rule, bundled_lexicons


class Intent(StrEnum):
    """What a person may want at any point of a script; no intent at all is an empty result."""

    STOP = "stop"
    DISTRESS = "distress"
    FRAUD = "fraud"
    COMPLAINT = "complaint"
    HUMAN = "human"
    LATER = "later"
    CORRECT = "correct"
    LANGUAGE = "language"
    REPEAT = "repeat"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class LanguageDetails:
    """`target` is the BCP 47 tag asked for, "" if only another language was asked for."""

    target: str


@dataclass(frozen=True, slots=True)
class LaterDetails:
    """`when` is the time as the person wrote it, for the date reader; "" if none was said."""

    when: str


@dataclass(frozen=True, slots=True)
class CorrectDetails:
    """`target` is what to correct, `value` the new value, both as written and "" if not said."""

    target: str
    value: str


Details = LanguageDetails | LaterDetails | CorrectDetails


@dataclass(frozen=True, slots=True)
class Detected:
    """One intent found in a message.

    `score` is 0–1. `evidence` is the part of the message that shows it. `rest` is the message
    without the clauses that carry it, "" if nothing that means anything remains.
    """

    intent: Intent
    score: float
    evidence: str
    rest: str
    details: Details | None = None


# Scores by kind of proof; only their order means something.
_WORD, _ALWAYS, _WHOLE, _STATEMENT, _RAGE = 1.0, 0.95, 0.95, 0.85, 0.7
_RANK = {intent: rank for rank, intent in enumerate(Intent)}
_MENDABLE = 5  # letters; shorter words have too many neighbours to guess a typing error
_WHOLE_LIMIT = 80  # characters; a longer message is never one fixed phrase
_LODGED = re.compile(r"compl|grievance|投诉|投拆|投訴")


@dataclass(frozen=True, slots=True)
class _Hit:
    intent: Intent
    score: float
    span: tuple[int, int]  # evidence in the original text
    clause: tuple[int, int]  # what is taken away for `rest`
    named: tuple[tuple[str, str], ...] = ()
    lexicon: Lexicon | None = None


class _Speller:
    """Mends one typing error (OSA distance 1) towards the words of a lexicon."""

    def __init__(self, lexicon: Lexicon, known: frozenset[str]) -> None:
        self._known = known | lexicon.words | lexicon.known
        self._by_shape: dict[str, list[str]] = {}
        for word in sorted(lexicon.words):
            if len(word) >= _MENDABLE:
                for shape in _shapes(word):
                    self._by_shape.setdefault(shape, []).append(word)

    def mend(self, word: str) -> str:
        if not _MENDABLE - 1 <= len(word) <= 20 or word in self._known or not word.isalpha():
            return word
        for shape in _shapes(word):
            for candidate in self._by_shape.get(shape, ()):
                if candidate[0] == word[0] and OSA.distance(word, candidate, score_cutoff=1) <= 1:
                    return candidate
        return word


def _shapes(word: str) -> Iterator[str]:
    """The word and the word without each of its letters: neighbours share one of these."""
    yield word
    for i in range(len(word)):
        yield word[:i] + word[i + 1 :]


class IntentDetector:
    """Finds intents in what people type; built once, used for every message, thread-safe."""

    def __init__(self, lexicons: Sequence[Lexicon], neutral: Sequence[str]) -> None:
        self._lexicons = tuple(lexicons)
        self._stop = _StopWords(lexicons)
        lines = [line for lexicon in lexicons for line in lexicon.neutral]
        known = frozenset(re.findall(r"[a-z]+", " ".join((*lines, *neutral)).lower()))
        self._spellers = {lexicon.locale: _Speller(lexicon, known) for lexicon in lexicons}

    @classmethod
    def from_lexicons(
        cls, lexicons: Sequence[Lexicon], neutral: Sequence[str] = ()
    ) -> IntentDetector:
        """Build a detector. `neutral` are plain questions of the knowledge base, any language."""
        return cls(lexicons, neutral)

    def detect(self, text: str, locale: str, channel_is_sms: bool = False) -> tuple[Detected, ...]:
        """All intents of a message, the most important first. Never raises.

        `locale` decides only where the letters do not: people write in the language they like.
        At most READ_LIMIT characters are looked at.
        """
        if self._stop.is_stop(text, sms=channel_is_sms):
            return (Detected(Intent.STOP, _WORD, text.strip(), ""),)
        hits: list[_Hit] = []
        clauses_of: list[tuple[Lexicon, tuple[Clause, ...]]] = self._views(text, locale)
        for lexicon, clauses in clauses_of:
            hits.extend(_by_rules(lexicon, clauses))
        if not any(hit.intent is Intent.COMPLAINT for hit in hits):
            hits.extend(_rage(text, clauses_of))
        return _merge(text, hits, clauses_of)

    def _views(self, text: str, locale: str) -> list[tuple[Lexicon, tuple[Clause, ...]]]:
        han, latin = intent_text.has_han(text), intent_text.has_latin(text)
        views: list[tuple[Lexicon, tuple[Clause, ...]]] = []
        for lexicon in self._lexicons:
            neither = not han and not latin and locale.startswith(lexicon.locale)
            if lexicon.spaced and (latin or neither):
                speller = self._spellers[lexicon.locale]
                views.append((lexicon, intent_text.spaced_clauses(text, speller.mend)))
            elif not lexicon.spaced and (han or neither):
                views.append((lexicon, intent_text.unspaced_clauses(text)))
        return views


def _by_rules(lexicon: Lexicon, clauses: tuple[Clause, ...]) -> Iterator[_Hit]:
    question = lexicon.common.get("question", ())
    asks = [clause.asked or _first(question, clause) is not None for clause in clauses]
    for name, rules in lexicon.intents.items():
        intent = Intent(name)
        found = list(_by_clause(intent, rules, lexicon, clauses, asks))
        yield from found
        if not found and rules.whole and intent is not Intent.STOP:
            yield from _by_whole(intent, rules.whole, lexicon, clauses)


def _by_clause(
    intent: Intent,
    rules: IntentRules,
    lexicon: Lexicon,
    clauses: tuple[Clause, ...],
    asks: list[bool],
) -> Iterator[_Hit]:
    for clause, asked in zip(clauses, asks, strict=True):
        score, match = _ALWAYS, _first(rules.always, clause)
        if match is None and not asked:
            score, match = _STATEMENT, _first(rules.statement, clause)
        if match is None and intent is Intent.STOP and not clause.asked:
            # An opt-out sentence counts beside other sentences ("stop texting me. I'm tired").
            score, match = _WHOLE, _first_whole(rules.whole, clause.form, lexicon)
            if match is not None:
                yield _Hit(intent, score, (clause.begin, clause.end), (clause.begin, clause.end))
            continue
        if match is None or _first(rules.unless, clause) is not None:
            continue
        yield _hit(intent, score, clause, match, lexicon)


def _by_whole(
    intent: Intent, rules: tuple[Rule, ...], lexicon: Lexicon, clauses: tuple[Clause, ...]
) -> Iterator[_Hit]:
    if not clauses or clauses[-1].end - clauses[0].begin > _WHOLE_LIMIT:
        return
    form = "".join(clause.form.rstrip() for clause in clauses) + (" " if lexicon.spaced else "")
    match = _first_whole(rules, form, lexicon)
    if match is None:
        return
    whole = (clauses[0].begin, clauses[-1].end)
    named = tuple((k, v.strip()) for k, v in match.groupdict().items() if v)
    yield _Hit(intent, _WHOLE, whole, whole, named, lexicon)


def _hit(
    intent: Intent, score: float, clause: Clause, match: re.Match[str], lexicon: Lexicon
) -> _Hit:
    whole = (clause.begin, clause.end)
    start, end = match.span()
    span = clause.original_span(start, end) if end > start else whole
    named = tuple((k, v.strip()) for k, v in match.groupdict().items() if v)
    return _Hit(intent, score, span, whole, named, lexicon)


def _first(rules: tuple[Rule, ...], clause: Clause) -> re.Match[str] | None:
    for rule in rules:
        if match := rule.search(clause.form, clause.words):
            return match
    return None


def _first_whole(rules: tuple[Rule, ...], form: str, lexicon: Lexicon) -> re.Match[str] | None:
    if len(form) > _WHOLE_LIMIT:
        return None
    for candidate in (form, _without_courtesy(form, lexicon)):
        words = frozenset(candidate.split() if lexicon.spaced else candidate)
        for rule in rules:
            if match := rule.search(candidate, words):
                return match
    return None


def _without_courtesy(form: str, lexicon: Lexicon) -> str:
    """The form without please, thanks and the like at both ends."""
    polite = lexicon.common.get("polite", ())
    if not polite:
        return form
    body = form.rstrip()
    shrunk = True
    while shrunk and body:
        shrunk = False
        for rule in polite:
            padded = body + " " if lexicon.spaced else body
            for match in rule.regex.finditer(padded):
                if match.start() == 0 and match.end() < len(body):
                    body, shrunk = body[match.end() :], True
                    break
                if match.start() > 0 and match.end() == len(body):
                    body, shrunk = body[: match.start()], True
                    break
    return body + " " if lexicon.spaced else body


_MARKS = re.compile(r"[!！]{3,}|[!！][?？]+|[?？]+[!！]+")


def _rage(text: str, views: list[tuple[Lexicon, tuple[Clause, ...]]]) -> Iterator[_Hit]:
    """Shouting about something wrong: "WHERE IS MY MONEY!!!" is a complaint without its words."""
    head = text[: intent_text.READ_LIMIT]
    letters = [letter for letter in head if letter.isascii() and letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    shouted = len(letters) >= 12 and capitals >= 0.8 * len(letters) and "!" in head
    mark = _MARKS.search(head)
    if mark is None and not shouted:
        return
    for lexicon, clauses in views:
        calm = any(_first(lexicon.common.get("calm", ()), clause) for clause in clauses)
        for clause in clauses:
            if not calm and _first(lexicon.common.get("anger", ()), clause):
                end = mark.end() if mark and mark.start() >= clause.begin else clause.end
                span = (clause.begin, end)
                yield _Hit(Intent.COMPLAINT, _RAGE, span, span)
                return


def _merge(
    text: str, hits: list[_Hit], views: list[tuple[Lexicon, tuple[Clause, ...]]]
) -> tuple[Detected, ...]:
    found: list[Detected] = []
    for intent in dict.fromkeys(hit.intent for hit in hits):
        mine = [hit for hit in hits if hit.intent is intent]
        best = max(mine, key=lambda hit: hit.score)
        evidence = text[best.span[0] : best.span[1]].strip()
        details, extra = _details(intent, mine, text, views)
        rest = intent_text.without(text, [hit.clause for hit in mine] + extra)
        found.append(Detected(intent, best.score, evidence, rest, details))
    return tuple(sorted(found, key=_importance))


def _importance(detected: Detected) -> tuple[float, float]:
    """A wish for a person goes before mere anger, an explicit complaint before that wish."""
    rank = float(_RANK[detected.intent])
    if detected.intent is Intent.COMPLAINT and not _LODGED.search(detected.evidence.lower()):
        rank = _RANK[Intent.HUMAN] + 0.5
    return rank, -detected.score


_Spans = list[tuple[int, int]]


def _details(
    intent: Intent,
    hits: list[_Hit],
    text: str,
    views: list[tuple[Lexicon, tuple[Clause, ...]]],
) -> tuple[Details | None, _Spans]:
    """The details of an intent and the further spans of the text that they took."""
    match intent:
        case Intent.LANGUAGE:
            return LanguageDetails(_language(hits, text)), []
        case Intent.LATER:
            when, spans = _when(text, views)
            return LaterDetails(when), spans
        case Intent.CORRECT:
            return _correction(hits, text, views)
        case _:
            return None, []


def _language(hits: list[_Hit], text: str) -> str:
    for hit in hits:
        named = dict(hit.named)
        if hit.lexicon is None or "lang" not in named:
            continue
        target = hit.lexicon.languages.get(named["lang"], "")
        if "neg" not in named:
            return target
        # "I don't understand Chinese", written in English, asks for English.
        written = "zh" if intent_text.has_han(text) else "en"
        return written if not target.startswith(written) else ""
    return ""


def _when(text: str, views: list[tuple[Lexicon, tuple[Clause, ...]]]) -> tuple[str, _Spans]:
    longest: tuple[int, int] | None = None
    holder: tuple[int, int] | None = None
    for lexicon, clauses in views:
        for clause in clauses:
            for rule in lexicon.common.get("when", ()):
                for match in rule.regex.finditer(clause.form):
                    span = clause.original_span(*match.span())
                    if longest is None or span[1] - span[0] > longest[1] - longest[0]:
                        longest, holder = span, (clause.begin, clause.end)
    if longest is None or holder is None:
        return "", []
    return text[longest[0] : longest[1]].strip(), [holder]


def _correction(
    hits: list[_Hit], text: str, views: list[tuple[Lexicon, tuple[Clause, ...]]]
) -> tuple[CorrectDetails, _Spans]:
    target = next((v for hit in hits for k, v in hit.named if k == "target"), "")
    value = next((v for hit in hits for k, v in hit.named if k == "value"), "")
    if value:
        return CorrectDetails(target, value), []
    last = max(hit.clause[1] for hit in hits)
    for lexicon, clauses in views:
        for clause in clauses:
            if clause.begin >= last and clause.end - clause.begin <= 40 and not clause.asked:
                value = _value_of(lexicon, clause, text)
                return CorrectDetails(target, value), [(clause.begin, clause.end)] if value else []
    return CorrectDetails(target, ""), []


def _value_of(lexicon: Lexicon, clause: Clause, text: str) -> str:
    """A clause after "I made a mistake" is the new value if it says so or holds a number."""
    lead = _first(lexicon.common.get("value_lead", ()), clause)
    if lead is not None and lead.end() < len(clause.form.rstrip()):
        start = lead.end() + (1 if lexicon.spaced else 0)
        begin, end = clause.original_span(start, len(clause.form.rstrip()))
        return text[begin:end]
    has_number = re.search(r"\d|[一二三四五六七八九十]|one|two|three|four|five", clause.form)
    return text[clause.begin : clause.end] if has_number else ""


class _StopWords:
    """Opt-out and opt-in words of all languages: they count only as the whole message."""

    def __init__(self, lexicons: Sequence[Lexicon]) -> None:
        def keys(name: str) -> frozenset[str]:
            words = (word for lexicon in lexicons for word in lexicon.stop.get(name, ()))
            return frozenset(intent_text.whole_key(word) for word in words)

        self._words, self._sms = keys("words"), keys("sms_words")
        self._ambiguous, self._start = keys("ambiguous"), keys("start")

    def is_stop(self, text: str, *, sms: bool) -> bool:
        key = intent_text.whole_key(text)
        return bool(key) and (key in self._words or (sms and key in self._sms))

    def is_ambiguous(self, text: str) -> bool:
        return intent_text.whole_key(text) in self._ambiguous - {""}

    def is_start(self, text: str) -> bool:
        return intent_text.whole_key(text) in self._start - {""}


def is_ambiguous_stop(text: str) -> bool:
    """CANCEL, END, QUIT and their like: an opt-out that, while a question waits, is asked about once."""
    return _StopWords(bundled_lexicons()).is_ambiguous(text)


def is_start_word(text: str) -> bool:
    """START, UNSTOP and their like: the only words that lift an opt-out."""
    return _StopWords(bundled_lexicons()).is_start(text)

"""What an intent says more exactly: which language, until when, what to correct to which value."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from dialogs import intent_text
from dialogs.intent_match import Hit, View
from dialogs.intent_text import Clause


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
Spans = list[tuple[int, int]]

_VALUE_CLAUSE = 40  # characters; a longer clause after "I made a mistake" is a story, not a value
_NUMBER = re.compile(r"\d|[一二两三四五六七八九十]|\b(?:one|two|three|four|five|yes|no)\b")


def language(text: str, hits: Sequence[Hit]) -> LanguageDetails:
    """The language asked for; "I don't understand Chinese", written in English, asks for English."""
    for hit in hits:
        named = dict(hit.named)
        if "lang" not in named:
            continue
        target = hit.lexicon.languages.get(named["lang"], "")
        if "neg" not in named:
            return LanguageDetails(target)
        written = "zh" if intent_text.has_han(text) else "en"
        return LanguageDetails(written if not target.startswith(written) else "")
    return LanguageDetails("")


def when(text: str, views: Sequence[View]) -> tuple[LaterDetails, Spans]:
    """The longest time phrase of the message and the clause that holds it."""
    best, holder = (0, 0), (0, 0)
    for view in views:
        for clause in view.clauses:
            times = view.common("when")
            for rule, _ in times.matches(clause.form, view.chosen(clause).get(times, ())):
                for match in rule.regex.finditer(clause.form):
                    span = clause.original_span(*match.span())
                    if span[1] - span[0] > best[1] - best[0]:
                        best, holder = span, (clause.begin, clause.end)
    if best == (0, 0):
        return LaterDetails(""), []
    return LaterDetails(text[best[0] : best[1]].strip()), [holder]


def correction(
    text: str, hits: Sequence[Hit], views: Sequence[View]
) -> tuple[CorrectDetails, Spans]:
    """Target and value as a rule remembered them, else the value from the clause that follows."""
    spans = {name: span for hit in reversed(hits) for name, span in hit.named_spans}
    target = _slice(text, spans.get("target"))
    if "value" in spans:
        return CorrectDetails(target, _slice(text, spans["value"])), []
    last = max(hit.clause[1] for hit in hits)
    for view in views:
        for clause in view.clauses:
            if clause.begin < last or clause.end - clause.begin > _VALUE_CLAUSE or clause.asked:
                continue
            value = _value_of(text, view, clause)
            return CorrectDetails(target, value), [(clause.begin, clause.end)] if value else []
    return CorrectDetails(target, ""), []


def _slice(text: str, span: tuple[int, int] | None) -> str:
    return text[span[0] : span[1]].strip() if span is not None else ""


def _value_of(text: str, view: View, clause: Clause) -> str:
    """A clause after "I made a mistake" is the new value if it says so or holds a number."""
    lead = view.first(view.common("value_lead"), clause)
    size = len(clause.form.rstrip())
    if lead is not None and 0 < lead.end() < size:
        start = lead.end() + (1 if view.lexicon.spaced else 0)
        begin, end = clause.original_span(start, size)
        return text[begin:end].strip()
    return text[clause.begin : clause.end].strip() if _NUMBER.search(clause.form) else ""

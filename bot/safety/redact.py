"""Removes secrets from what a person wrote, before anything stores, logs or shows it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from bot.safety.detectors.base import BARRIER, Finding, SecretKind
from bot.safety.detectors.card import find_card_security, find_cards
from bot.safety.detectors.codes import Expectation, find_bare_code, find_codes
from bot.safety.detectors.identity import find_identity
from bot.safety.detectors.keys import find_keys
from bot.safety.detectors.normalise import Normalised, normalise
from bot.safety.detectors.password import find_passwords
from bot.safety.detectors.seed_phrase import find_seed_phrases
from bot.safety.detectors.tokens import find_tokens
from bot.safety.notices import MARKERS, marker, what_to_do
from bot.safety.split import SplitFinding, SplitPart, find_split

__all__ = [
    "Expectation",
    "Finding",
    "Redaction",
    "RedactionContext",
    "SecretKind",
    "SplitFinding",
    "SplitPart",
    "find_split",
    "redact",
    "what_to_do",
]

_HARM = {kind: rank for rank, kind in enumerate(SecretKind)}
_ROUNDS = 6  # a removal can lay bare a neighbour; two rounds are usual

# What must stand in a message before a detector is worth its time.
_DIGITS = re.compile(r"\d[^\d]{0,16}\d[^\d]{0,16}\d")
_LONG_ROW = re.compile(r"[0-9A-Za-z_+/=.:\-]{16}|[{\[]|://|PRIVATE|(?:[0-9a-f]{2}[\s\-]){8}", re.I)
_PASSWORD_WORD = re.compile(r"密码|口令|pass|pwd|pswd|pw\b|pin")


@dataclass(frozen=True, slots=True)
class RedactionContext:
    """What is known besides the text.

    `recent`: earlier texts of the same person in the last minutes, oldest first, as stored.
    `question`: the text of the pending question, "" if none or unknown (ingress).
    """

    locale: str = "zh"
    expects: Expectation = Expectation.UNKNOWN
    recent: tuple[str, ...] = ()
    question: str = ""


@dataclass(frozen=True, slots=True)
class Redaction:
    """`text` without secrets; `found` are spans of the ORIGINAL text, in order, not overlapping."""

    text: str
    found: tuple[Finding, ...] = ()


def redact(text: str, context: RedactionContext | None = None) -> Redaction:
    """Replace every secret in `text` by a marker of its kind. Never raises; idempotent.

    The second reading of a text, with the pending question known, may find more (a bare code).
    """
    context = context or RedactionContext()
    found: list[Finding] = []
    for _ in range(_ROUNDS):
        more = _read_once(text, found, context)
        if not more:
            break
        found = _merge([*found, *more])
    if not found:
        return Redaction(text)
    return Redaction(_replace(text, found, context.locale), tuple(found))


def _read_once(text: str, known: list[Finding], context: RedactionContext) -> list[Finding]:
    """Findings besides the known ones, as if these already were markers."""
    gone = [(f.start, f.end) for f in known]
    if "[" in text or "［" in text:  # every marker begins so
        gone += [match.span() for match in MARKERS.finditer(text)]
    blanked, cuts = _blank(text, sorted(gone)) if gone else (text, None)
    normal = normalise(blanked)
    spans = (
        (finding.kind, *normal.original_span(finding.start, finding.end))
        for finding in _detect(normal, context)
    )
    if cuts is None:
        return _merge(Finding(*span) for span in spans)
    return _merge(
        Finding(kind, _place(cuts, start), _place(cuts, end - 1) + 1) for kind, start, end in spans
    )


def _detect(normal: Normalised, context: RedactionContext) -> Iterator[Finding]:
    words = normal.words
    yield from find_seed_phrases(normal, context.question.lower())
    if _LONG_ROW.search(words) is not None:
        yield from find_keys(normal)
        yield from find_tokens(normal)
    if _PASSWORD_WORD.search(words) is not None:
        yield from find_passwords(normal)
    if _DIGITS.search(normal.digits) is not None or "<<" in words:
        yield from find_identity(normal)
        yield from find_cards(normal)
        yield from find_card_security(normal)
        yield from find_codes(normal)
        yield from _find_bare(normal, context)
    if context.recent and BARRIER not in normal.text:
        for split in find_split(context.recent, normal.text):
            for part in split.parts:
                if part.message == len(context.recent):
                    yield Finding(split.kind, part.start, part.end)


def _find_bare(normal: Normalised, context: RedactionContext) -> Iterator[Finding]:
    earlier = tuple(normalise(text).words for text in context.recent[-2:])
    bare = find_bare_code(normal, context.expects, earlier)
    if bare is not None:
        yield bare


def _blank(text: str, gone: list[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """The text with one barrier for each removed span, and (place in it, place in `text`) cuts."""
    pieces: list[str] = []
    cuts: list[tuple[int, int]] = [(0, 0)]
    size = last = 0
    for start, end in gone:
        if start < last:
            continue
        pieces += (text[last:start], BARRIER)
        size += start - last + 1
        last = end
        cuts.append((size, end))
    pieces.append(text[last:])
    return "".join(pieces), cuts


def _place(cuts: list[tuple[int, int]], at: int) -> int:
    base, origin = cuts[bisect_right(cuts, at, key=lambda cut: cut[0]) - 1]
    return origin + at - base


def _merge(findings: Iterable[Finding]) -> list[Finding]:
    """Overlapping findings become one, of the kind that does most harm."""
    merged: list[Finding] = []
    for finding in sorted(findings, key=lambda f: (f.start, -f.end)):
        if merged and finding.start < merged[-1].end:
            last = merged[-1]
            kind = min(last.kind, finding.kind, key=_HARM.__getitem__)
            merged[-1] = Finding(kind, last.start, max(last.end, finding.end))
        elif finding.end > finding.start:
            merged.append(finding)
    return merged


def _replace(text: str, found: list[Finding], locale: str) -> str:
    pieces: list[str] = []
    last = 0
    for finding in found:
        pieces += (text[last : finding.start], marker(finding.kind, locale))
        last = finding.end
    pieces.append(text[last:])
    return "".join(pieces)

"""Finds secrets that a person spread over several messages, and says which of them to scrub."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bot.safety.detectors.base import SecretKind
from bot.safety.detectors.card import is_card_number
from bot.safety.detectors.identity import is_resident_id
from bot.safety.detectors.normalise import Normalised, normalise
from bot.safety.detectors.password import (
    follows_password_question,
    may_follow_password_question,
)
from bot.safety.detectors.seed_phrase import (
    ALWAYS,
    CONTEXT,
    WITH_CONTEXT,
    chinese_words,
    english_words,
    is_close,
)
from bot.safety.notices import KIND_OF_MARKER

_LONGEST = 30  # messages looked back at; 24 words and some talk between them
_NUMBER_MESSAGE = re.compile(r"\D{0,16}?((?:\d[ \-]?){1,12}[xX]?)(?!\d)\D{0,10}")
_BORN = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dxX]")
_HEX_MESSAGE = re.compile(r"\s*((?:0[xX])?[0-9a-fA-F]{8,64})\s*")
_WORD = re.compile(r"[a-z]+")
_HANZI = re.compile(r"[\u3400-\u9fff]")
_HANZI_MESSAGE = re.compile(
    r"[\s\d.,、:#()]*(?:[\u3400-\u9fff](?:[\s\d.,、:#()]+|\Z)){1,24}|[\s\d.,、:#()]*[\u3400-\u9fff]"
)
_FILLER_WORDS = """
is the number no word words next then and last first second third fourth fifth sixth seventh
eighth ninth tenth st nd rd th ok a
"""
_FILLER = frozenset(_FILLER_WORDS.split())
_EDGE = 300  # characters; 24 words of eight letters, numbered
_NAMES = frozenset(("phrase", "seed", "word"))  # words of the list that announce it
_NUMBERS_MAX = 8  # messages; a card number in more pieces is not told from a row of answers


@dataclass(frozen=True, slots=True)
class SplitPart:
    """A piece at [start:end] of recent[message], or of the new text if message == len(recent)."""

    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SplitFinding:
    """One secret in several messages; the part in the new text always comes last."""

    kind: SecretKind
    parts: tuple[SplitPart, ...]


class _Message:
    """A text, rewritten when the first finder reads it: most of them stop at the newest one."""

    __slots__ = ("_normal", "_written", "index")

    def __init__(self, index: int, written: str) -> None:
        self.index, self._written = index, written
        self._normal: Normalised | None = None

    @property
    def normal(self) -> Normalised:
        if self._normal is None:
            self._normal = normalise(self._written)
        return self._normal

    def part(self, start: int, end: int) -> SplitPart:
        return SplitPart(self.index, *self.normal.original_span(start, end))


def find_split(recent: tuple[str, ...], text: str) -> tuple[SplitFinding, ...]:
    """Secrets that end in `text` and began in `recent` (oldest first, as stored: with markers).

    Spans are those of the given texts. A password announced in one message and told in the next
    has its only part in `text`. Never raises.
    """
    if not recent or not text.strip():
        return ()
    first = max(0, len(recent) - _LONGEST)
    texts = [*recent[first:], text]
    messages = [_Message(first + i, one) for i, one in enumerate(texts)]
    found: list[SplitFinding] = []
    for finder in (_numbers, _words, _hanzi, _hex, _announced, _continued):
        found.extend(finder(messages))
    return tuple(found)


def _numbers(messages: list[_Message]) -> Iterator[SplitFinding]:
    """Card or resident identity numbers told in pieces; talk without digits may stand between."""
    digits = ""
    parts: list[SplitPart] = []
    best: SplitFinding | None = None
    for message in reversed(messages):
        view = message.normal.digits
        match = _NUMBER_MESSAGE.fullmatch(view) if len(view) <= 48 else None
        if match is None:
            if digits and _is_rest_of_id(digits) and _is_code(message.normal):
                best = SplitFinding(SecretKind.IDENTITY, tuple(parts))
            if not parts or any(c.isdigit() for c in view):
                break
            continue
        digits = match.group(1).replace(" ", "").replace("-", "") + digits
        end = match.start(1) + len(match.group(1).rstrip(" -"))
        parts.insert(0, message.part(match.start(1), end))
        if len(digits) > 19 or len(parts) > _NUMBERS_MAX:
            break
        if len(parts) < 2:
            continue
        if len(digits) == 18 and digits[:17].isdigit() and is_resident_id(digits):
            best = SplitFinding(SecretKind.IDENTITY, tuple(parts))
        elif len(digits) >= 13 and digits.isdigit() and is_card_number(digits):
            best = SplitFinding(SecretKind.CARD, tuple(parts))
    if best is not None:
        yield best


def _is_code(normal: Normalised) -> bool:
    """Whether a message was nothing but six digits, which looked like a one-time code."""
    sign = _last_marker(normal)
    return KIND_OF_MARKER.get(sign) is SecretKind.ONE_TIME_CODE and (
        normal.text.strip() == _SHAPES[sign]
    )


def _is_rest_of_id(digits: str) -> bool:
    """A resident identity number without its first six digits: a date of birth and four more."""
    return _BORN.fullmatch(digits) is not None


def _words(messages: list[_Message]) -> Iterator[SplitFinding]:
    """English recovery words, one or more in each message. Talk may stand before the first of them
    ("my phrase is …") and after the last."""
    known = english_words()
    parts: list[SplitPart] = []
    count = 0
    for message in reversed(messages):
        if not _all_known(message.normal.words, known):
            is_newest = message is messages[-1]
            run = _words_at_edge(message.normal.words, known, at_end=not is_newest)
            if run:
                parts.insert(0, message.part(run[0].start(), run[-1].end()))
                count += sum(token.group() not in _FILLER for token in run)
            if run and is_newest:
                continue
            break
        tokens = [t for t in _WORD.finditer(message.normal.words) if t.group() not in _FILLER]
        if not tokens and parts and len(message.normal.words) <= 8:
            continue
        if not tokens or len(tokens) > 24:
            break
        parts.insert(0, message.part(tokens[0].start(), tokens[-1].end()))
        count += len(tokens)
    if len(parts) >= 2 and count >= _least(messages):
        yield SplitFinding(SecretKind.SEED_PHRASE, tuple(parts))


def _words_at_edge(words: str, known: frozenset[str], *, at_end: bool) -> list[re.Match[str]]:
    """The recovery words side by side with which a text ends, or begins."""
    start = max(0, len(words) - _EDGE) if at_end else 0
    tokens = list(_WORD.finditer(words, start, start + _EDGE))
    run: list[re.Match[str]] = []
    for token in reversed(tokens) if at_end else tokens:
        first, second = (token, run[-1]) if run and at_end else (run[-1] if run else token, token)
        side_by_side = not run or is_close(words, first.end(), second.start())
        if not side_by_side or (token.group() not in known and token.group() not in _FILLER):
            break
        run.append(token)
    if at_end:
        run.reverse()
        while run and (run[0].group() in _NAMES or run[0].group() in _FILLER):
            del run[0]
    while run and run[-1].group() in _FILLER:
        run.pop()
    return run


def _all_known(words: str, known: frozenset[str]) -> bool:
    for match in _WORD.finditer(words):
        word = match.group()
        if word not in known and word not in _FILLER:
            return False
    return True


def _hanzi(messages: list[_Message]) -> Iterator[SplitFinding]:
    """Chinese recovery words, each of them one character."""
    known = chinese_words()
    parts: list[SplitPart] = []
    seen: list[str] = []
    for message in reversed(messages):
        text = message.normal.text
        if len(text) > 120 or _HANZI_MESSAGE.fullmatch(text) is None:
            break
        places = list(_HANZI.finditer(text))
        parts.insert(0, message.part(places[0].start(), places[-1].end()))
        seen += [place.group() for place in places]
    in_list = sum(c in known for c in seen)
    if len(parts) >= 2 and in_list >= _least(messages) and len(set(seen)) * 3 >= len(seen) * 2:
        yield SplitFinding(SecretKind.SEED_PHRASE, tuple(parts))


def _hex(messages: list[_Message]) -> Iterator[SplitFinding]:
    """A private key of 64 hex digits in pieces."""
    parts: list[SplitPart] = []
    size = 0
    for message in reversed(messages):
        match = _HEX_MESSAGE.fullmatch(message.normal.text)
        if match is None:
            break
        parts.insert(0, message.part(*match.span(1)))
        size += len(match.group(1).lower().removeprefix("0x"))
        if size == 64 and len(parts) >= 2:
            yield SplitFinding(SecretKind.PRIVATE_KEY, tuple(parts))
        if size >= 64:
            break


def _announced(messages: list[_Message]) -> Iterator[SplitFinding]:
    """ "My password is" and then one word."""
    previous, last = messages[-2], messages[-1]
    if not may_follow_password_question(last.normal.words):
        return
    span = follows_password_question(previous.normal.words, last.normal.words)
    if span is not None:
        yield SplitFinding(SecretKind.PASSWORD, (last.part(*span),))


def _continued(messages: list[_Message]) -> Iterator[SplitFinding]:
    """Word 13 and later of a phrase whose first words were scrubbed already."""
    earlier = messages[-4:-1]
    if len(earlier) < 3 or not all(_ends_scrubbed(message.normal) for message in earlier):
        return
    last = messages[-1]
    words = last.normal.words
    tokens = [t for t in _WORD.finditer(words) if t.group() not in _FILLER]
    if 0 < len(tokens) <= ALWAYS and all(t.group() in english_words() for t in tokens):
        part = last.part(tokens[0].start(), tokens[-1].end())
        yield SplitFinding(SecretKind.SEED_PHRASE, (part,))
    elif not tokens and len(words) <= 120 and _HANZI_MESSAGE.fullmatch(last.normal.text):
        places = list(_HANZI.finditer(words))
        part = last.part(places[0].start(), places[-1].end())
        yield SplitFinding(SecretKind.SEED_PHRASE, (part,))


def _ends_scrubbed(normal: Normalised) -> bool:
    return KIND_OF_MARKER.get(_last_marker(normal)) is SecretKind.SEED_PHRASE


# Each marker as normalising leaves it: that changes its brackets.
_SHAPES = {shape: normalise(shape).text for shape in KIND_OF_MARKER}
_LAST_SIGNS = tuple({shape[-1] for shape in _SHAPES.values()})


def _last_marker(normal: Normalised) -> str:
    """The marker a message ends with, in the form it was written; "" if it ends with none."""
    text = normal.text.strip()
    if not text.endswith(_LAST_SIGNS):
        return ""
    return next((shape for shape, plain in _SHAPES.items() if text.endswith(plain)), "")


def _least(messages: list[_Message]) -> int:
    talked = any(CONTEXT.search(message.normal.words) for message in messages)
    return WITH_CONTEXT if talked else ALWAYS

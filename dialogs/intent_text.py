"""A message as the intent patterns read it: folded, cut in clauses, each piece traceable to the original."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import opencc
from rapidfuzz.distance import OSA

from dialogs.intent_grammar import heads_of

READ_LIMIT = 4096  # characters that are looked at; the longest text of the chat platforms we serve
_CLAUSE_LIMIT = 400  # a longer run without punctuation is cut, so that matching stays linear

_HAN = re.compile(r"[㐀-䶿一-鿿]")
_LATIN = re.compile(r"[a-z]")
_APOSTROPHES = re.compile(r"['’‘`´]")
_NO_WORD = re.compile(r"[\W_]+")
WHOLE_LIMIT = 200  # characters; nothing that counts as a whole message is longer
# A dot or colon between digits belongs to a number or a time of day, not to the end of a clause.
_BREAK = re.compile(r"[,，。!！?？;；\n\r…~、—()（）【】\"“”]+|(?<!\d)[.:]+|[.:]+(?!\d)|\s-+\s")


class _LetterTable(dict[int, str]):
    """Each letter folded by itself; `uneven` are those met so far that become several or none."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()

    def __missing__(self, code: int) -> str:
        folded = unicodedata.normalize("NFKC", chr(code)).casefold()
        if len(folded) != 1:
            self.uneven.add(chr(code))
        if len(self) < _LETTERS_KEPT:
            self[code] = folded
        return folded


_LETTERS_KEPT = 20_000  # more than a chat of any language uses
_LETTERS = _LetterTable()


@lru_cache(maxsize=1)
def _simplifier() -> opencc.OpenCC:
    return opencc.OpenCC("t2s")


@dataclass(frozen=True, slots=True)
class Folded:
    """`text` is NFKC, lower case, simplified; `at[i]` is where its i-th character stood."""

    text: str
    at: tuple[int, ...] | range

    def original_end(self, end: int, length: int) -> int:
        """Where a folded span that ends before `end` ended in the original text."""
        return self.at[end] if end < len(self.at) else length


def fold(text: str) -> Folded:
    """Fold width, case and traditional forms, keeping the way back to the original."""
    if text.isascii():
        return Folded(text.lower(), range(len(text)))
    folded = text.translate(_LETTERS)
    at: tuple[int, ...] | range = range(len(text))
    if not _LETTERS.uneven.isdisjoint(text):
        at = tuple(i for i, letter in enumerate(text) for _ in _LETTERS[ord(letter)])
    if _HAN.search(folded):
        folded = _simplify(folded)
    return Folded(folded, at)


def _simplify(text: str) -> str:
    converter = _simplifier()
    try:
        simple = converter.convert(text)
        if len(simple) == len(text):
            return str(simple)
        pieces = [converter.convert(letter) for letter in text]
    except (ValueError, UnicodeError):  # lone surrogates, which a broken client can send
        return text
    return "".join(
        piece if len(piece) == 1 else letter for piece, letter in zip(pieces, text, strict=True)
    )


def whole_key(text: str) -> str:
    """The message as one key: folded, only letters and digits, single spaces between words."""
    return key_of(fold(text)) if len(text) <= WHOLE_LIMIT else ""


def key_of(folded: Folded) -> str:
    """The same of a text that is folded already and not too long."""
    return " ".join(_NO_WORD.sub(" ", _APOSTROPHES.sub("", folded.text)).split())


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause in the form that patterns match.

    `form` has one space before each word and one at the end for spaced scripts, and no spaces at
    all for Chinese. `starts` are the positions in `form` where a word (a character) begins and
    `spans` where it stood in the original text. `asked` is true before a question mark.
    """

    form: str
    starts: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]
    asked: bool
    begin: int
    end: int
    words: frozenset[str]  # the words, or characters, that occur
    heads: frozenset[str]  # what rules are looked up by

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text behind `form[start:end]`."""
        first = max(bisect_right(self.starts, start) - 1, 0)
        last = max(bisect_right(self.starts, max(end - 1, start)) - 1, first)
        return self.spans[first][0], self.spans[last][1]


class _Piece(NamedTuple):
    text: str
    start: int  # in the folded text
    asked: bool


def _pieces(folded: str) -> list[_Piece]:
    pieces: list[_Piece] = []
    start = 0
    for mark in _BREAK.finditer(folded):
        written = mark.group()
        asked = "?" in written or "？" in written
        _cut(pieces, folded, start, mark.start(), asked)
        start = mark.end()
    _cut(pieces, folded, start, len(folded), False)
    return pieces


def _cut(pieces: list[_Piece], folded: str, start: int, end: int, asked: bool) -> None:
    while end - start > _CLAUSE_LIMIT:
        space = folded.rfind(" ", start + 1, start + _CLAUSE_LIMIT)
        stop = space if space > start else start + _CLAUSE_LIMIT
        pieces.append(_Piece(folded[start:stop], start, False))
        start = stop
    if folded[start:end].strip():
        pieces.append(_Piece(folded[start:end], start, asked))


def spaced_clauses(
    folded: Folded, length: int, correct: Callable[[str], str]
) -> tuple[Clause, ...]:
    """Clauses of a spaced script, from a folded text that had this length; `correct` may replace a
    word by the one that was meant."""
    clauses: list[Clause] = []
    for piece in _pieces(folded.text):
        words: list[str] = []
        starts: list[int] = []
        spans: list[tuple[int, int]] = []
        size = 0
        for match in _WORD_WITH_APOSTROPHE.finditer(piece.text):
            written = match.group()
            # "don't" is read as "dont": apostrophes are made invisible, not cut at.
            word = correct(written if written.isalnum() else _APOSTROPHES.sub("", written))
            starts.append(size)
            words.append(word)
            size += len(word) + 1
            spans.append(match.span())
        if spans:
            places = _original(folded, length, piece.start, spans)
            clauses.append(
                Clause(
                    f" {' '.join(words)} ",
                    tuple(starts),
                    places,
                    piece.asked,
                    places[0][0],
                    places[-1][1],
                    frozenset(words),
                    heads_of(words, spaced=True),
                )
            )
    return tuple(clauses)


def _original(
    folded: Folded, length: int, start: int, spans: Iterable[tuple[int, int]]
) -> tuple[tuple[int, int], ...]:
    """Where spans of a piece that starts at `start` stood in the original text."""
    if isinstance(folded.at, range):
        return tuple([(start + low, start + high) for low, high in spans])
    at, end_of = folded.at, folded.original_end
    return tuple([(at[start + low], end_of(start + high, length)) for low, high in spans])


_WORD_WITH_APOSTROPHE = re.compile(
    r"[a-z0-9à-ɏ]+(?:['’‘`´][a-z]+)*(?:[:.][0-9]+[a-z]*)*|[^\x00-\x7f\s]"
)


def unspaced_clauses(folded: Folded, length: int) -> tuple[Clause, ...]:
    """Clauses of Chinese, from a folded text that had this length, without the spaces that some
    people put between characters."""
    clauses: list[Clause] = []
    for piece in _pieces(folded.text):
        kept = [(i, i + 1) for i, letter in enumerate(piece.text) if not letter.isspace()]
        spans = _original(folded, length, piece.start, kept)
        form = "".join(piece.text.split())
        clauses.append(
            Clause(
                form,
                tuple(range(len(kept))),
                spans,
                piece.asked,
                spans[0][0],
                spans[-1][1],
                frozenset(form),
                heads_of(form, spaced=False),
            )
        )
    return tuple(clauses)


def has_han(text: str) -> bool:
    """Is there a Chinese character in what is looked at?"""
    return _HAN.search(text, 0, READ_LIMIT) is not None


def has_latin(folded: Folded) -> bool:
    """Is there a Latin letter, full width included, in a folded text?"""
    return _LATIN.search(folded.text) is not None


_EDGE = re.compile(
    r"^[\s,，。.!！?？;；:：、…~—-]+|[\s,，;；:：、—-]+$|^(?:but|and|so|then|also|但是?|不过|另外|还有|而且)[\s,，]+",
    re.IGNORECASE,
)


def without(text: str, spans: list[tuple[int, int]]) -> str:
    """What remains of `text` without `spans`, "" if nothing that means anything remains."""
    kept: list[str] = []
    position = 0
    for start, end in sorted(spans):
        kept.append(text[position:start])
        position = max(position, end)
    kept.append(text[position:])
    rest = " ".join(filter(None, (_trim(part) for part in kept)))
    return rest if any(letter.isalnum() for letter in rest) else ""


def _trim(part: str) -> str:
    for _ in range(3):
        shorter = _EDGE.sub("", part)
        if shorter == part:
            break
        part = shorter
    return part if any(letter.isalnum() for letter in part) else ""


_MENDABLE = 5  # letters; shorter words have too many neighbours to guess a typing error


class Speller:
    """Mends one typing error (OSA distance 1, same first letter) towards known words."""

    def __init__(self, words: Iterable[str], known: frozenset[str]) -> None:
        meant = sorted(word for word in words if len(word) >= _MENDABLE)
        self._known = known | frozenset(words)
        self._by_shape: dict[str, list[str]] = {}
        for word in meant:
            for shape in _shapes(word):
                self._by_shape.setdefault(shape, []).append(word)

    def mend(self, word: str) -> str:
        """The word that was meant, or the word itself."""
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

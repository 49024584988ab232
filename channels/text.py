"""Normalising, measuring and cutting text the way people read it and platforms count it."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import regex

from channels.message import TextUnit

_GRAPHEME = regex.compile(r"\X")
_URL = regex.compile(r"(?:https?://|www\.)[^\s<>\"'，。！？；、）】》」]+", regex.IGNORECASE)

# Zero-width and bidi controls, soft hyphen, BOM, variation selectors, tags, the keycap ring and the
# skin tones: they change how a character looks, not what a person meant by it.
_INVISIBLE = regex.compile(
    r"[\u00AD\u034F\u061C\u115F\u1160\u17B4\u17B5\u180B-\u180F\u200B-\u200F\u202A-\u202E"
    r"\u2060-\u206F\u3164\uFE00-\uFE0F\uFEFF\uFFA0\U000E0000-\U000E0FFF]"
)
_LOOKS_ONLY = regex.compile(r"[\u20E3\U0001F3FB-\U0001F3FF]")
# What `clean` removes: the same without what holds emoji and scripts together (ZWNJ, ZWJ, VS).
_SPOOFING = regex.compile(
    r"[\u00AD\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]"
)
_VARIANTS = str.maketrans(
    {
        **dict.fromkeys("’‘ʼ′`´", "'"),
        **dict.fromkeys("“”„″", '"'),
        **dict.fromkeys("–—−‒‐‑―", "-"),
        **dict.fromkeys("～〜∼", "~"),
    }
)


@dataclass(frozen=True, slots=True)
class Folded:
    """A text made comparable, with the way back: `text[i]` came from `source[starts[i]:ends[i]]`."""

    text: str
    source: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def original(self, start: int, end: int) -> str:
        """The part of the source that became `text[start:end]`; "" for an empty span."""
        if start >= end:
            return ""
        return self.source[self.starts[start] : self.ends[end - 1]]


@lru_cache(maxsize=8192)
def _fold_cluster(cluster: str) -> str:
    plain = _LOOKS_ONLY.sub("", _INVISIBLE.sub("", cluster))
    return unicodedata.normalize("NFKC", plain).translate(_VARIANTS).casefold()


# Of these letters each is a grapheme whatever stands beside it, and becomes one character: Han, plain
# and full-width signs, curly quotes, dashes. Most messages have no others, and no two blanks together.
_EVEN = re.compile(
    "[ -~\u2014\u2018\u2019\u201c\u201d\u3001-\u3003\u3008-\u3011\u3400-\u4dbf\u4e00-\u9fff\uff01-\uff5e]*"
)
_EVEN_FOLDED = {
    code: _fold_cluster(chr(code))
    for code in (*range(0x21, 0x7F), *range(0x2010, 0x2020), *range(0xFF01, 0xFF5F))
    if _EVEN.fullmatch(chr(code))
}
_PLACES = tuple(range(4097))


def _fold_even(text: str) -> Folded | None:
    """What `fold` makes of a text of even letters, in a tenth of its time; None for another one."""
    size = len(text)
    if size >= len(_PLACES) or "  " in text or _EVEN.fullmatch(text) is None:
        return None
    return Folded(text.translate(_EVEN_FOLDED), text, _PLACES[:size], _PLACES[1 : size + 1])


def fold(text: str) -> Folded:
    """Fold for comparison: NFKC, lower case, no invisible characters, one blank for several.

    Full-width forms become plain, keycap emoji become digits, skin tones and variation selectors go,
    curly quotes and long dashes become plain ones. A run of white space is one blank, or one line
    feed if it holds a line break.
    """
    return _fold_even(text) or _fold_any(text)


def _fold_any(text: str) -> Folded:
    out: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for match in _GRAPHEME.finditer(text):
        start, end = match.span()
        for char in _fold_cluster(match.group()):
            if char.isspace():
                shown = "\n" if char in "\n\r\x0b\x0c\x85\u2028\u2029" else " "
                if out and out[-1] in " \n":
                    out[-1] = "\n" if "\n" in (shown, out[-1]) else " "
                    ends[-1] = end
                    continue
                char = shown
            out.append(char)
            starts.append(start)
            ends.append(end)
    return Folded("".join(out), text, tuple(starts), tuple(ends))


def clean(text: str) -> str:
    """The text for showing and storing: NFC, without bidi controls and blanks that nobody sees."""
    return unicodedata.normalize("NFC", _SPOOFING.sub("", text)).strip()


def measure(text: str, unit: TextUnit) -> int:
    """The length of `text` as a platform counts it. Lone surrogates count like what they are."""
    match unit:
        case TextUnit.CHAR:
            return len(text)
        case TextUnit.BYTE:
            return len(text.encode("utf-8", "surrogatepass"))
        case TextUnit.UTF16:
            return len(text) + sum(1 for char in text if char > "\uffff")
        case TextUnit.GRAPHEME:
            return sum(1 for _ in _GRAPHEME.finditer(text))


# The longest single code point, so that a cut is always possible.
_SMALLEST_LIMIT = {
    TextUnit.CHAR: 1,
    TextUnit.BYTE: 4,
    TextUnit.UTF16: 2,
    TextUnit.GRAPHEME: 1,
}

# Where a text may be cut, best first, each with the share of the window that must be filled for
# it: a paragraph break is worth a half-empty message, a blank hardly anything. The blank at a cut is dropped.
_BREAKS: tuple[tuple[regex.Pattern[str], float], ...] = (
    (regex.compile(r"\n[^\S\n]*\n\s*"), 0.4),
    (regex.compile(r"\n\s*"), 0.5),
    (regex.compile(r"[。！？…]+[”’」』）】》]*\s*|[.!?]+[\"')\]]*\s+"), 0.5),
    (regex.compile(r"[，；：、]+\s*|[,;:]\s+"), 0.6),
    (regex.compile(r"\s+"), 0.3),
    (
        # Between two ideographs, but never before a closing mark or after an opening one.
        regex.compile(
            r"(?<=[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}])(?=[\p{Han}\p{Hiragana}\p{Hangul}（《「『【])"
        ),
        0.3,
    ),
)


def _atoms(text: str, limit: int, unit: TextUnit) -> list[str]:
    """Graphemes, or the code points of those too long to fit in one piece."""
    atoms: list[str] = []
    for cluster in _GRAPHEME.findall(text):
        if len(cluster) > 1 and measure(cluster, unit) > limit:
            atoms.extend(cluster)
        else:
            atoms.append(cluster)
    return atoms


class _Cutter:
    """The measured atoms of one text and the places where it may be cut."""

    def __init__(self, text: str, limit: int, unit: TextUnit) -> None:
        atoms = _atoms(text, limit, unit)
        sizes = [1 if unit is TextUnit.GRAPHEME else measure(atom, unit) for atom in atoms]
        self.text = text
        self.limit = limit
        self.chars = [0, *accumulate(len(atom) for atom in atoms)]  # atom index → char index
        self.size = [0, *accumulate(sizes)]  # atom index → measured length before it
        index_of = {char: index for index, char in enumerate(self.chars)}
        urls = [match.span() for match in _URL.finditer(text)]
        self.blocked: list[tuple[int, int]] = []  # atom spans never cut
        for start, end in urls:
            first = bisect_right(self.chars, start) - 1
            last = bisect_right(self.chars, end - 1)
            if self.size[last] - self.size[first] <= limit:
                self.blocked.append((first, last))
        inside = [False] * len(self.chars)
        for first, last in self.blocked:
            for index in range(first + 1, last):
                inside[index] = True
        self.breaks: list[list[int]] = []
        for pattern, _ in _BREAKS:
            found = (index_of.get(match.end()) for match in pattern.finditer(text))
            self.breaks.append([index for index in found if index and not inside[index]])
        self.inside = inside

    def cut(self, begin: int) -> int:
        """The atom index at which the piece that starts at `begin` ends."""
        furthest = bisect_right(self.size, self.size[begin] + self.limit) - 1
        if furthest >= len(self.chars) - 1:
            return len(self.chars) - 1
        # White space at the cut is dropped, so a break that lies just behind blanks still fits.
        reach = furthest
        while reach < len(self.chars) - 1 and self._atom(reach).isspace():
            reach += 1
        for places, (_, share) in zip(self.breaks, _BREAKS, strict=True):
            position = bisect_right(places, reach) - 1
            if position < 0 or places[position] <= begin:
                continue
            filled = self.size[places[position]] - self.size[begin]
            if filled >= share * self.limit:
                return places[position]
        end = furthest
        while end > begin + 1 and self.inside[end]:
            end -= 1
        return end if end > begin else begin + 1

    def _atom(self, index: int) -> str:
        return self.text[self.chars[index] : self.chars[index + 1]]


def split(text: str, limit: int, unit: TextUnit) -> list[str]:
    """Cut `text` into pieces that measure at most `limit`, at the best place each.

    Cuts fall between graphemes, preferably after a paragraph, a line, a sentence, a clause, a word
    or between ideographs, and never inside a web address that fits in one piece. White space at
    cuts and at both ends is dropped, so no piece is empty; "" gives no piece. Only a grapheme
    longer than the limit is cut between its code points. Raises ValueError for a limit that
    cannot hold every code point (4 bytes, 2 UTF-16 units).
    """
    if limit < _SMALLEST_LIMIT[unit]:
        raise ValueError(f"a limit of {limit} {unit.value} cannot hold every character")
    text = text.strip()
    if not text:
        return []
    if measure(text, unit) <= limit:
        return [text]
    cutter = _Cutter(text, limit, unit)
    pieces: list[str] = []
    begin = 0
    while begin < len(cutter.chars) - 1:
        end = cutter.cut(begin)
        piece = text[cutter.chars[begin] : cutter.chars[end]].strip()
        if piece:
            pieces.append(piece)
        begin = end
    return pieces


def truncate(text: str, limit: int, unit: TextUnit, mark: str = "…") -> str:
    """The text itself if it fits, else as many graphemes as fit with `mark` behind them.

    Where not even the mark fits, the text is cut without it. A limit below 1 gives "".
    """
    if measure(text, unit) <= limit:
        return text
    room = limit - measure(mark, unit)
    if room < 1:
        mark, room = "", limit
    kept: list[str] = []
    for cluster in _GRAPHEME.findall(text):
        room -= measure(cluster, unit)
        if room < 0:
            break
        kept.append(cluster)
    return "".join(kept).rstrip() + mark

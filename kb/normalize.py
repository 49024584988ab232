"""One spelling of a text for matching: width, case, script variant, marks and invisible signs folded."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from typing import Protocol, cast

# A question's start and end carry its meaning; the middle of a pasted page does not, and costs time.
MAX_CHARS = 1200

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_HAS_HAN = re.compile(f"[{HAN}]")
_APOSTROPHE = re.compile(r"(?<=\w)['\u2018\u2019\u02bc](?=\w)")


class _Converter(Protocol):
    def convert(self, text: str, /) -> str: ...


@cache
def _simplifier() -> _Converter:
    import opencc

    return cast(_Converter, opencc.OpenCC("t2s"))


def simplified(text: str) -> str:
    """Traditional characters turned into simplified ones; other text unchanged. For matching only."""
    return _simplifier().convert(text) if _HAS_HAN.search(text) else text


def normalize(text: str) -> str:
    """The form in which questions and phrasings are compared; at most `MAX_CHARS` characters.

    NFKC, case folded, zero-width and bidi signs and combining marks dropped, traditional Chinese
    folded to simplified, apostrophes inside words removed ("can't" and "cant" are one word).
    """
    text = _fold(_shorten(text))
    return simplified(_APOSTROPHE.sub("", _shorten(text)))


def _shorten(text: str) -> str:
    if len(text) <= MAX_CHARS:
        return text
    half = MAX_CHARS // 2
    return text[: half - 1] + " " + text[-half:]


def _fold(text: str) -> str:
    if text.isascii():
        return text.casefold()
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    # Cf: zero-width and bidi · Mn: accents, vowel points, variation selectors · Cs: lone surrogates
    dropped = {"Cf", "Mn", "Cs"}
    kept = "".join(sign for sign in folded if unicodedata.category(sign) not in dropped)
    return unicodedata.normalize("NFKC", kept)

"""Personal data as it may be shown: enough to tell two people apart, too little to reach them."""

from __future__ import annotations

import regex

DOT = "•"


def mask_name(name: str) -> str:
    """The first character of each word: "张三" → "张•", "Ada Lovelace" → "A•• L•••••••"."""
    return " ".join(_head(word, 1) for word in name.split())


def mask_value(value: str) -> str:
    """The last two characters, at most a quarter: "+8613800138000" → "••••••••••••00"."""
    clusters = regex.findall(r"\X", value)
    kept = min(2, len(clusters) // 4)
    return DOT * (len(clusters) - kept) + "".join(clusters[len(clusters) - kept :])


def mask_all(value: str) -> str:
    """Nothing but the length: "1234" → "••••"."""
    return DOT * len(regex.findall(r"\X", value))


_NUMERALS = regex.compile(
    r"[\p{Nd}][\p{Nd}\s-]{2,}[XxＸ]?|[〇零一二三四五六七八九两幺壹贰叁肆伍陆柒捌玖]{3,}"
)


def mask_digits(text: str) -> str:
    """A text with its numbers of three digits and more hidden: "it is 1234" → "it is ••••"."""
    return _NUMERALS.sub(lambda number: mask_all(number[0]), text)


def _head(word: str, kept: int) -> str:
    clusters = regex.findall(r"\X", word)
    return "".join(clusters[:kept]) + DOT * max(1, len(clusters) - kept)

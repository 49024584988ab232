"""Traditional characters for people who write them: what is said is rendered in their script.

Texts, articles and labels are kept in simplified characters; only what is shown changes, character by
character as the place writes it, never the words. Names and addresses of pages stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache, lru_cache

import opencc

from dialogs.effects import Message

HONG_KONG = frozenset(("HK", "MO"))  # ISO 3166; elsewhere as in Taiwan
_LOCALE = re.compile(r"zh[-_](?:[a-z]{3}[-_])?(?:hant|tw|hk|mo)\b", re.IGNORECASE)
_HAN = re.compile(r"[㐀-鿿]")
_NO_TEXT = re.compile("([\0\ud800-\udfff]+)")
_ADDRESS = r"(?:https?://|www\.)[^\s，。！？；、）】》」]+|[\w.+-]+@[\w-]+\.[\w.-]+"
# Simplified forms that are characters of their own in traditional writing: they tell nothing.
_BOTH = frozenset(
    "后里干云余台只系范松丑谷征斗几志才卷吁周咸姜布舍佣准冲别占叹岩弦愿折据扎采旋欲沾注游炮灶致面制复当向回困"
    "家表出千党累仆价伙借克升卜厂胡朱术朴杆板秋种签了万与个广么吓叶号它合虫虱吊同启咽喂于尸帘纤签借着著"
)


def is_traditional_locale(locale: str) -> bool:
    """Whether a BCP 47 tag, as platforms give it, means traditional characters.

    >>> [is_traditional_locale(tag) for tag in ("zh-Hant", "zh_TW", "zh-hk", "zh", "zh-Hans", "en")]
    [True, True, True, False, False, False]
    """
    return _LOCALE.match(locale) is not None


def writes_traditional(text: str) -> bool | None:
    """Whether a text is written in traditional characters; None if nothing in it tells.

    >>> writes_traditional("提現手續費是多少"), writes_traditional("提现手续费"), writes_traditional("你好 5")
    (True, False, None)
    """
    sides = [_side(char) for char in set(_HAN.findall(text))]
    traditional, simplified = sides.count(1), sides.count(-1)
    return None if traditional == simplified else traditional > simplified


def to_simplified(text: str) -> str:
    """The text in simplified characters, for comparing; as many characters as before."""
    return _converted(text, "t2s") if _HAN.search(text) else text


def to_traditional(text: str, region: str, keep: Iterable[str] = ()) -> str:
    """The text in the traditional characters of a region; what stands in `keep` is not touched."""
    if _HAN.search(text) is None:
        return text
    name = "s2hk" if region in HONG_KONG else "s2tw"
    kept = _kept(tuple(sorted((name for name in keep if name), key=len, reverse=True)))
    pieces = kept.split(text)
    return "".join(piece if n % 2 else _converted(piece, name) for n, piece in enumerate(pieces))


def shown(messages: Sequence[Message], region: str, keep: Iterable[str]) -> list[Message]:
    """Messages as they are shown to somebody who writes traditional characters."""
    names = tuple(keep)
    return [
        replace(
            message,
            text=to_traditional(message.text, region, names),
            options=tuple(
                replace(option, label=to_traditional(option.label, region, names))
                for option in message.options
            ),
        )
        for message in messages
    ]


@lru_cache(maxsize=256)
def _kept(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(f"({'|'.join([_ADDRESS, *map(re.escape, names)])})", re.IGNORECASE)


def _converted(text: str, name: str) -> str:
    """OpenCC refuses half a surrogate pair and ends at a NUL: both stay as they are."""
    pieces = _NO_TEXT.split(text)
    return "".join(
        piece if n % 2 else str(_converter(name).convert(piece)) for n, piece in enumerate(pieces)
    )


@cache
def _converter(name: str) -> opencc.OpenCC:
    return opencc.OpenCC(name)


@lru_cache(maxsize=8192)
def _side(char: str) -> int:
    """1 for a character of traditional writing alone, -1 of simplified writing alone, else 0."""
    if char in _BOTH:
        return 0
    simplified, traditional = _converter("t2s").convert(char), _converter("s2t").convert(char)
    if simplified != char and traditional == char:
        return 1
    return -1 if traditional != char and simplified == char else 0

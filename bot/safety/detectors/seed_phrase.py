"""Finds wallet recovery phrases (BIP-39), English and Chinese, however they are numbered or spread."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from mnemonic import Mnemonic

from bot.safety.detectors.base import BARRIER, Finding, SecretKind
from bot.safety.detectors.normalise import Normalised

# Measured on 409,721 tokens of English documents: one run of 12 list words, 34 runs of 8. So 12 in
# a row always count, 8 only where recovery phrases are spoken of; no checksum is asked for.
ALWAYS = 12
WITH_CONTEXT = 8
_PHRASE_LENGTHS = (12, 15, 18, 21, 24)

CONTEXT = re.compile(
    r"助记词|恢复词|种子词|种子短语|恢复短语|备份词|备份短语|私钥|助记|mnemonic|\bseeds?\b|recovery|secret\s+(?:words|phrase)"
    r"|backup\s+(?:words|phrase)|(?:12|24|twelve|twenty[- ]four)\s+words|(?:12|24|十二|二十四)个?(?:单词|词)",
    re.A,
)
_WORD = re.compile(r"[a-z]+")
# Between two words: signs, numbering, a few Chinese characters; no longer number.
_GAP = re.compile(rf"(?!(?s:.)*\d{{4}})[^a-z{BARRIER}]{{1,16}}")
_HANZI = r"[\u4e00-\u9fff\u3400-\u4dbf]"
_SINGLE_HANZI = re.compile(
    rf"(?<!{_HANZI})(?:(?:{_HANZI})(?:[\s,.、|/;:\-_0-9()\[\]#]{{1,8}}|\Z)){{8,}}{_HANZI}?(?!{_HANZI})"
)
_HANZI_RUN = re.compile(rf"{_HANZI}+")
_NAMED_RUN = re.compile(
    rf"(?:助记词|恢复词|种子词|备份词|私钥|短语)(?:就?是|为|如下)?[\s:，,]{{0,3}}({_HANZI}{{12,24}})(?!{_HANZI})"
)
_TALK = re.compile(
    r"什么|怎么|如何|哪|吗|多少|为啥|没有|不了|不知|不能|不会|可以|是否|我们|你们|因为|忘|丢|已经|需要|应该"
)
_LONG_LETTERS = re.compile(r"[a-z]{36,}")


@cache
def english_words() -> frozenset[str]:
    """The 2048 words and their first four letters, which are unique."""
    words = Mnemonic("english").wordlist
    return frozenset(words) | {word[:4] for word in words}


@cache
def chinese_words() -> frozenset[str]:
    """The simplified and the traditional list together; each word is one character."""
    both = (Mnemonic("chinese_simplified"), Mnemonic("chinese_traditional"))
    return frozenset(word for book in both for word in book.wordlist)


@cache
def _chinese_books() -> tuple[Mnemonic, ...]:
    return Mnemonic("chinese_simplified"), Mnemonic("chinese_traditional")


def find_seed_phrases(normal: Normalised, question: str = "") -> Iterator[Finding]:
    """`question` is the bot's pending question: it too can say that a phrase is spoken of."""
    words = normal.words
    if len(words) < ALWAYS:
        return
    yield from _english(words, question)
    if not words.isascii():
        yield from _chinese(normal, talked=_talks(words, question))


def _talks(words: str, question: str) -> bool:
    """Whether the text or the question that waits speaks of a recovery phrase."""
    return CONTEXT.search(words) is not None or CONTEXT.search(question) is not None


def _english(words: str, question: str) -> Iterator[Finding]:
    known = english_words()
    marks = [word in known for word in _WORD.findall(words)]
    if sum(marks) >= WITH_CONTEXT:  # most messages end here
        talked = _talks(words, question)
        least = WITH_CONTEXT if talked else ALWAYS
        tokens = list(_WORD.finditer(words))
        yield from _runs(words, tokens, marks, least)
        yield from _nearly_all(tokens, marks, words)
    for match in _LONG_LETTERS.finditer(words):
        if _is_glued(match.group()):
            yield Finding(SecretKind.SEED_PHRASE, *match.span())


def _runs(
    words: str, tokens: list[re.Match[str]], marks: list[bool], least: int
) -> Iterator[Finding]:
    first = 0
    for i, token in enumerate(tokens):
        if not marks[i]:
            first = i + 1
            continue
        following = tokens[i + 1].start() if i + 1 < len(tokens) else -1
        joined = following >= 0 and marks[i + 1] and is_close(words, token.end(), following)
        if not joined:
            if i + 1 - first >= least:
                yield Finding(SecretKind.SEED_PHRASE, tokens[first].start(), token.end())
            first = i + 1


def is_close(words: str, start: int, end: int) -> bool:
    """Whether two words, with this between them, stand side by side in a phrase."""
    return _GAP.fullmatch(words, start, end) is not None


def _nearly_all(tokens: list[re.Match[str]], marks: list[bool], words: str) -> Iterator[Finding]:
    """A message that is nothing but a phrase, with a word or two mistyped."""
    count = len(tokens)
    allowed = 1 if count == ALWAYS else 2
    if count in _PHRASE_LENGTHS and sum(marks) >= count - allowed and BARRIER not in words:
        yield Finding(SecretKind.SEED_PHRASE, tokens[0].start(), tokens[-1].end())


def _is_glued(letters: str) -> bool:
    """True if the letters are twelve or more list words written without spaces."""
    known = english_words()
    most = [0] + [-1] * len(letters)  # most[i]: how many words make up letters[:i], -1 if none do
    for i in range(3, len(letters) + 1):
        for size in range(3, 9):
            if i >= size and most[i - size] >= 0 and letters[i - size : i] in known:
                most[i] = max(most[i], most[i - size] + 1)
    return most[-1] >= ALWAYS


def _chinese(normal: Normalised, *, talked: bool) -> Iterator[Finding]:
    known = chinese_words()
    for match in _SINGLE_HANZI.finditer(normal.text):
        hanzi = re.findall(_HANZI, match.group())
        least = WITH_CONTEXT if talked else ALWAYS
        if len(hanzi) >= least and sum(c in known for c in hanzi) >= len(hanzi) - 1:
            start = match.start()
            end = start + len(match.group().rstrip(" \n\t,.、|/;:-_"))
            yield Finding(SecretKind.SEED_PHRASE, start, end)
    if not talked:
        return
    for match in _HANZI_RUN.finditer(normal.text):
        run = match.group()
        if len(run) in _PHRASE_LENGTHS and _checks_out(run):
            yield Finding(SecretKind.SEED_PHRASE, *match.span())
    for match in _NAMED_RUN.finditer(normal.words):
        start, end = match.span(1)
        run = normal.text[start:end]
        told = len(run) in _PHRASE_LENGTHS and not _TALK.search(match.group(1))
        if _checks_out(run) or (told and all(c in known for c in run)):
            yield Finding(SecretKind.SEED_PHRASE, start, end)


def _checks_out(run: str) -> bool:
    return len(run) in _PHRASE_LENGTHS and any(
        all(c in book.wordlist for c in run) and book.check(" ".join(run))
        for book in _chinese_books()
    )

"""Several questions in one text: where it may be cut, and when each part is answered by itself.

A pure policy around `KnowledgeBase.ask`, with the caution of a person who reads: what is cut wrongly
answers something that nobody asked, so a text stays whole unless every part holds by itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from kb.answer import Decision, DecisionKind

MOST_PARTS = 3  # more questions at once are a page, and treated as one
NOISE = 10  # a text that says the same more often than this asks nothing that can be told for sure
LONGEST_CUT = 400  # characters; a longer text is a story, and its questions hang together

_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
_PIECE = re.compile(r"(\D[^\n]{1,39}?)(?:[\s,，.。!！、]*\1){2,}|(\D)\2{3,}")

_ASKS_ZH = (
    r"[吗嗎呢]|[什甚][么麼]|怎[么麼样樣]|如何|[为為][什甚][么麼]|[为為]啥|[为為]何|多少|多久|多[长長]|多大|几[天个個点點次时時]|"
    r"幾[天個點次時]|哪[里裡裏儿兒个個些天]|在哪|能不能|可不可以|[会會]不[会會]|有[没沒]有|是不是|要不要|能否|是否|啥|咋"
)
_OPENER_EN = (
    r"(?:how|what|what's|when|where|where's|why|which|who|can|could|do|does|did|is|are|will|"
    r"would|should|may|am)\b"
)
_ASKS = re.compile(
    rf"[?？]|{_ASKS_ZH}"
    rf"|\b(?:how|what|when|where|why|which|who)\b"
    r"|^\W*(?:and |but |so |also |then )*(?:can|could|do|does|did|is|are|will|would|should|may|am) ",
    re.IGNORECASE,
)
# What says in so many words that something else follows. "还有" is also "there is still": it joins
# only where a clause begins or a question has just ended.
_ENDED_ZH = r"(?:(?<=[吗嗎呢么麼久])|(?<=多少)|(?<=哪[里裡裏儿兒]))"
_JOINER = (
    r"(?:[,，、;；]\s*)?(?:另外|此外|以及|顺便|順便|(?:再|也)(?:问|問)(?:一下|下)?|"
    rf"(?:(?<=[,，、。？?！!；;\s])|{_ENDED_ZH})(?:还有|還有|对了|對了))"
    r"(?:(?:想|再|还|還|也)?(?:请|請)?(?:问|問)(?:一下|下)?)?[,，:：\s]*"
    r"|[,;]?\s*\b(?:by the way|btw|(?:and )?also|plus|another question|one more (?:thing|question))\b[,:]?\s*"
)
_END = r"[?？!！;；。\n]+|\.+(?=\s|$)"
_SOFT = rf"[,，]\s*(?:(?:and|but)\s+(?={_OPENER_EN}))?|\s+(?:and|but)\s+(?={_OPENER_EN})"
_CUT = re.compile(rf"(?P<joiner>{_JOINER})|(?P<end>{_END})|(?P<soft>{_SOFT})", re.IGNORECASE)
# What points back to an earlier part does not stand by itself; "how long does it take to" does.
_POINTS_BACK = re.compile(
    r"\b(?:it|its|that|those|these|them|they|this|one)\b(?! (?:take|takes|cost|costs|possible)\b.* (?:to|for) )"
    r"|(?:它|他们|她们|那个|這個|这个|那個|那么|那麼|其中|前者|后者|後者)"
    r"|^\W*(?:那|这|這)(?!里|裡|儿)",
    re.IGNORECASE,
)
_WORDS = re.compile(rf"[{_HAN}]|[^\W_]+")


@dataclass(frozen=True, slots=True)
class Part:
    """A question, in the person's own words, and what is done with it."""

    question: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    asks: bool
    begins: bool  # a joiner before it says that something new begins


def ask_parts(ask: Callable[[str], Decision], text: str) -> tuple[Part, ...]:
    """The parts of `text` where each is answered for sure by another article, else the whole as one.

    `ask` decides one question. It is called once for most texts, and at most `MOST_PARTS` + 1 times.
    A wall of the same words is not answered outright: what it may be about is offered.
    """
    whole, text = text, once(text)
    parts: list[Part] = []
    for question in split(text):
        decision = ask(question)
        known = {part.decision.article.id for part in parts if part.decision.article is not None}
        article = decision.article
        if decision.kind is not DecisionKind.ANSWER or article is None or article.id in known:
            break
        parts.append(Part(question, decision))
    else:
        if parts:
            return tuple(parts)
    decision = ask(text)
    if decision.kind is DecisionKind.ANSWER and len(text) * NOISE < len(whole):
        decision = replace(decision, kind=DecisionKind.CLARIFY, article=None)
    return (Part(text, decision),)


def split(text: str) -> tuple[str, ...]:
    """The questions of a text, two to `MOST_PARTS`, each with the statements around it; () if it is
    one question, too many, or if a later one only makes sense after an earlier one.

    >>> split("How long does a refund take, and where do I see my receipts?")
    ('How long does a refund take', 'where do I see my receipts?')
    >>> split("退款要多久？还有收据在哪里看"), split("I lost my card, what now?")
    (('退款要多久？', '收据在哪里看'), ())
    """
    if len(text) > LONGEST_CUT:
        return ()
    parts = [text[start:end].strip() for start, end in _gathered(_pieces(text))]
    if not 2 <= len(parts) <= MOST_PARTS or any(_POINTS_BACK.search(part) for part in parts[1:]):
        return ()
    return tuple(parts)


def asks(text: str) -> bool:
    """Whether a text has the form of a question.

    >>> asks("when does it come"), asks("It was fine.")
    (True, False)
    """
    return _ASKS.search(text.strip()) is not None


def once(text: str) -> str:
    """The text with what is said three times and more in a row said once; numbers stay as they are.

    >>> once("退款退款退款退款"), once("why why why why?"), once("100 000 000")
    ('退款', 'why?', '100 000 000')
    """
    return _PIECE.sub(lambda found: found[1] or found[2], text)


def _pieces(text: str) -> list[_Piece]:
    """The text cut at every place where a question may end; an end stays with what it ends."""
    found: list[_Piece] = []
    at, begins = 0, False
    for cut in (*_CUT.finditer(text), None):
        until = len(text) if cut is None else cut.start()
        if cut is not None and cut.lastgroup == "end":
            until = cut.end()
        if _WORDS.search(text, at, until):
            asks = _ASKS.search(text[at:until].strip()) is not None
            found.append(_Piece(at, until, asks, begins))
            begins = False
        if cut is not None:
            begins = begins or cut.lastgroup == "joiner"
            at = cut.end()
    return found


def _gathered(pieces: list[_Piece]) -> list[tuple[int, int]]:
    """Where the parts begin and end. A statement belongs to the question that follows it, the last
    one to the question before it; a joiner parts what stands on its two sides."""
    parts: list[tuple[int, int]] = []
    start: int | None = None  # of statements that wait for their question
    end = 0
    for piece in pieces:
        if piece.begins and start is not None:
            parts.append((start, end))
            start = None
        start = piece.start if start is None else start
        end = piece.end
        if piece.asks:
            parts.append((start, end))
            start = None
    if start is None:
        return parts
    if parts and not pieces[-1].begins:
        return [*parts[:-1], (parts[-1][0], end)]
    return [*parts, (start, end)]

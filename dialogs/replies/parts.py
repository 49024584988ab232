"""Finds options in the parts of a list that names them loosely ("top up + card", 又慢又贵)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from dialogs.replies.options import Mention, Options, core_of, likeness
from dialogs.replies.wording import Clause, Reply, Span

_JOINER = re.compile(
    r"[+&/|~,、\n]|以及|和|跟|与|及|或者|或|还是|还有|又|也|加上|加"
    r"|\b(?:and|or|plus|also|then|but|both|either|except|other than|apart from)\b|除了|以外|之外"
    r"|(?<=[\u4e00-\u9fff])\s+|\s+(?=[\u4e00-\u9fff])"
)
_HOW_OFTEN = re.compile(
    r"^\s*(?:主要是?|偶尔|有时候?|经常|平时|一般|最常|常|多数|大多|mostly|mainly|usually|sometimes|occasionally|often|primarily|a bit of|now and then)\s*"
    r"|\s*(?:mostly|mainly|usually|sometimes|occasionally|often)\s*$"
)
_DENIES = re.compile(
    r"^\s*(?:不是|不要|不选|不用|不想要|别选|别|没有?|not|no|don't (?:use|want|need|like))\s*"
)
_MOST_PARTS = 24
_LONGEST = 60  # characters; more is no name
_LEAST = 75.0  # likeness from which a part names an option
_APART = 8.0  # by which the best must be ahead


def with_parts(reply: Reply, options: Options, mentions: Sequence[Mention]) -> list[Mention]:
    """The mentions, with those of parts beside them that are nearly a label or a telling part.

    A reply of one part only is left to `nearest`, which may ask.
    """
    spans = [mention.span for mention in mentions]
    parts = list(_parts(reply, spans))
    if len(parts) + len(spans) < 2:
        return list(mentions)
    found = [mention for part in parts if (mention := _named(reply, options, part))]
    return sorted([*mentions, *found], key=lambda mention: mention.span)


def _parts(reply: Reply, taken: Sequence[Span]) -> Iterator[Span]:
    """What stands between joining words and outside the taken spans, at most _MOST_PARTS."""
    count = 0
    for clause in reply.clauses[:_MOST_PARTS]:
        if clause.asks or clause.end - clause.start > 4 * _LONGEST:
            continue
        for part in _cut(reply.text, clause, taken):
            if count == _MOST_PARTS:
                return
            if 0 < len(reply.text[slice(*part)].strip()) <= _LONGEST:
                count += 1
                yield part


def _cut(text: str, clause: Clause, taken: Sequence[Span]) -> Iterator[Span]:
    cuts = [match.span() for match in _JOINER.finditer(text, clause.start, clause.end)]
    begin = clause.start
    for start, end in sorted([*cuts, *taken, (clause.end, clause.end)]):
        if end < clause.start or start > clause.end:
            continue
        if start > begin:
            yield begin, start
        begin = max(begin, end)


def _named(reply: Reply, options: Options, span: Span) -> Mention | None:
    part = _HOW_OFTEN.sub("", reply.text[slice(*span)])
    index = _best(options, part)
    if index is not None:
        return Mention(index, span)
    bare = _DENIES.sub("", part)
    index = _best(options, bare) if bare != part else None
    return None if index is None else Mention(index, span, denied=True)


def _best(options: Options, part: str) -> int | None:
    core = core_of(part)
    if (known := options.other_names.get(core)) is not None:
        return known
    if len(core) < 2:
        return None
    scores = [0.0] * options.count
    for name, index in options.names:
        scores[index] = max(scores[index], likeness(core, name))
    best = max(scores, default=0.0)
    near = [index for index, score in enumerate(scores) if score > best - _APART]
    return near[0] if best >= _LEAST and len(near) == 1 else None

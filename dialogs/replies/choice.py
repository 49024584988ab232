"""Reads which of the offered options a reply means, one or several."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dialogs.replies.base import Candidate, Problem, ReadContext, Reading, decided
from dialogs.replies.options import (
    Mention,
    Options,
    mentions_in,
    nearest,
    standing,
    stands_alone,
)
from dialogs.replies.wording import Reply, Span, parse, rest_of, says_nothing, with_frame
from dialogs.replies.yes_no import read_yes_no

_ALL = re.compile(
    r"全部|全都|全选|都选|所有|都要|都有|都是|以上都|都可以|都行|\b(?:all(?: of (?:them|the above))?|both|everything|each of them|every one)\b"
)
_NONE = re.compile(
    r"都不|都没|一个[都也]不|全不|没有一个|以上都不|一个[也都]没|\b(?:none|neither|nothing|not any)\b"
)
_EXCEPT = re.compile(r"除了|除|以外|except|but not|other than|apart from|excluding")
_RANGE = re.compile(r"(?<![\d.])(\d{1,2})\s*(?:-|~|到|至|to|through)\s*(\d{1,2})(?![\d.])")
_DIGIT_RUN = re.compile(r"(?<![\w.])\d{2,12}(?![\w.])")
_LETTER_RUN = re.compile(r"(?<![\w'])[a-z]{2,12}(?![\w'])")


def _as_yes_no(
    text: str, options: Options, labels: Sequence[str], context: ReadContext
) -> Reading[int]:
    """Where the two options are a yes and a no, any yes or no answers."""
    if options.count != 2:
        return Reading()
    meanings = [read_yes_no(label, context).value for label in labels]
    if None in meanings or meanings[0] == meanings[1]:
        return Reading()
    answer = read_yes_no(text, context)
    if answer.value is not None:
        index = meanings.index(answer.value)
        return Reading(value=index, evidence=answer.evidence, rest=answer.rest)
    return Reading()


def read_choice(
    text: str,
    labels: Sequence[str],
    context: ReadContext,
    synonyms: Sequence[Sequence[str]] = (),
) -> Reading[int]:
    """Read one option to its index from 0.

    `synonyms[i]` are further names of `labels[i]`. Labels are looked for before numbers, so that
    "20" means the option "20" and not the twentieth. Problem: OUT_OF_RANGE for a number that names
    no option.
    """
    if not labels:
        return Reading()
    reply = parse(text)
    options = Options(labels, synonyms)
    kept, spans = standing(reply, mentions_in(reply, options))
    good = [mention for mention in kept if 0 <= mention.index < options.count]
    if good:
        evidence = " … ".join(dict.fromkeys(reply.original(*one.span) for one in good[:8]))
        return decided([one.index for one in good], evidence=evidence, rest=_rest(reply, spans))
    answer = _as_yes_no(text, options, labels, context)
    if answer.value is not None:
        return answer
    if kept:
        evidence = reply.original(*kept[0].span)
        return Reading(problem=Problem.OUT_OF_RANGE, evidence=evidence)
    if len(spans) == 1 and options.count == 2 and _only_denies(reply, spans[0]):
        denied = mentions_in(reply, options)[0].index
        if 0 <= denied < 2:
            return Reading(value=1 - denied, evidence=reply.original(*spans[0]))
    return Reading() if spans else nearest(reply, options)


def _rest(reply: Reply, spans: list[Span]) -> str:
    return rest_of(reply, [with_frame(reply, span) for span in spans])


def _only_denies(reply: Reply, span: Span) -> bool:
    return says_nothing(reply.text[: span[0]]) and says_nothing(reply.text[span[1] :])


def read_choices(
    text: str,
    labels: Sequence[str],
    context: ReadContext,
    synonyms: Sequence[Sequence[str]] = (),
) -> Reading[tuple[int, ...]]:
    """Read several options to their indices from 0, ascending; () says that none is chosen.

    Understands lists ("1,3", "A和C", "13", "ac"), ranges ("1-3"), all, none, and all but some.
    Problem: OUT_OF_RANGE if any number names no option.
    """
    if not labels:
        return Reading()
    reply = parse(text)
    options = Options(labels, synonyms)
    compact = _compact(reply, options)
    kept, spans = ([], []) if compact else standing(reply, mentions_in(reply, options))
    kept = compact or kept
    spans = spans or [mention.span for mention in kept]
    chosen = sorted({mention.index for mention in kept})
    if any(not 0 <= index < options.count for index in chosen):
        return Reading(problem=Problem.OUT_OF_RANGE, evidence=reply.original(*kept[0].span))
    everything = _outside(reply, _ALL, spans)
    if everything and not _outside(reply, _NONE, spans):
        return _all_but(reply, options, spans, everything)
    if chosen:
        evidence = " … ".join(dict.fromkeys(reply.original(*one.span) for one in kept[:8]))
        return Reading(value=tuple(chosen), evidence=evidence, rest=_rest(reply, spans))
    none = _outside(reply, _NONE, spans)
    if none:
        return Reading(value=(), evidence=reply.original(*none))
    if spans:
        return Reading()
    return _single(read_choice(text, labels, context, synonyms))


def _single(one: Reading[int]) -> Reading[tuple[int, ...]]:
    """The reading of one option as a reading of several."""
    value = None if one.value is None else (one.value,)
    candidates: list[Candidate[tuple[int, ...]]] = []
    for candidate in one.candidates:
        candidates.append(Candidate((candidate.value,), candidate.score))
    return Reading(value, tuple(candidates), one.evidence, one.rest, one.problem)


def _outside(reply: Reply, pattern: re.Pattern[str], spans: list[Span]) -> Span | None:
    """Where the pattern stands in a clause that does not ask, outside the spans."""
    for match in pattern.finditer(reply.text[:400]):
        inside = any(start <= match.start() < end for start, end in spans)
        if not inside and not reply.clause_at(match.start()).asks:
            return match.span()
    return None


def _all_but(
    reply: Reply, options: Options, spans: list[Span], everything: Span
) -> Reading[tuple[int, ...]]:
    """All options, without those that stand in the reply as exceptions."""
    excepted: set[int] = set()
    if _EXCEPT.search(reply.text):
        excepted = {mention.index for mention in mentions_in(reply, options)}
    chosen = tuple(index for index in range(options.count) if index not in excepted)
    return Reading(
        value=chosen,
        evidence=reply.original(*everything),
        rest=rest_of(reply, [*spans, everything]),
    )


def _compact(reply: Reply, options: Options) -> list[Mention]:
    """ "13", "ac" and "1-3": places written without anything between, or as a range."""
    if any(name in reply.text for name, _ in options.names):
        return []
    for match in _RANGE.finditer(reply.text):
        first, last = int(match[1]), int(match[2])
        if 1 <= first < last <= options.count and stands_alone(reply, match.span()):
            return [Mention(index, match.span()) for index in range(first - 1, last)]
    for pattern, base in ((_DIGIT_RUN, "1"), (_LETTER_RUN, "a")):
        for match in pattern.finditer(reply.text[:200]):
            places = [ord(char) - ord(base) for char in match.group()]
            ascending = places == sorted(set(places))
            offered = options.count < 10 and all(0 <= place < options.count for place in places)
            if ascending and offered and stands_alone(reply, match.span()):
                return [Mention(place, match.span()) for place in places]
    return []

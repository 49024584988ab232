"""Reads which of the offered options a reply means, one or several."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

from dialogs.replies.amounts import read_amount
from dialogs.replies.base import Candidate, Problem, ReadContext, Reading, decided
from dialogs.replies.numerals import find_numbers
from dialogs.replies.options import (
    Mention,
    Options,
    mentions_in,
    nearest,
    standing,
    stands_alone,
)
from dialogs.replies.parts import with_parts
from dialogs.replies.wording import Reply, Span, parse, rest_of, says_nothing, with_frame
from dialogs.replies.yes_no import read_yes_no

_ALL = re.compile(
    r"全部|全都|全选|都选|所有|以上都|\b(?:all|everything|each of them|every one|any of (?:them|these|those))\b"
)
# Say all only where they stand by themselves: "1和2都要" means those two.
_ALL_OF_THOSE = re.compile(
    r"都要|都有|都是|都可以|都行|都用|都想要?|都喜欢|都会|都选|\bboth(?: of them)?\b"
)
_COUNTED = re.compile(r"(?P<many>[两二三四五六七八九]|\d)(?:个|种|项|样|款)(?=都|全)")
_NONE = re.compile(
    r"都不|都没|一个[都也]不|全不|没有一个|以上都不|一个[也都]没|\b(?:none|neither|nothing|not any)\b"
)
_EXCEPT = re.compile(
    r"除了|除|以外|之外|except|but not|other than|apart from|excluding"
    r"|\b(?:everything|anything|all|any|any of them|all of them) but\b"
)
_ANY = re.compile(r"都|随便|任何|\b(?:all|any|anything|everything|everyone|each|whichever|fine)\b")
_OR = re.compile(r"或|还是|\bor\b")
_RANGE = re.compile(r"(?<![\d.])(\d{1,2})\s*(?:-|~|到|至|to|through)\s*(\d{1,2})(?![\d.])")
_SLASHED = re.compile(r"(?<![\d./])\d{1,2}(?:/\d{1,2}){1,9}(?![\d./])")
_DIGIT_RUN = re.compile(r"(?<![\w.])\d{2,12}(?![\w.])")
_LETTER_RUN = re.compile(r"(?<![\w'])[a-z]{2,12}(?![\w'])")
_LONGEST_EXCEPTION = 200  # characters; in more, "any" and "but" have nothing to do with each other
_LONGEST_LINK = 24  # characters between two options that an "or" still joins


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
    "20" means the option "20" and not the twentieth; where the labels are amounts ("2 to 3 times"),
    an amount means the option that holds it. Several options, and all but some, are candidates.
    Problem: OUT_OF_RANGE for a number that names no option.
    """
    if not labels:
        return Reading()
    amount = read_amount(text, labels, context)
    if amount.value is not None or amount.candidates:
        return amount
    reply = parse(text)
    options = Options(labels, synonyms)
    found = with_parts(reply, options, mentions_in(reply, options))
    others = _others(reply, options, found)
    if others:
        return decided(others, evidence=reply.original(0, len(reply.text)))
    kept, spans = standing(reply, found)
    good = [mention for mention in kept if 0 <= mention.index < options.count]
    if good:
        evidence = _evidence(reply, good)
        return decided([one.index for one in good], evidence=evidence, rest=_rest(reply, spans))
    answer = _as_yes_no(text, options, labels, context)
    if answer.value is not None:
        return answer
    if kept:
        evidence = reply.original(*kept[0].span)
        return Reading(problem=Problem.OUT_OF_RANGE, evidence=evidence)
    if len(spans) == 1 and options.count == 2 and _only_denies(reply, spans[0]):
        denied = found[0].index
        if 0 <= denied < 2:
            return Reading(value=1 - denied, evidence=reply.original(*spans[0]))
    return Reading() if spans else nearest(reply, options)


def _others(reply: Reply, options: Options, found: Sequence[Mention]) -> list[int]:
    """The options that are left where a reply takes any but those that it names."""
    excepted = {mention.index for mention in found}
    short = len(reply.text) <= _LONGEST_EXCEPTION
    if not excepted or not short or not _EXCEPT.search(reply.text) or not _ANY.search(reply.text):
        return []
    if any(clause.asks for clause in reply.clauses):
        return []
    return [index for index in range(options.count) if index not in excepted]


def _evidence(reply: Reply, kept: Sequence[Mention]) -> str:
    return " … ".join(dict.fromkeys(reply.original(*one.span) for one in kept[:8]))


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
    """Read several options to their indices from 0, ascending.

    Understands lists ("1,3", "A和C", "13", "ac"), ranges ("1-3"), all, and all but some. "1 or 2"
    asks which. None of them is the option that says so; without one nothing is read. Problem:
    OUT_OF_RANGE if any number names no option.
    """
    if not labels:
        return Reading()
    reply = parse(text)
    options = Options(labels, synonyms)
    kept = _compact(reply, options)
    spans = [mention.span for mention in kept]
    if not kept:
        found = with_parts(reply, options, mentions_in(reply, options))
        others = _others(reply, options, found)
        if others:
            return _these(reply, options, others)
        kept, spans = standing(reply, found)
    if any(not 0 <= mention.index < options.count for mention in kept):
        return Reading(problem=Problem.OUT_OF_RANGE, evidence=reply.original(*kept[0].span))
    none = _outside(reply, _NONE, spans)
    if not none and _says_all(reply, options, kept, spans):
        return _these(reply, options, range(options.count))
    if kept:
        return _listed(reply, kept, spans)
    if none:
        index = _none_label(options)
        return Reading() if index is None else Reading((index,), evidence=reply.original(*none))
    if spans:
        return Reading()
    return _single(read_choice(text, labels, context, synonyms))


def _these(reply: Reply, options: Options, indices: Iterable[int]) -> Reading[tuple[int, ...]]:
    """All of these, but for the option that says that none applies."""
    nothing = _none_label(options)
    chosen = tuple(index for index in indices if index != nothing)
    return Reading(value=chosen or None, evidence=reply.original(0, min(len(reply.text), 200)))


def _none_label(options: Options) -> int | None:
    """The option that says that none of the others applies."""
    return next((i for i, label in enumerate(options.texts) if _NONE.search(label)), None)


def _says_all(reply: Reply, options: Options, kept: list[Mention], spans: list[Span]) -> bool:
    """Whether all options are meant, not only those that the reply names."""
    if counted := _COUNTED.search(reply.text[:_LONGEST_EXCEPTION]):
        numbers = find_numbers(counted["many"].replace("两", "二"))
        if numbers and numbers[0].whole == options.count:
            return True
    if len({mention.index for mention in kept}) < 2 and _outside(reply, _ALL, spans):
        return not kept or all(_is_count(reply, mention) for mention in kept)
    return not kept and bool(_outside(reply, _ALL_OF_THOSE, spans))


def _is_count(reply: Reply, mention: Mention) -> bool:
    """Whether what looks like a place counts the options ("all 3")."""
    return bool(re.search(r"\ball(?: of the| the)? $|全部$", reply.text[: mention.span[0]][-16:]))


def _listed(reply: Reply, kept: list[Mention], spans: list[Span]) -> Reading[tuple[int, ...]]:
    """The options named; candidates where the reply says "or" between any two of them."""
    evidence, rest = _evidence(reply, kept), _rest(reply, spans)
    indices = sorted({mention.index for mention in kept})
    between = (
        reply.text[one.span[1] : other.span[0]]
        for one, other in pairwise(kept)
        if other.span[0] - one.span[1] <= _LONGEST_LINK
    )
    if len(indices) > 1 and any(_OR.search(words) for words in between):
        return decided([(index,) for index in indices], evidence=evidence, rest=rest)
    return Reading(value=tuple(indices), evidence=evidence, rest=rest)


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


def _compact(reply: Reply, options: Options) -> list[Mention]:
    """ "13", "ac" and "1-3": places written without anything between, or as a range."""
    if any(name in reply.text for name, _ in options.names):
        return []
    for match in _RANGE.finditer(reply.text):
        first, last = int(match[1]), int(match[2])
        if 1 <= first < last <= options.count and stands_alone(reply, match.span()):
            return [Mention(index, match.span()) for index in range(first - 1, last)]
    for match in _SLASHED.finditer(reply.text[:200]):
        numbers = [int(number) for number in match.group().split("/")]
        offered = all(1 <= number <= options.count for number in numbers)
        if offered and stands_alone(reply, match.span()):
            return [Mention(number - 1, match.span()) for number in numbers]
    for pattern, base in ((_DIGIT_RUN, "1"), (_LETTER_RUN, "a")):
        for match in pattern.finditer(reply.text[:200]):
            places = [ord(char) - ord(base) for char in match.group()]
            ascending = places == sorted(set(places))
            offered = options.count < 10 and all(0 <= place < options.count for place in places)
            if ascending and offered and stands_alone(reply, match.span()):
                return [Mention(place, match.span()) for place in places]
    return []

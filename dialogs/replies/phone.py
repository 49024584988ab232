"""Reads a phone number to E.164, in any spacing, with or without the country code."""

from __future__ import annotations

import re

import phonenumbers

from dialogs.replies.base import Problem, ReadContext, Reading, decided
from dialogs.replies.wording import Reply, Span, parse, rest_of, with_frame

_MOST_RUNS = 20
# Digits in the groupings people use; 7 to 17 of them, bounded so that scanning stays linear.
_RUN = re.compile(r"(?<![a-z0-9+])(?:\+ ?)?(?:\(\+?\d{1,5}\)|\d)(?:[ .()/-]{0,3}\d){5,20}(?!\d)")
_SPOKEN = str.maketrans("零〇一幺二三四五六七八九壹贰貳叁肆伍陆陸柒捌玖", "00112345678912234566789")
_SPOKEN_RUN = re.compile(r"(?:[零〇一幺二三四五六七八九壹贰貳叁肆伍陆陸柒捌玖][ -]?){7,15}")
_LETTER_O = re.compile(r"(?<=\d)o(?=[\d-])|(?<=\d[ -])o(?=\d)")
_DATE = re.compile(r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}")
_NOT = re.compile(
    r"(?:不是|别打|不要打|旧号码?|\bnot|n't (?:call|use)|no longer|old number)\s*(?:是|is|:|到)?\s*$"
)
_CORRECTS = re.compile(
    r"不对|错了|应该是|改[成为]|更正|\b(?:wait|actually|i mean|i meant|sorry|make that|oops|typo)\b"
)


def _readable(text: str) -> str:
    """The text with spoken digits as figures, position by position."""
    text = _LETTER_O.sub("0", text)
    return _SPOKEN_RUN.sub(lambda match: match.group().translate(_SPOKEN), text)


def _e164(digits: str, region: str) -> str | None:
    """The number in E.164 if one like it is given out somewhere, else None."""
    bare = re.sub(r"\D", "", digits)
    attempts = [digits]
    if not digits.startswith("+"):
        attempts.append("+" + bare.removeprefix("00"))
        attempts.append(bare)
    for attempt in attempts:
        try:
            number = phonenumbers.parse(attempt, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def _found(reply: Reply, region: str) -> tuple[list[tuple[str, Span]], list[Span], list[Span]]:
    """Numbers with their places, the runs that are none, and what was refused or corrected."""
    text = _readable(reply.text)
    good: list[tuple[str, Span]] = []
    bad: list[Span] = []
    refused: list[Span] = []
    for count, match in enumerate(_RUN.finditer(text)):
        if count >= _MOST_RUNS:
            break
        if _DATE.fullmatch(match.group()):
            continue
        number = _e164(match.group(), region)
        if number is None:
            bad.append(match.span())
            continue
        left = text[max(0, match.start() - 24) : match.start()]
        if denied := _NOT.search(left):
            refused.append((match.start() - len(left) + denied.start(), match.end()))
            continue
        if good:
            between = text[good[-1][1][1] : match.start()]
            if len(between) < 40 and _CORRECTS.search(between):
                refused.append((good[0][1][0], match.start()))
                good.clear()
        good.append((number, match.span()))
    return good, bad, refused


def read_phone(text: str, context: ReadContext) -> Reading[str]:
    """Read a phone number to E.164; `context.region` counts where no country code is given.

    Problem: NOT_POSSIBLE for seven digits or more that are no number of any country.
    """
    reply = parse(text)
    good, bad, refused = _found(reply, context.region)
    if not good:
        if bad and len(re.sub(r"\D", "", _readable(reply.text)[slice(*bad[0])])) >= 7:
            return Reading(problem=Problem.NOT_POSSIBLE, evidence=reply.original(*bad[0]))
        return Reading()
    spans = [span for _, span in good]
    evidence = " … ".join(dict.fromkeys(reply.original(*span) for span in spans))
    rest = rest_of(reply, [with_frame(reply, span) for span in spans] + refused)
    return decided([number for number, _ in good], evidence=evidence, rest=rest)

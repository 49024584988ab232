"""Finds one-time codes: near their words, or bare where the pending question says it can be one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from bot.safety.detectors.base import Finding, SecretKind
from bot.safety.detectors.normalise import Normalised


class Expectation(StrEnum):
    """What the pending question asks for. UNKNOWN: nobody has looked yet (ingress)."""

    UNKNOWN = "unknown"
    NOTHING = "nothing"  # no question is pending
    CHOICE = "choice"  # a rating, a menu number, yes or no
    DIGITS_LAST4 = "digits_last4"
    NUMBER = "number"  # an amount, an age, an order number
    PHONE = "phone"
    DATE = "date"
    FREE_TEXT = "free_text"
    ONE_TIME_CODE_POSSIBLE = "one_time_code_possible"  # the person was just sent a code by the app


_CODE_WORDS = (
    r"验证码|校验码|动态码|动态口令|动态密码|一次性密码|一次性口令|短信码|短信密码|确认码|认证码|备份码|恢复码|随机码|激活码"
    r"|\botp\b|\b2fa\b|\bmfa\b|\btan\b|one[\s-]?time\s*(?:pass(?:word|code)|code|pin)|(?:verification|security|auth\w*|login|log-in|sign-?in"
    r"|confirmation|access|sms|text|activation|backup|2fa|two-?factor|authenticator|google|whatsapp|telegram|6[- ]?digit|six[- ]?digit|otp)\s+codes?"
    r"|verification\s+(?:number|pin)|passcode"
)
_PLAIN_CODE = r"(?<!promo\s)(?<!error\s)(?<!zip\s)(?<!post\s)(?<!postal\s)(?<!country\s)(?<!area\s)(?<!referral\s)(?<!invite\s)(?<!coupon\s)(?<!discount\s)(?<!voucher\s)(?<!qr\s)(?<!swift\s)(?<!sort\s)(?<!bar\s)(?<!status\s)(?<!product\s)(?<!merchant\s)(?<!currency\s)(?<!reason\s)(?<!response\s)\bcode"
_ANY_CODE = rf"(?:{_CODE_WORDS}|{_PLAIN_CODE})"
_NUMBER = r"(?<![\d.,¥$€£+/#*])(?:g-|fb-)?(\d{4,8}|\d{3}[ \-.]\d{3}|\d{2}[ -]\d{2}[ -]\d{2}|\d{4}[ -]\d{4}|\d(?:[ \-.]\d){3,7})(?![\d/])(?!\.\d)(?!,\d{3}(?!\d))"
_UNIT = (
    r"(?!\s?(?:元|块|毛|分钟|分(?!\w)|秒|小时|天|次|位|年|月|日|号|人|条|万|千|%|usd|usdt|btc|eth|eur|gbp|rmb|cny|yuan"
    r"|dollars?|pounds?|euros?|bucks|minutes?|mins?|seconds?|secs?|hours?|days?|times?|am\b|pm\b))"
)
_GAP_EN = (
    r"(?:[\s:=#\"'()>*\-]|is|was|are|it'?s|that|which|here|below|the|you|your|u|i|me|my|we|they|just|got|get|gave|received?|sent|send"
    r"|came|says?|said|from|by|via|sms|text|phone|number|no\.?|app|for|login|this|one|as|ok|okay|so|now)"
)
_GAP_ZH = r"[^\x00-\x7f\d\ue000没未不打拨尾限额客,，。；！？]"
_BEFORE = re.compile(
    rf"{_ANY_CODE}s?(?:{_GAP_EN}{{0,14}}?|(?:[\s:=,\"'(【\[]|是不是|{_GAP_ZH}){{0,14}}?){_NUMBER}{_UNIT}",
    re.A,
)
_OWNER = r"(?:(?:我|你|您|他|她|的|收到|刚|刚才|手机|短信|给|发|来|平台|系统|这|this|my|your|the|a|an)\s{0,2}){0,6}"
_AFTER = re.compile(
    rf"{_NUMBER}{_UNIT}[\s,.:;()\-【\[]{{0,3}}"
    rf"(?:(?:(?:就|这)?是|为|is|was|as|=|这个|这)\s{{0,2}}{_OWNER}(?:[a-z]{{2,16}}\s){{0,3}}?|{_OWNER})"
    rf"(?:{_CODE_WORDS}|(?<=\s)code\b)",
    re.A,
)
_LETTERED = re.compile(
    r"(?:备份码|恢复码|backup\s+codes?|recovery\s+codes?)[\s:=是为]{0,4}(?:is|are)?\s{0,2}"
    r"((?=[a-z\-]{0,20}\d)[a-z0-9]{4,10}(?:[\- ]?[a-z0-9]{4,10}){0,3}(?:[\s,]{1,3}(?=[a-z\-]{0,20}\d)[a-z0-9]{4,10}(?:-[a-z0-9]{4,10}){0,3}){0,15})",
    re.A,
)
_MORE = re.compile(r"[\s,、;和]{1,3}(\d{6,8})(?!\d)")
_LAST_DIGITS = re.compile(
    r"尾号|后四位|末四位|后4位|末4位|ending|ends|last\s*(?:4|four)|客服|热线|拨打|致电|hotline|邮编|优惠码|邀请码|推荐码|区号|订单"
)
_DATE = re.compile(r"(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\Z")
_MENTION = re.compile(rf"{_CODE_WORDS}|(?:the|my|your|a|got)\s+code|收到码", re.A)

# A message that says nothing besides the number.
_BARE = re.compile(
    r"(?:[\s\W]|这个?|是|给你|给您|我的|你看|喏|好的?|收到了?|来了|发你|it'?s|this|is|my|here|you|go|the|ok|okay|got|it|thanks?|thx|pls|please|谢谢)*?"
    r"(?<!\d)(\d{4,8}|\d{3}[ \-.]\d{3}|\d{2}[ -]\d{2}[ -]\d{2}|\d{4}[ -]\d{4}|\d(?:[ \-.]\d){3,7})(?!\d)"
    r"(?:[\s\W]|谢谢|了|哦|呢|吧|对吗|thanks?|thx|pls|please|是这个|right)*"
)


def find_codes(normal: Normalised) -> Iterator[Finding]:
    """Numbers of 4–8 digits, whole or in groups, next to 验证码, "code", OTP; lettered backup codes."""
    words = normal.words
    if not mentions_code(words):
        return
    views = [words] if normal.digits is normal.text else [words, normal.digits.lower()]
    for view in views:
        if len(view) != len(words):
            continue
        for match in _BEFORE.finditer(view):
            if not _harmless(words, match, view):
                yield Finding(SecretKind.ONE_TIME_CODE, *match.span(1))
                yield from _further(view, match.end(1))
        for match in _AFTER.finditer(view):
            if not _LAST_DIGITS.search(words, max(0, match.start() - 8), match.end()):
                yield Finding(SecretKind.ONE_TIME_CODE, *match.span(1))
    for match in _LETTERED.finditer(words):
        yield Finding(SecretKind.ONE_TIME_CODE, *match.span(1))


def mentions_code(words: str) -> bool:
    """True if the text speaks of a one-time code at all."""
    return (
        "码" in words
        or "口令" in words
        or "密码" in words
        or re.search(r"code|otp|2fa|mfa|\btan\b|one[\s-]?time|verification", words) is not None
    )


def find_bare_code(
    normal: Normalised, expects: Expectation, recent: tuple[str, ...]
) -> Finding | None:
    """A message that is only a number, judged by what was asked and what was said before it.

    `recent` are earlier texts of the person, folded. Where a number, phone or date is asked for,
    nothing is a code. Otherwise a bare number of six digits is; of 4–8 digits where a code is to be
    expected or was just spoken of.
    """
    if expects in (Expectation.NUMBER, Expectation.PHONE, Expectation.DATE):
        return None
    match = _BARE.fullmatch(normal.digits.lower()) if len(normal.text) <= 48 else None
    if match is None:
        return None
    size = sum(c.isdigit() for c in match.group(1))
    spoken = any(_MENTION.search(text) for text in recent[-2:])
    asked_four = size == 4 and expects in (Expectation.DIGITS_LAST4, Expectation.UNKNOWN)
    match expects:
        case Expectation.ONE_TIME_CODE_POSSIBLE:
            found = True
        case Expectation.UNKNOWN:
            found = spoken and not asked_four
        case _:
            found = size == 6 or (spoken and not asked_four)
    return Finding(SecretKind.ONE_TIME_CODE, *match.span(1)) if found else None


def _harmless(words: str, match: re.Match[str], view: str) -> bool:
    start, end = match.span(1)
    number = view[start:end]
    gap = words[match.start() : start]
    return bool(_LAST_DIGITS.search(gap)) or (
        len(number) == 8
        and _DATE.match(number) is not None
        and not gap.rstrip().endswith(("是", ":", "is"))
    )


def _further(view: str, end: int) -> Iterator[Finding]:
    """A list of backup codes goes on after the first."""
    match = _MORE.match(view, end)
    while match is not None:
        yield Finding(SecretKind.ONE_TIME_CODE, *match.span(1))
        match = _MORE.match(view, match.end(1))

"""Finds passwords and PINs by the words that introduce them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.safety.detectors.base import BARRIER, Finding, SecretKind
from bot.safety.detectors.normalise import Normalised

_NOUN_ZH = r"(?<!动态)(?<!一次性)(?<!短信)(?:密码|口令)|pin码"
_NOUN_EN = r"(?<!one time )(?<!one-time )pass\s?words?|pass\s?phrase|passcodes?|passwd|pwd|pswd|\bpw\b|\bpass(?=\s*[:=])|\bpins?(?:\s*(?:code|number|no\.?))?\b"
# What may stand between "password" and "is": for which account, since when.
_OF_EN = r"\s+(?:for|of|on|in|to)\s+(?:\w+\s+){0,3}?\w+"
_NUMERALS = r"[零〇一二三四五六七八九壹贰叁肆伍陆柒捌玖幺]{4,32}"
_VALUE = rf"[!-~]{{1,128}}|{_NUMERALS}"
_MORE_OF_IT = re.compile(r"(?: [!-~]{0,20}\d[!-~]{0,20}){1,3}")
_QUOTED = rf"[\"'“‘「『`]([^\"'”’」』`\n{BARRIER}]{{1,64}})[\"'”’」』`]"

_ZH = re.compile(
    rf"(?:{_NOUN_ZH})(?:[^\s,.;!?。，；！？a-z0-9{BARRIER}]{{0,6}}?)[\"']?\s{{0,2}}"
    rf"(?P<link>就是|应该是|设成了?|设为了?|设置成了?|设置为|改成了?|改为了?|换成了?|是|为|叫|[:=])?\s{{0,3}}(?:{_QUOTED}|(?P<value>{_VALUE}))",
    re.A,
)
_LINK_EN = r"就?是|为|is\s+now|to\s+be|is|was|are|=|:|->|to|as"
_EN = re.compile(
    rf"(?:{_NOUN_EN})(?:{_OF_EN}\s{{1,3}}(?P<late>is\s+now|is|was)\s{{1,3}}|[\"']?\s{{0,3}}(?P<link>{_LINK_EN})?\s{{0,3}})"
    rf"(?:{_QUOTED}|(?P<value>{_VALUE}))",
    re.A,
)
_BARE_NOUN = re.compile(rf"(?:{_NOUN_ZH}|{_NOUN_EN})\s*(?:是|为|is|was|=|:|,|：|，)?\s*\Z", re.A)
_LINKED = re.compile(r"(?:是|为|is|was|=|:)\s*\Z")
_BLANK = re.compile(r"\s")
_DIGIT_GROUPS = re.compile(r"\d+(?:[ -]\d{1,4}){1,5}(?![\w])")
_UNIT = re.compile(
    r"\s?(?:位|个|次|遍|天|分钟|小时|秒|条|元|块|月|年|日|digits?|times?|days?|minutes?|mins?|hours?|characters?|letters?|chars?|attempts?|tries|st|nd|rd|th|%)(?![a-z0-9])"
)
_TRAILING = ".,;!?)]}>\"'、"

# What follows "my password is" in complaints. Such a word is no password; `bob` would be.
_TALK_WORDS = """
a about accept accepted activated after again almost already also always an and anything
apparently are arrive arrived as asked at attempt attempts available back bad be because
been before being blocked box broken but by can can't cannot change changed changing code
codes come coming complex compromised confidential constantly correct could currently
declined delivered did didn't different difficult displayed do does doesn't don't down easy
empty entered error errors everything expired failed failing field fine for forgotten from
frozen getting given going gone good hacked had hard has have he hello help her here hi
hidden his how i if important impossible in incorrect into invalid is isn't issue issues it
just keep keeps leaked less locked login long lost manager mandatory may maybe might missing
more must my necessary needed never new no not nothing now number numbers of off ok okay old
on only option optional or our out page please possible pretty private probably problem
problems protected protection quite rather really received recovery refused rejected
required reset resets right safe same saved screen secret secure security sent set setting
settings she short should shown simple since so somehow something sorry still stolen stored
strong suddenly than thanks that the their then there these they this those to too tries try
typed unable unblocked unfortunately unknown unlocked unsafe until up update updating used
verification very was wasn't we weak were what when where which while who whose why will
with won't working would wrong yes you your
"""
_TALK = frozenset(_TALK_WORDS.split())


def find_passwords(normal: Normalised) -> Iterator[Finding]:
    """The word after "密码是", "password:", "my PIN is" … unless it merely goes on talking."""
    words = normal.words
    for pattern in (_ZH, _EN):
        for match in pattern.finditer(words):
            quoted = next(
                (g for g in range(1, (match.lastindex or 0) + 1) if _is_quote(match, g)), 0
            )
            if quoted and _link(match):
                yield Finding(SecretKind.PASSWORD, *match.span(quoted))
            elif match.group("value"):
                span = _password_span(words, match, *match.span("value"))
                if span is not None:
                    yield Finding(SecretKind.PASSWORD, *span)


def may_follow_password_question(words: str) -> bool:
    """Whether `words` are one plain word, which is all that can answer "my password is"."""
    stripped = words.strip()
    return bool(stripped) and stripped.isascii() and _BLANK.search(stripped) is None


def follows_password_question(previous: str, words: str) -> tuple[int, int] | None:
    """The span of `words` if it is one word and `previous` ended with "my password is"."""
    if not may_follow_password_question(words) or _BARE_NOUN.search(previous) is None:
        return None
    stripped = words.strip()
    linked = _LINKED.search(previous) is not None
    core = stripped.strip(_TRAILING)
    if len(core) < 3 or core in _TALK or not (linked or _looks_random(core)):
        return None
    start = words.index(stripped)
    return start, start + len(stripped)


def _link(match: re.Match[str]) -> str:
    groups = match.groupdict()
    return (groups["link"] or groups.get("late") or "").strip()


def _is_quote(match: re.Match[str], group: int) -> bool:
    return group not in match.re.groupindex.values() and match.group(group) is not None


def _password_span(
    words: str, match: re.Match[str], start: int, end: int
) -> tuple[int, int] | None:
    groups = _DIGIT_GROUPS.match(words, start)
    if groups is not None:
        end = groups.end()
    value = words[start:end]
    link = _link(match)
    core = value.strip(_TRAILING + "([{<")
    if words[max(0, match.start("link") - 1) : match.end("link")] in ("不是", "不为"):
        return None
    if not core.isascii():
        return None if _UNIT.match(words, end) else (start, end)
    if len(core) < 3 or core in _TALK or _UNIT.match(words, start + len(core)):
        return None
    if core.isdigit() and _unit_or_last(words, match, core):
        return None
    if not _convincing(words, core, link, end if value == core else start + len(core)):
        return None
    end = start + len(value.rstrip(_TRAILING.replace("!", "")))
    more = _MORE_OF_IT.match(words, end) if link in ("是", "为", "就是") else None
    return start, more.end() if more is not None else end


def _unit_or_last(words: str, match: re.Match[str], core: str) -> bool:
    lead = words[max(0, match.start() - 6) : match.start("value")]
    return re.search(r"尾号|后四位|last\s*(?:4|four)", lead) is not None or len(core) < 4


def _convincing(words: str, core: str, link: str, end: int) -> bool:
    """A linked word that ends the clause, or anything that does not look like a plain word."""
    if link in ("是", "为", "就是", "叫"):
        return core.isalpha() or _looks_random(core)
    if _looks_random(core):
        return bool(link) or any(c.isdigit() for c in core)
    if not link or not core.isalpha() or link in ("to", "as", "are"):
        return False
    if core.endswith(("ing", "ed", "ly", "n't")):
        return False
    return (
        re.match(
            r"\s{0,3}(?:[,.;!?。，；！)]|\Z|\n|and\b|but\b|pl(?:ea)?s|[^\x00-\x7f])",
            words[end : end + 12],
        )
        is not None
    )


def _looks_random(core: str) -> bool:
    """Digits or signs among letters, or only digits; not "two-step", "it's" or "e-mail"."""
    if core.isdigit():
        return len(core) >= 4
    if any(c.isdigit() for c in core):
        return not re.fullmatch(
            r"\d{1,2}[a-z]{1,9}|[a-z]\d|\d+(?:\.\d+)?[%+]?|[\d/:.,-]{1,10}|\d+-[a-z]+", core
        )
    return re.search(r"[!@#$%^&*_+=~|\\<>]", core) is not None and len(core) >= 4

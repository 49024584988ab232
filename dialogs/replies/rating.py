"""Reads a rating from 1 to the scale's end out of numbers, stars, emoji and words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum, auto

from dialogs.replies.base import Problem, ReadContext, Reading, decided
from dialogs.replies.numerals import TOO_LARGE, Numeral, find_numbers, is_whole
from dialogs.replies.satisfaction import Feeling, feeling_of_faces, feelings_in, on_scale
from dialogs.replies.wording import Reply, Span, parse, rest_of, says_nothing

_WINDOW = 32  # characters looked at on either side of a number
_FAR = 400  # no framing is longer
_NUMBER_EN = "one|two|three|four|five|six|seven|eight|nine|ten"

_UNIT = re.compile(
    r" ?(?:分(?!钟|之|期|开|行|公司|店|享|别|类|析|付|半钟|清)|颗?星(?!期|座)|个星(?!期)|stars?\b|points?\b|pts?\b|marks?\b|-?ish\b|fen\b|xing\b|[⭐★🌟]+)"
)
_OUT_OF = re.compile(rf" ?(?:/|out of|of|on) ?(?:a )?(?P<of>\d{{1,3}}|{_NUMBER_EN})(?![\w/])")
_HALF = re.compile(r" ?(?:分|颗?星|个)?半(?!天|小时|个|年)")
_VERB = re.compile(
    r"(?:[打给评](?:你们?|您|它|个|了|出|满|一个)?|评[为分](?:是|为)?|分数(?:是|为)?|选(?:择)?|改[成为]|就是?|算|填"
    r"|\b(?:rat(?:e|ed|ing)|scor(?:e|ed|ing)|giv(?:e|en|ing)|gave|say|answer)\b(?: (?:it|this|that|you|them|is|of|as|was|the service|my experience|the experience))*(?: an?| as)?"
    r"|it's an?|that's an?|a (?:full|low|high)|(?:a )?(?:solid|strong|weak))[\s:=\"'“(]*$"
)
_OTHER_UNIT = re.compile(
    r" ?(?:[%‰°℃]|percent|多?个|多?[元块圆毛角]|多?[天日号月年周秒时点刻人次张家位遍楼层米岁条笔名种件部台份回趟折倍期成级万亿页步楼栋号代]|礼拜|星期|小时|分半?钟|分之|公里|线|g\b|kg\b"
    r"|:\d\d|[ap]\.?m\b|o'?clock|(?:st|nd|rd|th)\b|x\b|k\b|-?(?:day|hour|hr|minute|min|week|month|year|time|second|sec|people|person|dollar|buck|euro|pound|cent|usd|rmb|cny|yuan|card|call|agent|step|question|option|digit|kid|guy|different|other|more|business|working|long|whole|separate|attempt|tr(?:y|ies))s?\b)"
)
_NO_RATING_LEFT = re.compile(
    r"(?:[$€£¥￥#第]|尾号[是为]?|卡号|号码|电话|iphone|android|version|page|step|ver\.|v|no\.|(?:^|\D)\d{1,4}[:/.-]|[等过用花][了过]?|waited|after|within|every|last|past|took|ios|level|扣[了掉]?|减[去掉]|(?:^|[,。;、])差了?|minus|deduct(?:ed|ing)?|dock(?:ed|ing)?|knock(?:ed|ing)? off)\s?$"
)
_NOT = re.compile(
    r"(?:不是|不算|并非|不能给|不会给|不给|没给|不够|不值|没有|没到|别给|哪有|\bnot(?: worth| quite| really| giving| rate it| give(?: it| you)?| even)?|n't(?: (?:be|a|give(?: it| you| you guys)?|rate(?: it)?|say|call it|deserve|worth))*|never|instead of|rather than|而不是)"
    r"\s*(?:给|打|是|能|到)?\s*(?:an? )?(?:the )?$"
)
_UNREAL = re.compile(
    r"本来|原本|原来|本想|原想|曾经|之前|上次|以前|如果|希望|下次|要是|假如|除非|只要|以为|等.{0,12}再|"
    r"\b(?:wanted|want|going|meant|planned|like) to (?:give|rate|say)|would(?: have|'ve)|i'd have|could have|used to|last time|next time|hope|previously|before i|i thought|if|unless|once you|expected|supposed"
)
_CORRECTS = re.compile(
    r"不对|错了|哦不|噢不|啊不|不不|应该是|改[成为]|更正|手滑|打错|按错|还是|准确|说错|\b(?:wait|actually|i mean|i meant|sorry|make (?:that|it)|rather|correction|oops|typo|no|change)\b"
)
_BETWEEN = re.compile(
    r" ?(?:分|颗?星|stars?)?\s*(?P<by>-|~|to|or|到|至|或者?|还是|、|and|和|与|跟|maybe|or maybe|\.\.+|…)\s*(?:an? |是)?$"
)
_AND = ("and", "和", "与", "跟")
_WITHIN = re.compile(r"(?:between|介于|在)\s*$")
_SCALE_WORDS = re.compile(
    r"(?:满分|总分|最高)(?:是|为|:|共)?\s*(?P<full>\d{1,3}|[一二三四五六七八九十]{1,2})\s*分?"
    r"|(?P<out>\d{1,3}|[五十百])\s*分?(?:制|为?满分|里面?|之中|当中)"
    rf"|(?<![\d\w] )out of (?:\d{{1,3}}|{_NUMBER_EN})\b|\b(?:on|in|using) (?:a|the) scale (?:of|from)? ?(?:\d+|one)(?: ?(?:to|-|~) ?(?:\d+|{_NUMBER_EN}))?"
)
_OF_TEXT = re.compile(r"[五十]分之([一二三四五六七八九十])(?![一二三四五六七八九十])")
_STARS = re.compile(r"[⭐★🌟](?: ?[⭐★🌟])*(?: ?[☆✩])*")
_FOLLOWS = re.compile(
    r"\s*[:：=\"')]|\s+[-–—]\s|\s*,?\s*(?:not|不是) ?\d|\s*(?:因|但|不过|吧|啊|哦|谢|非常|很|太|挺|比较|还|我|你|您|都|没|满意|不满|服务|整体|感觉|希望|请|什么|怎么|为什么|那|就|继续|加油|体验|客服|客户|流程|速度|办|态度|哈|呀|呢|啦|可以|辛苦)"
)
_PLURAL = re.compile(
    r"\s+(?!thanks|yes|is|was|as|his|this|has|always|process|thx|happiness|business)[a-z]+s\b"
)
_LOWER_BOUND = re.compile(r"(?:at least|至少|起码|最少|不低于|minimum)\s*[打给是有a]?\s*$")
_ABOVE = re.compile(r"(?:more than|over|above|超过|高于|better than|higher than)\s*(?:a )?$")
_BELOW = re.compile(r"(?:less than|under|below|不到|低于|lower than|不足|worse than)\s*(?:a )?$")
_OR_MORE = re.compile(r" ?(?:分)?(?:以上|及以上|or (?:more|above|higher|better)|\+(?!\w))")


class _Verdict(Enum):
    RATING = auto()
    OTHER_SCALE = auto()
    NOT_WHOLE = auto()


@dataclass(frozen=True, slots=True)
class _Mention:
    """One number that is meant as a rating: the values it may stand for, and where it stands."""

    values: tuple[Decimal, ...]
    span: Span
    verdict: _Verdict = _Verdict.RATING


@dataclass(frozen=True, slots=True)
class _Group:
    """One number, or two joined to a range ("3-4", "between 3 and 4")."""

    start: int
    end: int
    values: tuple[Decimal, ...]


def _groups(text: str, numbers: list[Numeral]) -> list[_Group]:
    groups: list[_Group] = []
    for number in numbers:
        values = (number.low,) if number.low == number.high else (number.low, number.high)
        if groups and len(groups[-1].values) == 1 and number.start - groups[-1].end <= _WINDOW:
            joint = _BETWEEN.match(text[groups[-1].end : number.start])
            before = text[max(0, groups[-1].start - 12) : groups[-1].start]
            if joint and (joint["by"] not in _AND or _WITHIN.search(before)):
                start = groups[-1].start
                if within := _WITHIN.search(before):
                    start -= len(before) - within.start()
                groups[-1] = _Group(start, number.end, (*groups[-1].values, *values))
                continue
        groups.append(_Group(number.start, number.end, values))
    return groups


class _Finder:
    """Decides for each number of a reply whether it is meant as a rating."""

    def __init__(self, reply: Reply, scale: int) -> None:
        self.reply = reply
        self.text = reply.text
        self.scale = scale
        self.refused: list[Span] = []  # ratings that the person says they do not give

    def mentions(self) -> list[_Mention]:
        """All ratings in the order in which they stand, whether they fit the scale or not."""
        masks = [match.span() for match in _SCALE_WORDS.finditer(self.text)]
        stars = self._stars()
        found = self._fractions() + stars
        taken = [mention.span for mention in found]
        for group in _groups(self.text, find_numbers(self.text)):
            if _inside(group, taken):
                continue
            if _inside(group, masks) or group.values == (Decimal(1), Decimal(self.scale)):
                self.refused.append((group.start, group.end))
                continue
            mention = self._judge(group)
            if mention:
                found.append(mention)
        if len(found) > len(stars) == 1 and stars[0].values == (Decimal(1),):
            found.remove(stars[0])  # one star beside a number only adorns it
        self.refused += masks
        return sorted(found, key=lambda mention: mention.span)

    def _fractions(self) -> list[_Mention]:
        found = []
        for match in _OF_TEXT.finditer(self.text):
            whole = 5 if match.group()[0] == "五" else 10
            part = find_numbers(match[1])
            if part:
                verdict = _Verdict.RATING if whole == self.scale else _Verdict.OTHER_SCALE
                found.append(_Mention((part[0].low,), match.span(), verdict))
        return found

    def _stars(self) -> list[_Mention]:
        found = []
        for match in _STARS.finditer(self.text):
            around = self.text[max(0, match.start() - 2) : match.end() + 2]
            if any(char.isdigit() for char in around):
                continue
            count = sum(char in "⭐★🌟" for char in match.group())
            found.append(_Mention((Decimal(count),), match.span()))
        return found

    def _judge(self, group: _Group) -> _Mention | None:
        left = self.text[max(0, group.start - _WINDOW) : group.start]
        right = self.text[group.end : group.end + _WINDOW]
        end = group.end
        values = group.values
        out_of = _OUT_OF.match(right)
        unit = None if out_of else _UNIT.match(right)
        strong = bool(out_of or unit)
        verdict = _Verdict.RATING
        if out_of:
            limit = find_numbers(out_of["of"])[0].low
            if limit not in (5, 10, 100, self.scale) or limit < max(values):
                return None
            verdict = _Verdict.RATING if limit == self.scale else _Verdict.OTHER_SCALE
            end += out_of.end()
            end += len(tail.group()) if (tail := _UNIT.match(self.text[end : end + 8])) else 0
        elif unit:
            end += unit.end()
        elif _OTHER_UNIT.match(right) and not _HALF.match(right):
            return None
        if half := _HALF.match(self.text[group.end : group.end + 8]):
            values, end = (values[0] + Decimal("0.5"),), max(end, group.end + half.end())
            strong = True
        if _NO_RATING_LEFT.search(left) or self._is_intensifier(group, unit):
            return None
        if not self._accepted(group.start, end, left, strong=strong):
            return None
        if self._unreal(group.start) or _NOT.search(left):
            self._refuse(group.start, end, left)
            return None
        if verdict is _Verdict.RATING and not all(
            is_whole(value) or value == TOO_LARGE for value in values
        ):
            verdict = _Verdict.NOT_WHOLE
        values, end = self._bounded(values, left, end)
        return _Mention(values, (group.start, end), verdict)

    def _is_intensifier(self, group: _Group, unit: re.Match[str] | None) -> bool:
        """十分 before an adjective says "very"."""
        if not unit or self.text[group.start : group.end] != "十":
            return False
        following = self.text[group.end + 1 : group.end + 2]
        return "\u4e00" <= following <= "\u9fff" and following not in "因但不吧啊我谢"

    def _bounded(
        self, values: tuple[Decimal, ...], left: str, end: int
    ) -> tuple[tuple[Decimal, ...], int]:
        """Widen "at least 4" and "more than 3" to the ratings that they leave."""
        first, top = values[0], Decimal(self.scale)
        if len(values) > 1 or not is_whole(first) or not 1 <= first <= top:
            return values, end
        more = _OR_MORE.match(self.text[end : end + 12])
        if more or _LOWER_BOUND.search(left):
            low, high = first, top
            end += more.end() if more else 0
        elif _ABOVE.search(left):
            low, high = first + 1, top
        elif _BELOW.search(left):
            low, high = Decimal(1), first - 1
        else:
            return values, end
        return tuple(Decimal(v) for v in range(int(low), int(high) + 1)) or values, end

    def _accepted(self, start: int, end: int, left: str, *, strong: bool) -> bool:
        """Whether clause and neighbours let this number be a rating."""
        clause = self.reply.clause_at(start)
        stop = max(end, self.reply.clause_at(end - 1).end)
        before = self.text[max(clause.start, start - _FAR) : start]
        after = self.text[end : min(stop, end + _FAR)]
        alone = says_nothing(self._without_feelings(before))
        nothing_after = says_nothing(after)
        asks = self.reply.clause_at(end - 1).asks
        if asks and not (alone and nothing_after):
            starts_question = re.match(
                r"\s*(?:我|你|请|那|什么|怎么|为什么|手续费|多久|多少|(?:what|when|how|why|where|who|which|can|could|do|does)\b)",
                after,
            )
            return alone and bool(starts_question) and (strong or after[:1].isspace())
        if strong:
            return True
        if _VERB.search(left):
            return nothing_after or bool(_FOLLOWS.match(after)) or after[:1].isspace()
        if not alone and not _CORRECTS.search(before) and not _NOT.search(left):
            return False
        if nothing_after or _FOLLOWS.match(after):
            return True
        return (
            bool(re.match(r"\s+[a-z]", after)) and not _PLURAL.match(after) and not before.strip()
        )

    def _without_feelings(self, before: str) -> str:
        """The words before a number without praise or blame: "凑合 3", "utter garbage 1"."""
        if not before.strip() or len(before) > _WINDOW:
            return before
        for feeling in reversed(feelings_in(parse(before))):
            start, end = feeling.span
            before = before[:start] + " " + before[end:]
        return before

    def _unreal(self, start: int) -> bool:
        """Whether the clause speaks of a rating wished, expected or given at another time."""
        clause = self.reply.clause_at(start)
        before = self.text[max(clause.start, start - 2 * _WINDOW) : start]
        return bool(_UNREAL.search(before))

    def _refuse(self, start: int, end: int, left: str) -> None:
        match = _NOT.search(left) or _UNREAL.search(left)
        self.refused.append((start - (len(left) - match.start() if match else 0), end))


def _inside(group: _Group, spans: list[Span]) -> bool:
    return any(start <= group.start < end for start, end in spans[:200])


def _after_corrections(reply: Reply, mentions: list[_Mention]) -> tuple[list[_Mention], list[Span]]:
    """Drop what a later mention takes back ("5, no wait, 4"); the second is what was dropped."""
    kept: list[_Mention] = []
    dropped: list[Span] = []
    for mention in mentions:
        if kept:
            between = reply.text[kept[-1].span[1] : mention.span[0]]
            if len(between) <= 2 * _WINDOW and _CORRECTS.search(between):
                dropped.append((kept[0].span[0], mention.span[0]))
                kept.clear()
        kept.append(mention)
    return kept, dropped


def _from_feelings(reply: Reply, scale: int, passed: list[Span]) -> Reading[int]:
    feelings = feelings_in(reply)
    faces = None if feelings else feeling_of_faces(reply)
    if faces:
        feelings = [faces]
    if not feelings:
        return Reading(rest="")
    strongest = max(feelings, key=lambda one: abs(sum(one.levels) / len(one.levels) - 3))
    sides = {_side(feeling) for feeling in feelings}
    spans = [feeling.span for feeling in feelings]
    evidence = " … ".join(dict.fromkeys(reply.original(*span) for span in spans))
    if {1, -1} <= sides:
        return Reading(evidence="")
    values = [point for level in strongest.levels for point in on_scale(level, scale)]
    return decided(values, evidence=evidence, rest=rest_of(reply, spans + passed))


def _side(feeling: Feeling) -> int:
    level = sum(feeling.levels) / len(feeling.levels)
    return (level > 3) - (level < 3)


def read_rating(text: str, scale: int, context: ReadContext) -> Reading[int]:
    """Read a whole rating from 1 to `scale` (at least 2).

    Numbers count when they stand alone, carry a rating's unit ("4 stars", 四分, 4/5) or follow a
    verb of rating; money, times, counts and questions are no ratings. Numbers outweigh words.
    Problems: OUT_OF_RANGE, NOT_WHOLE, OTHER_SCALE.
    """
    reply = parse(text)
    finder = _Finder(reply, scale)
    mentions, dropped = _after_corrections(reply, finder.mentions())
    good = [
        mention
        for mention in mentions
        if mention.verdict is _Verdict.RATING
        and all(1 <= value <= scale for value in mention.values)
    ]
    if good:
        spans = [mention.span for mention in mentions] + dropped
        values = [int(value) for mention in good for value in mention.values]
        evidence = " … ".join(dict.fromkeys(reply.original(*mention.span) for mention in good[:8]))
        words = [feeling.span for feeling in feelings_in(reply)]
        return decided(
            values[:scale], evidence=evidence, rest=rest_of(reply, spans + finder.refused + words)
        )
    if mentions:
        first = mentions[0]
        problem = {
            _Verdict.OTHER_SCALE: Problem.OTHER_SCALE,
            _Verdict.NOT_WHOLE: Problem.NOT_WHOLE,
            _Verdict.RATING: Problem.OUT_OF_RANGE,
        }[first.verdict]
        return Reading(problem=problem, evidence=reply.original(*first.span))
    if finder.refused and "满分" not in reply.text:
        return Reading()
    return _from_feelings(reply, scale, finder.refused)

"""Finds where a reply mentions offered options: by number, place, letter, label or nearly the label."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from rapidfuzz import fuzz

from dialogs.replies.base import Candidate, Reading
from dialogs.replies.numerals import find_numbers
from dialogs.replies.wording import FILLERS, Reply, Span, parse, rest_of, says_nothing, words_of

_WINDOW = 28
_MOST_MENTIONS = 200
_LONGEST_FUZZY = 120  # characters of a clause compared with labels
_ORDINALS = [
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
]
_NOUN = r"(?:个|项|种|条|款|张|选项|号|位|行|one|option|choice|answer|item)"
_LAST = re.compile(
    rf"倒数第(?P<back>\d{{1,2}}|[一二三四五六七八九十])(?:{_NOUN})?|最后(?:那|的)?(?:一|1)?{_NOUN}|最后一?项|最下面(?:的|那个|一个)?|末尾(?:那个|一个)?"
    rf"|(?:the )?(?P<back_en>second|third)[ -](?:to[ -])?last(?: {_NOUN})?|(?:the )?(?:very )?(?:last|bottom)(?: {_NOUN})?\b|最上面(?:的|那个|一个)?|(?:the )?top one"
)
_NTH = re.compile(
    rf"第\s?(?P<nth>\d{{1,3}}|[一二三四五六七八九十两]{{1,3}})(?:{_NOUN})?|头一个|前者|后者|(?:the )?(?P<word>{'|'.join(_ORDINALS)})(?: {_NOUN})?\b(?! time| of all|ly)"
    r"|(?P<middle>中间(?:的|那|的那)?(?:一|1)?(?:个|项|张|种|款|选项)?|(?:the )?middle(?: one| option)?\b)"
    rf"|(?:the )?(?P<abbr>\d{{1,2}})(?:st|nd|rd|th)(?: {_NOUN})?\b|the (?:former|latter)\b"
)
# Several at one end: 前三个, "the last two".
_RUN = re.compile(
    r"(?:(?P<front>最?前面?|头)|最?后面?|末尾?)的?(?P<many>\d|[二两三四五六七八九])(?:个|项|种|条|样|款)(?!月|星期|礼拜|小时|人|问题)"
    r"|(?:the )?(?:(?P<first>first|top)|last|bottom) (?P<few>\d|two|three|four|five|six)(?: ones| options| choices| of them)?\b(?=\W*(?:$|[,.;+&]|and\b|please\b|thanks\b|only\b|both\b))"
)
_NUMBERED = re.compile(
    r"(?:选项?|选择|答案?是?|我?要|号码|option|choice|answer|number|no\.|#|pick|choose|take|go with|select)\s*[:#是]?\s*$"
)
_AMOUNT_BEFORE = re.compile(r"[$€£¥￥第]\s?$|[.:/]$")
_MORE_THAN = re.compile(r"\b(?:more|less|fewer|other) than\s?$")
_AFTER_NUMBER = re.compile(r" ?(?:号|项|选项|[.)、:](?=\s|$)|\))")
_LETTER = re.compile(
    r"(?<![a-z0-9'])(?P<letter>[a-z])(?![a-z0-9'])(?P<mark>\s?[.)、:]|选项|项|吧)?"
)
_NOT = re.compile(
    r"(?:不是|不选|不要|别选|并非|不想要|不用|排除|除了|不|没有|没|\bnot|n't(?: want| like| take| pick| use| need| have| choose)?|except|other than|instead of|rather than|而不是|\bno)\s*(?:选|要|给|打|发|用|the |an? |option |太|很|怎么|very |really |too )?$"
)
# Goes on with what was denied: 不是1和3, "neither 1 nor 3".
_ALSO_DENIED = re.compile(r"\s*(?:和|跟|与|及|或者?|、|/|&|and|or|nor)\s*(?:the |an? )?")
_CORRECTS = re.compile(
    r"不对|错了|哦不|不不|应该是|改[成为选]|更正|打错|按错|\b(?:wait|actually|i mean|i meant|sorry|make that|oops|typo)\b"
)
_EMPTY = re.compile(r"[\s\W_]+")


@dataclass(frozen=True, slots=True)
class Mention:
    index: int  # of the option; out of the range of options for a number that names none
    span: Span
    denied: bool = False


def _label_text(label: str) -> str:
    """A label without the emoji, numbering and brackets around its words."""
    folded = parse(label).text
    stripped = re.sub(r"^[\W_]+|[\W_]+$", "", folded)
    return stripped or folded.strip()


_DEGREE = re.compile(r"^(?:太过?|很|非常|比较|有点|too |very |a bit )")
# The same thing in other words or the other language; only as all that a part of a reply says.
_SAME = [
    words_of(listing)
    for listing in (
        "短信|手机短信|sms|text|text message|text messages|message|msg",
        "微信|wechat|weixin|wx",
        "邮件|电子邮件|邮箱|电邮|email|e-mail|mail|emails",
        "电话|打电话|来电|通话|phone|call|phone call|a call|calls|telephone",
        "其他|其它|别的|另外的|其他的|其它的|other|others|something else|another",
        "信用卡|credit card|credit|贷记卡",
        "借记卡|debit card|debit|储蓄卡",
        "金卡|gold|gold card",
        "白金卡|白金|platinum|platinum card",
        "普通卡|普卡|标准卡|standard|standard card|basic",
    )
]


def _other_names(names: Sequence[tuple[str, int]]) -> dict[str, int]:
    """Further names that name one option only: without its degree ("too"), in other words."""
    taken = {name for name, _ in names}
    found: dict[str, set[int]] = {}
    for name, index in names:
        others = [_DEGREE.sub("", name), *(w for same in _SAME if name in same for w in same)]
        for other in others:
            if other and other not in taken:
                found.setdefault(other, set()).add(index)
    return {other: min(indices) for other, indices in found.items() if len(indices) == 1}


class Options:
    """The labels in comparable form, and where a reply mentions them."""

    def __init__(self, labels: Sequence[str], synonyms: Sequence[Sequence[str]]) -> None:
        self.count = len(labels)
        self.texts = [_label_text(label) for label in labels]
        self.names: list[tuple[str, int]] = [
            (text, index) for index, text in enumerate(self.texts) if text
        ]
        for index, others in enumerate(synonyms[: self.count]):
            self.names += [(_label_text(other), index) for other in others if other.strip()]
        self.other_names = _other_names(self.names)
        # Longest first: "不满意" is looked for before "满意".
        self.names.sort(key=lambda name: len(name[0]), reverse=True)

    def by_name(self, reply: Reply) -> list[Mention]:
        """Labels that stand in the reply; of overlapping ones the longest."""
        found: list[Mention] = []
        taken: set[int] = set()
        for name, index in self.names:
            position = reply.text.find(name)
            while position >= 0 and len(found) < 200:
                end = position + len(name)
                if (
                    position not in taken
                    and end - 1 not in taken
                    and _bounded(reply, position, end)
                ):
                    taken.update(range(position, end))
                    found.append(Mention(index, (position, end), _denied(reply, position)))
                position = reply.text.find(name, end)
        return sorted(found, key=lambda mention: mention.span)

    def runs(self, reply: Reply) -> list[Mention]:
        """The options of "the first two", 后面三个 and the like."""
        found: list[Mention] = []
        for match in islice(_RUN.finditer(reply.text), _MOST_MENTIONS):
            many = find_numbers((match["many"] or match["few"]).replace("两", "二"))
            size = int(many[0].low) if many else 0
            if 2 <= size <= self.count:
                first = 0 if match["front"] or match["first"] else self.count - size
                denied = _denied(reply, match.start())
                found += [Mention(first + i, match.span(), denied) for i in range(size)]
        return found[:_MOST_MENTIONS]

    def by_place(self, reply: Reply, taken: Sequence[Span]) -> list[Mention]:
        """Numbers, ordinals and letters that name a place in the list."""
        found = [*self._ordinals(reply), *self._numbers(reply), *self._letters(reply)]
        free: list[Mention] = []
        for mention in sorted(found, key=lambda one: (one.span[0], -one.span[1])):
            others = [*taken, *(one.span for one in free[-1:])]
            if not any(start < mention.span[1] and mention.span[0] < end for start, end in others):
                free.append(mention)
        return free

    def _ordinals(self, reply: Reply) -> list[Mention]:
        found = []
        for match in islice(_LAST.finditer(reply.text), _MOST_MENTIONS):
            back = match["back"]
            steps = int(find_numbers(back)[0].low) if back and find_numbers(back) else 1
            if match["back_en"]:
                steps = 2 if match["back_en"] == "second" else 3
            index = (
                0 if match.group().startswith(("最上", "the top", "top")) else self.count - steps
            )
            if stands_alone(reply, match.span()):
                found.append(self._mention(reply, index, match.span()))
        for match in islice(_NTH.finditer(reply.text), _MOST_MENTIONS):
            if stands_alone(reply, match.span()):
                found.append(self._mention(reply, self._nth(match), match.span()))
        return found

    def _nth(self, match: re.Match[str]) -> int:
        if match["word"]:
            return _ORDINALS.index(match["word"])
        if match["middle"]:
            return self.count // 2 if self.count % 2 else -1
        if match["abbr"]:
            return int(match["abbr"]) - 1
        if match["nth"]:
            numbers = find_numbers(match["nth"].replace("两", "二"))
            return int(numbers[0].low) - 1 if numbers else -1
        return self.count - 1 if match.group() in ("后者", "the latter") else 0

    def _numbers(self, reply: Reply) -> list[Mention]:
        found = []
        for number in find_numbers(reply.text):
            place = number.whole
            if place is None:
                continue
            left = reply.text[max(0, number.start - _WINDOW) : number.start]
            named = bool(_NUMBERED.search(left))
            if _MORE_THAN.search(left) or (not named and _AMOUNT_BEFORE.search(left)):
                continue
            marked = _AFTER_NUMBER.match(reply.text, number.end)
            span = (number.start, marked.end() if marked else number.end)
            named = named and not re.match(
                r"\s?(?!no\.|option|and\b|or\b)[\w%]", reply.text[span[1] : span[1] + 8]
            )
            if named or stands_alone(reply, span):
                found.append(self._mention(reply, place - 1, span))
        return found

    def _letters(self, reply: Reply) -> list[Mention]:
        found = []
        for match in islice(_LETTER.finditer(reply.text), _MOST_MENTIONS):
            index = ord(match["letter"]) - ord("a")
            left = reply.text[max(0, match.start() - _WINDOW) : match.start()]
            if index >= self.count:
                continue
            framed = stands_alone(reply, match.span()) and not (
                match["letter"] in "ai" and not match["mark"] and _is_word(reply, match)
            )
            if framed or _NUMBERED.search(left):
                found.append(self._mention(reply, index, match.span()))
        return found

    def _mention(self, reply: Reply, index: int, span: Span) -> Mention:
        return Mention(index, span, _denied(reply, span[0]))


def _is_word(reply: Reply, match: re.Match[str]) -> bool:
    """ "a" and "i" before another word are English words, not letters of the list."""
    return bool(re.match(r"\s+[a-z]", reply.text[match.end() : match.end() + 4]))


def _denied(reply: Reply, position: int) -> bool:
    start = max(reply.clause_at(position).start, position - _WINDOW)
    return bool(_NOT.search(reply.text[start:position]))


def _bounded(reply: Reply, start: int, end: int) -> bool:
    """Whether the span is a whole word where words are separated by blanks."""
    text = reply.text
    latin = re.compile(r"[a-z0-9]")
    before = start > 0 and latin.match(text[start - 1]) and latin.match(text[start])
    after = end < len(text) and latin.match(text[end]) and latin.match(text[end - 1])
    return not before and not after


def stands_alone(reply: Reply, span: Span) -> bool:
    """Whether the clause says nothing besides (apart from what denies or joins options)."""
    clause = reply.clause_at(span[0])
    if clause.end - clause.start > 200:
        return False
    before = _JOINS.sub(" ", reply.text[clause.start : span[0]])
    after = _JOINS.sub(" ", reply.text[span[1] : clause.end])
    if says_nothing(before) and says_nothing(after):
        return True
    return (
        says_nothing(before)
        and not clause.asks
        and after[:1].isspace()
        and bool(_REASON.match(after))
    )


_REASON = re.compile(r"\s+(?:i |because|it|that|thanks|please|谢|因为|我|麻烦)")
_JOINS = re.compile(
    r"不是|不选|不要|不|not|n't|除了|和|跟|与|及|或者?|还是|&|\+|/|\bor\b|\band\b|\b(?:both|either)\b|第?[一二三四五六七八九十\d]{1,2}(?:个|号|项)?|(?<![a-z])[a-z](?![a-z'])|都|全|选项?|that|want|would like|prefer|go with|one|最后一个|everything|except|以外|之外|\bok(?:ay)?\b"
)


def standing(reply: Reply, mentions: list[Mention]) -> tuple[list[Mention], list[Span]]:
    """The mentions that are neither denied nor taken back later, and all that was said of them."""
    kept: list[Mention] = []
    spans: list[Span] = []
    before: Mention | None = None
    for mention in mentions:
        if before is not None and before.denied and not mention.denied:
            between = reply.text[before.span[1] : mention.span[0]]
            if len(between) < _WINDOW and _ALSO_DENIED.fullmatch(between):
                mention = replace(mention, denied=True)
        before = mention
        clause = reply.clause_at(mention.span[0])
        outside = (
            reply.text[clause.start : mention.span[0]] + reply.text[mention.span[1] : clause.end]
        )
        if clause.asks and not says_nothing(outside):
            continue
        spans.append(mention.span)
        if mention.denied:
            left = reply.text[: mention.span[0]][-_WINDOW:]
            found = _NOT.search(left)
            start = mention.span[0] - len(left) + (found.start() if found else len(left))
            spans[-1] = (start, mention.span[1])
            continue
        if kept:
            between = reply.text[kept[-1].span[1] : mention.span[0]]
            if len(between) < 40 and _CORRECTS.search(between):
                spans.append((kept[-1].span[0], mention.span[0]))
                kept.clear()
        kept.append(mention)
    return kept, spans


def mentions_in(reply: Reply, options: Options) -> list[Mention]:
    named = [
        mention
        for mention in options.by_name(reply)
        if len(options.texts[mention.index]) > 1 or stands_alone(reply, mention.span)
    ]
    runs = options.runs(reply)
    placed = options.by_place(reply, [mention.span for mention in (*named, *runs)])
    return sorted([*named, *runs, *placed], key=lambda mention: mention.span)[:_MOST_MENTIONS]


def nearest(reply: Reply, options: Options) -> Reading[int]:
    """The option whose label is nearly, or partly, what a clause says."""
    for clause in reply.clauses[:3]:
        part = core_of(reply.text[clause.start : clause.end])
        if not clause.asks and (known := options.other_names.get(part)) is not None:
            span = (clause.start, clause.end)
            return Reading(value=known, evidence=reply.original(*span), rest=rest_of(reply, [span]))
        if clause.asks or not 2 <= len(part) <= _LONGEST_FUZZY:
            continue
        scores = [0.0] * options.count
        for name, index in options.names:
            scores[index] = max(scores[index], likeness(part, name))
        ranked = sorted(range(options.count), key=lambda index: -scores[index])
        best = scores[ranked[0]] if ranked else 0.0
        if best < 70:
            continue
        evidence = reply.original(clause.start, clause.end)
        near = [index for index in ranked if scores[index] >= max(70.0, best - 8)]
        rest = rest_of(reply, [(clause.start, clause.end)])
        if len(near) == 1:
            return Reading(value=near[0], evidence=evidence, rest=rest)
        candidates = tuple(Candidate(index, round(scores[index] / 100, 3)) for index in near)
        return Reading(candidates=candidates, evidence=evidence, rest=rest)
    return Reading()


_NEGATES = re.compile(r"不|没|别|\bnot?\b|n't|\bnever\b|\bun|\bdis")
_SPARE = sorted(
    (
        *(word for word in FILLERS if len(word) > 1 or word in "的了吧啊我是选就嗯额"),
        *words_of("那张|那个|那种|那款|这张|这个|那一张|by|via|through|a"),
    ),
    key=len,
    reverse=True,
)
_SPARE_WORD = "|".join(re.escape(word) for word in _SPARE)
_SPARE_EDGE = re.compile(
    rf"^(?:(?:{_SPARE_WORD}|通过|[发用打走])(?![a-z'])|[\W_])+|(?:(?<![a-z'])(?:{_SPARE_WORD})|[\W_])+$"
)


def core_of(text: str) -> str:
    """A clause without the framing around its core ("I'd like the …, please")."""
    core = text[: _LONGEST_FUZZY + 40]
    for _ in range(2):
        core = _SPARE_EDGE.sub("", core)
    return core or text.strip()


def likeness(part: str, name: str) -> float:
    """0–100: equal but for typing errors, or a telling part of the label."""
    if bool(_NEGATES.search(part)) != bool(_NEGATES.search(name)):
        return 0.0
    one, other = _EMPTY.sub("", part), _EMPTY.sub("", name)
    if not one or not other:
        return 0.0
    han = any("\u4e00" <= char <= "\u9fff" for char in one)
    shorter = min(len(one), len(other))
    ratio = fuzz.ratio(one, other)
    if han:
        ratio = ratio + 10 if len(one) == len(other) >= 3 else ratio
    elif shorter < 4:
        ratio = ratio if ratio == 100 else 0.0
    within = 0.0
    if one in other and len(one) >= (2 if han else 4) and (han or _whole_words(part, name)):
        within = 88.0
    words = fuzz.token_set_ratio(part, name) * 0.9 if " " in part and " " in name else 0.0
    return float(max(ratio, within, words if words >= 72 else 0.0))


def _whole_words(part: str, name: str) -> bool:
    return set(re.findall(r"\w+", part)) <= set(re.findall(r"\w+", name))

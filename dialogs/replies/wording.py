"""A reply cut into clauses: which of them ask something, and what is left once part is understood."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from channels.text import Folded, fold

K = TypeVar("K")
Span = tuple[int, int]

# Traditional characters of the words that readers look for, one to one so that positions stay.
_TRADITIONAL = (
    "滿個點號後還沒兩萬億問題對錯開週禮鐘時間給為願謝這極壞評選項塊錢確認會來過覺當應該隨說電話碼聯繫幫請嗎幾麼"
    "總體驗現無爛讚贊準優從與種類樣實際買賣辦費強們裡裏歲試誰麥東關係許寫決嘗啟動產業務區單雙級線網綁換"
    "發將須頭臺灣較結論難風險顆喲囉噁優異讓鬆輕緊張濟遲並卻雖於絕儘盡簡歉親嘆喚處員約數據達標權煩聽轉樂壓終誤繳領戶帳訊測證記錄麗剛纔貸賬內進憑聲稱嚴廣貴腦郵報輸據價惠別夠鍵曉專輪購幣兌穩創審財儲銀頁質餘額設載"
)
_SIMPLIFIED = (
    "满个点号后还没两万亿问题对错开周礼钟时间给为愿谢这极坏评选项块钱确认会来过觉当应该随说电话码联系帮请吗几么"
    "总体验现无烂赞赞准优从与种类样实际买卖办费强们里里岁试谁麦东关系许写决尝启动产业务区单双级线网绑换"
    "发将须头台湾较结论难风险颗哟啰恶优异让松轻紧张济迟并却虽于绝尽尽简歉亲叹唤处员约数据达标权烦听转乐压终误缴领户账讯测证记录丽刚才贷账内进凭声称严广贵脑邮报输据价惠别够键晓专轮购币兑稳创审财储银页质余额设载"
)
_TO_SIMPLIFIED = str.maketrans(_TRADITIONAL, _SIMPLIFIED)

_LINK_ZH = "但是|(?<!不)但(?!愿)|不过(?!分)|可是|然而|只是|另外|此外|还有|(?<![答说])对了|顺便|顺带|而且|并且|因为|由于|所以|然后"
_LINK_EN = "but|however|though|although|because|cause|cuz|since|and|also|(?<!so[ -])(?<!guess )(?<!think )(?<!hope )(?<!suppose )so(?![ -]so)|plus|(?<!i )(?<!to )wait(?! (?:for|time|until|a|of)| \\d+ )|btw|by the way|anyway"
# A point or comma inside a number, a colon inside a time and a point in "p.m." are no ends.
_END = re.compile(
    r"[!?。;\n…]+|(?<!\d)\.+(?!\w)|(?<=\d)\.+(?!\d)|,(?!\d{3}(?!\d))|(?<!\d),|[、()\[\]{}\"“”《》「」]"
    r"|:(?!\d\d)|(?<!\d):"
)
_LINK = re.compile(rf"(?:{_LINK_ZH})|\b(?:{_LINK_EN})\b(?!')")
_LEADING_LINK = re.compile(
    rf"(?:[\s,.;:!。、…)\]\"'~/|·-]+|(?:{_LINK_ZH.replace('|因为|由于', '')}|那么?(?=[我你请什怎几多哪要,\s])|嗯+|哦+|噢+)"
    rf"|(?:{_LINK_EN.replace('|because|cause|cuz|since', '')}|then|oh|well|ok so|one more thing|and)\b(?!'))"
)
_ASKS = re.compile(
    r"(?:吗|(?<![什怎那这要多])么|嘛\?)[啊呀呢]?\s*$"
    r"|什么时候|(?<!不)(?<!没)怎么(?!说|也|都)|为什么|为啥|凭什么|干嘛|多少|多久|多长时间|哪[里儿个些天家种]|啥时|几[个天点号分时块岁次月]|是否"
    r"|能不能|可不可以|会不会|有没有|是不是|要不要|行不行|好不好|对不对|谁(?!都|也)"
    r"|(?<!没)(?<!没有)(?<!不)什么(?!都|也|的)"
    r"|^\W*(?:please tell me |tell me |may i ask |i wonder |so |and |but |well |oh )?"
    r"(?:what|what's|whats|when|when's|why|how|how's|where|where's|who|who's|which|whose)\b"
    r"|^\W*(?:so |and |but )?(?:is|are|do|does|did|can|could|will|would|should|am|was|were|has|have|may)"
    r" (?:i|you|we|they|it|he|she|there|the|this|that|my|your|a|an|someone|anyone)\b"
)
_QUESTION_MARK = re.compile(r"\s*[.,!…]*\s*\?")
_CLOSING = re.compile(r"[?!。.…]+")
# Latin letters go on, at once or behind an apostrophe: "can" is no word of "can't".
_INSIDE_WORD = re.compile(r"'?[a-z\u00e0-\u024f]")
_WORDY = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a reply between two ends or before a connective; `asks` marks a question."""

    start: int
    end: int
    asks: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply ready for reading: `text` is folded and simplified, position by position."""

    folded: Folded
    text: str
    clauses: tuple[Clause, ...]

    def original(self, start: int, end: int) -> str:
        """What the person typed there, without blanks around it."""
        return self.folded.original(start, end).strip()

    def clause_number(self, position: int) -> int:
        """The index of the clause that covers this position, else of the one before it."""
        return max(0, bisect_right(self.clauses, position, key=lambda clause: clause.start) - 1)

    def clause_at(self, position: int) -> Clause:
        return self.clauses[self.clause_number(position)]


def _cut_points(text: str) -> list[tuple[int, int]]:
    """Ends (what lies in them belongs to no clause) and, as empty spans, starts of connectives."""
    points = [match.span() for match in _END.finditer(text)]
    points += [(match.start(), match.start()) for match in _LINK.finditer(text)]
    return sorted(points)


def parse(text: str) -> Reply:
    """Fold, simplify and cut a reply into clauses. Linear in the length; never raises."""
    folded = fold(text)
    plain = folded.text.translate(_TO_SIMPLIFIED)
    clauses: list[Clause] = []
    begin = 0
    for start, end in [*_cut_points(plain), (len(plain), len(plain))]:
        if start > begin and plain[begin:start].strip():
            part = plain[begin:start]
            asks = bool(_QUESTION_MARK.match(plain, start)) or bool(_ASKS.search(_ends(part)))
            clauses.append(Clause(begin, start, asks))
        begin = max(begin, end)
    if not clauses:
        clauses.append(Clause(0, len(plain), asks=False))
    return Reply(folded, plain, tuple(clauses))


def _ends(part: str) -> str:
    """Both ends of a clause: that is where it shows that it asks, however long it is."""
    return part if len(part) <= 240 else part[:120] + part[-120:]


class Lexicon(Generic[K]):
    """Words of several kinds, found longest first; Latin words only at word boundaries."""

    def __init__(self, words: Mapping[str, K]) -> None:
        by_start: dict[str, list[str]] = {}
        for word in words:
            by_start.setdefault(word[0], []).append(word)
        self._words = dict(words)
        self._by_start = {
            char: sorted(found, key=len, reverse=True) for char, found in by_start.items()
        }

    def match(self, text: str, position: int) -> tuple[str, K] | None:
        """The longest word that starts exactly here."""
        if position and _latin(text[position]) and _latin(text[position - 1]):
            return None
        for word in self._by_start.get(text[position], ()):
            if not text.startswith(word, position):
                continue
            end = position + len(word)
            if _latin(word[-1]) and _INSIDE_WORD.match(text, end):
                continue
            return word, self._words[word]
        return None

    def scan(self, text: str, start: int, end: int) -> Iterable[tuple[str, K | None, Span]]:
        """Words and, with kind None, the single characters between them that are letters or digits.

        A run of Latin letters that is no word comes as one."""
        part = text[start:end]
        position = 0
        while position < len(part):
            found = self.match(part, position)
            stop = position + (len(found[0]) if found else 1)
            if found:
                yield found[0], found[1], (start + position, start + stop)
            elif _WORDY.match(part, position) or ord(part[position]) > 0x2190:
                if _latin(part[position]):
                    while stop < len(part) and _latin(part[stop]):
                        stop += 1
                yield part[position:stop], None, (start + position, start + stop)
            position = stop


def _latin(char: str) -> bool:
    return "a" <= char <= "z" or "\u00e0" <= char <= "\u024f"


def words_of(listing: str) -> list[str]:
    """The words of a `|`-separated listing."""
    return [word for word in listing.replace("\n", "|").split("|") if word.strip()]


FILLERS = frozenset(
    words_of(
        "我|我们|你|你们|您|咱|的|了|吧|啊|呀|哦|噢|喔|嗯|恩|额|呃|唔|哈|嘿|嘛|啦|咯|喽|哟|呗|哎|唉|诶|嗨|呵|就|都|还|也|给|打|评|选|是|算"
        "|大概|大约|差不多|左右|可能|应该|估计|觉得|感觉|认为|我想|想|那|那就|那么|就这样|这次|本次|这个|整体|总体|总的来说|总体来说|整体来说|服务|体验|申请|评分|打分|分数|评价|满意度"
        "|谢谢|感谢|多谢|谢|辛苦了|辛苦|请|麻烦|答案|回答|回复|你好|您好|好的|好滴|好哒|好嘞|不客气|客服|亲|写|填|说|来|先|再|最终|最后|目前|对于|对|可以|能|会|要|个人|来说|吗|呢|个|表示|这边|不好意思|抱歉|其实|真的|确实|一下|话|只能|只|才|最多|至少|起码|最少|不低于|超过|改成|改为|和|跟|与|及|或|或者|想要|我要|介于|之间|如果|麻烦你|麻烦您"
        "|i|i'd|i'll|i'm|i've|im|id|we|we'd|would|will|say|give|gave|giving|it|its|it's|that's|a|an|the|my|our|your|rating|rate|score|scored|is|was|be|about|around|roughly|approximately|approx|maybe|perhaps|probably"
        "|well|um|umm|ummm|uh|uhh|uhm|er|erm|prob|probs|utter|total|hmm|hmmm|hm|oh|ah|so|just|think|overall|thanks|thank you|thank|thx|ty|please|pls|hi|hello|hey|guess|for|me|to|you|this|that|answer|of|like|experience|service|application|applying|process|very much|lol|haha|hahaha|then|with|on|at|in|as|am|there|here|sir|guys|sorry|honestly|actually|really|let's|lets|go|let|us|do|get|gets|make|put|it'll|been|by|number|and|no|option|one|all|i'd say|more|could|can|should|or|choose|pick|take|select|at least|at most|more than|less than|more like|only|rather|over|above|below|under|final|final answer|i want|idk|dunno|definitely|solid"
    )
)
_FILLER_LEXICON: Lexicon[bool] = Lexicon(dict.fromkeys(FILLERS, True))


def says_nothing(text: str) -> bool:
    """Whether only politeness, particles and framing words are left ("I'd say …", "我觉得……吧")."""
    text = _trimmed(text)
    left = 0
    for word, filler, _ in _FILLER_LEXICON.scan(text, 0, len(text)):
        if not filler:
            left += len(word)
            if left > 1:
                return False
    return left == 0 or not _WORDY.search(text)


_LONGEST_FRAME = 16


def with_frame(reply: Reply, span: Span) -> Span:
    """The span from its clause's start on if only a short frame stands there ("我的电话是…")."""
    start = reply.clause_at(span[0]).start
    return (start, span[1]) if span[0] - start <= _LONGEST_FRAME else span


def rest_of(reply: Reply, spans: Iterable[Span]) -> str:
    """What remains of the reply, as typed, without the understood spans and without empty talk.

    A clause of which only framing is left falls away; a clause that says more stays from its first
    word on. Connectives that only joined it to the understood part are trimmed at the front.
    """
    taken = sorted(spans)
    kept: list[Span] = []
    at = 0
    for clause in reply.clauses:
        while at < len(taken) and taken[at][1] <= clause.start:
            at += 1
        begin = clause.start
        index = at
        while index < len(taken) and taken[index][0] < clause.end:
            _keep(reply, kept, begin, min(taken[index][0], clause.end))
            begin = max(begin, taken[index][1])
            index += 1
        _keep(reply, kept, begin, clause.end)
    return _joined(reply, kept, taken)


def _keep(reply: Reply, kept: list[Span], start: int, end: int) -> None:
    if start < end and not says_nothing(_trimmed(reply.text[start:end])):
        kept.append((start, end))


def _trimmed(text: str) -> str:
    position = 0
    while match := _LEADING_LINK.match(text, position):
        position = match.end()
    return text[position:]


def _joined(reply: Reply, kept: list[Span], taken: list[Span]) -> str:
    """The kept parts with what stood between them, apart where something taken stood between."""
    cuts = [start for start, _ in taken]
    groups: list[Span] = []
    before = -1
    for start, end in kept:
        passed = bisect_right(cuts, start)
        if groups and passed == before:
            groups[-1] = (groups[-1][0], end)
        else:
            groups.append((start, end))
        before = passed
    pieces: list[str] = []
    for start, end in groups:
        front = (end - start) - len(_trimmed(reply.text[start:end]))
        tail = _CLOSING.match(reply.text, end)
        pieces.append(reply.original(start + front, tail.end() if tail else end))
    return " ".join(piece for piece in pieces if piece)

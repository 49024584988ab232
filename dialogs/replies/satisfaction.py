"""How content a phrase sounds, on five levels: adjectives with what negates and strengthens them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from dialogs.replies.wording import Clause, Lexicon, Reply, Span, says_nothing, words_of


class _Kind(Enum):
    NOT = auto()
    NOT_AT_ALL = auto()
    STRONG = auto()
    WEAK = auto()
    AFTER = auto()  # 极了, "at all": strengthens what stands before it
    VERY_GOOD = auto()
    GOOD = auto()
    MIDDLE = auto()
    POOR = auto()
    BAD = auto()
    VERY_BAD = auto()
    NEUTRAL = auto()  # looks like one of the others and is none
    IF = auto()


_WORDS: dict[_Kind, str] = {
    _Kind.NOT: "不|没|没有|没什么|没有什么|没啥|没有任何|没任何|不是|不算|不太|不够|不怎么|不大|不咋|谈不上|算不上|称不上|说不上|并不|并不是|并没有|并没|不能说|不觉得|没觉得|未|别"
    "|not|isn't|isnt|wasn't|wasnt|aren't|aint|ain't|don't|dont|didn't|didnt|never|no|hardly|not really|not that|not so|not very|not too|not quite|not exactly"
    "|far from|nothing|can't say|cannot say|wouldn't say|less than|without|cannot|can't|couldn't|i don't think|don't think|i don't feel",
    _Kind.NOT_AT_ALL: "完全不|根本不|一点都不|一点也不|一点不|一点儿都不|一点儿也不|毫不|毫无|从不|绝不|丝毫不|压根不|not at all|absolutely not|definitely not|in no way",
    _Kind.STRONG: "非常|很|十分|特别|超|超级|超级无敌|极其|极|极度|极为|太|最|真|真心|真的|真是|相当|无比|巨|贼|老|实在|实在太|好|简直|万分|如此|绝对|那么|这么|百分百|非常非常|很很"
    "|very|extremely|really|super|so|absolutely|totally|completely|highly|incredibly|too|most|truly|very very|utterly|fully|100%|entirely|thoroughly|damn|exceptionally",
    _Kind.WEAK: "比较|还|还算|还是|挺|蛮|较|较为|有点|有点儿|有些|略|稍|稍微|算|算是|基本|基本上|大体|大致|fairly|pretty|quite|rather|somewhat|a bit|a little|kind of|kinda|sort of|mostly|reasonably|relatively|generally|was|is|it's|it was|it is|i'm|i am",
    _Kind.AFTER: "极了|透了|透顶|至极|爆了|死了|到家|得很|得不行|得不得了|不得了|呆了|at all|as hell|indeed",
    _Kind.VERY_GOOD: "完美|满分|最高分|优秀|极好|棒极了|绝了|好评|五星好评|没得说|没话说|无可挑剔|没毛病|顶呱呱|一级棒|杠杠的|yyds|不能更好|不能再好|不能更满意|不能再满意|好得不能再好|最好|爱了"
    "|excellent|perfect|amazing|awesome|great|fantastic|wonderful|brilliant|outstanding|superb|best|the best|love it|loved it|love this|delighted|flawless|top notch|top-notch|10/10 experience|full marks|top marks|perfect score|full score|highest|the highest|max|maximum|exceptional"
    "|couldn't be better|can't be better|could not be better|couldn't be happier|can't complain|no complaints|couldn't ask for more|extremely good",
    _Kind.GOOD: "满意|好|不错|不赖|不差|棒|赞|给力|良好|顺利|高兴|开心|可以|行|喜欢|满足|舒服|挺好|nice|good|satisfied|satisfying|satisfactory|happy|pleased|content|glad|well|like it|liked it|smooth|solid|impressed",
    _Kind.MIDDLE: "一般|一般般|一般化|还行|还可以|还好|还成|还凑合|凑合|凑活|将就|普通|中等|中等水平|马马虎虎|马虎|过得去|中规中矩|不好不坏|不好也不坏|说不上好坏|普普通通|无功无过|中评|及格|勉强|勉强及格|也就那样|就那样|就那样吧"
    "|ok|okay|so-so|so so|soso|average|neutral|alright|all right|fair|mediocre|meh|acceptable|fine|neither good nor bad|not good not bad|nothing special|in the middle|middling|passable|decent",
    _Kind.POOR: "不怎么样|不咋地|不咋样|不咋的|不尽人意|不尽如人意|有待提高|有待改进|needs improvement|could be better|could've been better|could have been better|below average|underwhelming|subpar|sub-par",
    _Kind.BAD: "差|坏|烂|糟|糟糕|失望|不满|不满意|不爽|难用|生气|差评|恼火|bad|poor|unhappy|dissatisfied|unsatisfied|disappointed|disappointing|unsatisfactory|unsatisfying|frustrated|frustrating|annoyed|annoying|upset|displeased|poorly|badly",
    _Kind.VERY_BAD: "极差|糟透|糟透了|糟糕透顶|垃圾|差劲|差到家|差得要命|烂透|烂透了|坑爹|恶心|气死|最差|最低|最低分|不能更差|不能再差|再差不过|零好评|terrible|awful|horrible|worst|the worst|hate it|hated it|disgusting|useless|pathetic|horrendous|rubbish|garbage|trash|appalling|abysmal|dreadful|atrocious|sucks|sucked|couldn't be worse|can't be worse|could not be worse|lowest|the lowest",
    _Kind.NEUTRAL: "好像|好的|好吧|好啊|好呀|好哦|好嘞|好滴|好多|好几|好久|你好|您好|正好|最好是|最好能|刚好|只好|好处|好友|好不好|对不起|不好意思|不客气|不知道|满意度|满意不满意|满不满意|行不行|可以吗|可以的|差不多|差点|差一点|差别|时差|出差|误差|可不可以|真不知道|行吧|行李|银行|进行|不行啊"
    "|thank you so much|so much|no problem|no thanks|well then|as well|good morning|good afternoon|good evening|good day|good night|happy to|glad to|best regards|at best|most of|in good time|for good|wish you well|so that|so far|such as",
    _Kind.IF: "如果|要是|假如|只要|除非|希望|本来|原本|以为|if|unless|hope|hoped|hoping|expected|supposed|would be|would have been|would've been|should be|should have been|could be",
}
_LEXICON: Lexicon[_Kind] = Lexicon(
    {word: kind for kind in _Kind for word in words_of(_WORDS[kind])}
)
_LEVEL: dict[_Kind, tuple[int, ...]] = {
    _Kind.VERY_GOOD: (5,),
    _Kind.GOOD: (4,),
    _Kind.MIDDLE: (3,),
    _Kind.POOR: (2,),
    _Kind.BAD: (2,),
    _Kind.VERY_BAD: (1,),
}
# These say how content somebody is, whatever the rest of the clause is about.
_OUTRIGHT = frozenset(
    words_of(
        "满意|不满|不满意|失望|好评|差评|满分|五星好评|完美|satisfied|dissatisfied|unsatisfied|disappointed|full marks|top marks|unhappy"
    )
)
# Too slight an answer on their own: "好" and "可以" also mean "go on", "well" opens a sentence.
_NEEDS_MODIFIER = frozenset(
    words_of("好|可以|行|well|差|坏|like it|开心|高兴|no|content|max|best|fair|ok|okay")
)
_LONGEST_CLAUSE = 160

_FACES = {
    5: "👍👏💯😍🥰🤩❤💖💕💗💓💞💜💙💚🧡💛😘🎉🥳🏆👌🙌💪🌹😁😄😃😆",
    4: "🙂😊☺😀😉😌🤗",
    3: "😐😑😶🤷🤔",
    2: "🙁☹😞😔😕😟😒😣😢🥲",
    1: "👎😡😠🤬😤💩🤮🤢😭😩😫💢",
}
_LEVEL_OF_FACE = {face: level for level, faces in _FACES.items() for face in faces}


@dataclass(frozen=True, slots=True)
class Feeling:
    """A phrase that tells how content somebody is: its possible levels, 1 (worst) to 5."""

    levels: tuple[int, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    kind: _Kind | None
    span: Span


def _modified(levels: tuple[int, ...], kind: _Kind) -> tuple[int, ...]:
    """The levels of a phrase with one more modifier in front of it."""
    positive = all(level > 3 for level in levels)
    match kind:
        case _Kind.NOT | _Kind.NOT_AT_ALL if positive:
            return (1,) if kind is _Kind.NOT_AT_ALL else (2,)
        case _Kind.NOT | _Kind.NOT_AT_ALL if levels != (3,):
            return (4, 3)  # "not bad" praises a little or not at all: the person decides
        case _Kind.NOT | _Kind.NOT_AT_ALL:
            return (2,)
        case _Kind.STRONG | _Kind.AFTER if len(levels) == 1:
            return ({1: 1, 2: 1, 3: 2, 4: 5, 5: 5}[levels[0]],)
        case _:
            return levels


def _phrase(tokens: list[_Token], at: int, first: int) -> tuple[Feeling, bool]:
    """The phrase around the adjective at `at`, and whether anything modifies it."""
    kind = tokens[at].kind
    assert kind is not None
    levels = _LEVEL[kind]
    begin, end = tokens[at].span
    modified = False
    after = at + 1
    if after < len(tokens) and tokens[after].kind is _Kind.AFTER:
        end = tokens[after].span[1]
        levels = _modified(levels, _Kind.AFTER)
        modified = True
    position = at - 1
    modifiers = (_Kind.NOT, _Kind.NOT_AT_ALL, _Kind.STRONG, _Kind.WEAK)
    while position >= first:
        found = tokens[position].kind
        if found in modifiers and found is not None:
            levels = _modified(levels, found)
            begin = tokens[position].span[0]
            modified = True
        elif tokens[position].word not in _TRANSPARENT:
            break
        position -= 1
    if levels == (2,) and tokens[at + 1 : at + 2] and tokens[at + 1].word == "at all":
        levels = (1,)
    return Feeling(levels, (begin, end)), modified


# May stand between a modifier and what it modifies ("not a very good", "没有让我不满意").
_TRANSPARENT = frozenset(
    words_of(
        "a|an|the|been|be|feel|feeling|i|am|让|我|觉|得|感|到|是|的|地|all|of|it|was|is|say|that|say it|i'm|have|has|感觉|any"
    )
)


def _in_clause(reply: Reply, clause: Clause) -> list[Feeling]:
    if clause.asks or clause.end - clause.start > _LONGEST_CLAUSE:
        return []
    scanned = _LEXICON.scan(reply.text, clause.start, clause.end)
    tokens = [_Token(word, kind, span) for word, kind, span in scanned]
    if any(token.kind is _Kind.IF for token in tokens):
        return []
    feelings: list[Feeling] = []
    outright = False
    first = 0
    for at, token in enumerate(tokens):
        if token.kind is None or token.kind not in _LEVEL:
            continue
        following = tokens[at + 1].kind if at + 1 < len(tokens) else None
        if token.word in ("好", "还行") and following in _LEVEL:
            continue
        feeling, modified = _phrase(tokens, at, first)
        first = at + 1
        if modified or token.word not in _NEEDS_MODIFIER:
            feelings.append(feeling)
            outright = outright or token.word in _OUTRIGHT
    if not outright and feelings and not _only(reply, clause, [f.span for f in feelings]):
        return []
    return feelings


def _only(reply: Reply, clause: Clause, spans: list[Span]) -> bool:
    """Whether the clause says nothing besides these phrases."""
    edges = [(clause.start, clause.start), *spans, (clause.end, clause.end)]
    between = [reply.text[one[1] : other[0]] for one, other in pairwise(edges)]
    return says_nothing(" ".join(between))


def feelings_in(reply: Reply) -> list[Feeling]:
    """All phrases that rate something, in their order; questions and wishes rate nothing."""
    return [feeling for clause in reply.clauses for feeling in _in_clause(reply, clause)]


def feeling_of_faces(reply: Reply) -> Feeling | None:
    """The level of a reply of nothing but emoji (besides thanks and the like), if they agree."""
    found = [
        (place, _LEVEL_OF_FACE[char])
        for place, char in enumerate(reply.text)
        if char in _LEVEL_OF_FACE
    ]
    if not found or not says_nothing("".join(c for c in reply.text if c not in _LEVEL_OF_FACE)):
        return None
    levels = {level for _, level in found}
    sides = {(level > 3) - (level < 3) for level in levels}
    if len(sides) > 1:
        return None
    level = max(levels) if max(levels) > 3 else min(levels)
    return Feeling((level,), (found[0][0], found[-1][0] + 1))


def on_scale(level: int, scale: int) -> tuple[int, ...]:
    """The points of a scale from 1 that a level of five may mean; two where it falls between."""
    exact = 1 + (level - 1) * (scale - 1) / 4
    low = int(exact)
    if exact == low:
        return (low,)
    if scale < 5:  # coarser than words: the nearer end of its side
        return (low,) if level < 3 else (low + 1,)
    return (low, low + 1)

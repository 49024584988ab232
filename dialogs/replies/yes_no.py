"""Reads yes or no, counting negations: 不是不行 is yes, "I don't mind" is yes, 还没 is no."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from dialogs.replies.base import ReadContext, Reading, decided
from dialogs.replies.wording import (
    Clause,
    Lexicon,
    Reply,
    Span,
    parse,
    rest_of,
    says_nothing,
    words_of,
)


class _Kind(Enum):
    YES = auto()  # an answer by itself
    NO = auto()
    NOT = auto()  # turns round what follows; with nothing to turn round it is a no
    CAN = auto()  # what is affirmed or denied: positive by itself in a short clause
    REFUSE = auto()  # negative by itself, positive when negated: mind, refuse, 反对
    UNSURE = auto()
    NEUTRAL = auto()  # looks like one of the others and is none


_WORDS: dict[_Kind, str] = {
    _Kind.YES: "是的|是滴|是呀|是啊|对的|对呀|对啊|对对|对头|嗯嗯|好的|好滴|好哒|好嘞|好呀|好啊|好吧|好哦|好|行吧|行啊|行的|没问题|没有问题|没啥问题|没什么问题|没毛病|没错|没意见|没有意见|当然|当然可以|必须的|必须|那必须|同意|愿意|赞成|支持|答应|接受|都行|都可以|尽管|随时|妥|妥妥的|成|中|ojbk|okk|okok|oki|奥克|欧克|肯定|一定|确定|确认|正确|属实|求之不得|何乐而不为|为什么不"
    "|能用了|没事了|冇问题|处理好了|处理完了|works now|works fine now|it works now|working now|working again|works again|back to normal|yass|yasss|yh|yus|yessir|all good now|all sorted now|问题没有了|问题没了|问题消失了|问题不存在了|没有问题了|没问题了|没毛病了"
    "|solved|resolved|sorted|all sorted|all good|all fixed|all set|all done|all clear|good now|problem solved|issue solved|issue resolved|fixed now|fixed it|no more problems|no more problem|no more issues|no more issue|no more trouble|no longer a problem|no longer an issue|yas|ye|yeh|yess|shi|shi de|shide|jiejuele"
    "|yes|yeah|i guess so|guess so|i suppose so|i think so|think so|i don't see why not|don't see why not|no problem with that|i have no problem|i have no objection|i have no objections|have no objection|i have no issue|yea|yep|yup|yah|ya|yess|yes please|sure|sure thing|ok|okay|okey|okie|k|kk|of course|absolutely|definitely|certainly|correct|right|true|alright|all right|please do|go ahead|go for it|sounds good|sounds great|sounds fine|agreed|agree|will do|why not|no problem|no problems|no prob|np|not a problem|no objection|no objections|no issue|no issues|no worries|affirmative|indeed|exactly|by all means|y|totally|for sure|gladly|happy to|love to|that works|works for me|that's right|thats right|that's fine|it's fine|fine|fine by me|positive|confirmed|i confirm|accept"
    "|👍|👌|✅|☑|✔|🙆|💯|√|🆗|✓",
    _Kind.NO: "不了|不用|不要|不必|不需要|不想|不行|不可以|不能|不成|不同意|不愿意|不是|不对|不好|不太好|不太行|不太方便|不方便|不接受|不支持|不考虑|还没|还没有|没|没有|没呢|未|尚未|否|免了|算了|算了吧|拒绝|没空|没时间|没兴趣|没必要|没门|不感兴趣|先不|暂不|暂时不|暂时没|想都别想|休想|别|别了|从没|从来没|不可能|不太|不大|不会|不再|没能|木有|没得|冇|冇呀|老样子|还是老样子|还是那样|还是一样|还是这样|还是不行|还是没有|还是没|依然没有|依旧没有|没人管|没人理|没人回|没人处理|没人联系|没人解决|没解决|没有解决|未解决|并没|并没有|并不|绝不|谢绝|达咩"
    "|没下文|没动静|没进展|毫无进展|没变化|afraid not|no reply|no response|solved nothing|fixed nothing|still broken|still not|still having|still have|still the same|still waiting|still stuck|still down|still no|still wrong|still failing|still happening|same problem|same issue|no change|nothing changed|nothing has changed|nothing happened|unresolved|unsolved|unfixed|not solved|noo|nooo|noooo|meiyou|mei you|meiyou jiejue|bushi|bu shi"
    "|nobody replied|nobody called|nobody contacted|nobody helped|nobody answered|nobody even|nobody ever|nobody has|no one replied|no one called|no one contacted|no one helped|no one answered|no one even|no one ever|no one has"
    "|nope|nah|i guess not|guess not|naw|nay|no thanks|no thank you|no thx|not really|not yet|never|not at all|no way|not now|not today|negative|not interested|i'd rather not|rather not|i'll pass|pass|hell no|by no means|not necessary|no need|absolutely not|certainly not|definitely not|of course not|not any more|not anymore|incorrect|false|wrong|n|no can do|not this time|i'm good|decline"
    "|👎|❌|🙅|🚫|✖|×|✗|✘",
    _Kind.NOT: "不|no|not|don't|dont|doesn't|doesnt|didn't|didnt|do not|does not|did not|haven't|havent|hasn't|hasnt|have not|has not|isn't|isnt|is not|wasn't|wasnt|aren't|won't|wont|will not|wouldn't|wouldnt|would not|can't|cant|cannot|can not|couldn't|could not|shouldn't|never|nothing|ain't|hadn't|am not|i'm not|hardly|没什么|并非|不是说|不见得|难说|谈不上|不能说|不得|没说|没有说|不至于",
    _Kind.CAN: "是|对|可以|行|能|会|要|需要|想|想要|方便|有空|有时间|有兴趣|感兴趣|有|收到|收到了|拿到|拿到了|用过|用了|去过|试过|开通了|开通过|完成了|办好了|弄好了|搞定了|搞定|搞掂|搞掂了|搞掂晒|得咗|解决啦|解决咯|解决喽|解决了哦|解决好了|解抉了|已解决|弄好咯|弄好啦|弄好|修好了|修好啦|正常了|恢复了|恢复正常|办好啦|好啦|激活了|绑定了|解决了|做了|买了|看过|看了|看到了|听过|听说过|知道|了解|记得|到了|到账了|已经|继续|考虑|得|有的|有过|本人|我本人|嗯|恩|没问题的|可|可以的|配合|来吧|好了"
    "|i do|i did|i have|i am|i was|i will|i would|i can|it is|it was|it did|it does|it has|they did|they have|he did|she did|we do|we did|we have|that is|it works|it worked|got it|received|received it|have received|i got it|already|done|works|fixed|interested|useful|want|want to|i want to|would like|i'd like|like to|i'd love|need|need it|possible|available|yes i do|continue|mm-hmm|mhm|uh-huh|uhuh|aye|okay then|do it|let's do it|proceed",
    _Kind.REFUSE: "反对|介意|有意见|有问题|mind|object|refuse|disagree|opposed|against it|say no|否认|拒绝的",
    _Kind.UNSURE: "不知道|不确定|不清楚|不晓得|不好说|不一定|说不准|说不定|看情况|也许|或许|再说|再看|再看看|再想想|考虑一下|考虑考虑|想想|考虑下|随便|无所谓|没想好|还没想好|没决定|还没决定|没考虑好|还没考虑好|难说|到时候|看吧|有时候|有时|偶尔|不记得|忘了|是不是|行不行|好不好|可不可以|能不能|有没有|要不要|对不对|会不会|算是|一半一半|说不好|说不清|讲不好|不好讲|难讲|半信半疑|没听懂|听不懂|什么意思|不明白|没明白|不太清楚|不太确定|没印象|记不清|不太懂"
    "|still not sure|still not certain|still no idea|still no clue|never had a problem|never had any problem|never had any problems|never had problems|never had an issue|never had any issues|never had issues|had no problem|had no problems|had no issues|maybe|perhaps|possibly|not sure|i'm not sure|unsure|don't know|dont know|do not know|no idea|idk|dunno|it depends|depends|can't remember|don't remember|sometimes|might|we'll see|let me think|think about it|not certain|either way|whatever|don't care|i guess so maybe|don't understand|yes and no|no clue|undecided|couldn't say|half and half",
    _Kind.NEUTRAL: "你好|您好|好像|好多|好几|好久|好用|好处|好友|好评|好奇|好看|刚好|只好|正好|最好|是否|对不起|对了|对于|对方|对账|行李|行号|银行|进行|流行|行业|要是|要不|要不然|重要|主要|只要|有点|有些|有人|有关|所有|可能|可是|可惜|会员|机会|不过|不错|不好意思|不但|不仅|不同|不如|不久|不管|不客气|不谢|成功|成本|完成|现成|中国|中午|其中|得到|觉得|想法|能力|功能|智能|没关系|没事|不错的|一直|一定要|特别|别的|别人|别扭|分别|区别|级别|性别|能用|不然|不止|不少|不只|不光|要求|需求|当中|可爱|没想到|未来|想知道|想问|想请问|请问|想咨询|要问|中心|手中|会话|可是|正确率|确定吗|是什么|是谁|怎么样|没错吧|有什么|有多少|还有|还要|拿到卡后|如果|万一"
    "|right now|right away|right after|right before|all right reserved|no one|no matter|no longer than|no doubt|know|not only|no later|number|the right|true story|fine print|ok google|never mind|nevermind|thanks|thank you|want to know|want to ask|like to know|like to ask|have a question|i have a question|need to know|need help|have to|if|i need help|need a|want a|i want a|i have an|i was wondering|wondering|i can't log in|mind you",
}
_LEXICON: Lexicon[_Kind] = Lexicon(
    {word: kind for kind in _Kind for word in words_of(_WORDS[kind])}
)
_CORRECTS = re.compile(
    r"不对|说错|打错|按错|手滑|更正|哦不|啊不|\b(?:wait|actually|i mean|i meant|oops|sorry|make that|on second thought)\b|改主意|还是"
)
# Mockery: 解决了个寂寞, "哪里解决了？" say that nothing was solved.
_MOCKS = re.compile(
    r"(?:了个|个)(?:寂寞|屁|锤子|鬼|毛线?(?!病)|球)|^\W*哪里?(?:有)?(?:解决|弄好|搞定|处理|好)了?|解决.{0,2}才怪"
)
# Neither yes nor no but both: that is asked about, never recorded as one of them.
_PARTLY = re.compile(
    r"(?<!全)部分|(?:了|解决|好|只)一半|一半[没还,]|有的.{1,10}有的|有些.{1,10}有些|好像.{1,8}又好像|似.{0,4}又.{0,4}没|是也不是"
    r"|(?:差不多|基本|大体).{0,8}(?:还[剩差]|但还|就差)|解决了?(?:一点|一些|几个)"
    r"|\b(?:partly|partially|in part|(?:sort|kind) of(?= *(?:$|[,.!;]|solved|fixed|resolved))|sorta|some of (?:it|them)|some (?:yes|no)\b"
    r"|more or less|half (?:of|solved|fixed|done|resolved)|half-(?:solved|fixed|done)|fifty.fifty|yes and no)\b|\b50 ?/ ?50\b"
)
_LONGEST_PARTLY = 80
_LONGEST_CLAUSE = 200
# English negations inside one clause that starts with a plain "no": "no I don't", "no, not yet".
_PLAIN_NO = frozenset(words_of("no|不|nope|nah|没"))


@dataclass(frozen=True, slots=True)
class _Vote:
    """What one clause answers. `whole` says that the clause says nothing else."""

    yes: bool
    span: Span
    whole: bool


@dataclass(frozen=True, slots=True)
class _Token:
    word: str
    kind: _Kind | None
    span: Span


def _tokens(reply: Reply, clause: Clause) -> list[_Token]:
    scanned = _LEXICON.scan(reply.text, clause.start, clause.end)
    return [_Token(word, kind, span) for word, kind, span in scanned]


def _is_filler(word: str) -> bool:
    return says_nothing(word)


def _head(tokens: list[_Token]) -> int | None:
    """The first word that answers, if only framing stands before it."""
    for index, token in enumerate(tokens):
        if token.kind in (_Kind.NEUTRAL, _Kind.UNSURE):
            if token.word in ("好像", "不好意思", "对不起", "可能", "觉得", "thanks", "thank you"):
                continue
            return None
        if token.kind is not None:
            return index
        if not _is_filler(token.word) and token.word not in _BEFORE_HEAD:
            return None
    return None


_BEFORE_HEAD = frozenset(
    words_of(
        "我|卡|钱|这|那|它|他|她|目|前|现|在|暂|时|从|来|到|还|已|经|刚|昨|天|今|早|一|个|次|都|也|真|其|实|当|然|基|本|上|全|部|完|根|压|丝|毫|肯|定|应|该|算|it|has|we|they|card|money|app|yet|still|sadly|unfortunately|regrettably|currently|now|have|that|but|he|she|at|this|moment|really|had|today|anything|s|m|问|题"
    )
)


def _answer(tokens: list[_Token], head: int) -> tuple[bool, int]:
    """Yes or no of the words from `head` on, and the index behind the last that took part."""
    first = tokens[head]
    if first.word in _PLAIN_NO and head + 1 < len(tokens):
        repeated = _repeated_no(tokens, head)
        if repeated:
            return False, repeated
    if first.kind is _Kind.YES:
        return True, head + 1
    yes = True
    index = head
    while index < len(tokens):
        kind = tokens[index].kind
        if kind in (_Kind.NOT, _Kind.NO):
            yes = not yes
        elif kind is _Kind.REFUSE:
            return not yes, index + 1
        elif kind in (_Kind.CAN, _Kind.YES):
            if index + 1 < len(tokens) and tokens[index + 1].word == "not":  # "I do not"
                index += 1
                continue
            while index + 1 < len(tokens) and tokens[index + 1].kind is _Kind.CAN:
                index += 1
            return yes, index + 1
        elif index - head > 4 or tokens[index].word not in _INSIDE:
            break
        index += 1
    return yes, index


def _repeated_no(tokens: list[_Token], head: int) -> int:
    """Behind a "no" that the next words only repeat ("no I don't", 不不不); 0 if they do not.

    An English "no" never turns round a negation that follows it; a Chinese 不 does unless it is
    said again."""
    first = tokens[head]
    if first.word[0] < "\u0080":
        for index in range(head + 1, min(head + 4, len(tokens))):
            if tokens[index].kind in (_Kind.NOT, _Kind.NO):
                return index + 1
        return head + 1
    following = tokens[head + 1]
    adjacent = following.span[0] == first.span[1]
    if following.word in _PLAIN_NO or (following.kind in (_Kind.NOT, _Kind.NO) and not adjacent):
        return head + 2
    return 0


# May stand between a negation and what it turns round.
_INSIDE = frozenset(
    words_of("i|have|any|a|the|我|很|太|那|么|真|有|什|么|任|何|really|been|you|it|all|that|at|re")
)


def _partly(reply: Reply) -> Span | None:
    """Where a short reply that asks nothing says "in part", None if it does not."""
    if len(reply.text) > _LONGEST_PARTLY or any(clause.asks for clause in reply.clauses):
        return None
    match = _PARTLY.search(reply.text)
    return match.span() if match else None


def _vote(reply: Reply, clause: Clause) -> _Vote | None:
    if clause.end - clause.start > _LONGEST_CLAUSE:
        clause = Clause(clause.start, clause.start + _LONGEST_CLAUSE, clause.asks)
    if mockery := _MOCKS.search(reply.text[clause.start : clause.end]):
        begin, end = clause.start + mockery.start(), clause.start + mockery.end()
        return _Vote(False, (begin, end), says_nothing(reply.text[end : clause.end]))
    tokens = _tokens(reply, clause)
    head = _head(tokens)
    if head is None or any(token.kind is _Kind.UNSURE for token in tokens):
        return None
    answer = _answer(tokens, head)
    yes, stop = answer
    begin = tokens[head].span[0]
    end = tokens[stop - 1].span[1]
    whole = says_nothing(reply.text[end : clause.end])
    if clause.asks and not (whole and tokens[head].kind in (_Kind.YES, _Kind.NO)):
        return None
    if not whole and _too_slight(tokens, head, reply.text[end : end + 1]):
        return None
    return _Vote(yes, (begin, end), whole)


def _too_slight(tokens: list[_Token], head: int, following: str) -> bool:
    """Whether the word that answers also begins other sentences ("我要投诉", "I have a question")."""
    first = tokens[head]
    if first.word in _ONLY_ALONE:
        return True
    return first.kind is _Kind.YES and len(first.word) == 1 and "\u4e00" <= following <= "\u9fff"


_ONLY_ALONE = frozenset(
    words_of(
        "是|对|行|能|会|要|想|想要|需要|有|得|可|继续|考虑|了解|知道|一定|肯定|确定|确认|正确|支持|接受|有的|到了|已经|记得|随时|尽管|好了"
        "|fixed|sorted|i do|i am|i was|i have|i can|i will|i would|i did|it is|it was|it has|want|want to|i want to|need|need it|would like|i'd like|i'd love|like to|continue|done|already|available|possible|useful|true|right|we have|we do|they have|pass|wrong|false|incorrect"
    )
)


def _unsure(reply: Reply) -> bool:
    return any(
        token.kind is _Kind.UNSURE
        for clause in reply.clauses[:8]
        if clause.end - clause.start <= _LONGEST_CLAUSE
        for token in _tokens(reply, clause)
    )


def _votes(reply: Reply) -> list[_Vote]:
    """The answers of the reply. After the first, only clauses that say nothing else count."""
    votes: list[_Vote] = []
    for number, clause in enumerate(reply.clauses[:60]):
        vote = _vote(reply, clause)
        if vote is None:
            continue
        if votes:
            between = reply.text[votes[-1].span[1] : vote.span[0]]
            if len(between) < 40 and _CORRECTS.search(between):
                votes.clear()
            elif not vote.whole:
                continue
        elif number and not vote.whole and not _only_talk(reply, number):
            continue
        votes.append(vote)
    return votes


def _only_talk(reply: Reply, number: int) -> bool:
    return all(says_nothing(reply.text[c.start : c.end]) for c in reply.clauses[:number])


def read_yes_no(text: str, context: ReadContext) -> Reading[bool]:
    """Read whether the reply affirms (True) or denies (False); doubt and questions are neither.

    Both answers in one reply without a correction are candidates.
    """
    reply = parse(text)
    if partly := _partly(reply):
        rest = rest_of(reply, [partly])
        return decided([True, False], evidence=reply.original(*partly), rest=rest)
    votes = _votes(reply)
    if not votes or (_unsure(reply) and not votes[0].whole):
        return Reading()
    spans = [vote.span for vote in votes]
    evidence = " … ".join(dict.fromkeys(reply.original(*span) for span in spans[:8]))
    return decided([vote.yes for vote in votes], evidence=evidence, rest=rest_of(reply, spans))

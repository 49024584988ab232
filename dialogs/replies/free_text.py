"""Reads an answer in the person's own words: everything counts but passing over the question."""

from __future__ import annotations

import re

from channels.text import clean
from dialogs.replies.base import Problem, ReadContext, Reading
from dialogs.replies.wording import Clause, Reply, parse, says_nothing, words_of

# Whole clauses, bare of what stands around them (see `_bare`).
_SKIPS = frozenset(
    words_of(
        "跳过|略过|略|没了|没|没想法|没意见|没建议|暂无|暂时无|无|冇|木有|免了|不用|不必|不了|不想说|不说|不想回答|不回答|不想填|不填|不写|下一个|下一题|下一步|算了|无可奉告|过|不知道|不清楚|不晓得|不好说|说不上来|说不好|想不出|想不出来|想不到|想不起来|一时想不起来|没想好|没想过|不知道说什么|不知道说啥|随便|好了|就这些|就这样|完了|说完了|选完了|选好了"
        "|skip|skip it|skip this|skip this one|skip that|pass|i'll pass|i'll skip|next|next question|next one|next please|none|nope|no|nah|nothing|not really|no comment|no comments|no feedback|no suggestions|no ideas|no opinion|no remarks|no thanks|no thank you|n/a|na|nil|null|that's all|thats all|that's it|thats it|that is all|prefer not to say|rather not say|i'd rather not say|rather not|i'd rather not|move on|idk|dunno|no idea|no clue|not sure|don't know|dont know|do not know|can't think of any|can't think of anything|cannot think of anything|nothing comes to mind|don't have any|don't have anything|never mind|nevermind|nvm|whatever|done|i'm done|finished|i'm finished"
    )
)
_SKIPS_ZH = re.compile(
    r"(?:没有?|无|沒)(?:什么|啥|任何|别的|其他|其它|特别|更多){0,2}(?:可以?|好|想|要|需要){0,2}"
    r"(?:说|讲|提|补充|反馈|评价|建议|意见|想法|回答|填)?"
)
_SKIPS_EN = re.compile(
    r"(?:no|none|nothing|nope|not|don't have anything|have nothing|got nothing)"
    r"(?: (?:else|more|really|special|in particular|particularly|specific|much|at all|at the moment|for now|right now|at this time|to add|to say"
    r"|to report|to mention|to share|to suggest|that i can think of|i can think of|comes to mind|from me|from my side|worth mentioning)){1,3}"
)
# What opens or acknowledges and tells nothing: no answer and no passing over.
_EMPTY_TALK = frozenset(
    words_of(
        "嗯|嗯嗯|恩|哦|噢|喔|额|呃|啊|哈|哈哈|哈哈哈|喂|在|在吗|在不在|有人吗|有人在吗|你好|您好|你好啊|hi|hello|hey|hello there|hi there|ok|okay|k|kk|hm|hmm|um|uh|oh|ah|lol|haha"
        "|好|好的|行|收到|知道了|明白|好滴|早上好|下午好|晚上好|good morning|good afternoon|good evening|anyone there|is anyone there|anybody there|are you there|got it|i see"
    )
)
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_BEFORE = re.compile(
    r"^(?:我|我们|暂时|目前|现在|真的|真|也|好像|应该|其实|倒|请|那就|那|就|i have (?=no)|i've (?=no)|i |we |please |sorry |well |um |uh |just |let's |can i |actually |honestly |there's |there is )"
)
_AFTER = re.compile(
    r"(?:吧|了|哦|啊|呢|的|哈|呀|啦|嘛|谢谢|多谢|感谢| thanks| please| thank you| pls| thx| yet| sorry| tbh| really)$"
)
_MOST_EDGES = 4
_LONGEST_SKIP = 80
_LONGEST_QUESTION = 200  # characters; more is a story
_ASKS_EN = re.compile(
    r"^\W*(?:what|when|where|who|which|how|can|could|do|does|is|are|will|would|may|should)\b"
)
# A question that is a complaint at heart: it wants no answer and is one.
_REPROACH = re.compile(
    r"为什么|为啥|为何|凭什么|怎么(?:那么|这么|还|又|老|总|会|搞|回事)|什么(?:破|烂|鬼|垃圾)|能不能(?:快|别|少|简|改)|就不能|难道"
    r"|\bwhy\b|\bhow come\b|\bwhat the\b|\bseriously\b|\breally\?|\bcan(?:'t| not|not) you\b|\bcould(?:n't| not) you\b"
)
# A wish or an opinion is an answer, also where it is said as a question.
_OPINION = re.compile(
    r"我觉得|我认为|我希望|希望|建议|最好|\bi (?:think|wish|hope|suggest)\b|^\W*what (?:i|we) |would be (?:nice|good|great)"
)
_OPENS = re.compile(r"^[\s,，。.!！;；、~-]+")


def _passes(part: str) -> bool:
    """Whether a clause passes over the question, with or without particles and politeness."""
    for _ in range(_MOST_EDGES):
        part = _EDGES.sub("", part)
        if part in _SKIPS or _SKIPS_ZH.fullmatch(part) or _SKIPS_EN.fullmatch(part):
            return True
        shorter = _AFTER.sub("", part)
        if shorter == part:
            shorter = _BEFORE.sub("", part)
        if shorter == part:
            return False
        part = shorter
    return False


def _skips(reply: Reply) -> bool:
    """Whether each clause either passes or says nothing, and one at least passes."""
    if len(reply.text) > _LONGEST_SKIP:
        return False
    if _passes(reply.text):
        return True
    parts = [reply.text[clause.start : clause.end] for clause in reply.clauses]
    passing = [_passes(part) for part in parts]
    spoken = zip(parts, passing, strict=True)
    return any(passing) and all(passed or says_nothing(part) for part, passed in spoken)


def _says_nothing(reply: Reply) -> bool:
    if len(reply.text) > _LONGEST_SKIP:
        return False
    parts = [_EDGES.sub("", reply.text[clause.start : clause.end]) for clause in reply.clauses]
    return all(not part or part in _EMPTY_TALK for part in parts) and any(parts)


def _question_start(reply: Reply) -> int | None:
    """Where the plain question begins with which the reply ends; None if it ends otherwise.

    Clauses before it that only open it ("请问", "hello") belong to it.
    """
    last = reply.clauses[-1]
    if not _is_question(reply, last) or last.end - last.start > _LONGEST_QUESTION:
        return None
    at = len(reply.clauses) - 1
    while at and _belongs(reply, reply.clauses[at - 1]):
        at -= 1
    return reply.clauses[at].start


def _belongs(reply: Reply, clause: Clause) -> bool:
    if clause.end - clause.start > _LONGEST_QUESTION:
        return False
    part = _EDGES.sub("", reply.text[clause.start : clause.end])
    return _is_question(reply, clause) or part in _EMPTY_TALK or says_nothing(part)


def _is_question(reply: Reply, clause: Clause) -> bool:
    part = reply.text[clause.start : clause.end]
    if not clause.asks or _REPROACH.search(part) or _OPINION.search(part):
        return False
    marked = "?" in reply.text[clause.end : clause.end + 3]
    english = not any("\u4e00" <= char <= "\u9fff" for char in part[:_LONGEST_QUESTION])
    return marked or not english or bool(_ASKS_EN.match(part))


def read_free_text(text: str, context: ReadContext) -> Reading[str]:
    """The reply as it was typed, without invisible characters and blanks around it.

    A plain question at its end is the rest; a reply that only asks or greets is nothing, a reproach
    in the form of a question an answer. Problem: SKIPPED where the person passes over the question;
    nothing for a reply without content.
    """
    answer = clean(text)
    reply = parse(answer)
    if _skips(reply) or answer in ("-", "--", ".", "/", "。", "…", "...", "x", "X"):
        return Reading(problem=Problem.SKIPPED, evidence=answer)
    if not any(
        char.isalnum() or (ord(char) > 0x2190 and not char.isspace()) for char in reply.text
    ):
        return Reading()
    if all(char in "。、・…" for char in reply.text) or _says_nothing(reply):
        return Reading()
    start = _question_start(reply)
    if start is None:
        return Reading(value=answer, evidence=answer)
    said = _OPENS.sub("", reply.original(0, start)).rstrip(" ,，.。;；!！")
    if not said:
        return Reading(rest=answer)
    return Reading(value=said, evidence=said, rest=reply.original(start, len(reply.text)))

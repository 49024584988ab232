"""Reads an answer in the person's own words: everything counts but passing over the question."""

from __future__ import annotations

import re

from channels.text import clean
from dialogs.replies.base import Problem, ReadContext, Reading
from dialogs.replies.wording import Reply, parse, says_nothing, words_of

_SKIPS = frozenset(
    words_of(
        "跳过|略过|略|没有|没有了|没了|没|没啥|没什么|没有什么|没有别的|没有其他|没别的|没其他的|没什么了|没什么好说的|没什么要说的|没什么可说的|没啥好说|没啥说的|没想法|没意见|没有意见|没建议|没有建议|暂无|暂时没有|目前没有|无|不用|不用了|不了|不想说|不说|不想回答|不填|不填了|下一个|下一题|算了|没有补充|无可奉告|过"
        "|skip|skip it|skip this|skip this one|pass|i'll pass|next|next question|none|nope|no|nah|nothing|nothing else|nothing more|nothing to add|nothing really|not really|no comment|no comments|no feedback|no suggestions|no thanks|no thank you|n/a|na|nil|null|that's all|thats all|that's it|thats it|all good|nothing comes to mind|nothing special|i have nothing|i have nothing to add|i don't have any|don't have any|prefer not to say|rather not say|i'd rather not say|move on"
    )
)
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def _skips(reply: Reply) -> bool:
    """Whether each clause either passes or says nothing, and one at least passes."""
    if len(reply.text) > 80:
        return False
    passed = False
    bare = _bare(reply.text)
    if bare in _SKIPS:
        return True
    for clause in reply.clauses:
        part = _bare(reply.text[clause.start : clause.end])
        if part in _SKIPS:
            passed = True
        elif not says_nothing(part):
            return False
    return passed


def _bare(text: str) -> str:
    text = _EDGES.sub("", text)
    for start in (
        "我",
        "暂时",
        "目前",
        "i have ",
        "i've ",
        "please ",
        "sorry ",
        "well ",
        "请",
        "那就",
    ):
        text = text.removeprefix(start)
    for end in ("吧", "了", "哦", "啊", "呢", "的", "谢谢", " thanks", " please", " thank you"):
        text = text.removesuffix(end)
    return _EDGES.sub("", text)


def read_free_text(text: str, context: ReadContext) -> Reading[str]:
    """The reply as it was typed, without invisible characters and blanks around it.

    Problem: SKIPPED where the person passes over the question; nothing for a reply without content.
    """
    answer = clean(text)
    reply = parse(answer)
    if _skips(reply) or answer in ("-", "--", ".", "/", "。", "…", "...", "x", "X"):
        return Reading(problem=Problem.SKIPPED, evidence=answer)
    if not any(
        char.isalnum() or (ord(char) > 0x2190 and not char.isspace()) for char in reply.text
    ):
        return Reading()
    if all(char in "。、・…" for char in reply.text):
        return Reading()
    return Reading(value=answer, evidence=answer)

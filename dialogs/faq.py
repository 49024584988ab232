"""Questions beside the script: answered from the knowledge base, or a person is offered."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from dialogs.asides import looks_like_question, text_locale
from dialogs.context import FaqArticle, FaqDecision, FaqResult, Mode
from dialogs.effects import Abstained, Answered, Clarified, Helped
from dialogs.script import HandoffReason
from dialogs.state import Asked, AskedKind
from dialogs.turn import Turn, ask_again
from dialogs.walk import hand_off

REPEAT_WITHIN = timedelta(minutes=10)  # the same article again: a person is offered instead
NEAR_ENOUGH = 0.2  # the score from which words that are no question may still mean an article
LONGEST_WHY = 60  # characters; more is another question
_WHY = re.compile(
    r"^\W*(?:为什么|為什麼|为啥|为何|干嘛|幹嘛|凭什么|what for|why|how come)\W*$"
    r"|(?:为什么|為什麼|为啥|为何|干嘛|幹嘛|凭什么|凭啥).{0,6}(?:要|问|問|需要|提供|告诉|告訴|给|填|核对|核實|验证|知道)"
    r"|(?:问|問|要|知道)(?:这|這)个?(?:干嘛|幹嘛|做什么|做什麼|有什么用|干什么|干啥)"
    r"|\b(?:why|what for|how come)\b.{0,20}\b(?:ask|asking|need|want|know|tell|give|share|answer|necessary|required|that|this)\b",
    re.IGNORECASE,
)


def find(turn: Turn, text: str) -> FaqResult:
    """The knowledge base's decision, in the language of the text; where that has nothing, a sure
    answer in the language of the conversation, which the person reads too."""
    faq, locale, own = turn.context.faq, text_locale(text, turn.state.locale), turn.state.locale
    found = faq.find(text, locale)
    if locale == own or found.decision is not FaqDecision.ABSTAIN:
        return found
    there = faq.find(text, own)
    return there if there.decision is FaqDecision.ANSWER else found


def answer_question(turn: Turn, text: str) -> bool:
    """Answer from the knowledge base and return to the pending question; False if it is no
    question for the knowledge base, or a person who knows more is awaited."""
    if answer_known(turn, text):
        return True
    if not looks_like_question(text) or turn.context.mode is not Mode.BOT:
        return False
    turn.effect(Abstained(text))
    offer_person(turn, "abstain", HandoffReason.KB_MISS)
    return_to_question(turn)
    return True


def answer_known(turn: Turn, text: str) -> bool:
    """Answer from the knowledge base, or ask which article is meant; False if it has nothing."""
    found = find(turn, text)
    match found.decision:
        case FaqDecision.ANSWER if found.articles:
            asked = found.questions or (text,)
            for article, question in zip(found.articles, asked, strict=True):
                give_article(turn, article, question, found.others)
        case FaqDecision.CLARIFY if _worth_asking(found.articles, text):
            _clarify(turn, found.articles, text)
        case _:
            return False
    return_to_question(turn)
    return True


def _worth_asking(articles: tuple[FaqArticle, ...], text: str) -> bool:
    """Whether "which one do you mean?" makes sense: nobody who says hello means an article."""
    return bool(articles) and (looks_like_question(text) or articles[0].score >= NEAR_ENOUGH)


def explain_why(turn: Turn, text: str) -> bool:
    """Say why the pending question is asked; False if that was not the question."""
    why = turn.step.why
    if why is None or not asks_why(turn, text):
        return False
    turn.say(turn.text(why))
    return_to_question(turn)
    return True


def asks_why(turn: Turn, text: str) -> bool:
    """Whether a text asks why the pending question is asked, and the script says why."""
    short = len(text) <= LONGEST_WHY
    return turn.step.why is not None and short and _WHY.search(text) is not None


def return_to_question(turn: Turn) -> None:
    """After an aside: the pending question follows again, unless somebody else speaks."""
    if turn.context.mode is Mode.BOT and turn.waits:
        ask_again(turn, before=turn.phrase("back_to_question"))


def give_article(
    turn: Turn, article: FaqArticle, question: str, others: Sequence[FaqArticle] = ()
) -> None:
    """Send an article verbatim with "did this help?". What was sent minutes ago is not sent again:
    it says so, and offers the `others` and a person."""
    others = [item for item in others if not _just_given(turn, item.id)]
    if _just_given(turn, article.id):
        _offer_instead(turn, "answered_before", HandoffReason.ASKED_HUMAN, question, others)
        return
    state = turn.state
    state.articles[article.id] = turn.context.now.isoformat()
    turn.effect(Answered(question, article.id, article.version, article.score))
    data = {"article": article.id, "question": question, "others": [item.id for item in others]}
    asked = Asked(AskedKind.HELPFUL, state.step, [True, False], data)
    labels = [turn.phrase("helpful_yes"), turn.phrase("helpful_no")]
    text = f"{article.text}\n\n{turn.phrase('helpful_ask')}"
    turn.offer(text, asked, labels)
    turn.messages[-1] = replace(turn.messages[-1], preview=article.video)


def _just_given(turn: Turn, article: str) -> bool:
    at = turn.state.articles.get(article)
    return at is not None and turn.context.now - datetime.fromisoformat(at) < REPEAT_WITHIN


def take_helpful(turn: Turn, asked: Asked, *, helpful: bool) -> None:
    """Whether an answer helped; where not, what else it may be is offered, and a person."""
    turn.effect(Helped(asked.data["article"], helpful))
    if turn.context.mode is Mode.HUMAN:
        return
    if helpful:
        turn.tell("helped")
        return
    question = asked.data.get("question", "")
    known = (_article(turn, name, question) for name in asked.data.get("others", ()))
    others = [item for item in known if item is not None and not _just_given(turn, item.id)]
    _offer_instead(turn, "not_helped", HandoffReason.KB_MISS, question, others)


def take_clarified(turn: Turn, asked: Asked, index: int) -> None:
    """Send the article that was meant. None stands for none of them, True and False for a person."""
    value, question = asked.values[index], asked.data["question"]
    article = _article(turn, value, question) if isinstance(value, str) else None
    if article is not None:
        give_article(turn, replace(article, score=asked.data["scores"][index]), question)
    elif value is True and turn.context.mode is Mode.BOT:
        hand_off(turn, HandoffReason(asked.data["reason"]))
        return
    elif value is False:
        ask_again(turn) if turn.waits else turn.tell("nothing_pending")
        return
    else:
        turn.effect(Abstained(question))
        offer_person(turn, "abstain", HandoffReason.KB_MISS)
    return_to_question(turn)


def _article(turn: Turn, article_id: str, question: str) -> FaqArticle | None:
    """An article in the language of its question, else in that of the conversation."""
    locale, faq = turn.state.locale, turn.context.faq
    found = faq.article(article_id, text_locale(question, locale))
    return found or faq.article(article_id, locale)


def offer_person(turn: Turn, key: str, reason: HandoffReason) -> None:
    """Offer to hand over; where a person is awaited already, only say it."""
    if turn.context.mode is not Mode.BOT:
        turn.tell(key)
        return
    asked = Asked(AskedKind.PERSON, turn.state.step, [True, False], {"reason": str(reason)})
    labels = [turn.phrase("person_yes"), turn.phrase("person_no")]
    turn.offer(turn.phrase(key), asked, labels)


def _offer_instead(
    turn: Turn, key: str, reason: HandoffReason, question: str, others: Sequence[FaqArticle]
) -> None:
    """Offer other articles and a person; the phrase that names both ends in `_or`."""
    if not others or turn.context.mode is not Mode.BOT:
        offer_person(turn, key, reason)
        return
    data = {
        "question": question,
        "scores": [article.score for article in others],
        "reason": str(reason),
    }
    values = [*(article.id for article in others), True, False]
    asked = Asked(AskedKind.CLARIFY, turn.state.step, values, data)
    choices = [turn.phrase("person_yes"), turn.phrase("person_no")]
    turn.offer(turn.phrase(f"{key}_or"), asked, [*(a.title for a in others), *choices])


def _clarify(turn: Turn, articles: Sequence[FaqArticle], text: str) -> None:
    turn.effect(Clarified(text, tuple(article.id for article in articles)))
    asked = Asked(
        AskedKind.CLARIFY,
        turn.state.step,
        [*(article.id for article in articles), None],
        {"question": text, "scores": [article.score for article in articles]},
    )
    labels = [*(article.title for article in articles), turn.phrase("clarify_none")]
    turn.offer(turn.phrase("clarify"), asked, labels)

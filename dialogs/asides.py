"""What a person may say besides the answer: wishes, trouble, questions to the knowledge base."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from dialogs.context import FaqArticle, FaqDecision, Mode
from dialogs.effects import (
    Abstained,
    Answered,
    Clarified,
    LocaleChanged,
    OptIn,
    OptOut,
    Schedule,
)
from dialogs.events import TimerKind
from dialogs.intents import CorrectDetails, Detected, Intent, LanguageDetails, LaterDetails
from dialogs.replies.date import read_date
from dialogs.script import HandoffReason
from dialogs.state import Asked, AskedKind, FollowupOutcome, Status
from dialogs.texts import phrase_locales, say_moment
from dialogs.turn import Turn, ask_again, read_context
from dialogs.walk import finish, hand_off

REPEAT_WITHIN = timedelta(minutes=5)  # the same article again: offer a person instead
EVENING, NOON = time(19), time(12)
STRONG = {
    Intent.DISTRESS: HandoffReason.DISTRESS,
    Intent.FRAUD: HandoffReason.FRAUD_REPORT,
    Intent.HUMAN: HandoffReason.ASKED_HUMAN,
    Intent.COMPLAINT: HandoffReason.COMPLAINT,
}
_QUESTION = re.compile(
    r"[?？]|吗|呢[。!！]?$|么[。!！]?$|怎么|怎樣|怎么样|如何|为什么|為什麼|为啥|什么|什麼|多少|多久|几天|哪里|哪裡|哪儿|哪个|"
    r"能不能|可不可以|可以.{0,12}吗|是不是|有没有|会不会|啥|咋"
    r"|\b(how|what|when|where|why|which|who|can|could|do|does|did|is|are|will|would|should|may)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[。！!；;\n]+|[.?？](?=\s|$|[\u4e00-\u9fff])")
_PLAIN_QUESTION = re.compile(
    r"[?？]\s*$|[吗嗎呢][。!！]?$|^(?:请问|請問|怎么|怎樣|如何|为什么|為什麼|什么时候|什麼時候|多久|哪里|哪裡)"
    r"|^(?:how (?:do|does|can|much|many|long|often|high|about)|what(?:'s| is| are| about)|when|where|who|can (?:i|you|we)|could you|do (?:i|you)|does|is there|are there|will (?:i|you|it|there))\b",
    re.IGNORECASE,
)
LONGEST_QUESTION = 200  # characters; more is a story
_WHY = re.compile(
    r"^\W*(?:为什么|為什麼|为啥|为何|干嘛|幹嘛|凭什么|what for|why|how come)\W*$"
    r"|(?:为什么|為什麼|为啥|为何|干嘛|幹嘛|凭什么|凭啥).{0,6}(?:要|问|問|需要|提供|告诉|告訴|给|填|核对|核實|验证|知道)"
    r"|(?:问|問|要|知道)(?:这|這)个?(?:干嘛|幹嘛|做什么|做什麼|有什么用|干什么|干啥)"
    r"|\b(?:why|what for|how come)\b.{0,20}\b(?:ask|asking|need|want|know|tell|give|share|answer|necessary|required|that|this)\b",
    re.IGNORECASE,
)
RULE = 0.82  # the score of a wish from which a rule saw it, and not the detector's model
LONGEST_WHY = 60  # characters; more is another question
_OUTRIGHT = re.compile(
    r"投诉|投訴|投拆|举报|曝光|律师|起诉|赔偿|垃圾|骗|气死|气愤|愤怒|忍无可忍|受够|欺负|太过分|[!！?？]{2}"
    r"|compl|grievance|lawyer|sue|compensat|furious|angry|outrage|disgust|unacceptable|ridiculous|scam|worst|fed up|sick of",
    re.IGNORECASE,
)
_HAN = re.compile(r"[㐀-鿿]")
_LATIN = re.compile(r"[A-Za-z]{2,}")


def looks_like_question(text: str) -> bool:
    """A rough test, only to decide whether silence of the knowledge base deserves a word."""
    return _QUESTION.search(text) is not None


def split_question(text: str) -> tuple[str, str]:
    """What is said in a text, and the plain question at its end; "" for what is not there."""
    text = text.strip()
    cuts = [match.end() for match in _SENTENCE_END.finditer(text) if match.end() < len(text)]
    last = cuts[-1] if cuts else 0
    question = text[last:].strip()
    if len(question) > LONGEST_QUESTION or _PLAIN_QUESTION.search(question) is None:
        return text, ""
    before = text[:last].strip()
    if _PLAIN_QUESTION.search(before):
        return ("", text) if len(text) <= LONGEST_QUESTION else (text, "")
    return before, question


def text_locale(text: str, locale: str) -> str:
    """The locale in which to search: that of the text's script where it is plain, else `locale`."""
    if _HAN.search(text):
        return "zh"
    return "en" if _LATIN.search(text) and locale == "zh" else locale


def worth_a_guess(text: str) -> bool:
    """Whether a text says enough for the detector's model; rules see their words in any."""
    return len(_HAN.findall(text)) >= 6 or len(_LATIN.findall(text)) >= 3


def is_criticism(found: Detected) -> bool:
    """A complaint that is neither lodged nor angry: "the review took too long"."""
    return found.intent is Intent.COMPLAINT and _OUTRIGHT.search(found.evidence) is None


def hand_off_if_strong(turn: Turn, intents: tuple[Detected, ...]) -> bool:
    """Trouble and the wish for a person win over everything else that was said."""
    for intent, reason in STRONG.items():
        if any(found.intent is intent for found in intents):
            hand_off(turn, reason)
            return True
    return False


def take_intent(turn: Turn, intents: tuple[Detected, ...], text: str) -> bool:
    """Do what the person wishes; False if nothing of it is known here."""
    from dialogs.corrections import correct_by_words

    if hand_off_if_strong(turn, intents):
        return True
    for found in intents:
        match found.intent, found.details:
            case Intent.LANGUAGE, LanguageDetails(target=locale):
                change_language(turn, locale)
            case Intent.LATER, LaterDetails(when=when):
                later(turn, when)
            case Intent.LATER, _:
                later(turn, "")
            case Intent.REPEAT, _:
                repeat(turn)
            case Intent.HELP, _:
                turn.tell("help")
                ask_again(turn)
            case Intent.CORRECT, CorrectDetails(target=target, value=value):
                correct_by_words(turn, target, value, text)
            case _:
                continue
        return True
    return False


def repeat(turn: Turn) -> None:
    if turn.waits:
        ask_again(turn, progress=True)
    else:
        turn.tell("nothing_pending")


def change_language(turn: Turn, locale: str) -> None:
    """Go on in another language, with the pending question asked again in it."""
    possible = [name for name in turn.script.locales if name in phrase_locales()]
    if locale not in possible:
        turn.tell("language_unknown", languages=", ".join(possible))
    elif locale == turn.state.locale:
        turn.tell("language_same")
    else:
        turn.state.locale = locale
        turn.effect(LocaleChanged(locale))
        turn.tell("language_changed")
    ask_again(turn, progress=True)


def later(turn: Turn, when: str) -> None:
    """Come back when it suits: at the moment the person named, else ask for one."""
    if turn.state.status is Status.ENDED or not turn.waits:
        turn.tell("nothing_pending")
        return
    if when:
        moment = read_date(when, read_context(turn)).value
        if moment is not None:
            clock = moment.time or NOON
            at = datetime.combine(moment.date, clock, turn.context.now.tzinfo)
            if at > turn.context.now:
                come_back(turn, at)
                return
    labels = [turn.phrase(key) for key in ("later_hour", "later_evening", "later_tomorrow")]
    asked = Asked(AskedKind.LATER, turn.state.step, ["hour", "evening", "tomorrow"])
    turn.offer(turn.phrase("later_when"), asked, labels)


def later_moment(turn: Turn, choice: str) -> datetime:
    """The moment of a tapped choice, aware, in the person's zone."""
    now = turn.context.now
    if choice == "hour":
        return now + timedelta(hours=1)
    clock = EVENING if choice == "evening" else NOON
    at = datetime.combine(now.date(), clock, now.tzinfo)
    if choice == "tomorrow" or at <= now:
        at = datetime.combine(now.date() + timedelta(days=1), clock, now.tzinfo)
    return at


def resume(turn: Turn) -> None:
    """The person is back before the moment agreed on."""
    if turn.state.status is Status.PAUSED:
        turn.state.status = Status.RUNNING


def come_back(turn: Turn, at: datetime) -> None:
    turn.state.status = Status.PAUSED
    turn.effect(Schedule(TimerKind.RESUME, turn.state.pending, at=at))
    turn.tell("later_set", when=say_moment(at, turn.context.now, turn.state.locale))


def ask_stop(turn: Turn) -> None:
    """A word that may mean more than one thing: ask once."""
    asked = Asked(AskedKind.STOP, turn.state.step, [True, False])
    labels = [turn.phrase("stop_yes"), turn.phrase("stop_no")]
    turn.offer(turn.phrase("stop_sure"), asked, labels)


def stop(turn: Turn, *, silently: bool = False) -> None:
    """Opt out: nothing more is sent but this one confirmation."""
    if turn.state.opted_out:
        return
    turn.state.opted_out = True
    turn.effect(OptOut())
    if not silently:
        turn.tell("stopped")
    finish(turn, FollowupOutcome.OPTED_OUT)


def offer_start(turn: Turn) -> None:
    asked = Asked(AskedKind.START, "", [True])
    turn.offer(turn.phrase("start_offer"), asked, [turn.phrase("start_yes")])


def start_again(turn: Turn) -> None:
    """The person switched messages on again. The ended follow-up stays ended."""
    if turn.state.opted_out:
        turn.state.opted_out = False
        turn.effect(OptIn())
    turn.tell("started")
    turn.tell("nothing_pending")


def answer_question(turn: Turn, text: str) -> bool:
    """Answer from the knowledge base and return to the pending question; False if it is no
    question for the knowledge base, or a person who knows more is awaited."""
    decision = turn.context.faq.find(text, text_locale(text, turn.state.locale))
    match decision.decision:
        case FaqDecision.ANSWER if decision.articles:
            give_article(turn, decision.articles[0], text)
        case FaqDecision.CLARIFY if decision.articles:
            _clarify(turn, decision.articles, text)
        case _ if looks_like_question(text) and turn.context.mode is Mode.BOT:
            turn.effect(Abstained(text))
            offer_person(turn, "abstain", HandoffReason.KB_MISS)
        case _:
            return False
    return_to_question(turn)
    return True


def explain_why(turn: Turn, text: str) -> bool:
    """Say why the pending question is asked; False if that was not the question."""
    why = turn.step.why
    if why is None or len(text) > LONGEST_WHY or _WHY.search(text) is None:
        return False
    turn.say(turn.text(why))
    return_to_question(turn)
    return True


def return_to_question(turn: Turn) -> None:
    """After an aside: the pending question follows again, unless somebody else speaks."""
    if turn.context.mode is Mode.BOT and turn.waits:
        ask_again(turn, before=turn.phrase("back_to_question"))


def give_article(turn: Turn, article: FaqArticle, question: str) -> None:
    """Send an article verbatim with "did this help?"; the second time in a row offer a person."""
    state, now = turn.state, turn.context.now
    before = state.articles.get(article.id)
    state.articles[article.id] = now.isoformat()
    if before is not None and now - datetime.fromisoformat(before) < REPEAT_WITHIN:
        offer_person(turn, "answered_before", HandoffReason.ASKED_HUMAN)
        return
    turn.effect(Answered(question, article.id, article.version, article.score))
    asked = Asked(AskedKind.HELPFUL, state.step, [True, False], {"article": article.id})
    labels = [turn.phrase("helpful_yes"), turn.phrase("helpful_no")]
    text = f"{article.text}\n\n{turn.phrase('helpful_ask')}"
    turn.offer(text, asked, labels)


def offer_person(turn: Turn, key: str, reason: HandoffReason) -> None:
    """Offer to hand over; where a person is awaited already, only say it."""
    if turn.context.mode is not Mode.BOT:
        turn.tell(key)
        return
    asked = Asked(AskedKind.PERSON, turn.state.step, [True, False], {"reason": str(reason)})
    labels = [turn.phrase("person_yes"), turn.phrase("person_no")]
    turn.offer(turn.phrase(key), asked, labels)


def _clarify(turn: Turn, articles: tuple[FaqArticle, ...], text: str) -> None:
    turn.effect(Clarified(text, tuple(article.id for article in articles)))
    asked = Asked(
        AskedKind.CLARIFY,
        turn.state.step,
        [*(article.id for article in articles), None],
        {"question": text, "scores": [article.score for article in articles]},
    )
    labels = [*(article.title for article in articles), turn.phrase("clarify_none")]
    turn.offer(turn.phrase("clarify"), asked, labels)

"""What a person may say besides the answer: wishes and trouble."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from dialogs.context import Mode
from dialogs.effects import LocaleChanged, OptIn, OptOut, Schedule
from dialogs.events import TimerKind
from dialogs.intents import CorrectDetails, Detected, Intent, LanguageDetails, LaterDetails
from dialogs.local_time import later_by, moments_at, next_at
from dialogs.replies.date import read_date
from dialogs.script import HandoffReason
from dialogs.state import Asked, AskedKind, FollowupOutcome, Status
from dialogs.texts import phrase, phrase_locales, say_moment
from dialogs.traditional import is_traditional_locale
from dialogs.turn import Turn, ask_again, read_context
from dialogs.walk import finish, hand_off

EVENING, NOON = time(19), time(12)
PARTS_OF_DAY = (
    (re.compile(r"晚|夜|\b(?:evening|tonight|night)\b", re.IGNORECASE), EVENING),
    (re.compile(r"下午|\bafternoon\b", re.IGNORECASE), time(15)),
    (re.compile(r"早|上午|\bmorning\b", re.IGNORECASE), time(9, 30)),
)
STRONG = {
    Intent.DISTRESS: HandoffReason.DISTRESS,
    Intent.FRAUD: HandoffReason.FRAUD_REPORT,
    Intent.HUMAN: HandoffReason.ASKED_HUMAN,
    Intent.COMPLAINT: HandoffReason.COMPLAINT,
}
_QUESTION = re.compile(
    r"[?？]|吗|呢[。!！]?$|么[。!！]?$|怎么|怎樣|怎么样|如何|为什么|為什麼|为啥|什么|什麼|多少|多久|几天|哪里|哪裡|哪儿|哪个|"
    r"能不能|可不可以|可以.{0,12}吗|是不是|有没有|会不会|啥|咋"
    r"|\b(?:how|what|when|where|why|which|who)\b"
    r"|(?:^|[,.;!]\s*|\b(?:but|and|so|or|also) )"
    r"(?:can|could|do|does|did|is|are|will|would|should|may) (?:i|you|we|they|it|he|she|the|there|this|that|my|your|a|an)\b",
    re.IGNORECASE,
)
_PROPOSAL = re.compile(
    r"(?:能不能|能否|可不可以|可以|是不是|是否)[^，。？?]{0,8}?(?:加|增|出|做|改|支持|推出|优化|提供|开放|降|减)"
    r"|希望|建议|\b(?:how|what) about\b|\bwhy (?:not|don't you)\b"
    r"|\b(?:can|could|would) you (?:please )?(?:add|make|build|offer|support|bring|lower|reduce|include)\b",
    re.IGNORECASE,
)
RULE = 0.82  # the score of a wish from which a rule saw it, and not the detector's model
_OUTRIGHT = re.compile(
    r"投诉|投訴|投拆|举报|曝光|律师|起诉|赔偿|垃圾|骗|气死|气愤|愤怒|忍无可忍|受够|欺负|太过分|[!！?？]{2}"
    r"|compl|grievance|lawyer|sue|compensat|furious|angry|outrage|disgust|unacceptable|ridiculous|scam|worst|fed up|sick of",
    re.IGNORECASE,
)
_HAN = re.compile(r"[㐀-鿿]")
_LATIN = re.compile(r"[A-Za-z]{2,}")


def looks_like_question(text: str) -> bool:
    """A rough test, only to decide whether silence of the knowledge base deserves a word. Signs
    alone ask nothing."""
    return _QUESTION.search(text) is not None and any(char.isalpha() for char in text)


def is_proposal(text: str) -> bool:
    """A wish in the form of a question: "how about a widget?" is a suggestion, not a question."""
    return _PROPOSAL.search(text) is not None


def text_locale(text: str, locale: str) -> str:
    """The locale in which to search: that of the text's script where it is plain, else `locale`."""
    if _HAN.search(text):
        return "zh"
    return "en" if _LATIN.search(text) and locale == "zh" else locale


def is_foreign(text: str) -> bool:
    """Whether a text is written in letters of languages that nobody here speaks."""
    letters = [char for char in text if char.isalpha()]
    return bool(letters) and not any(char.isascii() or _HAN.match(char) for char in letters)


def says_something(text: str) -> bool:
    """Whether a text is more than a word or two: "withdrawals are slow", and not "twice"."""
    return len(_HAN.findall(text)) >= 5 or len(_LATIN.findall(text)) >= 3


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
            case Intent.LATER, LaterDetails(when=when) if when:
                later(turn, when)
            case Intent.LATER, _ if looks_like_question(found.rest):
                continue  # "hold on, how much is a withdrawal?" is no wish to stop
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
    """Go on in another language, with the pending question asked again in it. Chinese is one
    language in two scripts."""
    script_changed = False
    if locale.startswith("zh"):
        traditional = is_traditional_locale(locale)
        script_changed = traditional != turn.state.traditional
        turn.state.traditional, locale = traditional, "zh"
    if locale not in _possible_languages(turn):
        turn.tell("language_unknown", languages=languages(turn))
    elif locale == turn.state.locale and not script_changed:
        turn.tell("language_same")
    else:
        turn.state.locale = locale
        turn.effect(LocaleChanged(locale))
        turn.tell("language_changed")
    if turn.context.mode is Mode.BOT:
        ask_again(turn, progress=True)


def switch_language(turn: Turn, intents: tuple[Detected, ...]) -> bool:
    """Change the language if that was asked for; False if it was not."""
    for found in intents:
        if isinstance(found.details, LanguageDetails):
            change_language(turn, found.details.target)
            return True
    return False


def languages(turn: Turn) -> str:
    """The languages of this conversation, each by its own name."""
    comma = "、" if turn.state.locale == "zh" else ", "
    return comma.join(phrase("language_name", name, {}) for name in _possible_languages(turn))


def _possible_languages(turn: Turn) -> list[str]:
    return [name for name in turn.script.locales if name in phrase_locales()]


def later(turn: Turn, when: str) -> None:
    """Come back when it suits: at the moment the person named, else ask for one."""
    if turn.state.status is Status.ENDED or not turn.waits:
        turn.tell("nothing_pending")
        return
    if when:
        at = named_moment(turn, when)
        if at is not None:
            come_back(turn, at)
            return
    labels = [turn.phrase(key) for key in ("later_hour", "later_evening", "later_tomorrow")]
    asked = Asked(AskedKind.LATER, turn.state.step, ["hour", "evening", "tomorrow"])
    turn.offer(turn.phrase("later_when"), asked, labels)


def named_moment(turn: Turn, text: str) -> datetime | None:
    """The moment to come that somebody named, aware, in the person's zone; None if there is none.
    Of a part of the day its usual hour is taken: "this evening" is no noon."""
    now = turn.context.now
    moment = read_date(text, read_context(turn)).value
    usual = next((clock for words, clock in PARTS_OF_DAY if words.search(text)), None)
    if moment is not None:
        return next_at(moment.date, moment.time or usual or NOON, now)
    return next_at(now.date(), usual, now) if usual is not None else None


def later_moment(turn: Turn, choice: str) -> datetime:
    """The moment of a tapped choice, aware, in the person's zone."""
    now = turn.context.now
    if choice == "hour":
        return later_by(now, timedelta(hours=1))
    clock = EVENING if choice == "evening" else NOON
    today = next_at(now.date(), clock, now)
    if today is not None and choice != "tomorrow":
        return today
    first, _ = moments_at(now.date() + timedelta(days=1), clock, now.tzinfo)
    return first


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

"""What a person's words do: the fixed order in which they are understood (DESIGN, section 4)."""

from __future__ import annotations

import re
from typing import Any

from channels.text import fold
from dialogs.answers import read_answer, say_name, say_value
from dialogs.asides import (
    RULE,
    STRONG,
    ask_stop,
    hand_off_if_strong,
    is_criticism,
    is_foreign,
    is_proposal,
    looks_like_question,
    offer_start,
    resume,
    start_again,
    stop,
    switch_language,
    take_intent,
    worth_a_guess,
)
from dialogs.burst import Pieces, hear, note_answer, waits_first
from dialogs.context import Mode
from dialogs.corrections import correct_by_edit, corrects_another
from dialogs.courtesy import Courtesy, read_courtesy
from dialogs.effects import Muted
from dialogs.events import Said
from dialogs.faq import answer_known, answer_question, explain_why
from dialogs.intents import Detected, Intent, is_ambiguous_stop, is_start_word
from dialogs.offers import said_of_answer, said_to_offer
from dialogs.replies.base import Problem, Reading
from dialogs.replies.choice import read_choice
from dialogs.replies.free_text import read_free_text
from dialogs.script import AskKind, Step
from dialogs.state import Asked, AskedKind, Status
from dialogs.take import hear_first_words, miss, take_answer
from dialogs.taps import picked
from dialogs.traditional import writes_traditional
from dialogs.turn import DONE, Turn, ask_again, question_labels, read_context
from dialogs.walk import begin

_WORDED = (AskKind.CHOICE, AskKind.CHOICES, AskKind.RATING)
_JOINS = re.compile(
    r"但|不过|不過|可是|只是|然后|還有|还有|另外|顺便|(?:but|and|so|also|by the way)\b", re.I
)
_ENDS_CLAUSE = ",，.。;；:：!！?？、…~～—-\n"
SURE = 0.7  # the score of a wish from which a guess is a good one
LONGEST_TEXT = 4000  # characters of one message that are read; the rest is dropped and said so


def said(turn: Turn, event: Said) -> None:
    text = event.text.strip()
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT]
        turn.tell("too_long")
    _note_script(turn, text)
    intents = turn.context.detect_intents(text, turn.state.locale)
    if _about_stopping(turn, text, intents):
        return
    if turn.context.mode is not Mode.BOT:
        _said_while_waiting(turn, text, intents)
        return
    resume(turn)
    if event.edited and _edited(turn, event.ref, text, intents):
        return
    if said_of_answer(turn, text):
        return
    if not intents and turn.state.offer_last and said_to_offer(turn, text):
        return
    if turn.state.status is Status.NEW and not turn.waits:
        _said_first(turn, event, text, intents)
        return
    whole = hear(turn, event, text, intents)
    if whole is None:
        return
    if whole != text:
        intents = turn.context.detect_intents(whole, turn.state.locale)
    _understand(turn, whole, intents)
    note_answer(turn, whole, event.at)


def _note_script(turn: Turn, text: str) -> None:
    """Whoever writes traditional characters is shown them, from this answer on."""
    traditional = writes_traditional(text)
    if traditional is not None:
        turn.state.traditional = traditional


def said_in_pieces(turn: Turn, pieces: Pieces) -> None:
    """Everything that was said in pieces; where the question that they were said to is answered
    meanwhile, they can only be a question."""
    if pieces.still_asked:
        intents = turn.context.detect_intents(pieces.text, turn.state.locale)
        _understand(turn, pieces.text, intents)
    else:
        answer_question(turn, pieces.text)
    note_answer(turn, pieces.text, pieces.at)


def _understand(turn: Turn, text: str, intents: tuple[Detected, ...]) -> None:
    if turn.waits:
        _said_to_question(turn, text, intents)
    elif not (
        take_intent(turn, intents, text)
        or said_to_offer(turn, text)
        or be_courteous(turn, text)
        or answer_question(turn, text)
    ):
        turn.tell("after_end" if turn.state.status is Status.ENDED else "nothing_pending")


def _edited(turn: Turn, ref: str, text: str, intents: tuple[Detected, ...]) -> bool:
    """An edit corrects the answer that the message gave, and no other; False if it is to be heard
    like a new message: the newest one, mended before it was understood, and what must not be missed."""
    step_id = turn.state.heard.get(ref, "")
    if step_id and correct_by_edit(turn, step_id, text):
        return True
    newest = next(reversed(turn.state.heard), "")
    if ref == newest or intents:
        return False
    if step_id:
        turn.tell("change_unclear", name=say_name(turn, turn.script.steps[step_id]))
        ask_again(turn)
    return True


def be_courteous(turn: Turn, text: str) -> bool:
    """Return a greeting or thanks; False if it is neither. It spends no retry, and who answers an
    optional question with thanks has nothing to say to it."""
    courtesy = read_courtesy(text)
    if courtesy is None:
        return False
    if not turn.waits:
        turn.tell(courtesy)
        if courtesy is Courtesy.HELLO:
            turn.tell("nothing_pending")
    elif courtesy is Courtesy.THANKS and turn.step.optional:
        take_answer(turn, None, "")
    else:
        ask_again(turn, before=turn.phrase(courtesy))
    return True


def _said_first(turn: Turn, event: Said, text: str, intents: tuple[Detected, ...]) -> None:
    """The person writes before we do: who this is comes first, then what was said. A piece of a
    question waits, and needs no reply beside the greeting."""
    begin(turn)
    if hand_off_if_strong(turn, intents):
        return
    if waits_first(turn, event, text, intents):
        return
    hear_first_words(turn, text)
    note_answer(turn, text, event.at)


def _about_stopping(turn: Turn, text: str, intents: tuple[Detected, ...]) -> bool:
    """Opt-out words come before everything; once opted out only START and trouble are heard."""
    if turn.state.opted_out:
        if is_start_word(text):
            start_again(turn)
        elif not hand_off_if_strong(turn, intents) and not said_to_offer(turn, text):
            offer_start(turn)
        return True
    if not any(found.intent is Intent.STOP for found in intents):
        return False
    if turn.waits and is_ambiguous_stop(text) and turn.context.mode is Mode.BOT:
        ask_stop(turn)
    else:
        stop(turn)
    return True


def _said_while_waiting(turn: Turn, text: str, intents: tuple[Detected, ...]) -> None:
    """A person is awaited: questions are answered, the script stands still."""
    queued = turn.context.mode is Mode.QUEUED
    if queued and switch_language(turn, intents):
        return
    if queued and not intents and looks_like_question(text) and answer_question(turn, text):
        return
    if queued and not turn.state.waiting_told:
        turn.state.waiting_told = True
        turn.tell("waiting")
    else:
        turn.effect(Muted())


def _said_to_question(turn: Turn, text: str, intents: tuple[Detected, ...]) -> None:
    step = turn.step
    if step.ask is AskKind.TEXT:
        _said_freely(turn, text, intents)
        return
    if _one_more(turn, text) or corrects_another(turn, text, intents):
        return
    reading = _by_number(turn, text, read_answer(turn, step, text))
    intents = _beside_answer(step, reading, intents)
    if reading.value is not None:
        take_answer(turn, reading.value, _beside_yes_or_no(step, text, reading.rest), intents)
    elif len(reading.candidates) > 1:
        _which_one(turn, reading)
    elif take_intent(turn, intents, text):
        pass
    elif reading.problem == Problem.SKIPPED or _skips(turn, text):
        if step.optional:
            take_answer(turn, None, "")
        else:
            miss(turn, "needed")
    elif reading.problem:
        miss(turn, reading.problem)
    elif not (
        said_to_offer(turn, text)
        or explain_why(turn, text)
        or be_courteous(turn, text)
        or answer_question(turn, text)
    ):
        miss(turn, "language_unknown" if is_foreign(text) else "")


def _beside_answer(
    step: Step, reading: Reading[Any], intents: tuple[Detected, ...]
) -> tuple[Detected, ...]:
    """What is said beside the answer: an option's own words are no wish and no complaint, and a
    low rating in words is a rating. A guess counts for nothing where the reader took all there is."""
    if reading.value is None:
        return intents
    if not worth_a_guess(reading.rest):
        intents = tuple(found for found in intents if found.score >= RULE)
    if step.ask not in _WORDED:
        return intents
    outside = [i for i in intents if i.evidence not in reading.evidence]
    if step.ask is AskKind.RATING:
        outside = [i for i in intents if i in outside or i.intent is not Intent.COMPLAINT]
    if step.candid:
        outside = [i for i in outside if not is_criticism(i)]
    return tuple(outside)


def _beside_yes_or_no(step: Step, text: str, rest: str) -> str:
    """What is left beside a yes or no, from the next clause on: of "not solved, the money is
    missing" the "solved" alone would be the contrary of what was said."""
    if step.ask is not AskKind.YES_NO or not rest or _JOINS.match(rest):
        return rest
    before = text[: max(text.find(rest), 0)].rstrip()
    if not before or before[-1] in _ENDS_CLAUSE:
        return rest
    cut = next((at for at, char in enumerate(rest) if char in _ENDS_CLAUSE), len(rest))
    return rest[cut:].strip(_ENDS_CLAUSE + " ")


def _by_number(turn: Turn, text: str, reading: Reading[Any]) -> Reading[Any]:
    """A bare number that no reader took means the option in that place, "skip" included."""
    number = fold(text).text.strip(" .)、。")
    if reading.value is not None or reading.candidates or not number.isdecimal():
        return reading
    values = turn.state.asked[str(turn.state.pending)].values
    if len(number) > 2 or not 1 <= int(number) <= len(values):
        return reading
    value = values[int(number) - 1]
    return Reading(problem=Problem.SKIPPED) if value is None else Reading(value, evidence=text)


def _one_more(turn: Turn, text: str) -> bool:
    """Words while several answers are being picked: one more of those left, or "that's all"."""
    asked = turn.state.asked[str(turn.state.pending)]
    if turn.step.ask is not AskKind.CHOICES or not asked.data.get("picked"):
        return False
    context, labels = read_context(turn), question_labels(turn)
    if read_free_text(text, context).problem == Problem.SKIPPED:
        picked(turn, DONE)
        return True
    reading = read_choice(text, labels, context)
    if reading.value is None:
        return False
    picked(turn, asked.values[reading.value])
    return True


def _said_freely(turn: Turn, text: str, intents: tuple[Detected, ...]) -> None:
    """A question for free text: wishes and questions come first, what is left is the answer."""
    if corrects_another(turn, text, intents):
        return
    reading = read_answer(turn, turn.step, text)
    if reading.problem == Problem.SKIPPED:
        take_answer(turn, None, "")
        return
    intents = tuple(found for found in intents if not _is_answer(turn.step, text, found))
    strong = any(found.intent in STRONG for found in intents)
    if strong:
        take_answer(turn, text, "", intents)
        return
    if intents and take_intent(turn, intents, text):
        return
    if explain_why(turn, text) or be_courteous(turn, text):
        return
    question = reading.rest
    if turn.step.candid and is_proposal(question):
        take_answer(turn, text, "")
    elif reading.value is not None:
        take_answer(turn, reading.value, question)
    elif not question:
        miss(turn, "")
    elif not answer_known(turn, question):  # what we cannot answer is written down
        take_answer(turn, question, question)


def _is_answer(step: Step, text: str, found: Detected) -> bool:
    """Whether what looks like a wish is part of the answer to a question for free text."""
    match found.intent:
        case Intent.CORRECT:
            return True  # one that names an earlier answer was taken already
        case Intent.REPEAT | Intent.HELP:
            return 2 * len(found.evidence) < len(text)  # "the fee page is unclear to me"
        case Intent.COMPLAINT:
            return step.candid and is_criticism(found)
        case Intent.HUMAN:
            return step.candid and found.score < SURE
        case _:
            return False


def _skips(turn: Turn, text: str) -> bool:
    return read_free_text(text, read_context(turn)).problem == Problem.SKIPPED


def _which_one(turn: Turn, reading: Reading[Any]) -> None:
    """Several readings: ask which of them; the tap counts as the answer."""
    values = [candidate.value for candidate in reading.candidates]
    asked = Asked(AskedKind.CANDIDATES, turn.state.step, values)
    labels = [say_value(turn, turn.step, value) for value in values]
    turn.offer(turn.phrase("which_one"), asked, labels)

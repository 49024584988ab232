"""A case in one paragraph, made from recorded facts alone: the same facts, the same words."""

from __future__ import annotations

from dataclasses import dataclass
from gettext import NullTranslations

from dialogs.script import HandoffReason

LONGEST_QUOTE = 160  # characters of the person's last words


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when the case is shown. Names and words are in the viewer's language."""

    reason: HandoffReason
    rating: tuple[int, int] | None = None  # given, of
    question: str = ""  # what was being asked, "" if nothing was
    identity: bool | None = None  # confirmed, failed, not asked yet
    answered: int = 0
    questions: int = 0  # 0: no script ran
    last_words: str = ""  # what the person wrote last before the handover
    later: int = 0  # texts of the person since then


def summarise(facts: Facts, words: NullTranslations) -> tuple[str, ...]:
    """The paragraph's sentences: why, what else is known, the last words, what came since."""
    sentences = [_why(facts, words), *_known(facts, words)]
    if facts.last_words:
        quote = shortened(facts.last_words, LONGEST_QUOTE)
        sentences.append(words.gettext("Last words: “%(quote)s”.") % {"quote": quote})
    if facts.later:
        sentences.append(
            words.ngettext(
                "Has written one more message since.",
                "Has written %(count)s more messages since.",
                facts.later,
            )
            % {"count": facts.later}
        )
    return tuple(sentences)


def _why(facts: Facts, words: NullTranslations) -> str:
    _ = words.gettext
    place = {"question": facts.question}
    match facts.reason:
        case HandoffReason.LOW_RATING if facts.rating is not None:
            given, of = facts.rating
            return _("Rated us %(given)s out of %(of)s.") % {"given": given, "of": of}
        case HandoffReason.LOW_RATING:
            return _("Gave a low rating.")
        case HandoffReason.COMPLAINT if facts.question:
            return _("Complained when asked about “%(question)s”.") % place
        case HandoffReason.COMPLAINT:
            return _("Complained.")
        case HandoffReason.ASKED_HUMAN if facts.question:
            return _("Asked for a person instead of answering “%(question)s”.") % place
        case HandoffReason.ASKED_HUMAN:
            return _("Asked for a person.")
        case HandoffReason.IDENTITY_FAILED:
            return _("Could not confirm their identity; do not share details of the application.")
        case HandoffReason.FRAUD_REPORT:
            return _("Reports a fraud or a theft.")
        case HandoffReason.DISTRESS:
            return _("Sounds in distress; answer with care and at once.")
        case HandoffReason.NOT_UNDERSTOOD if facts.question:
            return _("The bot could not understand the answer to “%(question)s”.") % place
        case HandoffReason.NOT_UNDERSTOOD:
            return _("The bot could not understand what was written.")
        case HandoffReason.KB_MISS:
            return _("Asked something that the FAQ does not answer, and wanted a person.")
        case HandoffReason.DEADLINE_MISSED:
            return _("Could not be reached in time.")
        case HandoffReason.BOT_ERROR:
            return _("The bot failed while answering; nothing of it is the person's fault.")


def _known(facts: Facts, words: NullTranslations) -> list[str]:
    _ = words.gettext
    known = []
    if facts.rating is not None and facts.reason is not HandoffReason.LOW_RATING:
        given, of = facts.rating
        known.append(_("Rating: %(given)s out of %(of)s.") % {"given": given, "of": of})
    if facts.identity is True:
        known.append(_("Identity confirmed."))
    elif facts.identity is None and facts.questions:
        known.append(_("Identity not checked yet."))
    if facts.questions:
        counts = {"answered": facts.answered, "questions": facts.questions}
        known.append(_("Answered %(answered)s of %(questions)s questions.") % counts)
    return known


def shortened(text: str, most: int) -> str:
    """One line of at most `most` characters; what was cut is shown by "…"."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"

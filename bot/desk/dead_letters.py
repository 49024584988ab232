"""Texts that did not go out, or of which nobody can tell: which of them an agent may send again."""

from __future__ import annotations

from bot.pipeline.flow import Author, SendStatus

# Why a text of the bot was left out on purpose, for which sending it later is no remedy.
NOT_NEEDED = frozenset(
    {"answered", "unanswered", "template_sent", "stale_control", "not_in_control", "erased"}
)


def may_send_again(author: Author, status: SendStatus, detail: str) -> bool:
    """Whether a text is one that failed for good, or may have. Nothing repeats an unknown outcome by
    itself; a person may. `status` and `detail` are the outbox row's."""
    match status:
        case SendStatus.FAILED | SendStatus.UNKNOWN:
            return author in (Author.AGENT, Author.BOT, Author.SYSTEM)
        case SendStatus.DROPPED:
            return author is Author.AGENT or detail not in NOT_NEEDED
        case _:
            return False

"""Who may speak in a conversation, as one pure table (DESK.md)."""

from __future__ import annotations

from enum import StrEnum

from bot.pipeline.flow import Control


class Act(StrEnum):
    """What changes who may speak."""

    HANDOFF = "handoff"
    CLAIM = "claim"
    HUMAN_WRITES = "human_writes"
    GIVE_BACK = "give_back"
    RESOLVE = "resolve"
    PERSON_RETURNS = "person_returns"


_TABLE: dict[tuple[Control, Act], Control] = {
    (Control.BOT, Act.HANDOFF): Control.QUEUED,
    (Control.BOT, Act.CLAIM): Control.HUMAN,  # take over while the bot is handling
    (Control.BOT, Act.HUMAN_WRITES): Control.HUMAN,
    (Control.QUEUED, Act.CLAIM): Control.HUMAN,
    (Control.QUEUED, Act.HUMAN_WRITES): Control.HUMAN,
    (Control.QUEUED, Act.GIVE_BACK): Control.BOT,
    (Control.QUEUED, Act.RESOLVE): Control.CLOSED,
    (Control.HUMAN, Act.CLAIM): Control.HUMAN,
    (Control.HUMAN, Act.HUMAN_WRITES): Control.HUMAN,
    (Control.HUMAN, Act.GIVE_BACK): Control.BOT,
    (Control.HUMAN, Act.RESOLVE): Control.CLOSED,
    (Control.CLOSED, Act.CLAIM): Control.HUMAN,
    (Control.CLOSED, Act.HUMAN_WRITES): Control.HUMAN,
    (Control.CLOSED, Act.PERSON_RETURNS): Control.BOT,
    (Control.CLOSED, Act.HANDOFF): Control.QUEUED,
}


def after(control: Control, act: Act) -> Control | None:
    """Who may speak after `act`; None where the act makes no sense and changes nothing."""
    return _TABLE.get((control, act))


def script_may_speak(control: Control) -> bool:
    """Only `bot` lets the script go on."""
    return control is Control.BOT

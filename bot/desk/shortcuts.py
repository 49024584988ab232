"""The desk's keys: one registry that the page's script obeys and its help sheet shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from bot.desk.labels import Translate


@dataclass(frozen=True, slots=True)
class Shortcut:
    """`key` as KeyboardEvent.key has it, "Mod+" in front for Ctrl or ⌘; `act` is the script's
    name of what it does."""

    key: str
    act: str
    label: str


def shortcuts(_: Translate) -> tuple[Shortcut, ...]:
    """In the order of the help sheet. Alt is used nowhere: it makes letters on many keyboards."""
    return (
        Shortcut("j", "next", _("Next case")),
        Shortcut("k", "previous", _("Previous case")),
        Shortcut("c", "claim", _("Take the case")),
        Shortcut("r", "reply", _("Write to the person")),
        Shortcut("n", "note", _("Write a note for colleagues")),
        Shortcut("Mod+Enter", "send", _("Send what is written")),
        Shortcut("b", "resume", _("Give back to the bot")),
        Shortcut("e", "resolve", _("Resolve")),
        Shortcut("u", "undo", _("Undo")),
        Shortcut("i", "details", _("Show or hide details")),
        Shortcut("Escape", "leave", _("Leave the text, or go back to the list")),
        Shortcut("?", "help", _("Show this list")),
    )


def as_data(keys: tuple[Shortcut, ...]) -> list[dict[str, str]]:
    """For the page's script."""
    return [asdict(key) for key in keys]

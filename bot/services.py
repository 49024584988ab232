"""What the parts of a process share: settings, database, keys, scripts, answers, clock, wake-ups."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.clock import Clock
from bot.company import Company
from bot.desk.clocks import is_open, next_opening
from bot.hours import DutyHours
from bot.knowledge import Knowledge
from bot.pipeline.bus import Bus, Topic
from bot.pipeline.live import LiveHub
from bot.pipeline.rate import Rates
from bot.safety.gates import Limits
from bot.scripts import ScriptLibrary
from bot.settings import Settings
from bot.store.database import Database
from bot.store.vault import Vault
from channels.base import Channel
from dialogs.context import Duty
from dialogs.intents import Detected
from kb.encoder import Embedder

DetectIntents = Callable[[str, str], tuple[Detected, ...]]


@dataclass(slots=True)
class Services:
    """One per process. `channels` is keyed by account; `rates` are those shared with other
    processes, None where there are none."""

    settings: Settings
    db: Database
    vault: Vault
    clock: Clock
    company: Company
    knowledge: Knowledge
    scripts: ScriptLibrary
    detect_intents: DetectIntents
    bus: Bus
    live: LiveHub = field(default_factory=LiveHub)
    channels: dict[str, Channel] = field(default_factory=dict)
    _duty: tuple[int, DutyHours, Duty] | None = field(default=None, init=False, repr=False)
    rates: Rates | None = None
    embedders: tuple[Embedder, ...] = ()  # those that the operator switched on

    @property
    def limits(self) -> Limits:
        """What the bot may start by itself, from the settings."""
        window, caps = self.settings.send_window, self.settings.caps
        return Limits(window.start, window.end, caps.per_day, caps.per_week, caps.unanswered)

    def duty(self, now: datetime) -> Duty:
        """Whether somebody is on duty at `now` (aware), by the calendar of the settings. It changes
        at whole minutes, so that it is worked out once in a minute and not in every turn."""
        hours, minute = self.settings.duty, int(now.timestamp()) // 60
        known = self._duty
        if known is not None and known[0] == minute and known[1] is hours:
            return known[2]
        opened = is_open(hours, now)
        found = Duty(open=opened, opens_at=None if opened else next_opening(hours, now))
        self._duty = (minute, hours, found)
        return found

    async def after_turns(self, conversations: Collection[str], sends: Collection[str]) -> None:
        """Wake the senders and tell open pages, after a commit."""
        if sends:
            await self.bus.publish(Topic.SENDS, sends)
        await self.told(conversations)

    async def told(self, conversations: Collection[str]) -> None:
        """Tell open pages of every process that these conversations changed."""
        self.live.tell(conversations)
        await self.bus.publish(Topic.LIVE, conversations)


ChannelMap = Mapping[str, Channel]

"""Synthetic agents for `simulate`: they claim the older cases, answer, and give back or resolve."""

from __future__ import annotations

import heapq
import itertools
import random
import secrets
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.desk import actions
from bot.desk.clocks import next_opening
from bot.safety.access import Role, User, create_user
from bot.services import Services
from bot.store.tables import case, conversation, user

LEFT_FOR_THE_DESK = timedelta(hours=6)  # younger cases wait for a real agent
AGENTS = (("sim-lin", "Lin Yue 林悦"), ("sim-chen", "Chen Mo 陈墨"))
_WORDS = {
    "zh": "您好，我是{name}。给您添麻烦了，我已经在查，今天之内给您答复。",
    "en": "Hello, this is {name}. I'm sorry for the trouble; I'm looking into it and will get back to you today.",
}
_DONE = {
    "zh": "已经为您处理好了，感谢您的耐心。",
    "en": "It is sorted out now. Thank you for your patience.",
}

Work = Callable[[], Coroutine[Any, Any, None]]


class SimulatedDesk:
    """`due` is when the next thing is to be done; `work` does what is due and finds new cases."""

    def __init__(self, services: Services, agents: list[User], seed: int, until: datetime) -> None:
        self._services, self._agents, self._until = services, agents, until
        self._rng = random.Random(f"{seed}:desk")  # noqa: S311 - nothing secret
        self._known: set[str] = set()
        self._plans: list[tuple[datetime, int, Work]] = []
        self._order = itertools.count()

    @classmethod
    async def open(cls, services: Services, seed: int, until: datetime) -> SimulatedDesk:
        """With accounts that nobody can sign in to: their password is unknown, they are disabled."""
        agents = []
        for login, name in AGENTS:
            password = secrets.token_urlsafe(24)
            user_id = await create_user(services, login, name, password, Role.AGENT, "")
            agents.append(User(user_id, login, name, Role.AGENT, ""))
        async with services.db.write() as conn:
            await conn.execute(update(user).values(disabled_at=services.clock.now()))
        return cls(services, agents, seed, until - LEFT_FOR_THE_DESK)

    @property
    def due(self) -> datetime | None:
        return self._plans[0][0] if self._plans else None

    async def work(self, now: datetime) -> bool:
        """Do what is due; True if anything was done."""
        done = False
        while self._plans and self._plans[0][0] <= now:
            _, _, todo = heapq.heappop(self._plans)
            try:
                await todo()
            except actions.DeskError:
                continue  # the conversation went another way meanwhile
            done = True
        if now < self._until:
            await self._take_new(now)
        return done

    async def _take_new(self, now: datetime) -> None:
        async with self._services.db.read() as conn:
            rows = (
                await conn.execute(
                    select(case.c.id, conversation.c.locale)
                    .join(conversation, conversation.c.id == case.c.conversation_id)
                    .where(case.c.status == "queued")
                    .order_by(case.c.opened_at, case.c.id)
                )
            ).all()
        for row in rows:
            if row.id in self._known:
                continue
            self._known.add(row.id)
            self._plan_case(row.id, "zh" if row.locale == "zh" else "en", now)

    def _plan_case(self, case_id: str, locale: str, now: datetime) -> None:
        services, rng = self._services, self._rng
        who = rng.choice(self._agents)
        open_at = next_opening(services.settings.duty, now) or now
        claimed = open_at + timedelta(minutes=rng.choice([2, 5, 9, 20, 45]) * rng.uniform(0.7, 1.3))
        answered = claimed + timedelta(minutes=rng.uniform(2, 12))
        ended = answered + timedelta(minutes=rng.choice([8, 20, 60, 180]) * rng.uniform(0.7, 1.3))
        gives_back = rng.random() < 0.35
        hello = _WORDS[locale].format(name=who.name.split()[-1 if locale == "zh" else 0])

        async def say(text: str) -> None:
            await actions.reply(services, case_id, who, text, seen=0, anyway=True)

        async def end() -> None:
            await say(_DONE[locale])
            if gives_back:
                await actions.give_back(services, case_id, who, resume=True)
            else:
                await actions.resolve(services, case_id, who)

        self._plan(claimed, lambda: actions.claim(services, case_id, who))
        self._plan(answered, lambda: say(hello))
        self._plan(ended, end)

    def _plan(self, at: datetime, todo: Work) -> None:
        heapq.heappush(self._plans, (at, next(self._order), todo))

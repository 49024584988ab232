"""What the demo has besides the product: sample people and somebody to sign in as."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select, update

from bot.safety.access import AccountError, Role, User, create_user
from bot.samples import PEOPLE
from bot.services import Services
from bot.store.people import import_people
from bot.store.tables import person, user


async def sample_person(services: Services, key: str) -> str:
    """The id of a sample person, brought in if it is not there. In the demo an opted-out person
    who is pre-approved again starts anew."""
    now = services.clock.now()
    async with services.db.write() as conn:
        found = (await import_people(conn, services.vault, [PEOPLE[key]], now))[0]
        await conn.execute(update(person).where(person.c.id == found.id).values(opted_out_at=None))
    return found.id


@dataclass(frozen=True, slots=True)
class Sample:
    """Somebody whom the demo signs in without a password."""

    role: Role
    name: str


SAMPLE_USERS = {
    "agent": Sample(Role.SUPERVISOR, "Lin Yue 林悦"),
    "editor": Sample(Role.EDITOR, "Chen Mo 陈墨"),
    "admin": Sample(Role.ADMIN, "Zhao Yi 赵一"),
}


async def sample_user(services: Services, key: str) -> User:
    """The account of a sample; its password is random and known to nobody."""
    sample = SAMPLE_USERS[key]
    login = f"demo-{sample.role}"
    found = await _account(services, login)
    if found is None:
        with suppress(AccountError):  # made meanwhile, by another click
            password = secrets.token_urlsafe(24)
            await create_user(services, login, sample.name, password, sample.role, "")
        found = await _account(services, login)
    assert found is not None
    return found


async def _account(services: Services, login: str) -> User | None:
    async with services.db.read() as conn:
        row = (await conn.execute(select(user).where(user.c.login == login))).first()
    return User(row.id, row.login, row.name, Role(row.role), "") if row else None

"""What the demo has besides the product: sample people and somebody to sign in as."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from functools import partial

from sqlalchemy import select, update

from bot.safety.access import Role, User, create_user
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


async def _sample_user(role: Role, name: str, services: Services) -> User:
    """The account of a role; its password is random and known to nobody."""
    login = f"demo-{role}"
    async with services.db.read() as conn:
        row = (await conn.execute(select(user).where(user.c.login == login))).first()
    if row is not None:
        return User(row.id, row.login, row.name, Role(row.role), "")
    password = secrets.token_urlsafe(24)
    user_id = await create_user(services, login, name, password, role, "")
    return User(user_id, login, name, role, "")


SAMPLE_USERS: dict[str, Callable[[Services], Awaitable[User]]] = {
    "agent": partial(_sample_user, Role.SUPERVISOR, "Lin Yue 林悦"),
    "editor": partial(_sample_user, Role.EDITOR, "Chen Mo 陈墨"),
    "admin": partial(_sample_user, Role.ADMIN, "Admin"),
}

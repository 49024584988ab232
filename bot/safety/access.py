"""Who may do what, and how somebody signs in: one policy, sessions, passwords, API keys."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache

from pwdlib import PasswordHash
from sqlalchemy import delete, insert, select, update

from bot.services import Services
from bot.store.ids import new_id
from bot.store.tables import api_key, session, user

SESSION_LIFE = timedelta(hours=12)
SESSION_IDLE = timedelta(hours=2)
SHORTEST_PASSWORD = 12  # characters (OWASP ASVS 2.1.1)
LONGEST_LOGIN = 60  # characters; the audit log names its actor in 64, "api:" before a key's name
LONGEST_NAME = 128
AT_ONCE = 2  # passwords that are checked at the same time: each takes 64 MB and a core


class Role(StrEnum):
    ADMIN = "admin"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    EDITOR = "editor"
    ANALYST = "analyst"


class Permission(StrEnum):
    """What a page or an action needs. The names are those of the audit log."""

    DESK_READ = "desk.read"
    DESK_REPLY = "desk.reply"
    REVEAL = "people.reveal"
    FAQ_READ = "faq.read"
    REPORTS_READ = "reports.read"
    REPORTS_EXPORT = "reports.export"
    PEOPLE_WRITE = "people.write"


_DESK = {Permission.DESK_READ, Permission.DESK_REPLY, Permission.FAQ_READ}
_POLICY: dict[Role, frozenset[Permission]] = {
    Role.ADMIN: frozenset(Permission),
    Role.SUPERVISOR: frozenset(
        {*_DESK, Permission.REVEAL, Permission.REPORTS_READ, Permission.REPORTS_EXPORT}
    ),
    Role.AGENT: frozenset(_DESK),
    Role.EDITOR: frozenset({Permission.FAQ_READ}),
    Role.ANALYST: frozenset({Permission.REPORTS_READ, Permission.FAQ_READ}),
}


def may(role: Role, permission: Permission) -> bool:
    """The one policy."""
    return permission in _POLICY[role]


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signed in."""

    id: str
    login: str
    name: str
    role: Role
    locale: str

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. `csrf` must come back with everything that changes something."""

    user: User
    csrf: str
    token_hash: bytes


class AccountError(ValueError):
    """The account cannot be made; the message says why."""


_PASSWORDS = PasswordHash.recommended()  # argon2id
_CHECKS = ThreadPoolExecutor(AT_ONCE, "password")


@cache
def _nobody() -> str:
    """A hash that no password fits, so that an unknown login takes as long as a known one."""
    return _PASSWORDS.hash(secrets.token_urlsafe())


async def create_user(
    services: Services, login: str, name: str, password: str, role: Role, locale: str
) -> str:
    """Make an account; returns its id. Raises AccountError."""
    login, name = login.strip().casefold(), name.strip()
    if not login or len(login) > LONGEST_LOGIN or not login.isprintable():
        raise AccountError(f"a login has 1 to {LONGEST_LOGIN} characters that can be printed")
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise AccountError(f"a name has at most {LONGEST_NAME} characters that can be printed")
    if len(password) < SHORTEST_PASSWORD:
        raise AccountError(f"a password has at least {SHORTEST_PASSWORD} characters")
    now = services.clock.now()
    async with services.db.write() as conn:
        if await conn.scalar(select(user.c.id).where(user.c.login == login)):
            raise AccountError(f"there is already an account '{login}'")
        user_id = new_id(now)
        await conn.execute(
            insert(user),
            {
                "id": user_id,
                "login": login,
                "name": name or login,
                "role": str(role),
                "locale": locale,
                "password": _PASSWORDS.hash(password),
                "created_at": now,
            },
        )
    return user_id


async def check_password(services: Services, login: str, password: str) -> User | None:
    """The account, if the password is right; takes as long when there is none. Other requests go
    on meanwhile."""
    login = login.strip().casefold().replace("\0", "\ufffd")  # PostgreSQL has no NUL
    async with services.db.read() as conn:
        row = (
            await conn.execute(
                select(user).where(user.c.login == login, user.c.disabled_at.is_(None))
            )
        ).first()
    good = await asyncio.get_running_loop().run_in_executor(
        _CHECKS, lambda: _PASSWORDS.verify(password[:1024], row.password if row else _nobody())
    )
    if row is None or not good:
        return None
    return User(row.id, row.login, row.name, Role(row.role), row.locale)


async def open_session(services: Services, who: User) -> str:
    """Sign somebody in; returns the token for the cookie. Only its hash is stored."""
    token, now = secrets.token_urlsafe(32), services.clock.now()
    async with services.db.write() as conn:
        await conn.execute(delete(session).where(session.c.expires_at < now))
        await conn.execute(
            insert(session),
            {
                "token_hash": _hash(token),
                "user_id": who.id,
                "csrf": secrets.token_urlsafe(32),
                "created_at": now,
                "seen_at": now,
                "expires_at": now + SESSION_LIFE,
            },
        )
    return token


async def find_session(services: Services, token: str) -> Session | None:
    """The session of a cookie, unless it is over, idle for too long, or the account disabled."""
    now, mark = services.clock.now(), _hash(token)
    async with services.db.read() as conn:
        row = (
            await conn.execute(
                select(session, user.c.login, user.c.name, user.c.role, user.c.locale)
                .join(user, user.c.id == session.c.user_id)
                .where(session.c.token_hash == mark, user.c.disabled_at.is_(None))
            )
        ).first()
    if row is None or row.expires_at <= now or row.seen_at <= now - SESSION_IDLE:
        return None
    if row.seen_at < now - timedelta(minutes=1):
        await _touch(services, mark, now)
    who = User(row.user_id, row.login, row.name, Role(row.role), row.locale)
    return Session(who, row.csrf, mark)


async def _touch(services: Services, mark: bytes, now: datetime) -> None:
    async with services.db.write() as conn:
        await conn.execute(update(session).where(session.c.token_hash == mark).values(seen_at=now))


async def close_session(services: Services, found: Session) -> None:
    async with services.db.write() as conn:
        await conn.execute(delete(session).where(session.c.token_hash == found.token_hash))


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in constant time."""
    return hmac.compare_digest(left.encode(), right.encode())


class Scope(StrEnum):
    """What an API key may be used for."""

    FOLLOWUPS = "followups"
    PEOPLE = "people"
    RESULTS = "results"


async def create_api_key(services: Services, name: str, scopes: list[Scope]) -> str:
    """A bearer key for the REST API; shown once, only its hash is stored. Raises AccountError."""
    if not name.strip() or len(name) > LONGEST_LOGIN or not name.isprintable():
        raise AccountError(f"a key's name has 1 to {LONGEST_LOGIN} characters that can be printed")
    key, now = f"hf_{secrets.token_urlsafe(32)}", services.clock.now()
    async with services.db.write() as conn:
        await conn.execute(
            insert(api_key),
            {
                "id": new_id(now),
                "key_hash": _hash(key),
                "name": name,
                "scopes": [str(scope) for scope in scopes],
                "created_at": now,
            },
        )
    return key


@dataclass(frozen=True, slots=True)
class ApiClient:
    id: str
    name: str
    scopes: frozenset[str]


async def find_api_client(services: Services, key: str) -> ApiClient | None:
    """Whose bearer key this is, unless it was revoked."""
    async with services.db.read() as conn:
        row = (
            await conn.execute(
                select(api_key).where(
                    api_key.c.key_hash == _hash(key), api_key.c.revoked_at.is_(None)
                )
            )
        ).first()
    return ApiClient(row.id, row.name, frozenset(row.scopes)) if row else None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

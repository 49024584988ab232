"""One person with a row in every table that can hold personal data, for the tests of erasure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.addresses import Home, Resolved, Sender, resolve_addresses
from bot.store.ids import new_id
from bot.store.people import Profile, import_people
from bot.store.tables import (
    address,
    address_alias,
    case,
    consent,
    conversation,
    followup,
    gap,
    inbox,
    message,
    outbox,
    record,
    result,
    start_link,
    timer,
    web_session,
)
from bot.store.vault import Vault
from channels.message import Address

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
HOME = Home("zh", "Asia/Shanghai", "CN")

SPOKEN = "我的地址是花园路七号"
SECRETS = {
    "name": "欧阳娜娜",
    "phone": "+8613800138000",
    "last4": "907X",
    "reference": "wallet-778812",
    "field": "玉渊潭支行",
    "address": "web-visitor-550011",
    "alias": "alias-660022",
    "display": "娜娜在路上",
    "spoken": SPOKEN,
}


def profile(**changes: Any) -> Profile:
    values: dict[str, Any] = {
        "locale": "zh",
        "zone": "Asia/Shanghai",
        "region": "CN",
        "name": SECRETS["name"],
        "phone": SECRETS["phone"],
        "last4": SECRETS["last4"],
        "reference": SECRETS["reference"],
        "fields": {"branch": SECRETS["field"]},
    }
    return Profile(**{**values, **changes})


def sender(value: str = SECRETS["address"], *aliases: str, account: str = "webchat:main") -> Sender:
    return Sender(Address(account, value, aliases), SECRETS["display"], "zh")


async def resolve_one(
    conn: AsyncConnection, vault: Vault, who: Sender, now: datetime = NOW
) -> Resolved:
    return (await resolve_addresses(conn, vault, [who], now=now, home=HOME))[0]


async def fill(conn: AsyncConnection, vault: Vault) -> tuple[str, Resolved]:
    """An applicant, and a bound-to-be address with a whole conversation of a provisional person.

    Returns the applicant's id and where the address leads.
    """
    applicant = (await import_people(conn, vault, [profile()], NOW))[0].id
    found = await resolve_one(conn, vault, sender(SECRETS["address"], SECRETS["alias"]))
    await converse(conn, vault, found)
    return applicant, found


async def converse(conn: AsyncConnection, vault: Vault, found: Resolved) -> str:
    """Rows of this person in every table that belongs to a conversation; the follow-up's id."""
    who, talk = found.person_id, found.conversation_id
    key = (await vault.keys(conn, [who]))[who]
    text = key.seal(SPOKEN)
    work = new_id(NOW)
    common: dict[str, Any] = {"person_id": who, "conversation_id": talk}
    rows: dict[Any, dict[str, Any]] = {
        followup: {
            "id": work,
            "person_id": who,
            "script": "preapproval",
            "version": 1,
            "flow": "in_script",
            "source": "api",
            "created_at": NOW,
        },
        start_link: {
            "token_hash": vault.lookup_hash("start_link", work),
            "person_id": who,
            "followup_id": work,
            "account": "webchat:main",
            "expires_at": NOW + timedelta(minutes=10),
        },
        consent: {
            "id": new_id(NOW),
            "person_id": who,
            "account": "webchat:main",
            "purpose": "service",
            "action": "given",
            "wording": "v1",
            "locale": "zh",
            "source": "tap",
            "at": NOW,
        },
        message: {**common, "author": "person", "kind": "text", "body": text, "at": NOW},
        inbox: {
            **common,
            "account": "webchat:main",
            "external_id": f"wamid.{SECRETS['phone']}.{work}",
            "kind": "text",
            "payload": text,
            "received_at": NOW,
            "error": SPOKEN,
        },
        outbox: {
            **common,
            "account": "webchat:main",
            "author": "bot",
            "cause": "reply",
            "control_epoch": 0,
            "payload": text,
            "due_at": NOW,
            "status": "pending",
            "created_at": NOW,
            "provider_id": f"wamid.{SECRETS['phone']}",
        },
        timer: {**common, "kind": "remind", "serial": 1, "due_at": NOW},
        result: {
            "followup_id": work,
            "name": "rating",
            "person_id": who,
            "step": "satisfaction",
            "value": text,
            "first_value": text,
            "number": 4.0,
            "at": NOW,
        },
        record: {
            "conversation_id": talk,
            "followup_id": work,
            "kind": "turn",
            "actor": "bot",
            "data": {"step": "hello"},
            "at": NOW,
        },
        gap: {**common, "locale": "zh", "question": text, "state": "open", "at": NOW},
        case: {
            **common,
            "id": new_id(NOW),
            "reason": "complaint",
            "status": "queued",
            "opened_at": NOW,
        },
        web_session: {
            "token_hash": vault.lookup_hash("web_session", work),
            "visitor": SECRETS["address"],
            "account": "webchat:main",
            "locale": "zh",
            "created_at": NOW,
            "seen_at": NOW,
        },
    }
    for table, row in rows.items():
        await conn.execute(insert(table).values(**row))
    await conn.execute(
        conversation.update().where(conversation.c.id == talk).values(state=text, followup_id=work)
    )
    return work


async def everything(conn: AsyncConnection) -> list[tuple[str, str, Any]]:
    """Every stored value: table, column, value as the database gives it."""
    found = []
    for table in address.metadata.sorted_tables:
        for row in (await conn.execute(select(table))).mappings():
            found += [(table.name, column, value) for column, value in row.items()]
    return found


async def aliases_of(conn: AsyncConnection, address_id: str) -> int:
    rows = await conn.execute(select(address_alias).where(address_alias.c.address_id == address_id))
    return len(rows.all())

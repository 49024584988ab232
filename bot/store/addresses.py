"""Addresses: who writes to us from where, and which applicant that is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Table, bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.flow import Control
from bot.safety.redact import redact
from bot.store.columns import Sealed
from bot.store.direct import Query, bulk_insert
from bot.store.ids import new_id
from bot.store.statements import among, chunks, execute_many, insert_new
from bot.store.tables import (
    address,
    address_alias,
    conversation,
    erasure,
    metadata,
    person,
    person_key,
)
from bot.store.vault import PersonKey, Vault
from channels.message import Address, Incoming
from dialogs.asides import text_locale


@dataclass(frozen=True, slots=True)
class Sender:
    """An address as a platform tells of it; the rest counts when it is new. `applicant` is the
    person whom a start link names: the new address is theirs from the beginning."""

    address: Address
    name: str = ""
    locale: str = ""
    applicant: str = ""

    @classmethod
    def of(cls, incoming: Incoming, applicant: str = "", home: str = "") -> Sender:
        """Where the platform does not tell the language, as WhatsApp does not, the first words do;
        words that could be of any leave it at `home`."""
        locale = incoming.locale or text_locale(incoming.text, home)
        return cls(incoming.address, incoming.name, locale, applicant)


@dataclass(frozen=True, slots=True)
class Home:
    """What is assumed of a person who is not known yet: locale, IANA zone, ISO 3166 region."""

    locale: str
    zone: str
    region: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """Where an address leads. `created`: it was not known before. `link_over`: it came by a start
    link of ours that could not be used."""

    address_id: str
    person_id: str
    conversation_id: str
    created: bool
    link_over: bool = False


class Binding(StrEnum):
    """What `bind_address` did."""

    BOUND = "bound"
    ALREADY = "already"  # it was this applicant's before
    TAKEN = "taken"  # it belongs to another applicant: nothing was changed


Mark = tuple[str, bytes]  # account and look-up hash of one id of an address


@dataclass(frozen=True, slots=True)
class _Found:
    address_id: str
    person_id: str
    account: str
    conversation_id: str | None
    locale: str


async def resolve_addresses(
    conn: AsyncConnection, vault: Vault, senders: Sequence[Sender], *, now: datetime, home: Home
) -> list[Resolved]:
    """Find the conversation of each sender, making an address and conversation where there is none,
    of the applicant if one is named, else of a provisional person. In the order given; a handful
    of statements for all of them.

    Two processes may do this for one address at once: both end with the same conversation. Any
    of an address's ids, alias or value, finds it, and aliases not known yet are kept.
    """
    marks = [_marks(vault, sender.address) for sender in senders]
    known = await _find(conn, {mark for own in marks for mark in own})
    newcomers = _newcomers(senders, marks, known, now)
    made = await _create(conn, vault, newcomers, now, home)
    known |= made
    if lost := {mark for own in marks if not _first(known, own) for mark in own}:
        known |= await _find(conn, lost)
    await _learn_aliases(conn, marks, known)
    found = [known[next(mark for mark in own if mark in known)] for own in marks]
    talks = await _conversations(conn, {each.address_id: each for each in found}, now)
    created = {each.address_id for each in made.values()}
    return [
        Resolved(
            each.address_id, each.person_id, talks[each.address_id], each.address_id in created
        )
        for each in found
    ]


async def known_addresses(
    conn: AsyncConnection, vault: Vault, senders: Sequence[Sender]
) -> list[Resolved] | None:
    """The conversation of each sender, in the order given, where all of them and all their aliases
    have one; else None. One statement that reads."""
    marks = [_marks(vault, sender.address) for sender in senders]
    known = await _find(conn, {mark for own in marks for mark in own})
    found = []
    for own in marks:
        each = known.get(own[0])
        if each is None or each.conversation_id is None or any(mark not in known for mark in own):
            return None
        found.append(Resolved(each.address_id, each.person_id, each.conversation_id, created=False))
    return found


def _first(known: Mapping[Mark, _Found], own: Sequence[Mark]) -> _Found | None:
    return next((known[mark] for mark in own if mark in known), None)


def _newcomers(
    senders: Sequence[Sender],
    marks: Sequence[Sequence[Mark]],
    known: Mapping[Mark, _Found],
    now: datetime,
) -> dict[str, tuple[Sender, dict[Mark, None]]]:
    """Addresses to make, by their new id, with all their marks; the own value's is the first.

    An address that stands several times in the batch, under ids that some sender links, is one.
    """
    made: dict[str, tuple[Sender, dict[Mark, None]]] = {}
    chosen: dict[Mark, str] = {}
    for sender, own in zip(senders, marks, strict=True):
        if _first(known, own):
            continue
        linked = list(dict.fromkeys(chosen[mark] for mark in own if mark in chosen))
        address_id = linked[0] if linked else new_id(now)
        all_marks = made.setdefault(address_id, (sender, {}))[1]
        for other in linked[1:]:
            all_marks.update(made.pop(other)[1])
        all_marks.update(dict.fromkeys(own))
        chosen.update(dict.fromkeys(all_marks, address_id))
    return made


def _marks(vault: Vault, where: Address) -> list[Mark]:
    """The address's ids as look-up hashes, its own value first."""
    ids = dict.fromkeys((where.value, *where.aliases))
    return [(where.account, vault.lookup_hash(where.account, each)) for each in ids]


async def _find(conn: AsyncConnection, marks: set[Mark]) -> dict[Mark, _Found]:
    found: dict[Mark, _Found] = {}
    for part in chunks(sorted(marks)):
        accounts = list({account for account, _ in part})
        values = {"accounts": accounts, "marks": [mark for _, mark in part]}
        for row in await _FIND.rows(conn, values):
            found[row["account"], row["value_hash"]] = _Found(
                row["address_id"],
                row["person_id"],
                row["account"],
                row["conversation_id"],
                row["locale"],
            )
    return found


async def _create(
    conn: AsyncConnection,
    vault: Vault,
    newcomers: Mapping[str, tuple[Sender, Mapping[Mark, None]]],
    now: datetime,
    home: Home,
) -> dict[Mark, _Found]:
    """Insert what is new; what is really ours and not another process's who was faster."""
    if not newcomers:
        return {}
    named = {sender.applicant for sender, _ in newcomers.values() if sender.applicant}
    applicants = await _applicants(conn, vault, named)
    owners = {
        address_id: sender.applicant if sender.applicant in applicants else new_id(now)
        for address_id, (sender, _) in newcomers.items()
    }
    provisional = {key: owner for key, owner in owners.items() if owner not in applicants}
    new = vault.new_keys(provisional.values())
    keys = {**applicants, **new.keys}
    people, addresses, aliases = [], [], []
    for address_id, (sender, marks) in newcomers.items():
        owner = owners[address_id]
        account, value_hash = next(iter(marks))
        if address_id in provisional:
            people.append(
                {
                    "id": owner,
                    "locale": sender.locale or home.locale,
                    "zone": home.zone,
                    "region": home.region,
                    "provisional": True,
                    "created_at": now,
                }
            )
        addresses.append(
            {
                "id": address_id,
                "person_id": owner,
                "account": account,
                "value": keys[owner].seal(sender.address.value),
                "value_hash": value_hash,
                "name": keys[owner].seal(redact(sender.name).text) if sender.name else None,
                "bound_at": None if address_id in provisional else now,
            }
        )
        aliases += [_alias(mark, address_id) for mark in marks]
    await execute_many(conn, insert(person), people)
    ours = await _claim(conn, addresses, aliases)
    if lost := [address_id for address_id in newcomers if address_id not in ours]:
        await _withdraw(conn, lost, [provisional[key] for key in lost if key in provisional])
    await vault.store(conn, new.only([provisional[key] for key in provisional if key in ours]))
    return {
        mark: _Found(address_id, owners[address_id], mark[0], None, sender.locale or home.locale)
        for address_id, (sender, marks) in newcomers.items()
        if address_id in ours
        for mark in marks
    }


async def _applicants(
    conn: AsyncConnection, vault: Vault, person_ids: Collection[str]
) -> dict[str, PersonKey]:
    """The keys of those who were not erased; locked, so that nobody is erased meanwhile."""
    if not person_ids:
        return {}
    rows = await _APPLICANTS.rows(conn, {"people": person_ids})
    return await vault.keys(conn, [row["id"] for row in rows])


async def _claim(
    conn: AsyncConnection, addresses: list[dict[str, Any]], aliases: list[dict[str, Any]]
) -> set[str]:
    """Insert addresses and all their ids; those that nobody else has any id of."""
    # Every process fills both tables in one order, so that two of them cannot deadlock.
    addresses.sort(key=lambda row: (row["account"], row["value_hash"]))
    aliases.sort(key=lambda row: (row["account"], row["value_hash"]))
    inserted = await _NEW_ADDRESSES.rows(conn, addresses)
    ours = {row["id"] for row in inserted}
    if len(ours) < len(addresses):
        # Every address has its own value among its aliases; make sure of it for what we met.
        theirs = select(address.c.account, address.c.value_hash, address.c.id).where(
            address.c.value_hash.in_(
                [row["value_hash"] for row in addresses if row["id"] not in ours]
            )
        )
        names = ["account", "value_hash", "address_id"]
        await conn.execute(insert_new(conn, address_alias).from_select(names, theirs))
    offered = [row for row in aliases if row["address_id"] in ours]
    if offered:
        got = {row["value_hash"] for row in await _NEW_ALIASES.rows(conn, offered)}
        ours -= {row["address_id"] for row in offered if row["value_hash"] not in got}
    return ours


async def _withdraw(conn: AsyncConnection, addresses: list[str], people: list[str]) -> None:
    await conn.execute(delete(address_alias).where(address_alias.c.address_id.in_(addresses)))
    await conn.execute(delete(address).where(address.c.id.in_(addresses)))
    await conn.execute(delete(person).where(person.c.id.in_(people)))


def _alias(mark: Mark, address_id: str) -> dict[str, Any]:
    return {"account": mark[0], "value_hash": mark[1], "address_id": address_id}


async def _learn_aliases(
    conn: AsyncConnection, marks: Sequence[list[Mark]], known: dict[Mark, _Found]
) -> None:
    """Keep ids that came with an address that is known by another one."""
    rows = {}
    for own in marks:
        found = _first(known, own)
        for mark in own:
            if found and mark not in known:
                rows[mark] = _alias(mark, found.address_id)
    await execute_many(conn, insert_new(conn, address_alias), [rows[mark] for mark in sorted(rows)])


async def _conversations(
    conn: AsyncConnection, found: Mapping[str, _Found], now: datetime
) -> dict[str, str]:
    """The conversation of each address, made where there is none."""
    talks = {key: each.conversation_id for key, each in found.items() if each.conversation_id}
    lacking = sorted(set(found) - set(talks))
    if not lacking:
        return talks
    rows = [
        {
            "id": new_id(now),
            "person_id": found[address_id].person_id,
            "address_id": address_id,
            "account": found[address_id].account,
            "control": Control.BOT.value,
            "control_epoch": 0,
            "revision": 0,
            "feed": 0,
            "locale": found[address_id].locale,
            "created_at": now,
        }
        for address_id in lacking
    ]
    made = await _NEW_CONVERSATIONS.rows(conn, rows)
    talks.update({row["address_id"]: row["id"] for row in made})
    if others := [address_id for address_id in lacking if address_id not in talks]:
        theirs = await conn.execute(
            select(conversation.c.address_id, conversation.c.id).where(
                conversation.c.address_id.in_(others)
            )
        )
        talks.update({row.address_id: row.id for row in theirs})
    return talks


async def bind_address(
    conn: AsyncConnection, vault: Vault, address_id: str, person_id: str, now: datetime
) -> Binding:
    """The address turned out to be this applicant's: it moves to the applicant with its
    conversation and everything said in it, sealed anew, and the provisional person goes.

    Raises LookupError if there is no such address or applicant, or one was erased.
    """
    owner = await _owner(conn, address_id)
    rows = await conn.execute(
        select(person)
        .where(person.c.id.in_({owner, person_id}))
        .order_by(person.c.id)
        .with_for_update()
    )
    people = {row.id: row for row in rows}
    # Another process may have bound it while we waited for the lock.
    owner = await _owner(conn, address_id)
    if person_id not in people or any(row.erased_at for row in people.values()):
        raise LookupError("there is no such applicant")
    if owner == person_id:
        await _mark_bound(conn, address_id, now)
        return Binding.ALREADY
    if owner not in people or not people[owner].provisional:
        return Binding.TAKEN
    await _move(conn, vault, owner, person_id)
    if left := people[owner].opted_out_at:  # who said stop before still said stop
        await conn.execute(
            update(person)
            .where(person.c.id == person_id, person.c.opted_out_at.is_(None))
            .values(opted_out_at=left)
        )
    await _mark_bound(conn, address_id, now)
    await conn.execute(delete(person_key).where(person_key.c.person_id == owner))
    await conn.execute(delete(person).where(person.c.id == owner))
    vault.forget(owner)
    return Binding.BOUND


async def _owner(conn: AsyncConnection, address_id: str) -> str:
    rows = await conn.execute(select(address.c.person_id).where(address.c.id == address_id))
    row = rows.first()
    if row is None:
        raise LookupError("there is no such address")
    return str(row.person_id)


async def _mark_bound(conn: AsyncConnection, address_id: str, now: datetime) -> None:
    await conn.execute(
        update(address)
        .where(address.c.id == address_id, address.c.bound_at.is_(None))
        .values(bound_at=now)
    )


async def _move(conn: AsyncConnection, vault: Vault, source: str, target: str) -> None:
    """Everything of the source becomes the target's; sealed columns are sealed anew."""
    keys = await vault.keys(conn, [source, target])
    if len(keys) < 2:
        raise LookupError("the key of one of them was dropped")
    for table in metadata.sorted_tables:
        if "person_id" not in table.c or table in (person_key, erasure):
            continue
        sealed = [column.name for column in table.c if isinstance(column.type, Sealed)]
        if sealed:
            await _reseal(conn, table, sealed, keys[source].open, keys[target].seal, source)
        await conn.execute(
            update(table).where(table.c.person_id == source).values(person_id=target)
        )


async def _reseal(
    conn: AsyncConnection, table: Table, sealed: list[str], unseal: Any, seal: Any, source: str
) -> None:
    primary = [column.name for column in table.primary_key]
    chosen = [table.c[name] for name in (*primary, *sealed)]
    rows = (await conn.execute(select(*chosen).where(table.c.person_id == source))).mappings().all()
    changes = [
        {
            **{f"key_{name}": row[name] for name in primary},
            **{name: seal(unseal(row[name])) if row[name] else row[name] for name in sealed},
        }
        for row in rows
    ]
    statement = update(table).where(
        *(table.c[name] == bindparam(f"key_{name}") for name in primary)
    )
    await execute_many(conn, statement, changes)


# A hash covers its account too, so that the pairs need not be compared as pairs.
_FOUND = (
    select(
        address_alias.c.account,
        address_alias.c.value_hash,
        address.c.id.label("address_id"),
        address.c.person_id,
        conversation.c.id.label("conversation_id"),
        person.c.locale,
    )
    .join(address, address.c.id == address_alias.c.address_id)
    .join(person, person.c.id == address.c.person_id)
    .outerjoin(conversation, conversation.c.address_id == address.c.id)
    .where(among(address_alias.c.account, "accounts"))
)
_FIND = Query(
    _FOUND.where(among(address_alias.c.value_hash, "marks")),
    sqlite=_FOUND.where(address_alias.c.value_hash.in_(bindparam("marks", expanding=True))),
)
_APPLICANTS = Query(
    select(person.c.id)
    .where(among(person.c.id, "people"), person.c.erased_at.is_(None))
    .order_by(person.c.id)
    .with_for_update()
)
_NEW_ADDRESSES = bulk_insert(
    address,
    "id",
    "person_id",
    "account",
    "value",
    "value_hash",
    "name",
    "bound_at",
    finish=lambda new: new.on_conflict_do_nothing().returning(address.c.id),
)
_NEW_ALIASES = bulk_insert(
    address_alias,
    "account",
    "value_hash",
    "address_id",
    finish=lambda new: new.on_conflict_do_nothing().returning(address_alias.c.value_hash),
)
_NEW_CONVERSATIONS = bulk_insert(
    conversation,
    "id",
    "person_id",
    "address_id",
    "account",
    "control",
    "control_epoch",
    "revision",
    "feed",
    "locale",
    "created_at",
    finish=lambda new: new.on_conflict_do_nothing().returning(
        conversation.c.address_id, conversation.c.id
    ),
)

"""People: bringing them in, finding, changing and showing them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import phonenumbers
from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.columns import Ciphertext
from bot.store.ids import new_id
from bot.store.masks import mask_all, mask_name, mask_value
from bot.store.statements import chunks, insert_new
from bot.store.tables import address, address_alias, person, suppression
from bot.store.vault import PersonKey, Vault

PHONE = "phone"  # scopes of look-up hashes
REFERENCE = "reference"


LOCALE = r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*)?$"  # a language tag, or nothing
_UNPRINTED = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def is_printed(value: str) -> bool:
    """Whether a value has neither control characters, of which PostgreSQL cannot store NUL, nor
    half of a character, which no UTF-8 can write."""
    return _UNPRINTED.search(value) is None


class PhoneError(ValueError):
    """A text is no telephone number that can exist."""


@dataclass(frozen=True, slots=True)
class Profile:
    """What we know of a person. `phone` is E.164 or "", `reference` is the wallet's own id of the
    person, `last4` the last four characters of the identity document, `fields` further values.
    """

    locale: str
    zone: str  # IANA
    region: str  # ISO 3166
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    last4: str = field(default="", repr=False)
    reference: str = field(default="", repr=False)
    fields: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class StoredPerson:
    """A person as stored, opened. Of an erased one the profile is empty."""

    id: str
    profile: Profile
    provisional: bool
    created_at: datetime
    opted_out_at: datetime | None = None
    erased_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one profile. `suppressed`: erased at the person's wish, never contact."""

    id: str
    created: bool
    suppressed: bool


def normal_phone(text: str, region: str) -> str:
    """E.164 of a number as people write it. Raises PhoneError."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        raise PhoneError("this is no telephone number") from None
    if not phonenumbers.is_possible_number(number):
        raise PhoneError("this telephone number is too short or too long")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


async def import_people(
    conn: AsyncConnection, vault: Vault, profiles: Sequence[Profile], now: datetime
) -> list[Imported]:
    """Bring people in, in the order given. Who has a reference that is known already is updated
    with every value that is not empty; so is a reference that stands twice in the list.
    """
    marks = [_reference_hash(vault, profile) for profile in profiles]
    known = await _by_reference(conn, [mark for mark in marks if mark])
    fresh: dict[str, Profile] = {}
    chosen: dict[bytes, str] = {}
    ids: list[str] = []
    for profile, mark in zip(profiles, marks, strict=True):
        person_id = (known.get(mark) or chosen.get(mark)) if mark else None
        if person_id is None:
            person_id = new_id(now)
            fresh[person_id] = profile
            if mark:
                chosen[mark] = person_id
        ids.append(person_id)
    stored = await _insert(conn, vault, fresh, now)
    if lost := set(fresh) - stored:  # another process brought the same reference in just now
        winners = await _by_reference(conn, [mark for mark in marks if mark])
        renamed = {chosen[mark]: winners[mark] for mark in chosen if chosen[mark] in lost}
        ids = [renamed.get(person_id, person_id) for person_id in ids]
    seen: set[str] = set()
    result: list[tuple[str, bool]] = []
    for person_id, profile in zip(ids, profiles, strict=True):
        created = person_id in stored and person_id not in seen
        if not created:
            await change_person(conn, vault, person_id, profile)
        seen.add(person_id)
        result.append((person_id, created))
    hidden = await suppressed(conn, vault, seen)
    return [Imported(person_id, created, person_id in hidden) for person_id, created in result]


async def change_person(
    conn: AsyncConnection, vault: Vault, person_id: str, profile: Profile
) -> bool:
    """Write what is not empty in the profile; `fields` are merged. False if there is nobody.

    Raises sqlalchemy's IntegrityError if the reference is another person's.
    """
    found = await load_people(conn, vault, [person_id], for_update=True)
    key = (await vault.keys(conn, [person_id])).get(person_id)
    if person_id not in found or key is None:
        return False
    old = found[person_id].profile
    merged = Profile(
        locale=profile.locale or old.locale,
        zone=profile.zone or old.zone,
        region=profile.region or old.region,
        name=profile.name or old.name,
        phone=profile.phone or old.phone,
        last4=profile.last4 or old.last4,
        reference=profile.reference or old.reference,
        fields={**old.fields, **profile.fields},
    )
    await conn.execute(
        update(person).where(person.c.id == person_id).values(_columns(vault, key, merged))
    )
    return True


async def find_by_reference(conn: AsyncConnection, vault: Vault, reference: str) -> str | None:
    """The id of the person whom the wallet knows by this reference."""
    mark = vault.lookup_hash(REFERENCE, reference)
    return (await _by_reference(conn, [mark])).get(mark)


async def find_by_phone(conn: AsyncConnection, vault: Vault, phone: str) -> list[str]:
    """Ids of all people with this E.164 number, oldest first: families share telephones."""
    mark = vault.lookup_hash(PHONE, phone)
    rows = await conn.execute(
        select(person.c.id).where(person.c.phone_hash == mark).order_by(person.c.id)
    )
    return list(rows.scalars())


async def load_people(
    conn: AsyncConnection, vault: Vault, person_ids: Collection[str], *, for_update: bool = False
) -> dict[str, StoredPerson]:
    """People by id, two queries for all of them; unknown ids are missing. `for_update` holds
    their rows until the commit."""
    keys = await vault.keys(conn, person_ids)
    found: dict[str, StoredPerson] = {}
    for part in chunks(sorted(set(person_ids))):
        statement = select(person).where(person.c.id.in_(part)).order_by(person.c.id)
        for row in await conn.execute(statement.with_for_update() if for_update else statement):
            found[row.id] = _opened(row, keys.get(row.id))
    return found


async def suppressed(
    conn: AsyncConnection, vault: Vault, person_ids: Collection[str]
) -> frozenset[str]:
    """Those of the people whose address, telephone or reference belongs to somebody erased."""
    found: set[str] = set()
    for part in chunks(person_ids):
        by_person = (
            select(person.c.id)
            .join(
                suppression,
                or_(
                    suppression.c.value_hash == person.c.phone_hash,
                    suppression.c.value_hash == person.c.reference_hash,
                ),
            )
            .where(person.c.id.in_(part))
        )
        by_address = (
            select(address.c.person_id)
            .join(address_alias, address_alias.c.address_id == address.c.id)
            .join(suppression, suppression.c.value_hash == address_alias.c.value_hash)
            .where(address.c.person_id.in_(part))
        )
        for statement in (by_person, by_address):
            found.update((await conn.execute(statement)).scalars())
    return frozenset(found)


async def show_person(conn: AsyncConnection, vault: Vault, person_id: str) -> dict[str, Any] | None:
    """A person for the eyes of an operator, masked, ready for JSON; None if there is nobody."""
    found = await load_people(conn, vault, [person_id])
    if person_id not in found:
        return None
    someone = found[person_id]
    key = (await vault.keys(conn, [person_id])).get(person_id)
    rows = await conn.execute(
        select(address).where(address.c.person_id == person_id).order_by(address.c.id)
    )
    profile = someone.profile
    return {
        "id": someone.id,
        "name": mask_name(profile.name),
        "phone": mask_value(profile.phone),
        "last4": mask_all(profile.last4),
        "reference": mask_value(profile.reference),
        "fields": {name: mask_all(value) for name, value in profile.fields.items()},
        "locale": profile.locale,
        "zone": profile.zone,
        "region": profile.region,
        "provisional": someone.provisional,
        "suppressed": person_id in await suppressed(conn, vault, [person_id]),
        "created_at": someone.created_at.isoformat(),
        "opted_out_at": someone.opted_out_at.isoformat() if someone.opted_out_at else None,
        "erased_at": someone.erased_at.isoformat() if someone.erased_at else None,
        "addresses": [
            {
                "account": row.account,
                "value": mask_value(key.open_or(row.value)) if key else "",
                "name": mask_name(key.open_or(row.name)) if key else "",
                "bound": row.bound_at is not None,
                "reachable": row.unreachable_at is None,
            }
            for row in rows
        ],
    }


async def _insert(
    conn: AsyncConnection, vault: Vault, fresh: Mapping[str, Profile], now: datetime
) -> set[str]:
    """Insert people; the ids of those whose reference nobody else had."""
    if not fresh:
        return set()
    new = vault.new_keys(fresh)
    rows = [
        {
            "id": person_id,
            "provisional": False,
            "created_at": now,
            **_columns(vault, new.keys[person_id], profile),
        }
        for person_id, profile in fresh.items()
    ]
    rows.sort(key=lambda row: row["reference_hash"] or b"")  # one order for all: no deadlock
    inserted = await conn.execute(insert_new(conn, person).returning(person.c.id), rows)
    stored = set(inserted.scalars())
    await vault.store(conn, new.only(stored))
    return stored


def _columns(vault: Vault, key: PersonKey, profile: Profile) -> dict[str, Any]:
    fields = orjson.dumps(dict(profile.fields)).decode() if profile.fields else ""
    return {
        "name": _seal(key, profile.name),
        "phone": _seal(key, profile.phone),
        "phone_hash": vault.lookup_hash(PHONE, profile.phone) if profile.phone else None,
        "last4": _seal(key, profile.last4),
        "fields": _seal(key, fields),
        "reference": _seal(key, profile.reference),
        "reference_hash": _reference_hash(vault, profile),
        "locale": profile.locale,
        "zone": profile.zone,
        "region": profile.region,
    }


def _seal(key: PersonKey, text: str) -> Ciphertext | None:
    return key.seal(text) if text else None


def _reference_hash(vault: Vault, profile: Profile) -> bytes | None:
    return vault.lookup_hash(REFERENCE, profile.reference) if profile.reference else None


async def _by_reference(conn: AsyncConnection, marks: Collection[bytes]) -> dict[bytes, str]:
    found: dict[bytes, str] = {}
    for part in chunks(marks):
        rows = await conn.execute(
            select(person.c.reference_hash, person.c.id).where(person.c.reference_hash.in_(part))
        )
        found.update({row.reference_hash: row.id for row in rows})
    return found


def _opened(row: Row[Any], key: PersonKey | None) -> StoredPerson:
    texts = {
        name: key.open_or(getattr(row, name)) if key else ""
        for name in ("name", "phone", "last4", "reference", "fields")
    }
    profile = Profile(
        locale=row.locale,
        zone=row.zone,
        region=row.region,
        name=texts["name"],
        phone=texts["phone"],
        last4=texts["last4"],
        reference=texts["reference"],
        fields=orjson.loads(texts["fields"]) if texts["fields"] else {},
    )
    return StoredPerson(
        row.id, profile, row.provisional, row.created_at, row.opted_out_at, row.erased_at
    )

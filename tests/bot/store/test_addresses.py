from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, text, update

from bot.store.addresses import Binding, Resolved, Sender, bind_address, resolve_addresses
from bot.store.columns import Sealed
from bot.store.database import Database
from bot.store.ids import new_id
from bot.store.people import import_people, load_people
from bot.store.tables import (
    address,
    address_alias,
    conversation,
    message,
    metadata,
    person,
    person_key,
)
from bot.store.vault import Vault
from tests.bot.store.filling import HOME, NOW, SPOKEN, fill, profile, resolve_one, sender


async def _resolve(db: Database, vault: Vault, *senders: Sender) -> list[Resolved]:
    async with db.write() as conn:
        return await resolve_addresses(conn, vault, senders, now=NOW, home=HOME)


async def _counts(db: Database) -> dict[str, int]:
    tables = (person, person_key, address, address_alias, conversation)
    async with db.read() as conn:
        rows = [await conn.execute(select(func.count()).select_from(each)) for each in tables]
    return {each.name: row.scalar_one() for each, row in zip(tables, rows, strict=True)}


async def test_an_unknown_address_gets_a_provisional_person_and_a_conversation_once(
    db: Database, vault: Vault
) -> None:
    first = await _resolve(db, vault, *(sender(f"v{number}") for number in range(100)))
    again = await _resolve(db, vault, *(sender(f"v{number}") for number in reversed(range(100))))
    assert [each.created for each in first] == [True] * 100
    assert [each.created for each in again] == [False] * 100
    assert [each.conversation_id for each in again] == [
        each.conversation_id for each in reversed(first)
    ]
    assert set((await _counts(db)).values()) == {100}
    async with db.read() as conn:
        people = await load_people(conn, vault, [first[0].person_id])
        keys = await vault.keys(conn, [first[0].person_id])
        row = (await conn.execute(select(address).where(address.c.id == first[0].address_id))).one()
    assert people[first[0].person_id].provisional
    key = keys[first[0].person_id]
    assert (key.open(row.value), key.open(row.name)) == ("v0", "娜娜在路上")


async def test_the_same_value_in_another_account_is_somebody_else(
    db: Database, vault: Vault
) -> None:
    here, there = await _resolve(db, vault, sender("7"), sender("7", account="telegram:main"))
    assert here.conversation_id != there.conversation_id


@pytest.mark.parametrize(
    "senders",
    [
        [("a",), ("a",)],
        [("a", "b"), ("b",)],
        [("b",), ("a", "b")],
        [("a",), ("b",), ("a", "b")],
        [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")],
        [("a",), ("b",), ("c",), ("d", "a", "b", "c")],
    ],
)
@pytest.mark.parametrize("together", [True, False])
async def test_ids_that_a_platform_links_lead_to_one_conversation(
    db: Database, vault: Vault, senders: Sequence[tuple[str, ...]], *, together: bool
) -> None:
    all_of_them = [sender(value, *aliases) for value, *aliases in senders]
    if together:
        found = await _resolve(db, vault, *all_of_them)
        assert len({each.conversation_id for each in found}) == 1
        assert len({each.person_id for each in found}) == 1
    else:
        # One after the other: what was known apart stays apart, nothing is lost or doubled.
        for each in all_of_them:
            await _resolve(db, vault, each)
    ids = sorted({each for own in senders for each in own})
    final = await _resolve(db, vault, *(sender(each) for each in ids))
    assert not any(each.created for each in final)
    counts = await _counts(db)
    assert counts["address_alias"] == len(ids)
    assert counts["person"] == counts["person_key"] == counts["address"] == counts["conversation"]
    assert counts["address"] == len({each.conversation_id for each in final})


async def test_an_id_learned_later_finds_the_address_from_then_on(
    db: Database, vault: Vault
) -> None:
    first = (await _resolve(db, vault, sender("a")))[0]
    await _resolve(db, vault, sender("a", "b"))
    assert (await _resolve(db, vault, sender("b")))[0].conversation_id == first.conversation_id


async def test_two_processes_that_meet_the_same_addresses_end_with_the_same_conversations(
    db: Database, vault: Vault
) -> None:
    others = [await Database.open(db.url.render_as_string(hide_password=False)) for _ in range(3)]
    senders = [sender(f"v{number}", f"alias{number}") for number in range(40)]
    by_alias = [sender(f"alias{number}", f"v{number}") for number in range(40)]
    orders = [senders, senders[::-1], by_alias, by_alias[::-1]]
    found = await asyncio.gather(
        *(
            _resolve(where, vault, *order)
            for where, order in zip((db, *others), orders, strict=True)
        )
    )
    for each in others:
        await each.dispose()
    talks = [[each.conversation_id for each in one] for one in found]
    assert talks[0] == talks[1][::-1] == talks[2] == talks[3][::-1]
    counts = await _counts(db)
    assert counts.pop("address_alias") == 80
    assert set(counts.values()) == {40}
    assert sum(each.created for one in found for each in one) == 40


async def test_rows_that_two_processes_may_fight_for_are_inserted_in_one_order(
    db: Database, vault: Vault
) -> None:
    if not db.is_sqlite:
        return  # PostgreSQL would deadlock now and then; SQLite shows the order every time
    await _resolve(db, vault, *(sender(f"v{number}", f"a{number}") for number in range(50)))
    async with db.write() as conn:
        people = [profile(reference=f"r{number}") for number in range(50)]
        await import_people(conn, vault, people, NOW)
        for column in ("address.value_hash", "address_alias.value_hash", "person.reference_hash"):
            table, _, name = column.partition(".")
            rows = await conn.execute(
                text(f"SELECT {name} FROM {table} WHERE {name} IS NOT NULL ORDER BY rowid")
            )
            marks = list(rows.scalars())
            assert len(marks) >= 50
            assert marks == sorted(marks)


async def test_an_address_row_without_its_alias_is_found_and_mended(
    db: Database, vault: Vault
) -> None:
    async with db.write() as conn:
        owner = (await import_people(conn, vault, [profile()], NOW))[0].id
        key = (await vault.keys(conn, [owner]))[owner]
        mark = vault.lookup_hash("telegram:main", "7")
        address_id = new_id(NOW)
        await conn.execute(
            insert(address).values(
                id=address_id,
                person_id=owner,
                account="telegram:main",
                value=key.seal("7"),
                value_hash=mark,
            )
        )
    found = (await _resolve(db, vault, sender("7", account="telegram:main")))[0]
    assert (found.address_id, found.person_id, found.created) == (address_id, owner, False)


async def test_binding_moves_the_conversation_to_the_applicant_and_seals_it_anew(
    db: Database, vault: Vault
) -> None:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
    async with db.write() as conn:
        assert await bind_address(conn, vault, found.address_id, applicant, NOW) is Binding.BOUND
    async with db.write() as conn:
        again = await bind_address(
            conn, vault, found.address_id, applicant, NOW + timedelta(hours=1)
        )
    assert again is Binding.ALREADY
    opened = 0
    async with db.read() as conn:
        key = (await vault.keys(conn, [applicant]))[applicant]
        assert await vault.keys(conn, [found.person_id]) == {}
        for table in metadata.sorted_tables:
            if "person_id" not in table.c:
                continue
            for row in (await conn.execute(select(table))).mappings():
                assert row["person_id"] == applicant, table.name
                for column in table.c:
                    if isinstance(column.type, Sealed) and row[column.name] is not None:
                        assert key.open(row[column.name])
                        opened += 1
        bound_at = (await conn.execute(select(address.c.bound_at))).scalar()
        said = (await conn.execute(select(message.c.body))).scalar_one()
        assert key.open(said) == SPOKEN
    assert opened >= 9
    assert bound_at == NOW
    assert (await _counts(db))["person"] == 1
    here = (await _resolve(db, vault, sender()))[0]
    assert (here.person_id, here.conversation_id) == (applicant, found.conversation_id)


async def test_an_address_of_one_applicant_is_not_given_to_another(
    db: Database, vault: Vault
) -> None:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
        other = (await import_people(conn, vault, [profile(reference="other")], NOW))[0].id
        await bind_address(conn, vault, found.address_id, applicant, NOW)
        assert await bind_address(conn, vault, found.address_id, other, NOW) is Binding.TAKEN
        assert (await resolve_one(conn, vault, sender())).person_id == applicant


async def test_who_said_stop_before_binding_stays_stopped(db: Database, vault: Vault) -> None:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
        await conn.execute(
            update(person).where(person.c.id == found.person_id).values(opted_out_at=NOW)
        )
        await bind_address(conn, vault, found.address_id, applicant, NOW)
        people = await load_people(conn, vault, [applicant])
    assert people[applicant].opted_out_at == NOW


async def test_binding_to_nobody_raises_and_changes_nothing(db: Database, vault: Vault) -> None:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
        for address_id, person_id in ((found.address_id, "nobody"), ("nowhere", applicant)):
            with pytest.raises(LookupError):
                await bind_address(conn, vault, address_id, person_id, NOW)
        assert (await resolve_one(conn, vault, sender())).person_id == found.person_id


async def test_two_links_used_at_once_for_one_address_bind_it_to_one_applicant(
    db: Database, vault: Vault
) -> None:
    other_db = await Database.open(db.url.render_as_string(hide_password=False))
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
        other = (await import_people(conn, vault, [profile(reference="other")], NOW))[0].id

    async def bind(where: Database, who: str) -> Binding | None:
        async with where.write() as conn:
            try:
                return await bind_address(conn, vault, found.address_id, who, NOW)
            except LookupError:
                return None

    done = await asyncio.gather(bind(db, applicant), bind(other_db, other))
    await other_db.dispose()
    assert done.count(Binding.BOUND) == 1

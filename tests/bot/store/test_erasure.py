from __future__ import annotations

import json
from datetime import timedelta

from sqlalchemy import delete, func, select, update

from bot.store.addresses import bind_address
from bot.store.columns import Sealed
from bot.store.database import Database
from bot.store.erasure import Erasure, erase_person, list_erasures, replay_erasures
from bot.store.opening import open_vault
from bot.store.people import (
    change_person,
    find_by_phone,
    find_by_reference,
    import_people,
    load_people,
    show_person,
    suppressed,
)
from bot.store.tables import (
    case,
    consent,
    conversation,
    erasure,
    followup,
    inbox,
    message,
    metadata,
    outbox,
    person,
    person_key,
    record,
    result,
    start_link,
    timer,
    web_session,
)
from bot.store.vault import Vault
from tests.bot.store.filling import NOW, SECRETS, everything, fill, profile, resolve_one, sender

KEPT = (followup, consent, message, inbox, outbox, result, record, case, conversation)


async def _bound(db: Database, vault: Vault) -> str:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
        await bind_address(conn, vault, found.address_id, applicant, NOW)
    return applicant


async def test_erasing_empties_every_sealed_column_and_keeps_rows_and_ratings(
    db: Database, vault: Vault
) -> None:
    applicant = await _bound(db, vault)
    async with db.write() as conn:
        assert await erase_person(conn, vault, applicant, NOW) is True
        assert await vault.keys(conn, [applicant]) == {}
    async with db.read() as conn:
        for table in metadata.sorted_tables:
            for row in (await conn.execute(select(table))).mappings():
                for column in table.c:
                    if isinstance(column.type, Sealed):
                        assert not row[column.name], f"{table.name}.{column.name}"
        for table in KEPT:
            assert (await conn.execute(select(func.count()).select_from(table))).scalar() == 1
        assert (await conn.execute(select(result.c.number))).scalar() == 4.0
        for table in (timer, start_link, web_session):
            assert (await conn.execute(select(func.count()).select_from(table))).scalar() == 0


async def test_after_erasing_nothing_readable_names_the_person(db: Database, vault: Vault) -> None:
    applicant = await _bound(db, vault)
    async with db.write() as conn:
        await erase_person(conn, vault, applicant, NOW)
    async with db.read() as conn:
        stored = await everything(conn)
        shown = json.dumps(await show_person(conn, vault, applicant))
    for _, _, value in stored:
        for name, secret in SECRETS.items():
            assert secret not in str(value), name
            assert not isinstance(value, bytes) or secret.encode() not in value, name
    assert '"name": ""' in shown


async def test_what_was_under_way_stops(db: Database, vault: Vault) -> None:
    applicant = await _bound(db, vault)
    async with db.write() as conn:
        before = (await conn.execute(select(conversation.c.control_epoch))).scalar_one()
        await erase_person(conn, vault, applicant, NOW)
        talk = (await conn.execute(select(conversation))).one()
        work = (await conn.execute(select(followup))).one()
        assert (talk.control, talk.control_epoch, talk.closed_at) == ("closed", before + 1, NOW)
        assert (work.flow, work.stopped_reason, work.ended_at) == ("stopped", "erased", NOW)
        assert (await conn.execute(select(outbox.c.status))).scalar() == "dropped"
        assert (await conn.execute(select(inbox.c.processed_at))).scalar() == NOW
        assert (await conn.execute(select(case.c.status))).scalar() == "resolved"


async def test_who_was_erased_is_found_no_more_but_recognised_as_not_to_be_contacted(
    db: Database, vault: Vault
) -> None:
    applicant = await _bound(db, vault)
    async with db.write() as conn:
        await erase_person(conn, vault, applicant, NOW)
        assert await find_by_reference(conn, vault, SECRETS["reference"]) is None
        assert await find_by_phone(conn, vault, SECRETS["phone"]) == []
        newcomers = [
            await resolve_one(conn, vault, sender(SECRETS[each])) for each in ("alias", "address")
        ]
        assert all(each.created for each in newcomers)
        assert applicant not in {each.person_id for each in newcomers}
        imported = await import_people(
            conn,
            vault,
            [
                profile(),
                profile(reference="new reference"),
                profile(reference="new", phone="+8613900139000"),
            ],
            NOW,
        )
        assert [each.suppressed for each in imported] == [True, True, False]
        assert all(each.created for each in imported)
        known = [each.person_id for each in newcomers] + [each.id for each in imported]
        assert await suppressed(conn, vault, known) == set(known[:4])


async def test_erasing_twice_or_nobody_changes_nothing(db: Database, vault: Vault) -> None:
    applicant = await _bound(db, vault)
    later = NOW + timedelta(days=1)
    async with db.write() as conn:
        await erase_person(conn, vault, applicant, NOW)
        before = await everything(conn)
        assert await erase_person(conn, vault, applicant, later) is False
        assert await erase_person(conn, vault, "nobody", later) is False
        assert await everything(conn) == before
        assert await change_person(conn, vault, applicant, profile()) is False


async def test_erasing_leaves_other_people_alone(db: Database, vault: Vault) -> None:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
        await erase_person(conn, vault, found.person_id, NOW)
        people = await load_people(conn, vault, [applicant])
    assert people[applicant].profile == profile()


async def test_a_restored_backup_is_erased_again_from_the_list_kept_elsewhere(
    db: Database, vault: Vault
) -> None:
    applicant = await _bound(db, vault)
    entries = [Erasure(applicant, NOW), Erasure("never here", NOW)]
    assert await replay_erasures(db, vault, entries) == 1
    assert await replay_erasures(db, vault, entries) == 0
    async with db.read() as conn:
        people = await load_people(conn, vault, [applicant])
        assert await vault.keys(conn, [applicant]) == {}
        assert {each.person_id for each in await list_erasures(conn)} == {applicant, "never here"}
    assert people[applicant].erased_at == NOW
    assert people[applicant].profile.name == ""


async def test_a_list_inside_the_restored_database_is_replayed_too(
    db: Database, vault: Vault
) -> None:
    applicant = await _bound(db, vault)
    async with db.write() as conn:
        await conn.execute(erasure.insert().values(person_id=applicant, at=NOW))
    assert await replay_erasures(db, vault) == 1


async def test_a_person_whose_key_is_gone_already_can_still_be_erased(
    db: Database, vault: Vault
) -> None:
    applicant = await _bound(db, vault)
    async with db.write() as conn:
        await conn.execute(delete(person_key))
        await conn.execute(update(person).values(erased_at=None))
    fresh = (await open_vault(db, vault.path)).vault
    async with db.write() as conn:
        assert await erase_person(conn, fresh, applicant, NOW) is True

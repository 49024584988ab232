from __future__ import annotations

import asyncio
import json

import pytest

from bot.store.database import Database
from bot.store.people import (
    PhoneError,
    change_person,
    find_by_phone,
    find_by_reference,
    import_people,
    load_people,
    normal_phone,
    show_person,
)
from bot.store.vault import Vault
from tests.bot.store.filling import NOW, SECRETS, fill, profile


async def test_people_come_in_in_order_and_are_found_by_reference_and_phone(
    db: Database, vault: Vault
) -> None:
    given = [profile(name=f"人{number}", reference=f"r{number}") for number in range(30)]
    async with db.write() as conn:
        done = await import_people(conn, vault, given, NOW)
    async with db.read() as conn:
        found = await load_people(conn, vault, [each.id for each in done])
        assert [found[each.id].profile for each in done] == given
        assert await find_by_reference(conn, vault, "r7") == done[7].id
        assert await find_by_reference(conn, vault, "r99") is None
        assert await find_by_phone(conn, vault, SECRETS["phone"]) == sorted(
            each.id for each in done
        )
        assert await find_by_phone(conn, vault, "+10") == []
    assert {(each.created, each.suppressed) for each in done} == {(True, False)}
    assert not any(each.provisional for each in found.values())


async def test_somebody_known_is_updated_and_keeps_what_is_not_given(
    db: Database, vault: Vault
) -> None:
    async with db.write() as conn:
        first = (await import_people(conn, vault, [profile()], NOW))[0]
        change = profile(name="", phone="+8613900139000", last4="", fields={"card": "gold"})
        again = (await import_people(conn, vault, [change], NOW))[0]
    assert (again.id, again.created) == (first.id, False)
    async with db.read() as conn:
        stored = (await load_people(conn, vault, [first.id]))[first.id].profile
        assert await find_by_phone(conn, vault, "+8613900139000") == [first.id]
        assert await find_by_phone(conn, vault, SECRETS["phone"]) == []
    assert stored.name == SECRETS["name"]
    assert stored.last4 == SECRETS["last4"]
    assert stored.fields == {"branch": SECRETS["field"], "card": "gold"}


async def test_a_reference_twice_in_a_list_is_one_person_and_none_is_nobody_known(
    db: Database, vault: Vault
) -> None:
    rows = [profile(reference=""), profile(), profile(name="后来"), profile(reference="")]
    async with db.write() as conn:
        done = await import_people(conn, vault, rows, NOW)
        stored = await load_people(conn, vault, [done[1].id])
    assert done[1].id == done[2].id
    assert len({each.id for each in done}) == 3
    assert [each.created for each in done] == [True, True, False, True]
    assert stored[done[1].id].profile.name == "后来"


async def test_two_processes_that_bring_in_the_same_people_make_them_once(
    db: Database, vault: Vault
) -> None:
    other = await Database.open(db.url.render_as_string(hide_password=False))
    rows = [profile(reference=f"r{number}", name=f"人{number}") for number in range(20)]

    async def bring(where: Database, order: int) -> list[str]:
        async with where.write() as conn:
            return [each.id for each in await import_people(conn, vault, rows[::order], NOW)]

    first, second = await asyncio.gather(bring(db, 1), bring(other, -1))
    await other.dispose()
    assert first == second[::-1]
    async with db.read() as conn:
        names = [each.profile.name for each in (await load_people(conn, vault, first)).values()]
    assert sorted(names) == sorted(row.name for row in rows)


async def test_changing_nobody_says_so(db: Database, vault: Vault) -> None:
    async with db.write() as conn:
        assert await change_person(conn, vault, "nobody", profile()) is False


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("13800138000", "CN", "+8613800138000"),
        ("138 0013 8000", "CN", "+8613800138000"),
        ("+44 20 7946 0958", "CN", "+442079460958"),
        ("１３８００１３８０００", "CN", "+8613800138000"),
    ],
)
def test_a_number_is_kept_in_one_way_of_writing(written: str, region: str, number: str) -> None:
    assert normal_phone(written, region) == number


@pytest.mark.parametrize("written", ["", "我的电话", "12", "1380013800013800138000"])
def test_what_is_no_number_is_refused_and_not_repeated(written: str) -> None:
    with pytest.raises(PhoneError) as raised:
        normal_phone(written, "CN")
    assert not written or written not in str(raised.value)


async def test_a_person_is_shown_masked(db: Database, vault: Vault) -> None:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
    async with db.read() as conn:
        shown = [await show_person(conn, vault, each) for each in (applicant, found.person_id)]
        assert await show_person(conn, vault, "nobody") is None
    text = json.dumps(shown, ensure_ascii=False)
    for secret in SECRETS.values():
        assert secret not in text
    assert shown[0]
    assert shown[0]["name"] == "欧•••"
    assert shown[0]["phone"].endswith("00")
    assert shown[1]
    assert shown[1]["provisional"] is True
    assert shown[1]["addresses"][0]["value"].endswith("11")


def test_a_profile_does_not_show_what_it_holds() -> None:
    for secret in SECRETS.values():
        assert secret not in repr(profile())

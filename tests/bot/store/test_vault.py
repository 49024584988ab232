from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.columns import Ciphertext
from bot.store.database import Database
from bot.store.direct import Query, Row
from bot.store.keys import Keys, KeysError, read_keys, write_keys
from bot.store.people import import_people
from bot.store.tables import person_key
from bot.store.vault import PersonKey, SealError, Vault
from tests.bot.store.filling import NOW, profile

KEYS = Keys.new()
VAULT = Vault(KEYS, Path("keys.toml"))
KEY = PersonKey("p1", bytes(range(32)))


@given(st.text())
def test_what_is_sealed_opens_again(text: str) -> None:
    sealed = KEY.seal(text)
    assert KEY.open(sealed) == text
    assert len(sealed) == 1 + 12 + len(text.encode()) + 16


def test_the_same_text_is_never_sealed_alike() -> None:
    assert KEY.seal("五分") != KEY.seal("五分")


@pytest.mark.parametrize(
    "sealed",
    [
        Ciphertext(b""),
        Ciphertext(b"\x01"),
        Ciphertext(b"\x01" + bytes(40)),
        Ciphertext(b"\x02" + KEY.seal("x")[1:]),
        Ciphertext(KEY.seal("x")[:-1] + b"\x00\x00"),
        PersonKey("p2", bytes(range(32))).seal("x"),
        PersonKey("p1", bytes(32)).seal("x"),
    ],
    ids=["erased", "short", "noise", "other version", "changed", "other person", "other key"],
)
def test_what_was_not_sealed_so_for_this_person_does_not_open(sealed: Ciphertext) -> None:
    with pytest.raises(SealError):
        KEY.open(sealed)


def test_lookup_hashes_depend_on_scope_value_and_keys_file() -> None:
    marks = {
        VAULT.lookup_hash("phone", "1"),
        VAULT.lookup_hash("phone", "2"),
        VAULT.lookup_hash("reference", "1"),
        Vault(Keys.new(), Path("other")).lookup_hash("phone", "1"),
    }
    assert len(marks) == 4
    assert VAULT.lookup_hash("phone", "1") in marks
    assert {len(mark) for mark in marks} == {32}


def test_derived_keys_differ_by_purpose_and_survive_a_new_master_key() -> None:
    rotated = Vault(Keys(KEYS.lookup, Keys.new().masters), Path("keys.toml"))
    assert rotated.derive("start_link") == VAULT.derive("start_link")
    assert rotated.lookup_hash("phone", "1") == VAULT.lookup_hash("phone", "1")
    assert VAULT.derive("start_link") != VAULT.derive("session")
    assert KEYS.lookup not in (VAULT.derive("start_link"), VAULT.derive("session"))


@given(
    st.text(min_size=1), st.integers(0, 65535), st.integers(0, 255), st.text(min_size=1, max_size=9)
)
def test_an_option_token_is_read_back_in_its_own_conversation_only(
    talk: str, serial: int, index: int, other: str
) -> None:
    token = VAULT.option_token(talk, serial, index)
    assert len(token) == 22
    assert VAULT.read_token(talk, token) == (serial, index)
    assert VAULT.option_token(talk, serial, index) == token
    if other != talk:
        assert VAULT.read_token(other, token) is None


@given(st.one_of(st.text(max_size=30), st.binary(min_size=16, max_size=16)))
def test_what_is_no_token_of_ours_reads_as_nothing(made_up: str | bytes) -> None:
    if isinstance(made_up, bytes):
        made_up = base64.urlsafe_b64encode(made_up)[:22].decode()
    assert VAULT.read_token("talk", made_up) is None


def test_secrets_do_not_show_in_representations() -> None:
    for shown in (repr(VAULT), repr(KEYS), repr(VAULT.new_keys(["p"]))):
        assert "\\x" not in shown
        assert KEYS.newest.secret.hex() not in shown


def test_an_option_token_refuses_numbers_that_do_not_fit() -> None:
    for serial, index in ((65536, 0), (0, 256), (-1, 0)):
        with pytest.raises(ValueError, match="at most"):
            VAULT.option_token("talk", serial, index)


async def test_keys_of_many_people_take_one_query_and_then_none(
    db: Database, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with db.write() as conn:
        people = [profile(reference=str(number)) for number in range(5)]
        ids = [each.id for each in await import_people(conn, vault, people, NOW)]
    fresh = Vault(_keys(vault), vault.path)
    asked: list[object] = []
    ask = Query.rows

    async def counted(query: Query, conn: AsyncConnection, values: Row) -> Sequence[Row]:
        asked.append(query)
        return await ask(query, conn, values)

    monkeypatch.setattr(Query, "rows", counted)
    async with db.read() as conn:
        first = await fresh.keys(conn, [*ids, "nobody"])
        again = await fresh.keys(conn, ids)
    assert set(first) == set(ids)
    assert again == first
    assert len(asked) == 1


async def test_a_key_leaves_memory_when_forgotten_when_old_and_when_others_need_the_room(
    db: Database, vault: Vault
) -> None:
    async with db.write() as conn:
        people = [profile(reference=str(number)) for number in range(3)]
        ids = [each.id for each in await import_people(conn, vault, people, NOW)]
    now = [0.0]
    fresh = Vault(_keys(vault), vault.path, cached_people=2, clock=lambda: now[0])
    async with db.write() as conn:
        for person_id in ids:
            await fresh.keys(conn, [person_id])
        await conn.execute(delete(person_key))
        assert set(await fresh.keys(conn, ids)) == set(ids[1:])
        fresh.forget(ids[1])
        assert set(await fresh.keys(conn, ids)) == {ids[2]}
        now[0] = 301.0
        assert await fresh.keys(conn, ids) == {}


async def test_a_data_key_moved_to_another_person_opens_nothing(db: Database, vault: Vault) -> None:
    secret = bytes(32)
    wrapped = vault.wrap("p1", secret, vault.newest)
    assert vault.unwrap("p1", wrapped, vault.newest) == secret
    with pytest.raises(KeysError, match="does not fit this database"):
        vault.unwrap("p2", wrapped, vault.newest)


async def test_an_unknown_master_key_makes_the_vault_read_the_file_again(
    db: Database, vault: Vault
) -> None:
    newer = _keys(vault).with_master(Keys.new().newest)
    elsewhere = Vault(newer, vault.path)
    wrapped = elsewhere.wrap("p1", bytes(32), newer.newest.id)
    with pytest.raises(KeysError, match="lacks master key"):
        vault.unwrap("p1", wrapped, newer.newest.id)
    write_keys(vault.path, newer)
    assert vault.unwrap("p1", wrapped, newer.newest.id) == bytes(32)
    assert vault.newest == newer.newest.id


def _keys(vault: Vault) -> Keys:
    return read_keys(vault.path)

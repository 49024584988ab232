from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import StatementError

from bot.store.addresses import bind_address
from bot.store.columns import Sealed
from bot.store.database import Database
from bot.store.erasure import erase
from bot.store.tables import address, message, metadata, person, person_key, web_session
from bot.store.vault import Vault
from tests.bot.store.filling import NOW, SECRETS, everything, fill

# What the tests' filling puts in plain on purpose, to see that erasing clears it: platform ids and
# error texts are not sealed, and a browser's session names its visitor.
_PLAIN = {"inbox.external_id", "inbox.error", "outbox.provider_id", "web_session.visitor"}


async def test_no_column_holds_personal_data_in_plain(db: Database, vault: Vault) -> None:
    async with db.write() as conn:
        applicant, found = await fill(conn, vault)
        await bind_address(conn, vault, found.address_id, applicant, NOW)
    async with db.read() as conn:
        stored = await everything(conn)
    assert len({table for table, _, _ in stored}) >= 18
    for table, column, value in stored:
        if f"{table}.{column}" in _PLAIN:
            continue
        for name, secret in SECRETS.items():
            raw = value if isinstance(value, bytes) else str(value).encode()
            assert secret.encode() not in raw, f"{name} in {table}.{column}"


async def test_every_sealed_column_is_filled_and_opens_with_its_persons_key(
    db: Database, vault: Vault
) -> None:
    async with db.write() as conn:
        await fill(conn, vault)
    found: set[str] = set()
    opened: set[str] = set()
    async with db.read() as conn:
        for table in metadata.sorted_tables:
            sealed = [column.name for column in table.c if isinstance(column.type, Sealed)]
            for row in (await conn.execute(select(table))).mappings():
                owner = str(row["id"] if table is person else row.get("person_id"))
                for name in sealed:
                    if row[name] is not None:
                        found.add(f"{table.name}.{name}")
                        opened.add((await vault.keys(conn, [owner]))[owner].open(row[name]))
    everywhere = {
        f"{table.name}.{column.name}"
        for table in metadata.sorted_tables
        for column in table.c
        if isinstance(column.type, Sealed)
    }
    assert found == everywhere
    wanted = {value for name, value in SECRETS.items() if name not in ("alias", "field")}
    assert wanted <= opened


async def test_the_files_of_sqlite_hold_neither_plain_text_nor_an_erased_data_key(
    db: Database, vault: Vault, tmp_path: Path
) -> None:
    if not db.is_sqlite:
        return
    async with db.write() as conn:
        applicant, _ = await fill(conn, vault)
        await conn.execute(web_session.delete())
    async with db.read() as conn:
        wrapped = (
            await conn.execute(
                select(person_key.c.wrapped).where(person_key.c.person_id == applicant)
            )
        ).scalar_one()
    assert any(wrapped in content for content in _files(tmp_path))
    assert await erase(db, vault, applicant, NOW)
    for content in _files(tmp_path):
        assert SECRETS["name"].encode() not in content
        assert SECRETS["alias"].encode() not in content
        assert wrapped not in content


async def test_plain_text_cannot_be_stored_in_a_sealed_column(db: Database) -> None:
    for table, column in ((person, "name"), (address, "value"), (message, "body")):
        async with db.write() as conn:
            with pytest.raises(StatementError, match="only what the vault sealed"):
                await conn.execute(update(table).values(**{column: b"plain"}))


def _files(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("huifang.db*")]

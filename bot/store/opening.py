"""Opening the vault: the keys file is made once for an empty database, and must fit ever after."""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.database import Database
from bot.store.keys import Keys, KeysError, locked, read_keys, write_keys
from bot.store.statements import execute_many, insert_new
from bot.store.tables import person, person_key, vault_key
from bot.store.vault import LOOKUP, Vault


@dataclass(frozen=True, slots=True)
class OpenVault:
    """`warning` is for the operator's eyes, after a keys file was made; else it is empty."""

    vault: Vault
    warning: str = ""


async def open_vault(db: Database, path: Path) -> OpenVault:
    """Open the vault of a migrated database with the keys file at `path`.

    Makes the file if the database never had one. Raises KeysError, one line that says what to do,
    if the file is missing, open to others, or belongs to another database.
    """
    made = False
    try:
        keys = read_keys(path)
    except FileNotFoundError:
        async with db.read() as conn:
            in_use = await _in_use(conn)
        keys, made = _make(path, in_use=in_use)
    vault = Vault(keys, path)
    async with db.write() as conn:
        await _check(conn, vault, keys)
    return OpenVault(vault, _warning(path) if made else "")


def _make(path: Path, *, in_use: bool) -> tuple[Keys, bool]:
    """The keys, and whether they were made here: another process may have been faster."""
    with locked(path):
        if path.exists():
            return read_keys(path), False
        if in_use:
            raise KeysError(
                f"{path} is missing, but this database was sealed with it. Put it back from your "
                "copy or correct HUIFANG_MASTER_KEYS_FILE: without it nothing can be read."
            )
        keys = Keys.new()
        try:
            write_keys(path, keys)
        except OSError as error:
            raise KeysError(f"{path} cannot be written: {os.strerror(error.errno or 0)}.") from None
    return keys, True


async def _in_use(conn: AsyncConnection) -> bool:
    for table in (vault_key, person_key, person):
        if (await conn.execute(select(*table.primary_key).limit(1))).first():
            return True
    return False


async def _check(conn: AsyncConnection, vault: Vault, keys: Keys) -> None:
    """The file has every key that the database knows, and knows the newest of the file."""
    marks = vault.fingerprints()
    newest = keys.newest.id
    rows = await conn.execute(select(vault_key.c.id, vault_key.c.fingerprint))
    registered = {row.id: row.fingerprint for row in rows}
    for key_id, mark in registered.items():
        if key_id not in marks or not hmac.compare_digest(marks[key_id], mark):
            what = "lookup key" if key_id == LOOKUP else f"master key {key_id}"
            raise KeysError(
                f"{vault.path} does not fit this database: it lacks the database's {what}. "
                "Put back the keys file that belongs to it, or correct HUIFANG_DATABASE_URL."
            )
    if not registered and await _in_use(conn):
        raise KeysError(
            f"{vault.path} does not fit this database, which holds people but knows no keys. "
            "Restore the database as a whole."
        )
    new = [{"id": name, "fingerprint": marks[name]} for name in (LOOKUP, newest)]
    await execute_many(
        conn, insert_new(conn, vault_key), [row for row in new if row["id"] not in registered]
    )


def _warning(path: Path) -> str:
    return (
        f"New encryption keys were made in {path.absolute()}. Keep a copy in a safe place that is "
        "not the database's backup: if the file is lost, all names, addresses and messages are "
        "lost for good, in every backup too."
    )

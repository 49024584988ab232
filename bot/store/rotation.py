"""Changing the master key: every data key is wrapped anew; stopping at any point loses nothing."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import bindparam, delete, func, select, update
from sqlalchemy.exc import IntegrityError

from bot.store.database import Database
from bot.store.keys import Keys, KeysError, MasterKey, fingerprint, locked, read_keys, write_keys
from bot.store.statements import execute_many, insert_new
from bot.store.tables import person_key, vault_key
from bot.store.vault import Vault

_BATCH = 500  # data keys in one transaction


@dataclass(frozen=True, slots=True)
class Rotation:
    """What `rotate` did. `resumed`: it finished one that had been stopped before."""

    master: str
    rewrapped: int
    retired: tuple[str, ...]
    resumed: bool
    warning: str


async def rotate(db: Database, vault: Vault, *, batch: int = _BATCH) -> Rotation:
    """Make a master key, wrap every data key with it and retire the others.

    The order makes it safe to be killed anywhere, and to be run again then: the new key is in the
    file before anything is wrapped with it; an old one leaves the database before it leaves the
    file, and cannot leave while a data key needs it. Other processes read the file again when
    they meet the new key; on several machines the file must be shared, or copied during rotation.
    Raises KeysError.
    """
    with locked(vault.path):
        try:
            keys = read_keys(vault.path)
        except FileNotFoundError:
            raise KeysError(f"{vault.path} is gone. Put it back from your copy.") from None
        resumed = len(keys.masters) > 1
        if not resumed:
            keys = keys.with_master(MasterKey.new())
            write_keys(vault.path, keys)
        vault.reload()
        await _register(db, keys)
        old = {key.id for key in keys.masters[:-1]}
        rewrapped = await _rewrap_until_retired(db, vault, old, batch)
        write_keys(vault.path, keys.without(old))
        vault.reload()
    warning = (
        f"Copy {vault.path.absolute()} to your safe place now. Keep the older copy as long as "
        "backups of the database from before this rotation: they open only with it."
    )
    return Rotation(keys.newest.id, rewrapped, tuple(sorted(old)), resumed, warning)


async def _register(db: Database, keys: Keys) -> None:
    newest = keys.newest
    async with db.write() as conn:
        row = {"id": newest.id, "fingerprint": fingerprint(newest.secret)}
        await conn.execute(insert_new(conn, vault_key), [row])


async def _rewrap_until_retired(db: Database, vault: Vault, old: set[str], batch: int) -> int:
    rewrapped = 0
    while True:
        while count := await _rewrap(db, vault, batch):
            rewrapped += count
        try:
            async with db.write() as conn:
                await conn.execute(delete(vault_key).where(vault_key.c.id.in_(old)))
        except IntegrityError:
            continue  # somebody new was stored under the old key meanwhile
        return rewrapped


async def _rewrap(db: Database, vault: Vault, batch: int) -> int:
    """Wrap up to `batch` data keys anew; 0 when all are done."""
    async with db.write() as conn:
        rows = await conn.execute(
            select(person_key.c.person_id, person_key.c.wrapped, person_key.c.master)
            .where(person_key.c.master != vault.newest)
            .order_by(person_key.c.person_id)
            .limit(batch)
            .with_for_update()
        )
        changes = [
            {
                "id": person_id,
                "wrapped": vault.wrap(
                    person_id, vault.unwrap(person_id, wrapped, master), vault.newest
                ),
                "master": vault.newest,
            }
            for person_id, wrapped, master in rows
        ]
        statement = update(person_key).where(person_key.c.person_id == bindparam("id"))
        await execute_many(conn, statement, changes)
    return len(changes)


async def masters_in_use(db: Database) -> dict[str, int]:
    """How many data keys each master key wraps, by its id."""
    async with db.read() as conn:
        rows = await conn.execute(
            select(person_key.c.master, func.count().label("people")).group_by(person_key.c.master)
        )
        return {row.master: row.people for row in rows}

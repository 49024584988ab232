from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bot.store.database import Database
from bot.store.keys import Keys, KeysError, MasterKey, read_keys, write_keys
from bot.store.opening import open_vault
from bot.store.people import import_people, load_people
from bot.store.vault import Vault
from tests.bot.store.filling import NOW, SECRETS, profile


async def test_the_first_opening_makes_the_keys_and_says_what_losing_them_means(
    db: Database, keys_path: Path
) -> None:
    first = await open_vault(db, keys_path)
    assert str(keys_path) in first.warning
    assert "lost for good" in first.warning
    assert _mode(keys_path) == 0o600
    second = await open_vault(db, keys_path)
    assert second.warning == ""
    assert second.vault.fingerprints() == first.vault.fingerprints()


async def test_another_process_opens_what_the_first_one_sealed(
    db: Database, vault: Vault, keys_path: Path
) -> None:
    async with db.write() as conn:
        person_id = (await import_people(conn, vault, [profile()], NOW))[0].id
    other = (await open_vault(db, keys_path)).vault
    async with db.read() as conn:
        found = await load_people(conn, other, [person_id])
    assert found[person_id].profile.name == SECRETS["name"]


async def test_a_missing_file_is_never_replaced_once_the_database_had_one(
    db: Database, vault: Vault, keys_path: Path
) -> None:
    _remove(keys_path)
    with pytest.raises(KeysError, match="is missing, but this database was sealed with it"):
        await open_vault(db, keys_path)
    assert _mode(keys_path) is None


async def test_keys_of_another_database_are_refused(
    db: Database, vault: Vault, keys_path: Path
) -> None:
    right = read_keys(keys_path)
    foreign = Keys.new()
    for wrong, lacks in (
        (Keys(foreign.lookup, right.masters), "lookup key"),
        (Keys(right.lookup, foreign.masters), f"master key {right.newest.id}"),
        (Keys(right.lookup, (MasterKey(right.newest.id, bytes(32)),)), "master key"),
    ):
        write_keys(keys_path, wrong)
        with pytest.raises(KeysError, match=lacks):
            await open_vault(db, keys_path)
    write_keys(keys_path, right)
    assert (await open_vault(db, keys_path)).warning == ""


async def test_a_folder_that_cannot_be_written_is_said_in_one_line(
    db: Database, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeysError, match=r"cannot be (used|read)"):
        await open_vault(db, tmp_path / "file" / "keys.toml")


def _mode(path: Path) -> int | None:
    return stat.S_IMODE(path.stat().st_mode) if path.exists() else None


def _remove(path: Path) -> None:
    path.unlink()

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.store import rotation
from bot.store.database import Database
from bot.store.keys import read_keys
from bot.store.opening import open_vault
from bot.store.people import import_people, load_people
from bot.store.rotation import masters_in_use, rotate
from bot.store.vault import Vault
from tests.bot.store.filling import NOW, profile

PEOPLE = 25


async def _filled(db: Database, vault: Vault, people: int = PEOPLE) -> list[str]:
    async with db.write() as conn:
        profiles = [profile(name=f"人{number}", reference=str(number)) for number in range(people)]
        return [each.id for each in await import_people(conn, vault, profiles, NOW)]


async def _names(db: Database, vault: Vault, ids: list[str]) -> list[str]:
    async with db.read() as conn:
        found = await load_people(conn, vault, ids)
    return [found[person_id].profile.name for person_id in ids]


async def test_rotation_wraps_every_key_anew_and_everything_still_opens(
    db: Database, vault: Vault, keys_path: Path
) -> None:
    ids = await _filled(db, vault)
    before = read_keys(keys_path)
    done = await rotate(db, vault, batch=7)
    assert (done.rewrapped, done.retired, done.resumed) == (PEOPLE, (before.newest.id,), False)
    assert "older copy" in done.warning
    after = read_keys(keys_path)
    assert [key.id for key in after.masters] == [done.master]
    assert after.lookup == before.lookup
    assert await masters_in_use(db) == {done.master: PEOPLE}
    for reader in (vault, (await open_vault(db, keys_path)).vault):
        assert await _names(db, reader, ids) == [f"人{number}" for number in range(PEOPLE)]


class Killed(BaseException):
    """Stands for kill -9 at a chosen point: nothing may clean up after it."""


POINTS = [
    (name, call)
    for name, calls in {"write_keys": 2, "_register": 1, "_rewrap": 5, "delete": 1}.items()
    for call in range(1, calls + 1)
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("name", "call"), POINTS)
async def test_rotation_killed_at_any_point_is_finished_by_the_next(
    db: Database,
    vault: Vault,
    keys_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    call: int,
    after: bool,
) -> None:
    ids = await _filled(db, vault)
    _kill_at(monkeypatch, name, call, after=after)
    with pytest.raises(Killed):
        await rotate(db, vault, batch=7)
    monkeypatch.undo()
    # A process that starts in this state works, and stores new people.
    meanwhile = (await open_vault(db, keys_path)).vault
    names = [f"人{number}" for number in range(PEOPLE)]
    assert await _names(db, meanwhile, ids) == names
    async with db.write() as conn:
        late = [profile(name="新人", reference="late")]
        ids.append((await import_people(conn, meanwhile, late, NOW))[0].id)
    done = await rotate(db, meanwhile, batch=7)
    assert [key.id for key in read_keys(keys_path).masters] == [done.master]
    assert await masters_in_use(db) == {done.master: PEOPLE + 1}
    assert await _names(db, (await open_vault(db, keys_path)).vault, ids) == [*names, "新人"]


def _kill_at(monkeypatch: pytest.MonkeyPatch, name: str, call: int, *, after: bool) -> None:
    original: Callable[..., Any] = getattr(rotation, name)
    calls = [0]

    def stop_now() -> bool:
        calls[0] += 1
        return calls[0] == call

    def plain(*given: Any, **named: Any) -> Any:
        stops = stop_now()
        if stops and not after:
            raise Killed
        made = original(*given, **named)
        if stops:
            raise Killed
        return made

    async def waited(*given: Any, **named: Any) -> Any:
        stops = stop_now()
        if stops and not after:
            raise Killed
        made = await original(*given, **named)
        if stops:
            raise Killed
        return made

    monkeypatch.setattr(rotation, name, waited if name.startswith("_") else plain)


async def test_a_process_that_is_really_killed_leaves_a_rotation_that_can_be_finished(
    db: Database, vault: Vault, keys_path: Path, tmp_path: Path
) -> None:
    ids = await _filled(db, vault)
    script = tmp_path / "rotate.py"
    url = db.url.render_as_string(hide_password=False)
    script.write_text(_KILLED.format(url=url, keys=str(keys_path)))
    process = await asyncio.create_subprocess_exec(sys.executable, str(script), cwd=Path.cwd())
    assert await process.wait() == -signal.SIGKILL
    assert len(read_keys(keys_path).masters) == 2
    assert sorted((await masters_in_use(db)).values()) == [11, 14]
    done = await rotate(db, vault, batch=7)
    assert (done.rewrapped, done.resumed) == (11, True)
    assert await _names(db, vault, ids) == [f"人{number}" for number in range(PEOPLE)]


_KILLED = """
import asyncio, os, signal
from pathlib import Path
from bot.store import rotation
from bot.store.database import Database
from bot.store.opening import open_vault

calls = []
rewrap = rotation._rewrap

async def killed(*given):
    calls.append(given)
    if len(calls) == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return await rewrap(*given)

async def main():
    rotation._rewrap = killed
    db = await Database.open({url!r})
    vault = (await open_vault(db, Path({keys!r}))).vault
    await rotation.rotate(db, vault, batch=7)

asyncio.run(main())
"""


async def test_a_process_with_the_old_keys_in_memory_never_uses_a_retired_one(
    db: Database, vault: Vault, keys_path: Path
) -> None:
    stale = (await open_vault(db, keys_path)).vault
    done = await rotate(db, vault)
    assert stale.newest != done.master
    ids = await _filled(db, stale, 1)
    assert stale.newest == done.master
    assert await masters_in_use(db) == {done.master: 1}
    assert await _names(db, vault, ids) == ["人0"]


async def test_somebody_stored_during_the_rotation_is_wrapped_anew_too(
    db: Database, vault: Vault, keys_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stale = (await open_vault(db, keys_path)).vault
    ids = await _filled(db, vault, 3)
    rewrap = rotation._rewrap
    calls = [0]

    async def joined(*given: Any) -> int:
        calls[0] += 1
        done = await rewrap(*given)
        if done == 0 and calls[0] == 2:  # all are done, the old key is about to be retired
            async with db.write() as conn:
                late = [profile(name="迟到", reference="late")]
                ids.append((await import_people(conn, stale, late, NOW))[0].id)
        return done

    monkeypatch.setattr(rotation, "_rewrap", joined)
    done = await rotate(db, vault)
    assert done.rewrapped == 4
    assert await masters_in_use(db) == {done.master: 4}
    assert (await _names(db, vault, ids))[-1] == "迟到"

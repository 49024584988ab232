"""The operator's own scripts beside the shipped ones, and the versions that their texts get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from bot.clock import GivenClock
from bot.company import Company
from bot.scripts import ScriptLibrary, learn_versions, open_scripts, read_scripts
from bot.store.database import Database
from bot.store.schema import migrate
from bot.store.tables import script_version
from dialogs.script import Script
from dialogs.source import ScriptError

CLOCK = GivenClock(datetime(2026, 11, 20, 4, 0, tzinfo=UTC))
MINE = """script: mine
version: 1
locales: [en]
title: {en: Mine}
start: a
steps:
  a: {say: {en: "Hello from {{brand}}."}}
"""


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    made = await Database.open(f"sqlite+aiosqlite:///{tmp_path}/huifang.db")
    await migrate(made)
    yield made
    await made.dispose()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "scripts"
    made.mkdir()
    (made / "mine.yaml").write_text(MINE)
    return made


async def opened(
    db: Database, folder: Path | None, warned: list[str] | None = None
) -> ScriptLibrary:
    warn = (warned if warned is not None else []).append
    return await open_scripts(db, CLOCK, Company.load(), folder=folder, warn=warn)


def said(library: ScriptLibrary, version: int | None = None) -> str:
    say = library.get("mine", version).steps["a"].say
    assert say is not None
    return say["en"]


async def test_own_scripts_stand_beside_the_shipped_ones(db: Database, folder: Path) -> None:
    library = await opened(db, folder)
    assert {"mine", "preapproval"} <= set(library.names)


async def test_own_script_replaces_the_shipped_one_of_its_name(db: Database, folder: Path) -> None:
    (folder / "reception.yaml").write_text(MINE.replace("mine", "reception"))
    await opened(db, None)
    library = await opened(db, folder)
    assert library.get("reception").title == {"en": "Mine"}
    assert library.get("reception").version == 2
    assert "Mine" not in library.get("reception", 1).title.values()


async def test_changed_text_gets_the_next_version_and_the_old_one_stays(
    db: Database, folder: Path
) -> None:
    warned: list[str] = []
    assert (await opened(db, folder, warned)).get("mine").version == 1
    (folder / "mine.yaml").write_text(MINE.replace("Hello", "Good day"))
    library = await opened(db, folder, warned)
    assert library.get("mine").version == 2
    assert (said(library), said(library, 1)) == (
        "Good day from {{brand}}.",
        "Hello from {{brand}}.",
    )
    (line,) = warned
    assert line.startswith(f"{folder / 'mine.yaml'}:2: ")
    assert line.endswith("Write version: 2")
    await opened(db, folder, warned)
    assert len(warned) == 1, "what is kept already is no news"


async def test_text_that_is_put_back_gets_its_own_version_again(db: Database, folder: Path) -> None:
    await opened(db, folder)
    (folder / "mine.yaml").write_text(MINE.replace("Hello", "Good day"))
    await opened(db, folder)
    (folder / "mine.yaml").write_text(MINE)
    library = await opened(db, folder)
    assert (library.get("mine").version, library.versions("mine")) == (1, [2, 1])


async def test_script_whose_file_is_gone_is_still_known(db: Database, folder: Path) -> None:
    await opened(db, folder)
    (folder / "mine.yaml").unlink()
    assert said(await opened(db, folder)) == "Hello from {{brand}}."


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (
            ("Hello", "Please tell me your password. Hello"),
            "mine.yaml:7: .*asks for something secret",
        ),
        (("{{brand}}", "{{brnd}}"), "mine.yaml:7: .*did you mean 'brand'"),
        (("start: a", "start: b"), "mine.yaml:5: .*there is no step 'b'"),
    ],
)
async def test_broken_script_is_refused_with_its_place_and_nothing_is_kept(
    db: Database, folder: Path, change: tuple[str, str], what: str
) -> None:
    (folder / "mine.yaml").write_text(MINE.replace(*change))
    with pytest.raises(ScriptError, match=what):
        await opened(db, folder)
    assert "mine" not in (await opened(db, None)).names


def test_folder_says_what_is_wrong_with_it(folder: Path) -> None:
    with pytest.raises(ScriptError, match=r"no such folder of scripts.*HUIFANG_SCRIPTS_DIR"):
        read_scripts(folder / "nowhere")
    (folder / "again.yaml").write_text(MINE)
    with pytest.raises(ScriptError, match=r"the name 'mine' is taken by .*again\.yaml"):
        read_scripts(folder)
    (folder / "again.yaml").rename(folder / "again.yml")
    with pytest.raises(ScriptError, match=r"again\.yml.*\.yaml"):
        read_scripts(folder)


async def test_version_kept_by_another_process_is_learnt(db: Database, folder: Path) -> None:
    library = await opened(db, folder)
    (folder / "mine.yaml").write_text(MINE.replace("Hello", "Good day"))
    await opened(db, folder)
    assert not library.knows("mine", 2)
    async with db.read() as conn:
        await learn_versions(library, conn)
    assert said(library, 2) == "Good day from {{brand}}."
    assert library.get("mine").version == 1, "new conversations here go on as the file was read"


async def test_kept_text_that_cannot_be_read_any_more_stops_nobody_else(
    db: Database, folder: Path
) -> None:
    row = {"script": "old", "version": 1, "checksum": "x", "body": "steps: 1", "at": CLOCK.now()}
    async with db.write() as conn:
        await conn.execute(insert(script_version), row)
    library = await opened(db, folder)
    assert said(library)
    with pytest.raises(ScriptError, match="old 1"):
        library.get("old", 1)


def test_numbered_script_keeps_its_source() -> None:
    script = Script.parse(MINE).numbered(7)
    assert (script.version, script.source.line(("version",))) == (7, 2)

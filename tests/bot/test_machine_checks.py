"""What `doctor` finds on the machine and at PostgreSQL, with the fix."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from bot.assembly import open_services
from bot.check import Check
from bot.machine_checks import (
    check_folder,
    check_ports,
    check_server,
    check_zones,
    of_clocks,
    of_durability,
    of_version,
)
from bot.settings import Settings
from bot.store.database import Database
from tests.bot.pipeline.server import free_port
from tests.bot.site import open_site


def settings(folder: Path, **values: Any) -> Settings:
    return Settings.model_validate({"data_dir": folder, **values})


def test_a_folder_that_is_not_there_is_made_later_and_not_now(tmp_path: Path) -> None:
    found = check_folder(settings(tmp_path / "a" / "b"))
    assert found.ok
    assert "made at the first start" in found.detail
    assert not (tmp_path / "a").exists()


def test_a_folder_that_cannot_be_written_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    assert "HUIFANG_DATA_DIR" in check_folder(settings(tmp_path / "file" / "x")).fix
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert f"chown {os.geteuid()} {tmp_path}" in check_folder(settings(tmp_path)).fix


def test_the_time_is_told_here_and_in_utc(tmp_path: Path) -> None:
    found = check_zones(settings(tmp_path))
    assert found.ok
    assert "UTC" in found.detail
    assert "Asia/Shanghai" in found.detail


async def test_a_port_is_free_or_taken_by_another_program(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        mine = settings(tmp_path, port=free_port(), health_port=taken)
        web, health = await check_ports(mine)
    assert (web.name, web.ok) == ("port", True)
    assert "taken by another program" in health.detail
    assert "HUIFANG_HEALTH_PORT" in health.fix
    (wrong,) = await check_ports(settings(tmp_path, host="203.0.113.9"))
    assert not wrong.ok


async def test_the_port_of_a_running_huifang_is_well(tmp_path: Path) -> None:
    async with open_site(tmp_path, accounts=False) as site:
        (found,) = await check_ports(site.services.settings)
    assert found.ok
    assert "a running Huifang" in found.detail


async def test_the_server_is_asked_for_version_commits_and_clock(
    tmp_path: Path, pg_url: str
) -> None:
    db = await Database.open(pg_url)
    found = await check_server(db)
    await db.dispose()
    assert [one.name for one in found] == ["PostgreSQL", "commits", "clock"]
    assert all(one.ok for one in found), found
    async with open_services(settings(tmp_path), migrated=True, warn=lambda line: None) as own:
        assert await check_server(own.db) == []


@pytest.mark.parametrize(
    ("found", "fix"),
    [
        (of_version(120019, "100"), "13 or newer"),
        (of_version(150004, "100"), ""),
        (of_durability("off"), "synchronous_commit = 'on'"),
        (of_durability("remote_apply"), ""),
        (of_clocks(-7.0), "NTP"),
        (of_clocks(0.1), ""),
    ],
)
def test_what_is_wrong_comes_with_its_fix(found: Check, fix: str) -> None:
    assert fix in found.fix
    assert found.ok is (fix == "")

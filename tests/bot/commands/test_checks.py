"""`doctor` and `channel test`: well, or the problem with its fix; nobody gets a message."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from bot.assembly import open_services
from bot.checks import check_all, check_channels
from bot.cli import app
from bot.settings import Settings
from tests.bot.pipeline.server import free_port


def settings(folder: Path, **values: Any) -> Settings:
    return Settings.model_validate({"data_dir": folder, "port": free_port(), **values})


async def test_all_is_well_after_migrate(tmp_path: Path, database_url: str) -> None:
    mine = settings(tmp_path, database_url=database_url)
    async with open_services(mine, migrated=True, warn=lambda line: None):
        pass
    found = await check_all(mine)
    assert [one.name for one in found if not one.ok] == []
    assert {"settings", "database", "migrations", "keys", "webchat:main"} <= {c.name for c in found}


async def test_a_database_that_is_not_there_is_named_with_its_fix_and_not_made(
    tmp_path: Path,
) -> None:
    found = await check_all(settings(tmp_path))
    (problem,) = [one for one in found if not one.ok]
    assert problem.name == "database"
    assert "huifang migrate" in problem.fix
    assert os.listdir(tmp_path) == []


async def test_keys_of_another_database_are_a_problem(tmp_path: Path) -> None:
    for name in ("one", "two"):
        async with open_services(settings(tmp_path / name), migrated=True, warn=lambda line: None):
            pass
    wrong = settings(tmp_path / "one", master_keys_file=tmp_path / "two" / "keys.toml")
    (problem,) = [one for one in await check_all(wrong) if not one.ok]
    assert problem.name == "keys"
    assert "does not fit" in problem.fix


async def test_redis_that_does_not_answer_is_a_problem(tmp_path: Path, redis_url: str) -> None:
    for url, well in ((redis_url, True), ("redis://127.0.0.1:1/0", False)):
        found = await check_all(settings(tmp_path, bus="redis", redis_url=url))
        (redis,) = [one for one in found if one.name == "redis"]
        assert redis.ok is well


@pytest.mark.parametrize(
    ("status", "word"),
    [(200, ""), (401, "TOKEN"), (400, "settings"), (404, "settings"), (503, "API_BASE")],
)
async def test_whatsapp_is_asked_for_our_own_number_only(
    tmp_path: Path, status: int, word: str
) -> None:
    asked: list[tuple[str, str]] = []

    async def answer(request: web.Request) -> web.Response:
        asked.append((request.method, request.path))
        return web.json_response({"id": "1000"}, status=status)

    graph = web.Application()
    graph.router.add_route("*", "/{tail:.*}", answer)
    async with TestServer(graph) as server:
        mine = settings(
            tmp_path,
            webchat={"enabled": False},
            whatsapp={
                "phone_number_id": "1000",
                "token": "t",
                "app_secret": "s",
                "verify_token": "v",
                "api_base": str(server.make_url("/v25.0")),
            },
        )
        (found,) = await check_channels(mine)
    assert asked == [("GET", "/v25.0/1000")]
    assert found.name == "whatsapp:main"
    assert found.ok is (status == 200)
    assert word in found.fix


def test_doctor_prints_a_line_each_and_ends_with_1_if_there_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUIFANG_PORT", str(free_port()))
    runner = CliRunner()
    result = runner.invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert "problem  database" in result.stdout
    assert "→ run: huifang migrate" in result.stdout
    assert runner.invoke(app, ["migrate"]).exit_code == 0
    assert runner.invoke(app, ["doctor"]).exit_code == 0


def test_channel_list_names_what_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["channel", "list"])
    assert result.exit_code == 0
    assert "webchat:main: the person starts" in result.stdout


def test_export_to_a_file_is_for_the_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runner = CliRunner()
    assert runner.invoke(app, ["migrate"]).exit_code == 0
    result = runner.invoke(app, ["report", "export", "--script", "preapproval", "--out", "x.csv"])
    assert result.exit_code == 0
    file = tmp_path / "x.csv"
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes().startswith(b"\xef\xbb\xbfid,script,version,")
    assert runner.invoke(app, ["report", "export", "--since", "soon"]).exit_code == 2

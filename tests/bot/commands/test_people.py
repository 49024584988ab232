"""`huifang people`: all rows or none, by line; one person from the file to the erasure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bot.cli import app

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUIFANG_DATA_DIR", str(tmp_path / "data"))

    def command(*words: str, code: int = 0) -> Result:
        done = CliRunner().invoke(app, words)
        assert done.exit_code == code, done.output
        return done

    command("migrate")
    return command


def test_a_file_is_checked_brought_in_started_shown_and_erased(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    file.write_text("reference;name;last4\n4711;Ann Lee;1234\n4712;Bob;12345\n", "utf-8-sig")
    refused = run("people", "import", str(file), code=1)
    assert f"{file}: line 3, last4: is not four characters" in refused.output
    assert "Nothing was written: 1 problem(s)." in refused.output
    run("people", "show", "4711", code=1)

    file.write_text("reference,name,last4\n4711,Ann Lee,1234\n4712,Bob,\n", "gbk")
    dry = run("people", "import", str(file), "--dry-run")
    assert "2 applicants are fine. Nothing was written." in dry.output
    run("people", "show", "4711", code=1)
    wrong = run("people", "import", str(file), "--start", "fly", code=2)
    assert "there is no script 'fly'; there are" in wrong.output
    run("people", "show", "4711", code=1)

    done = run("people", "import", str(file), "--start", "preapproval")
    assert "2 new, 0 brought up to date." in done.output
    assert done.output.count("start=") == 2, "a link each, for the web chat"
    assert "0 new, 2 brought up to date." in run("people", "import", str(file)).output

    shown = run("people", "show", "4711").output
    assert "A•• L••" in shown
    assert "Lee" not in shown
    run("people", "erase", "4711", "--yes")
    run("people", "show", "4711", code=1)
    run("people", "erase", "4711", "--yes", code=1)
    assert "1 were erased at their wish" in run("people", "import", str(file)).output


def test_a_restored_backup_is_erased_again_from_the_list_that_was_kept(
    run: Run, tmp_path: Path
) -> None:
    people, listed, store = (
        tmp_path / "people.csv",
        tmp_path / "erased",
        tmp_path / "data/huifang.db",
    )
    people.write_text("reference\n4711\n4712\n")
    run("people", "import", str(people))
    backup = store.read_bytes()  # the last connection is closed: all stands in the one file
    run("people", "erase", "4711", "--yes")
    listed.write_text(run("people", "erasures").stdout)
    assert len(listed.read_text().splitlines()) == 1

    store.write_bytes(backup)
    run("people", "show", "4711")
    assert "1 people" in run("people", "replay-erasures", str(listed)).output
    run("people", "show", "4711", code=1)
    run("people", "show", "4712")
    assert "0 people" in run("people", "replay-erasures", str(listed)).output
    assert run("people", "erasures").stdout == listed.read_text()

    listed.write_text('{"person": "x"}\n')
    assert "line 1" in run("people", "replay-erasures", str(listed), code=2).output

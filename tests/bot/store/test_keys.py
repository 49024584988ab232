from __future__ import annotations

import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from bot.store.keys import Keys, KeysError, MasterKey, locked, read_keys, write_keys


def test_a_keys_file_is_read_back_and_open_to_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    keys = Keys.new().with_master(MasterKey.new())
    write_keys(path, keys)
    assert read_keys(path) == keys
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["keys.toml"]
    write_keys(path, keys.without({keys.masters[0].id}))
    assert read_keys(path).masters == keys.masters[1:]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o602])
def test_a_keys_file_open_to_others_is_refused_with_the_fix(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "keys.toml"
    write_keys(path, Keys.new())
    path.chmod(mode)
    with pytest.raises(KeysError, match=f"chmod 600 {path}"):
        read_keys(path)


def test_a_mounted_secret_that_the_group_may_read_is_accepted(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    write_keys(path, Keys.new())
    path.chmod(0o440)
    assert read_keys(path).masters


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "lookup = 1",
        'lookup = "AAAA"\n[[master]]\nid="a"\nkey="AAAA"',
        "lookup = \xff",
        'lookup = "{key}"',
        'lookup = "{key}"\nmaster = []',
        'lookup = "{key}"\n[[master]]\nid="a"\nkey="{key}"\n[[master]]\nid="a"\nkey="{key}"',
    ],
)
def test_a_damaged_keys_file_is_refused_and_its_text_not_shown(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "keys.toml"
    key = "A" * 43 + "="
    path.write_bytes(damage.replace("{key}", key).encode("latin-1"))
    path.chmod(0o600)
    with pytest.raises(KeysError, match=r"is damaged\. Put it back from your copy") as raised:
        read_keys(path)
    assert key not in str(raised.value)


def test_two_processes_cannot_change_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "keys.toml"
    with ExitStack() as first:
        first.enter_context(locked(path))
        with pytest.raises(KeysError, match="another process is changing"), locked(path):
            pass
    with locked(path):
        pass

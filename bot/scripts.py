"""The scripts in use: shipped ones and the operator's own, each version kept as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from sqlalchemy import select

from bot.clock import Clock
from bot.store.database import Database
from bot.store.tables import script_version
from dialogs.script import Script
from dialogs.source import Problem, ScriptError


class ScriptLibrary:
    """Scripts by name and version. A running conversation keeps the version that it began with."""

    def __init__(self, scripts: Iterable[Script] = ()) -> None:
        self._versions: dict[tuple[str, int], Script] = {}
        self._newest: dict[str, int] = {}
        for script in scripts:
            self._add(script)

    def _add(self, script: Script) -> None:
        self._versions[script.script, script.version] = script
        newest = max(script.version, self._newest.get(script.script, 0))
        self._newest[script.script] = newest

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._newest))

    def get(self, name: str, version: int | None = None) -> Script:
        """A script, the newest version unless one is given. Raises KeyError if there is none."""
        return self._versions[name, version if version is not None else self._newest[name]]


def shipped_files() -> list[Path]:
    """The scripts that come with the product."""
    folder = Path(str(resources.files("dialogs") / "scripts"))
    return sorted(path for path in folder.glob("*.yaml") if not path.name.endswith(".test.yaml"))


async def open_scripts(db: Database, clock: Clock, files: Iterable[Path] = ()) -> ScriptLibrary:
    """Read the shipped scripts and `files`, pin new versions in the database, load pinned ones.

    Raises ScriptError if a file is broken, or if it changed without a new version number.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in [*shipped_files(), *files]}
    scripts = {path: Script.parse(text, str(path)) for path, text in texts.items()}
    async with db.write() as conn:
        rows = (await conn.execute(select(script_version))).mappings().all()
        pinned = {(row["script"], row["version"]): row for row in rows}
        for path, script in scripts.items():
            checksum = hashlib.sha256(texts[path].encode()).hexdigest()
            known = pinned.get((script.script, script.version))
            if known is None:
                await conn.execute(
                    script_version.insert(),
                    {
                        "script": script.script,
                        "version": script.version,
                        "checksum": checksum,
                        "body": texts[path],
                        "at": clock.now(),
                    },
                )
            elif known["checksum"] != checksum:
                raise ScriptError([_changed(path, script)])
    old = [Script.parse(row["body"], f"{row['script']} {row['version']}") for row in rows]
    return ScriptLibrary([*old, *scripts.values()])


def _changed(path: Path, script: Script) -> Problem:
    return Problem(
        str(path),
        script.source.line(("version",)),
        f"version {script.version} of '{script.script}' is already in use with another text",
        f"write version: {script.version + 1}; conversations under way keep the old one",
    )

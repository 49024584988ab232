"""The scripts in use: shipped ones and the operator's own, each text kept under its own version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.clock import Clock
from bot.company import Company
from bot.safety.guard import check_outgoing
from bot.store.database import Database
from bot.store.statements import insert_new
from bot.store.tables import script_version
from channels.telegram_caps import CAPS as TELEGRAM
from channels.webchat import CAPS as WEBCHAT
from channels.whatsapp_render import CAPS as WHATSAPP
from dialogs.lint import House, lint
from dialogs.script import Script
from dialogs.source import Problem, ScriptError, read_text

FOLDER_VARIABLE = "HUIFANG_SCRIPTS_DIR"
SHIPPED = Path(str(resources.files("dialogs") / "scripts"))


class ScriptLibrary:
    """Scripts by name and version. A running conversation keeps the version that it began with."""

    def __init__(self, scripts: Iterable[Script] = ()) -> None:
        """`scripts` are those that new conversations get, the newest where one is given twice."""
        self._versions: dict[tuple[str, int], Script] = {}
        self._current: dict[str, int] = {}
        self._texts: dict[tuple[str, int], str] = {}
        for script in scripts:
            name, version = script.script, script.version
            self._versions[name, version] = script
            self._current[name] = max(version, self._current.get(name, 0))
        self._in_files = frozenset(self._current)

    def add(self, texts: Mapping[tuple[str, int], str]) -> None:
        """Know these texts of the database too. They are what new conversations get only where no
        file has a script of that name any more."""
        self._texts.update(texts)
        for name, version in texts:
            if name not in self._in_files:
                self._current[name] = max(version, self._current.get(name, 0))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._current))

    def versions(self, name: str) -> list[int]:
        """Every known version of a script, the newest first."""
        known = {*self._versions, *self._texts}
        return sorted((version for other, version in known if other == name), reverse=True)

    def knows(self, name: str, version: int) -> bool:
        return (name, version) in self._versions or (name, version) in self._texts

    def get(self, name: str, version: int | None = None) -> Script:
        """A script, the one for new conversations unless a version is given.

        Raises KeyError if there is none, ScriptError if its text can no longer be read.
        """
        key = name, version if version is not None else self._current[name]
        if key not in self._versions:
            script = Script.parse(self._texts[key], f"{name} {key[1]}")
            self._versions[key] = script.numbered(key[1])
        return self._versions[key]


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """One file as it was read."""

    path: Path
    text: str
    script: Script

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


def shipped_files() -> list[Path]:
    """The scripts that come with the product."""
    return scripts_in(SHIPPED)


def scripts_in(folder: Path) -> list[Path]:
    """The scripts of a folder, without their transcripts."""
    return sorted(path for path in folder.glob("*.yaml") if not path.name.endswith(".test.yaml"))


def house(company: Company) -> House:
    """What scripts are checked against here: the company's values, all channels, the guard."""
    caps = {"webchat": WEBCHAT, "telegram": TELEGRAM, "whatsapp": WHATSAPP}
    return House(company.values, caps, lambda text: check_outgoing(text, company.domains))


def read_scripts(folder: Path | None, files: Sequence[Path] = ()) -> list[ScriptFile]:
    """The scripts in use, by name. The operator's, of `folder` and `files`, replace shipped ones of
    the same name. Raises ScriptError with everything that cannot be read."""
    problems: list[Problem] = []
    found: dict[str, ScriptFile] = {}
    for path in [*shipped_files(), *_own(folder), *files]:
        try:
            one = _read(path)
        except ScriptError as error:
            problems += error.problems
            continue
        other = found.get(one.script.script)
        if other is not None and other.path.parent != SHIPPED and other.path != path:
            problems.append(_taken(one, other))
        found[one.script.script] = one
    if problems:
        raise ScriptError(problems)
    return [found[name] for name in sorted(found)]


def _own(folder: Path | None) -> list[Path]:
    if folder is None:
        return []
    if not folder.is_dir():
        fix = f"make it, or correct scripts_dir ({FOLDER_VARIABLE})"
        raise ScriptError([Problem(str(folder), 0, "there is no such folder of scripts", fix)])
    if misnamed := sorted(folder.glob("*.yml")):
        fix = "let its name end in .yaml"
        raise ScriptError([Problem(str(path), 0, "would not be read", fix) for path in misnamed])
    return scripts_in(folder)


def _read(path: Path) -> ScriptFile:
    text = read_text(path)
    return ScriptFile(path, text, Script.parse(text, str(path)))


def _taken(one: ScriptFile, other: ScriptFile) -> Problem:
    what = f"the name '{one.script.script}' is taken by {other.path}"
    line = one.script.source.line(("script",))
    return Problem(str(one.path), line, what, "give one of them another name")


async def open_scripts(
    db: Database,
    clock: Clock,
    company: Company,
    *,
    folder: Path | None = None,
    files: Sequence[Path] = (),
    warn: Callable[[str], None] = lambda line: None,
) -> ScriptLibrary:
    """Read the scripts in use, keep their texts in the database, know every text ever used.

    A text is kept under the version that its file says. Where that version is another text already,
    it gets the next free one, and `warn` a line if it is the operator's. Raises ScriptError if a file cannot be read, or if
    a script of the operator's that is new here has anything that `huifang script check` refuses.
    """
    read = read_scripts(folder, files)
    async with db.read() as conn:
        kept = await _kept(conn)
    fresh = [one for one in read if _version_of(one, kept) is None]
    own = [one.script for one in fresh if one.path.parent == folder]
    if problems := [found for script in own for found in lint(script, house(company))]:
        raise ScriptError(problems)
    if fresh:
        async with db.write() as conn:
            for one in fresh:
                await _keep(conn, one, clock, warn)
            kept = await _kept(conn)
    library = ScriptLibrary(one.script.numbered(_version_of(one, kept) or 0) for one in read)
    library.add(_texts(kept))
    return library


async def learn_versions(library: ScriptLibrary, conn: AsyncConnection) -> None:
    """Know what other processes kept since this one began."""
    library.add(_texts(await _kept(conn)))


Kept = Mapping[tuple[str, int], Any]  # rows of script_version by name and version


async def _kept(conn: AsyncConnection) -> Kept:
    rows = await conn.execute(select(script_version))
    return {(row.script, row.version): row for row in rows}


def _texts(kept: Kept) -> dict[tuple[str, int], str]:
    return {key: row.body for key, row in kept.items()}


def _version_of(one: ScriptFile, kept: Kept) -> int | None:
    """The version under which this very text is kept."""
    name = one.script.script
    same = (key[1] for key, row in kept.items() if key[0] == name and row.checksum == one.checksum)
    return max(same, default=None)


async def _keep(
    conn: AsyncConnection, one: ScriptFile, clock: Clock, warn: Callable[[str], None]
) -> None:
    """Give a text its version. Two processes may do so at once: who comes second looks again."""
    name, said = one.script.script, one.script.version
    while _version_of(one, kept := await _kept(conn)) is None:
        taken = [version for known, version in kept if known == name]
        version = said if said not in taken else max(taken) + 1
        row = {
            "script": name,
            "version": version,
            "checksum": one.checksum,
            "body": one.text,
            "at": clock.now(),
        }
        done = await conn.execute(insert_new(conn, script_version), row)
        if done.rowcount and version != said and one.path.parent != SHIPPED:
            warn(_changed(one, version))


def _changed(one: ScriptFile, version: int) -> str:
    line = one.script.source.line(("version",))
    return (
        f"{one.path}:{line}: the text of '{one.script.script}' changed, its version did not; new "
        f"conversations get it as version {version}, those under way keep theirs. "
        f"Write version: {version}"
    )

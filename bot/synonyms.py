"""The operator's own synonyms: `synonyms.<locale>.txt` in the data folder, one table for each locale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from kb.concepts import Idea, Thesaurus, thesaurus
from kb.formats import Problem
from kb.synonyms import read_synonyms

MOST_BYTES = 1_000_000  # of a table; the shipped one has 36,000
_NAME = re.compile(r"synonyms\.([a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*)\.txt")

Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True, slots=True)
class Synonyms:
    """All tables: the shipped thesaurus with the operator's phrases, by locale."""

    tables: Mapping[str, Thesaurus] = field(default_factory=dict)
    mark: str = ""  # changes with what the tables say; "" without any
    ideas: int = 0
    problems: tuple[Problem, ...] = ()


NO_SYNONYMS = Synonyms()


def stamp(folder: Path) -> Stamp:
    """Name, time of change and size of each table: as long as this is the same, so are they."""
    found = []
    for path in sorted(_files(folder)):
        try:
            about = path.stat()
        except OSError:
            continue  # gone since it was listed
        found.append((path.name, about.st_mtime_ns, about.st_size))
    return tuple(found)


def open_synonyms(folder: Path) -> Synonyms:
    """Read the tables of a folder. What is wrong is left out and said; never raises."""
    tables: dict[str, Thesaurus] = {}
    problems: list[Problem] = []
    said = sha256()
    count = 0
    for path in sorted(_files(folder)):
        ideas, wrong = _read(path)
        problems += wrong
        if ideas:
            locale = path.name.split(".")[1]
            tables[locale] = thesaurus().extended(ideas)
            said.update(repr((locale, ideas)).encode("utf-8", "replace"))
            count += len(ideas)
    return Synonyms(tables, said.hexdigest() if tables else "", count, tuple(problems))


def _files(folder: Path) -> list[Path]:
    try:
        return list(folder.glob("synonyms*.txt"))
    except OSError:
        return []


def _read(path: Path) -> tuple[tuple[Idea, ...], tuple[Problem, ...]]:
    def refused(what: str, fix: str) -> tuple[tuple[Idea, ...], tuple[Problem, ...]]:
        return (), (Problem(str(path), 1, what, fix),)

    if not _NAME.fullmatch(path.name):
        return refused("the name does not say a locale", "name the file like synonyms.zh.txt")
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            return refused("the table is too large", f"keep it below {MOST_BYTES:,} bytes")
        return read_synonyms(data.decode("utf-8"), str(path))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        what = "the line is not UTF-8 text"
        return (), (Problem(str(path), line, what, "save the file as UTF-8"),)
    except OSError as error:
        return refused(f"cannot be read: {error.strerror}", "give this user the right to read it")

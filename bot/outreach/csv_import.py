"""Applicants from a CSV file: every row is checked before anything is written."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from bot.hours import zone_name
from bot.safety.redact import redact
from bot.settings import Settings
from bot.store.people import LOCALE, PhoneError, Profile, is_printed, normal_phone

COLUMNS = ("reference", "name", "phone", "last4", "locale", "zone", "region")
_LAST4 = re.compile(r"[0-9]{3}[0-9Xx]")
LARGEST = 200  # characters of a value
LONGEST_LOCALE = 16
# These have a form of their own, or are the wallet's ids: sixteen digits in a row are no card there.
_CHECKED = frozenset(COLUMNS) - {"name"}


@dataclass(frozen=True, slots=True)
class RowProblem:
    """What is wrong in one row: `line` counts from 1, the heading included."""

    line: int
    column: str
    what: str
    fix: str

    def __str__(self) -> str:
        return f"line {self.line}, {self.column}: {self.what} — {self.fix}"


@dataclass(frozen=True, slots=True)
class People:
    """The outcome of reading: with any problem nothing must be written."""

    profiles: tuple[Profile, ...]
    problems: tuple[RowProblem, ...]


def read_people(data: bytes, settings: Settings) -> People:
    """Read a CSV file: UTF-8 (with or without BOM) or GB18030; commas, semicolons or tabs between
    the values; a heading, one applicant a row.

    Columns: reference (needed), name, phone, last4, locale, zone, region; any other column becomes
    a field for texts. Empty values take the settings' defaults.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            text = data.decode("gb18030")
        except UnicodeDecodeError:
            return People((), (RowProblem(1, "file", "is no text", "save it as CSV, UTF-8"),))
    try:
        return _read_rows(_numbered(text), settings)
    except _BrokenRowError as broken:
        what = "a quote is not closed, or something stands behind it"
        fix = 'close it; write a quote inside a value twice: ""'
        return People((), (RowProblem(broken.line, "row", what, fix),))


class _BrokenRowError(Exception):
    """From here on the file cannot be cut into rows; `line` is where the broken one begins."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _numbered(text: str) -> Iterator[tuple[int, list[str]]]:
    """The rows, each with the line where it begins: a value in quotes may go over several. Raises
    _BrokenRowError."""
    heading = text.partition("\n")[0]
    # Excel writes what is usual where it runs: commas, semicolons or tabs.
    rows = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=heading.count), strict=True
    )
    while True:
        line = rows.line_num + 1
        try:
            cells = next(rows)
        except StopIteration:
            return
        except csv.Error:
            raise _BrokenRowError(line) from None
        yield line, cells


def _read_rows(rows: Iterator[tuple[int, list[str]]], settings: Settings) -> People:
    heading = [name.strip() for name in next(rows, (1, []))[1]]
    found = list(_heading_problems(heading))
    if found:
        return People((), tuple(found))
    profiles: list[Profile] = []
    seen: dict[str, int] = {}
    for line, cells in rows:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) != len(heading):
            what = f"has {len(cells)} values, the heading has {len(heading)}"
            found.append(RowProblem(line, "row", what, "check commas and quotes"))
            continue
        values = {name: cell.strip() for name, cell in zip(heading, cells, strict=True)}
        problems = list(_row_problems(line, values, settings))
        before = seen.setdefault(values["reference"], line)
        if before != line:
            what = f"'{values['reference']}' stands in line {before} too"
            problems.append(RowProblem(line, "reference", what, "remove one of them"))
        found += problems
        if not problems:
            profiles.append(_profile(values, settings))
    return People(tuple(profiles), tuple(found))


def _heading_problems(heading: list[str]) -> Iterator[RowProblem]:
    if "reference" not in heading:
        fix = f"add it; the columns are {', '.join(COLUMNS)}"
        yield RowProblem(1, "heading", "the column 'reference' is missing", fix)
    for name in dict.fromkeys(heading):
        if not name or heading.count(name) > 1:
            yield RowProblem(1, "heading", f"'{name}' is empty or stands twice", "rename it")
        if name not in COLUMNS and name and not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            fix = "use a–z, 0–9 and _ for further fields"
            yield RowProblem(1, "heading", f"'{name}' cannot be a name in texts", fix)


def _row_problems(line: int, values: Mapping[str, str], settings: Settings) -> Iterator[RowProblem]:
    if not values["reference"]:
        yield RowProblem(line, "reference", "is empty", "give the wallet's own id of the person")
    for name, value in values.items():
        if len(value) > LARGEST:
            yield RowProblem(line, name, f"is longer than {LARGEST} characters", "shorten it")
        if not is_printed(value):
            yield RowProblem(line, name, "has a control character in it", "write it on one line")
        if name not in _CHECKED and (secrets := redact(value).found):
            what = f"looks like a secret ({secrets[0].kind}), which is never stored"
            yield RowProblem(line, name, what, "leave it out; last4 takes the last four characters")
    locale = values.get("locale", "")
    if len(locale) > LONGEST_LOCALE or not re.fullmatch(LOCALE, locale):
        yield RowProblem(line, "locale", "is no language", "use a tag like zh or en")
    last4 = values.get("last4", "")
    if last4 and not _LAST4.fullmatch(last4):
        fix = "give only the last four characters, never more"
        yield RowProblem(line, "last4", "is not four characters like 1234 or 123X", fix)
    region = values.get("region", "")
    if region and not re.fullmatch(r"[A-Za-z]{2}", region):
        yield RowProblem(line, "region", "is no country like CN", "use ISO 3166, two letters")
    zone = values.get("zone", "")
    if zone:
        try:
            zone_name(zone)
        except ValueError as error:
            yield RowProblem(line, "zone", str(error), "use a name like Asia/Shanghai")
    if values.get("phone"):
        try:
            normal_phone(values["phone"], (region or settings.region).upper())
        except PhoneError as error:
            yield RowProblem(line, "phone", str(error), "write it with its country code")


def _profile(values: Mapping[str, str], settings: Settings) -> Profile:
    region = (values.get("region") or settings.region).upper()
    phone = values.get("phone", "")
    return Profile(
        locale=values.get("locale") or settings.locale,
        zone=values.get("zone") or settings.zone,
        region=region,
        name=values.get("name", ""),
        phone=normal_phone(phone, region) if phone else "",
        last4=values.get("last4", "").upper(),
        reference=values["reference"],
        fields={name: value for name, value in values.items() if name not in COLUMNS and value},
    )

"""One row per follow-up: what happened to it, as values and as the cells of a CSV file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any, get_type_hints

ANSWER = "answer_"  # in front of the columns of answers
SEPARATOR = " > "
NOTHING = "-"  # a time that is missing in a list of times

Times = tuple[datetime | None, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A follow-up. Times are aware UTC with milliseconds, None where it did not come to that.

    The case columns have one entry for each handoff, in order: a case that was opened again is a
    second episode. `bot_s` and `human_s` are seconds: the time from start to end without the
    cases, and the time of the ended cases (DESK 17); None while they are not known yet.
    """

    id: str
    script: str
    version: int
    account: str
    channel: str
    locale: str
    source: str
    created_at: datetime
    started_at: datetime | None = None
    delivered_at: datetime | None = None
    replied_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: str = ""  # "" while it runs
    flow: str = ""
    stopped_reason: str = ""
    last_step: str = ""  # where the person is, or left
    open_question: str = ""  # asked and not answered
    path: tuple[str, ...] = ()  # step:how
    off_path: tuple[str, ...] = ()  # questions that a branch or a condition left out
    questions_asked: int = 0
    questions_answered: int = 0
    questions_skipped: int = 0  # by the person, or because the person was in a hurry
    reminders: int = 0
    handoffs: tuple[str, ...] = ()  # the reason of each case
    case_opened_at: Times = ()
    case_claimed_at: Times = ()
    case_first_reply_at: Times = ()
    case_ended_at: Times = ()
    satisfaction: float | None = None  # the first rating that the script asks for
    faq_answered: int = 0
    faq_abstained: int = 0
    faq_helpful_yes: int = 0
    faq_helpful_no: int = 0
    bot_s: float | None = None
    human_s: float | None = None
    answers: Mapping[str, str] = field(default_factory=dict)  # columns of their own


# ── cells ───────────────────────────────────────────────────────────────────────────────────────

_HINTS = get_type_hints(Row)
COLUMNS = tuple(item.name for item in fields(Row) if item.name != "answers")

# What a spreadsheet takes for a formula (OWASP, CSV injection), the full-width forms included,
# which Chinese and Japanese spreadsheets take as well. An apostrophe makes it text.
_FORMULA = re.compile(r"'*(?:\s*[=+\-@＝＋－＠|]|[\t\r\n])")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def safe_cell(text: str) -> str:
    """The text as a cell that no spreadsheet runs. Plain numbers stay numbers."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def plain_text(cell: str) -> str:
    """The reverse of `safe_cell`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def heading(answers: Iterable[str] = ()) -> list[str]:
    """The first line of the file."""
    return [*COLUMNS, *(f"{ANSWER}{name}" for name in answers)]


def to_cells(row: Row, answers: Iterable[str] = ()) -> list[str]:
    """A row as the cells under `heading(answers)`; an answer that was not given is empty."""
    cells = [write(getattr(row, name)) for name, write in _WRITERS]
    return [*cells, *(safe_cell(row.answers.get(name, "")) for name in answers)]


def from_cells(cells: Mapping[str, str]) -> Row:
    """The reverse: a row of the file, by column. Columns that are not ours are passed over.

    Raises KeyError or ValueError for a file that was not made here.
    """
    values: dict[str, Any] = {name: _READERS[_HINTS[name]](cells[name]) for name in COLUMNS}
    values["answers"] = {
        name.removeprefix(ANSWER): plain_text(cell)
        for name, cell in cells.items()
        if name.startswith(ANSWER) and cell
    }
    return Row(**values)


def milliseconds(moment: datetime | None) -> datetime | None:
    """As exact as the file is, so that both give the same measures."""
    if moment is None:
        return None
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _write_time(moment: datetime | None) -> str:
    if moment is None:
        return ""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _read_time(cell: str) -> datetime | None:
    return datetime.fromisoformat(cell) if cell else None


def _needed_time(cell: str) -> datetime:
    return datetime.fromisoformat(cell)


def _write_times(moments: Times) -> str:
    return SEPARATOR.join(_write_time(moment) or NOTHING for moment in moments)


def _read_times(cell: str) -> Times:
    parts = cell.split(SEPARATOR) if cell else []
    return tuple(None if part == NOTHING else _needed_time(part) for part in parts)


def _write_number(number: float | None) -> str:
    return "" if number is None else repr(number)


def _read_number(cell: str) -> float | None:
    return float(cell) if cell else None


def _words(cell: str) -> tuple[str, ...]:
    return tuple(cell.split(SEPARATOR)) if cell else ()


_READERS: dict[Any, Callable[[str], Any]] = {
    str: plain_text,
    int: int,
    datetime: _needed_time,
    datetime | None: _read_time,
    float | None: _read_number,
    tuple[str, ...]: _words,
    Times: _read_times,
}
_WRITE: dict[Any, Callable[[Any], str]] = {
    str: safe_cell,
    int: str,
    datetime: _write_time,
    datetime | None: _write_time,
    float | None: _write_number,
    tuple[str, ...]: SEPARATOR.join,
    Times: _write_times,
}
_WRITERS = tuple((name, _WRITE[_HINTS[name]]) for name in COLUMNS)

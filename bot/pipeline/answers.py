"""The answers that a batch of turns writes: what was recorded, corrected and withdrawn, in its order."""

from __future__ import annotations

from typing import Any

from sqlalchemy import bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.columns import Ciphertext
from bot.store.direct import bulk_insert
from bot.store.tables import result

Row = dict[str, Any]


class Answers:
    """One row an answer, however often one turn changes it; then a statement for each kind of row."""

    def __init__(self) -> None:
        self._new: dict[tuple[str, str], Row] = {}
        self._corrected: dict[tuple[str, str], Row] = {}
        self._withdrawn: set[tuple[str, str]] = set()
        self._rewritten: list[Row] = []

    def record(self, row: Row) -> None:
        """A row of `result`; asked again it replaces the answer, not the first one."""
        key = row["followup_id"], row["name"]
        before = self._new.get(key)
        if before is not None:
            kept = {"first_value": before["first_value"], "corrections": before["corrections"]}
            row = {**row, **kept}
        self._new[key] = row
        self._withdrawn.discard(key)

    def correct(self, key: tuple[str, str], value: Ciphertext, number: float | None) -> None:
        """`key`: follow-up and name."""
        if key in self._new:
            row = self._new[key]
            row |= {"value": value, "number": number, "corrections": row["corrections"] + 1}
            return
        more = self._corrected.get(key, {}).get("more", 0) + 1
        self._corrected[key] = _row(key, new_value=value, new_number=number, more=more)

    def withdraw(self, key: tuple[str, str]) -> None:
        if key in self._new:
            self._new[key]["withdrawn"] = True
        else:
            self._withdrawn.add(key)

    def rewrite(self, key: tuple[str, str], value: Ciphertext) -> None:
        """A secret was found in it: the first value goes too."""
        self._rewritten.append(_row(key, new_value=value))

    @property
    def new(self) -> list[Row]:
        """Rows for `NEW_ANSWERS`, after `change`."""
        return list(self._new.values())

    @property
    def changes(self) -> bool:
        """Whether `change` has something to write."""
        return bool(self._corrected or self._withdrawn or self._rewritten)

    async def change(self, conn: AsyncConnection) -> None:
        """Write what changes answers that were there before."""
        if self._corrected:
            await conn.execute(_CORRECT, list(self._corrected.values()))
        if self._withdrawn:
            await conn.execute(_WITHDRAW, [_row(key) for key in sorted(self._withdrawn)])
        if self._rewritten:
            await conn.execute(_REWRITE, self._rewritten)


def _row(key: tuple[str, str], **values: Any) -> Row:
    return {"f": key[0], "n": key[1], **values}


def _or_replace(new: Any) -> Any:
    return new.on_conflict_do_update(
        index_elements=["followup_id", "name"],
        set_={
            "value": new.excluded.value,
            "number": new.excluded.number,
            "step": new.excluded.step,
            "withdrawn": new.excluded.withdrawn,
            "corrections": result.c.corrections + new.excluded.corrections,
            "at": new.excluded.at,
        },
    )


NEW_ANSWERS = bulk_insert(
    result,
    "followup_id",
    "name",
    "person_id",
    "step",
    "value",
    "first_value",
    "corrections",
    "withdrawn",
    "at",
    "number",
    finish=_or_replace,
)
_THIS = (result.c.followup_id == bindparam("f"), result.c.name == bindparam("n"))
_CORRECT = (
    update(result)
    .where(*_THIS)
    .values(
        value=bindparam("new_value"),
        number=bindparam("new_number"),
        corrections=result.c.corrections + bindparam("more"),
        withdrawn=False,
    )
)
_WITHDRAW = update(result).where(*_THIS).values(withdrawn=True)
_REWRITE = (
    update(result)
    .where(*_THIS)
    .values(value=bindparam("new_value"), first_value=bindparam("new_value"))
)

"""Writes migrations from tables.py: `python -m bot.store.revise` makes the first one again.

While nothing is released, the first migration is simply made anew after a change of tables.py.
Later: `python -m bot.store.revise "what changes"` adds a migration for what differs.
"""

from __future__ import annotations

import re
import subprocess  # to run our own formatter
import sys
import tempfile
from pathlib import Path
from typing import Any, Literal

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.autogenerate.api import AutogenContext
from alembic.migration import MigrationContext
from alembic.operations.ops import DowngradeOps, UpgradeOps
from sqlalchemy import Connection, create_engine

from bot.store.columns import BigId, Json, Moment, Sealed
from bot.store.schema import MIGRATIONS, config, newest
from bot.store.tables import metadata

_FIRST = "0001"
_FILE = '''"""{title}."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {previous}
branch_labels = None
depends_on = None


def upgrade() -> None:
    {upgrade}


def downgrade() -> None:
    {downgrade}
'''
# A migration must not change with the code: our column types are written as what they store.
_STORED: dict[type, str] = {
    Sealed: "sa.LargeBinary()",
    Moment: "sa.DateTime(timezone=True)",
    Json: "sa.Text()",
}


def render(title: str, revision: str, previous: str | None, connection: Connection) -> str:
    """The source of a migration from what stands in the database to tables.py."""
    context = MigrationContext.configure(
        connection,
        opts={"compare_type": True, "render_as_batch": previous is not None},
    )
    script = produce_migrations(context, metadata)
    upgrade, downgrade = script.upgrade_ops, script.downgrade_ops
    if upgrade is None or downgrade is None or upgrade.is_empty():
        raise SystemExit("tables.py and the migrations agree: there is nothing to write")
    source = _FILE.format(
        title=title,
        revision=revision,
        previous=f'"{previous}"' if previous else None,
        upgrade=_code(upgrade, context),
        downgrade=_code(downgrade, context),
    )
    return _formatted(source)


def _code(ops: UpgradeOps | DowngradeOps, context: MigrationContext) -> str:
    batch = bool(context.opts["render_as_batch"])
    code = render_python_code(
        ops, render_as_batch=batch, render_item=_render, migration_context=context
    )
    # Its marker comments say that it was generated, which the reader of a reviewed file need not know.
    return re.sub(r" *# ###.*\n?", "", code).strip() + "\n"


def _render(kind: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    if kind != "type":
        return False
    if item is BigId:
        return 'sa.BigInteger().with_variant(sa.Integer(), "sqlite")'
    return _STORED.get(type(item), False)


def _formatted(source: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    for options in (["check", "--fix-only", "-q"], ["format", "-q"]):
        source = subprocess.run(  # noqa: S603 - a fixed command
            [ruff, *options, "--stdin-filename", str(MIGRATIONS / "versions" / "new.py"), "-"],
            input=source,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    return source


def main(arguments: list[str]) -> None:
    versions = MIGRATIONS / "versions"
    with tempfile.TemporaryDirectory() as folder:
        engine = create_engine(f"sqlite:///{folder}/empty.db")
        with engine.begin() as connection:
            if not arguments:
                later = sorted(versions.glob("[0-9]*.py"))[1:]
                if later:
                    raise SystemExit(f"{later[0].name} builds on the first one; give a title")
                path, title = versions / f"{_FIRST}_first.py", "All tables"
                source = render(title, _FIRST, None, connection)
            else:
                from alembic import command

                title = arguments[0]
                command.upgrade(config(connection), "head")
                revision = f"{int(newest()) + 1:04d}"
                slug = re.sub(r"\W+", "_", title.lower()).strip("_")
                path = versions / f"{revision}_{slug}.py"
                source = render(title, revision, newest(), connection)
        engine.dispose()
    path.write_text(source, encoding="utf-8")
    print(path)  # noqa: T201 - a command


if __name__ == "__main__":
    main(sys.argv[1:])

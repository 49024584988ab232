"""Holds the direction of imports between the packages, also of imports inside functions.

`bot` imports the other three. `channels.message` and `channels.text` are leaves that dialogs and kb may
import; nothing else crosses, nothing imports `bot`, and no package imports the tests.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("channels", "dialogs", "kb", "bot")
OURS = (*PACKAGES, "tests")
LEAVES = ("channels.message", "channels.text")
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def may_import(module: str, imported: str) -> bool:
    """Whether `module` may import `imported`; both are dotted names of our own modules."""
    package, target = module.partition(".")[0], imported.partition(".")[0]
    if module in LEAVES:
        return imported in LEAVES
    if package == target:
        return True
    if target in ("bot", "tests"):
        return False
    if package == "bot":
        return True
    return package in ("dialogs", "kb") and imported in LEAVES


def imports(source: str, module: str, *, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything imported, of modules that exist the most exact one."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(names=names):
                base = absolute(node, module, is_package=is_package)
                yield from ((node.lineno, most_exact(base, name.name)) for name in names)
            case ast.Call(
                func=ast.Name(id="import_module" | "__import__")
                | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield node.lineno, name


def absolute(node: ast.ImportFrom, module: str, *, is_package: bool) -> str:
    """The dotted name that a `from … import` starts at, relative dots resolved."""
    if not node.level:
        return node.module or ""
    parts = module.split(".")
    parts = parts[: len(parts) - node.level + is_package]
    return ".".join([*parts, *([node.module] if node.module else [])])


def most_exact(base: str, name: str) -> str:
    """`base.name` where that is a module of ours, else `base`: a name inside it."""
    path = ROOT.joinpath(*base.split("."), name)
    return f"{base}.{name}" if path.with_suffix(".py").exists() or path.is_dir() else base


def violations(source: str, module: str, *, is_package: bool = False) -> list[str]:
    """One line for each import that points the wrong way."""
    return [
        f"{module}:{line} imports {imported}"
        for line, imported in imports(source, module, is_package=is_package)
        if imported.partition(".")[0] in OURS and not may_import(module, imported)
    ]


def test_packages_import_in_one_direction() -> None:
    found = []
    for path in SOURCES:
        is_package = path.name == "__init__.py"
        place = path.parent if is_package else path.with_suffix("")
        module = ".".join(place.relative_to(ROOT).parts)
        found += violations(path.read_text(encoding="utf-8"), module, is_package=is_package)
    assert not found, "\n".join(found)


def test_every_package_is_looked_at() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in SOURCES} == set(PACKAGES)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("dialogs.engine", "import bot"),
        ("dialogs.engine", "def later():\n    from bot.store import tables"),
        ("dialogs.engine", "from channels.base import Outcome"),
        ("dialogs.engine", "from channels import base"),
        ("dialogs.engine", "import channels"),
        ("dialogs.engine", "import kb.index"),
        ("kb.index", "from dialogs import script"),
        ("kb.index", "if TYPE_CHECKING:\n    import bot.settings"),
        ("kb.index", "import importlib\nimportlib.import_module('bot.store')"),
        ("channels.telegram", "from kb.article import Article"),
        ("channels.telegram", "from ..bot import settings"),
        ("channels.message", "from channels.base import Channel"),
        ("channels.text", "from . import base"),
        ("bot.app", "from tests.fakes import telegram"),
    ],
)
def test_wrong_direction_is_found(module: str, source: str) -> None:
    assert len(violations(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("bot.app", "import channels.base, dialogs, kb.index"),
        ("dialogs.engine", "from channels.message import Incoming"),
        ("dialogs.engine", "from channels import message"),
        ("dialogs.engine", "from dialogs.script import Script\nfrom . import script"),
        ("kb.index", "import channels.text"),
        ("channels.telegram", "from channels.base import Channel\nfrom .message import Incoming"),
        ("channels.message", "from channels.text import normalise"),
        ("kb.index", "import botocore, kbd, channelstore"),
    ],
)
def test_right_direction_passes(module: str, source: str) -> None:
    assert violations(source, module) == []


def test_relative_import_in_a_package_starts_at_the_package() -> None:
    assert list(imports("from .script import Script", "dialogs", is_package=True)) == [
        (1, "dialogs.script")
    ]
    assert list(imports("from .script import Script", "dialogs.engine")) == [(1, "dialogs.script")]

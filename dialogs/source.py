"""YAML with places: where each part of a file stands, so that every mistake has its line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rapidfuzz import process
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: the file, its line (from 1; 0 if unknown), what is wrong and how to mend it."""

    file: str
    line: int
    what: str
    fix: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.what}" + (f" — {self.fix}" if self.fix else "")


class ScriptError(Exception):
    """A script that cannot be used; `problems` says why, all of them at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = list(problems)


def read_text(path: Path) -> str:
    """The text of a file. Raises ScriptError if it cannot be read or is no UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ScriptError([Problem(str(path), 0, f"cannot be read: {error.strerror}")]) from None
    except UnicodeDecodeError:
        raise ScriptError([Problem(str(path), 0, "is not UTF-8 text; save it as UTF-8")]) from None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them if none is near."""
    words = list(known)
    best = process.extractOne(word, words, score_cutoff=60)
    return f"did you mean '{best[0]}'?" if best else f"known: {', '.join(words)}"


@dataclass(frozen=True, slots=True)
class Source:
    """The parsed file: `data` is plain, `line` finds a part's line by its path of keys."""

    name: str
    data: Any
    _tree: Any

    @classmethod
    def parse(cls, text: str, name: str) -> Source:
        """Read one YAML document. Raises ScriptError for anything that is no mapping."""
        yaml = YAML(typ="rt")
        yaml.allow_duplicate_keys = False
        try:
            tree = yaml.load(StringIO(text))
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            what = str(error.problem or "is no valid YAML").split("\n")[0]
            line = mark.line + 1 if mark else 0
            raise ScriptError([Problem(name, line, what, "check indentation and quotes")]) from None
        except YAMLError as error:
            raise ScriptError([Problem(name, 0, f"is no valid YAML: {error}")]) from None
        if not isinstance(tree, CommentedMap):
            raise ScriptError([Problem(name, 1, "is empty or no mapping of keys and values")])
        return cls(name, _plain(tree), tree)

    def line(self, path: Sequence[object]) -> int:
        """The line (from 1) where the deepest known part of `path` stands."""
        node, line = self._tree, 1
        for key in path:
            if isinstance(node, CommentedMap):
                found = next((k for k in node if k == key or _word(k) == str(key)), None)
                if found is None:
                    break
                line = node.lc.key(found)[0] + 1
                node = node[found]
            elif isinstance(node, CommentedSeq) and isinstance(key, int) and key < len(node):
                line = node.lc.item(key)[0] + 1
                node = node[key]
            else:
                break
        return line

    def problem(self, path: Sequence[object], what: str, fix: str = "") -> Problem:
        place = ".".join(str(part) for part in path)
        return Problem(self.name, self.line(path), f"{place}: {what}" if place else what, fix)

    def problems(self, error: ValidationError) -> list[Problem]:
        """A model's complaints in the words of the file."""
        found = []
        for detail in error.errors():
            what = detail["msg"].removeprefix("Value error, ")
            fix = ""
            if detail["type"] == "extra_forbidden":
                what, fix = "this key is not known here", "check its spelling"
            elif detail["type"] == "missing":
                what, fix = "this key is missing", "add it"
            path = [part for part in detail["loc"] if part != "[key]"]
            found.append(self.problem(path, what, fix))
        return found


def _word(key: object) -> str:
    return {True: "yes", False: "no"}.get(key, str(key)) if isinstance(key, bool) else str(key)


def _plain(node: Any) -> Any:
    match node:
        case CommentedMap():
            return {key: _plain(value) for key, value in node.items()}
        case CommentedSeq():
            return [_plain(value) for value in node]
        case str():
            return str(node)
        case bool() | None:
            return node
        case int():
            return int(node)
        case float():
            return float(node)
        case _:
            return node

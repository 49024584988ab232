"""Reads the example lines beside the tests."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bot.safety.vectors import VECTORS

_LINES = Path(__file__).parent / "lines"


def read_lines(name: str) -> list[str]:
    """The lines of one file, without comments and blank lines."""
    text = (_LINES / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def redact_lines(locale: str) -> list[tuple[str, tuple[str, ...], str]]:
    """(kinds, secrets in order, text) of each line; vectors filled in, brackets taken away."""
    cases = []
    for line in read_lines(f"redact_{locale}"):
        kinds, _, marked = line.partition(" | ")
        filled = re.sub(r"\{(\w+)\}", lambda m: VECTORS[m.group(1)], marked)
        secrets = tuple(re.findall(r"⟦(.*?)⟧", filled, re.S))
        cases.append((kinds, secrets, filled.replace("⟦", "").replace("⟧", "")))
    return cases

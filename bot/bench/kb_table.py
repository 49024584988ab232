"""The figures of `huifang bench kb` as a table for people."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from bot.bench.kb_rankers import RANKERS

_COLUMNS = {
    "top1": "first %", "top3": "in 3 %", "p50_ms": "p50 ms", "p99_ms": "p99 ms", "build_s": "build s",
    "edit_s": "edit s", "mb": "MB", "peak_mb": "peak",
}  # fmt: skip
_SHARES = ("top1", "top3")


def show(console: Console, figures: dict[str, Any]) -> None:
    """One block of rows for each size; below each rival, ours by theirs."""
    table = Table(
        title=f"Knowledge base, {figures['locale']}, {figures['questions']} questions at most",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption="size: phrasings. CPU time. MB: resident, with Python and the articles. ×: huifang by the one above it",
    )
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for head in _COLUMNS.values():
        table.add_column(head, justify="right", no_wrap=True)
    for run in figures["sizes"]:
        table.add_section()
        for place, name in enumerate(RANKERS):
            size = f"{run['phrasings']:,}" if not place else ""
            table.add_row(size, name, *(_cell(key, run[name][key]) for key in _COLUMNS))
            if name in run["ratios"]:
                times = [_ratio(run["ratios"][name].get(key)) for key in _COLUMNS]
                table.add_row("", "  ×", *times, style="dim")
    console.print(table)
    commit = f", commit {figures['commit']}" if figures["commit"] else ""
    console.print(f"{figures['machine']}{commit}, seed {figures['seed']}", highlight=False)


def _cell(key: str, value: float) -> str:
    if key in _SHARES:
        return f"{value * 100:.1f}"
    return f"{value:.0f}" if key.endswith("mb") else f"{value:.2f}"


def _ratio(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"

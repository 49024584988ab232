"""`huifang bench kb`: our ranking, BM25 and plain cosine on the same base, side by side."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import orjson

from bot.bench.kb_base import EACH, most_phrasings
from bot.bench.kb_rankers import RANKERS
from bot.bench.machine import commit, describe
from bot.bench.progress import progress

OURS = "huifang"
_RATIOS = ("top1", "top3", "p50_ms", "p99_ms", "build_s", "edit_s", "mb")


def bench_kb(sizes: Sequence[int], questions: int, locale: str, seed: int) -> dict[str, Any]:
    """Every ranker on a base of each size, one process after the other, so that none disturbs another.
    `ratios` are ours by theirs: below 1 is faster or smaller. Raises RuntimeError, ValueError."""
    most = most_phrasings(locale)
    if max(sizes) > most:
        raise ValueError(f"the bench can make {most:,} phrasings in {locale!r} at most")
    runs = []
    with progress() as bars:
        task = bars.add_task("kb", total=len(sizes) * len(RANKERS))
        for size in sizes:
            found: dict[str, dict[str, float]] = {}
            for name in RANKERS:
                bars.update(task, description=f"{size:,} phrasings, {name}")
                found[name] = _run(name, size, questions, locale, seed)
                bars.advance(task)
            runs.append(
                {"phrasings": size, "articles": -(-size // EACH), **found, "ratios": _ratios(found)}
            )
    return {
        "locale": locale,
        "questions": questions,
        "seed": seed,
        "sizes": runs,
        "machine": describe(),
        "commit": commit(),
    }


def _run(name: str, size: int, questions: int, locale: str, seed: int) -> dict[str, float]:
    words = [name, str(size), str(questions), locale, str(seed)]
    done = subprocess.run(  # noqa: S603 - our own module
        [sys.executable, "-m", "bot.bench.kb_run", *words],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it was killed"])[-1]
        raise RuntimeError(f"{name} with {size:,} phrasings did not finish: {last}")
    figures: dict[str, float] = orjson.loads(done.stdout)
    return figures


def _ratios(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float | None]]:
    ours = found[OURS]
    return {
        name: {key: ours[key] / theirs[key] if theirs[key] else None for key in _RATIOS}
        for name, theirs in found.items()
        if name != OURS
    }

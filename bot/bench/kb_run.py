"""One ranker on one base, in a process of its own so that its memory is its own:
`python -m bot.bench.kb_run RANKER PHRASINGS QUESTIONS LOCALE SEED` prints one JSON object."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import orjson

from bot.bench.kb_base import Made, make
from bot.bench.kb_rankers import RANKERS, Ranker
from bot.memory import start_small, stay_fast

T = TypeVar("T")

_WARM_UP = 20  # questions before the clock starts


def measure(ranker: type[Ranker], made: Made) -> dict[str, float]:
    """Shares are 0–1; times are CPU, in seconds where they end in `_s`; `mb` is resident, after all
    questions, and `base_mb` before there was an index: Python, its libraries and the articles."""
    before = _resident_mb()
    index, build_s = _timed(lambda: ranker.build(made.articles))
    for item in made.questions[:_WARM_UP]:
        index.top(item.question)
    ranks, spent = [], []
    for item in made.questions:
        began = time.process_time_ns()
        top = index.top(item.question)
        spent.append((time.process_time_ns() - began) / 1e6)
        ranks.append(top.index(str(item.article)) if item.article in top else None)
    stay_fast()
    mb = _resident_mb()
    return {
        "top1": ranks.count(0) / len(ranks),
        "top3": 1 - ranks.count(None) / len(ranks),
        "p50_ms": float(np.percentile(spent, 50)),
        "p99_ms": float(np.percentile(spent, 99)),
        "build_s": build_s,
        "edit_s": _edit(index, made),
        "mb": mb,
        "base_mb": before,
        "peak_mb": _status_mb("VmHWM"),
    }


def _edit(index: Ranker, made: Made) -> float:
    """From a changed article until the first answer that knows it."""
    line = "zzyzx qwxyz 甲乙丙"
    article = made.articles[len(made.articles) // 2]
    changed = replace(article, phrasings=(*article.phrasings, line))
    top, spent = _timed(lambda: index.edited(changed).top(line))
    if top[:1] != [article.id]:
        raise RuntimeError(f"the edit of {article.id} is not live: {top}")
    return spent


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    result = work()
    return result, time.process_time() - began


def _resident_mb() -> float:
    gc.collect()
    return _status_mb("VmRSS")


def _status_mb(name: str) -> float:
    """Linux only; kB there are KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def main() -> None:
    start_small()
    ranker, phrasings, questions, locale, seed = sys.argv[1:]
    made = make(int(phrasings), int(questions), locale, int(seed))
    figures = measure(RANKERS[ranker], made)
    sys.stdout.write(orjson.dumps(figures).decode() + "\n")


if __name__ == "__main__":
    main()

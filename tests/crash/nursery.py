"""Starts the product's processes by forking one that has imported everything, read the scripts and
trained the intent model: a kill a second would otherwise measure how fast Python imports. What a new
process does with its database, its bus and its sockets is as always.

Run as `python -m tests.crash.nursery`. Lines of JSON on standard input: {"start": [arguments of
bot.bench.server], "env": {…}, "log": path} and {"signal": number, "pid": pid}. It prints {"ready": true}
once, {"pid": pid} for each start and {"ended": pid} for each process that ended. When standard input
ends, everything is killed.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import select
import signal
import sys
import tempfile
import traceback
from functools import cache
from pathlib import Path
from typing import Any

from bot import assembly, scripts
from bot.bench import server
from bot.pipeline import rates_redis
from bot.pipeline.bus import redis
from bot.settings import Settings

REAP_S = 0.05
_PR_SET_PDEATHSIG = 1
LATER = (redis, rates_redis)  # imported by the product where it is told to


async def make_ready() -> None:
    """Do once what every process of the product does with files alone, and remember it."""
    vars(assembly)["_detector"] = cache(vars(assembly)["_detector"])
    vars(scripts)["_read"] = cache(vars(scripts)["_read"])
    with tempfile.TemporaryDirectory() as folder:
        changes = {"data_dir": Path(folder), "database_url": f"sqlite+aiosqlite:///{folder}/a.db"}
        settings = Settings().model_copy(update=changes)
        async with assembly.open_services(
            settings, migrated=True, warn=lambda line: None, scripts=(server.SCRIPT,)
        ):
            pass


def main() -> None:
    asyncio.run(make_ready())
    children: set[int] = set()
    waiting = b""
    gc.freeze()
    tell({"ready": True})
    while True:
        if select.select([0], [], [], REAP_S)[0]:
            got = os.read(0, 65536)
            if not got:
                break
            *lines, waiting = (waiting + got).split(b"\n")
            for line in lines:
                obey(json.loads(line), children)
        for pid in list(children):
            if os.waitpid(pid, os.WNOHANG)[0]:
                children.discard(pid)
                tell({"ended": pid})
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def obey(order: dict[str, Any], children: set[int]) -> None:
    if "start" in order:
        pid = start(order)
        children.add(pid)
        tell({"pid": pid})
    elif order["pid"] in children:
        os.kill(order["pid"], order["signal"])


def start(order: dict[str, Any]) -> int:
    """Fork a process of the product; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDONLY)
        log = os.open(Path(order["log"]), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(order["env"])
        server.main(order["start"])
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)


def tell(what: dict[str, Any]) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


if __name__ == "__main__":
    main()

"""Runs one server for the tests and makes sure that it ends with them, whatever way they end.

Run as: python keeper.py FOLDER STOP_SIGNAL UID COMMAND…, with a pipe as standard input. When the pipe's
other end is gone (closed, or its process killed) the server is stopped by its process id and FOLDER is
removed. If the server ends first, the folder is left for its log to be read, and the keeper ends too.
UID -1 keeps the present user. Standard library only, so that it starts at once (python -I -S).
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys

CHECK_SECONDS = 0.1
STOP_SECONDS = 10.0


def main(folder: str, stop_signal: int, uid: int, command: list[str]) -> int:
    """Keep `command` running; its output goes to FOLDER/log. Return 1 if it ended by itself."""
    with open(os.path.join(folder, "log"), "wb") as log:
        server = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=uid if uid >= 0 else None,
            group=uid if uid >= 0 else None,
            extra_groups=[] if uid >= 0 else None,
        )
    while server.poll() is None:
        if select.select([sys.stdin], [], [], CHECK_SECONDS)[0] and not os.read(0, 1):
            stop(server, stop_signal)
            shutil.rmtree(folder, ignore_errors=True)
            return 0
    return 1


def stop(server: subprocess.Popen[bytes], stop_signal: int) -> None:
    """Ask the server to end; kill it if it does not."""
    server.send_signal(stop_signal)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))

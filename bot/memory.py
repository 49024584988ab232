"""How a process deals with its memory."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
_AT_START, _LATER = 64 * 1024, 4 * 1024 * 1024  # bytes


def start_small() -> None:
    """Have glibc give memory back to the system at once while a process is put together; left alone it
    raises its thresholds with every large block, and the process keeps about 12 MB that only its start
    needed (m). Call it first of all. Does nothing where the C library is another one.
    """
    _thresholds(_AT_START)


def stay_fast() -> None:
    """The process is ready: from now on memory is rather kept than returned and asked for again."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    _thresholds(_LATER)


def _thresholds(size: int) -> None:
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_TRIM_THRESHOLD, size)
        mallopt(_M_MMAP_THRESHOLD, size)

"""The log: one line an event, ids and no personal data, also when something breaks.

On a terminal the lines are for reading, else each is a JSON object: `timestamp` (ISO 8601, UTC), `level`,
`event`, and what it is about (`conversation`, `account`, `task`, …). What libraries log passes through the
same gate, without the values that they fill in.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import structlog

from bot.settings import LogFormat

Event = MutableMapping[str, Any]

LONGEST_TEMPLATE = 200  # characters of what a library says
_ROOT = str(Path(__file__).parent.parent) + "/"  # where bot, channels, dialogs and kb lie


def configure_logs(level: int = logging.INFO, form: LogFormat = LogFormat.AUTO) -> None:
    """Log to standard error. Neither local variables nor the words of an exception are shown: both
    may hold what a person wrote. Its type and where it came from are enough to find it."""
    human = form is LogFormat.TEXT or (form is LogFormat.AUTO and sys.stderr.isatty())
    gate: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        show_place,
    ]
    structlog.configure(
        processors=[*gate, _renderer(human)],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_StandardError,
        cache_logger_on_first_use=True,
    )
    handler = _StandardErrorHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[only_template, *gate],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _renderer(human),
            ],
        )
    )
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):  # it likes to bring its own
        theirs = logging.getLogger(name)
        theirs.handlers.clear()
        theirs.propagate = True
    sys.excepthook = _crashed


class _StandardError:
    """Writes lines to what standard error is at that moment: tests replace it."""

    def __init__(self, *args: object) -> None: ...

    def msg(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)  # noqa: T201 (the log itself)

    debug = info = warning = error = critical = log = msg


class _StandardErrorHandler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            _StandardError().msg(self.format(record))
        except Exception:
            self.handleError(record)


def show_place(logger: Any, method: str, event: Event) -> Event:
    """Replace an exception by its type and the places that it passed, the innermost last."""
    error = event.pop("exc_info", None)
    if error is True:
        error = sys.exc_info()[1]
    elif isinstance(error, tuple):
        error = error[1]
    if isinstance(error, BaseException):
        event["error"] = type(error).__name__
        event["at"] = " > ".join(
            f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in _telling(error)
        )
    return event


def _telling(error: BaseException) -> list[traceback.FrameSummary]:
    """The last places in our own code, and the last of all: drivers go deep."""
    frames = list(traceback.extract_tb(error.__traceback__))
    ours = [at for at, frame in enumerate(frames) if frame.filename.startswith(_ROOT)]
    kept = {*ours[-4:], *range(max(0, len(frames) - 4), len(frames))}
    return [frames[at] for at in sorted(kept)]


def only_template(logger: Any, method: str, event: Event) -> Event:
    """Of a library's record: its logger, and the first line of its text before values are filled in.
    asyncio, for one, tells the whole exception with its words in the lines after it."""
    record: logging.LogRecord = event["_record"]
    words = str(record.msg).strip().splitlines() or [""]
    event["event"] = words[0][:LONGEST_TEMPLATE]
    event["logger"] = record.name
    if record.exc_info:
        event["exc_info"] = record.exc_info
        record.exc_info = record.exc_text = None
    return event


def _crashed(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody caught: one line, not the traceback with its words."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("crashed", exc_info=(kind, error.with_traceback(trace), trace))


def _renderer(human: bool) -> Callable[[Any, str, Event], str | bytes]:
    if human:
        return structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(event: Any, **options: Any) -> str:
    return orjson.dumps(event, default=repr).decode()

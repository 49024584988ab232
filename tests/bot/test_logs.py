"""What the log may show."""

from __future__ import annotations

import ast
import json
import logging
import logging.config
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
import uvicorn.config

from bot.logs import configure_logs, show_place
from bot.settings import LogFormat

SECRET = "my phrase is abandon ability"
ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
# What a call may name: ids, numbers, classes and places. A new name is a decision: add it here.
FIELDS = {
    *("conversation", "conversations", "inbox", "outbox", "followup", "account", "bot"),
    *("articles", "attempts", "again_in_s", "count", "dropped", "rows", "seconds", "kinds"),
    *("error", "exc_info", "mode", "outcome", "path", "reason", "task", "topic", "stream"),
}
# Words of a platform about our own account, and of the article check about our own articles.
WORDS = {
    "bot/hearing.py": {"detail"},
    "bot/refresh.py": {"problem", "synonyms"},
    "bot/calibrated.py": {"problem"},
    "bot/vectors.py": {"problem"},
}


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = structlog.get_config()
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)


def broken() -> None:
    text = SECRET
    raise ValueError(f"cannot read {text}")


def test_an_exception_is_logged_with_its_type_and_place_but_without_its_words() -> None:
    try:
        broken()
    except ValueError as error:
        event = show_place(None, "error", {"event": "turn_failed", "exc_info": error})
    assert event["error"] == "ValueError"
    assert "test_logs.py:" in event["at"]
    assert SECRET not in structlog.processors.JSONRenderer()(None, "error", event)


def test_our_own_places_are_told_however_deep_the_libraries_go() -> None:
    def deep(level: int) -> None:
        if level:
            deep(level - 1)
        json.loads("{")

    try:
        deep(9)
    except json.JSONDecodeError as error:
        at = show_place(None, "error", {"exc_info": error})["at"]
    assert at.count("test_logs.py") == 4
    assert at.split(" > ")[-1].startswith("decoder.py:")


def test_an_event_without_an_exception_stays_as_it_is() -> None:
    assert show_place(None, "info", {"event": "ready"}) == {"event": "ready"}


def test_without_a_terminal_each_line_is_an_object_in_utc(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs()
    log = structlog.get_logger()
    log.info("turn_done", conversation="c1")
    try:
        broken()
    except ValueError:
        log.exception("turn_failed", conversation="c2")
    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["conversation"], first["level"]) == ("turn_done", "c1", "info")
    assert first["timestamp"].endswith("Z")
    assert (second["error"], second["level"]) == ("ValueError", "error")
    assert SECRET not in json.dumps(second)


def test_the_format_of_the_settings_wins(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(form=LogFormat.TEXT)
    structlog.get_logger().info("turn_done", conversation="c1")
    said = capsys.readouterr().err
    assert "turn_done" in said
    assert not said.startswith("{")


def test_what_a_library_logs_comes_without_the_values(capsys: pytest.CaptureFixture[str]) -> None:
    logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)  # as a server of its own would
    configure_logs()
    log = logging.getLogger("asyncio")
    log.error(
        "Task exception was never retrieved\nfuture: <Task exception=ValueError('%s')>", SECRET
    )
    log.error(
        f"Task exception was never retrieved\nfuture: <Task exception=ValueError('{SECRET}')>"
    )
    try:
        broken()
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception in ASGI application\n")
    logging.getLogger("chatty").info("not shown")
    said = capsys.readouterr().err
    assert SECRET not in said
    lines = [json.loads(line) for line in said.splitlines()]
    assert [line["logger"] for line in lines] == ["asyncio", "asyncio", "uvicorn.error"]
    assert lines[0]["event"] == "Task exception was never retrieved"
    assert lines[2]["error"] == "ValueError"
    assert "test_logs.py:" in lines[2]["at"]


def test_what_nobody_caught_is_one_line_without_its_words() -> None:
    code = f"from bot.logs import configure_logs; configure_logs()\nraise ValueError({SECRET!r})"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert ended.returncode == 1
    assert json.loads(ended.stderr)["error"] == "ValueError"
    assert SECRET not in ended.stderr


def calls(source: str) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level)) if (
                level in LEVELS
            ):
                yield node


def problems(source: str, words: set[str]) -> list[str]:
    """What is wrong with the log calls: names that may hold what a person wrote, or built texts."""
    found = []
    for call in calls(source):
        for keyword in call.keywords:
            if keyword.arg not in FIELDS | words:
                found.append(f"line {call.lineno}: {keyword.arg}")
        built = [part for part in call.args if not isinstance(part, (ast.Constant, ast.Name))]
        if built or len(call.args) != 1:
            found.append(f"line {call.lineno}: the event is one fixed name")
    return found


def test_our_log_calls_name_nothing_that_could_be_of_a_person() -> None:
    found, count = [], 0
    for package in ("bot", "channels", "dialogs", "kb"):
        for path in sorted((ROOT / package).rglob("*.py")):
            place, source = path.relative_to(ROOT).as_posix(), path.read_text("utf-8")
            count += len(list(calls(source)))
            found += [f"{place} {line}" for line in problems(source, WORDS.get(place, set()))]
    assert found == []
    assert count > 15


@pytest.mark.parametrize(
    "call",
    ["log.info('x', text=1)", "log.info(f'x {y}')", "log.error('x', y)", "log.info('x', **more)"],
)
def test_a_call_that_could_is_noticed(call: str) -> None:
    assert len(problems(call, set())) == 1

"""What the log may show."""

from __future__ import annotations

import structlog

from bot.logs import show_place

SECRET = "my phrase is abandon ability"


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


def test_an_event_without_an_exception_stays_as_it_is() -> None:
    assert show_place(None, "info", {"event": "ready"}) == {"event": "ready"}

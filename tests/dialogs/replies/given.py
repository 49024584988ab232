"""What the tests of the readers share: a given clock and a short form of a reading."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

from dialogs.replies import ReadContext, Reading, plain_value

V = TypeVar("V")

SATURDAY_TEN = datetime(2026, 11, 21, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
ZH = ReadContext("zh", SATURDAY_TEN)
WEDNESDAY_EN = ReadContext(
    "en", datetime(2026, 11, 18, 10, 0, tzinfo=ZoneInfo("Europe/London")), region="GB"
)


def outcome(reading: Reading[V]) -> object:
    """The value, the list of candidates' values, the problem, or None if nothing was read."""
    if reading.value is not None:
        return plain_value(reading.value)
    if reading.candidates:
        return [plain_value(candidate.value) for candidate in reading.candidates]
    return reading.problem or None

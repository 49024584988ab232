"""Processes killed under load lose nothing: a short run always, the long ones under make soak."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.settings import Bus
from tests.crash.report import Report, table
from tests.crash.run import SPLIT, Plan, crash_run, every_blow

# One at a time: each takes both cores.
pytestmark = pytest.mark.xdist_group("crash")


def assert_nothing_broke(report: Report, plan: Plan) -> None:
    shown = table(report)
    assert not report.faulty, shown
    assert report.turns == plan.people * 6, shown
    assert len(report.timeline) > 0, shown
    assert sum(report.blows.values()) == len(plan.blows), shown
    assert report.kills, shown
    assert report.on_purpose, shown
    assert report.double_taps, shown
    assert sum(report.redelivered.values()), shown
    assert report.stopped_s < 10, shown


async def test_nothing_is_lost_while_processes_are_killed(tmp_path: Path) -> None:
    """Three of the product's processes on one PostgreSQL, which is restarted once."""
    plan = Plan(
        turns=300, roles=("all", "all", "all"), concurrency=24, fault_scale=2.0, logs=tmp_path
    )
    assert_nothing_broke(await crash_run(plan), plan)


@pytest.mark.soak
@pytest.mark.parametrize(("bus", "roles"), [(Bus.REDIS, SPLIT), (Bus.LOCAL, ("all",) * 4)])
async def test_ten_thousand_turns_and_a_kill_every_second(
    bus: Bus, roles: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every server is restarted twice meanwhile."""
    plan = Plan(turns=10_000, bus=bus, roles=roles, concurrency=96, blows=every_blow(bus, 2))
    report = await crash_run(plan)
    with capsys.disabled():
        print(f"\n{table(report)}")  # noqa: T201
    assert_nothing_broke(report, plan)

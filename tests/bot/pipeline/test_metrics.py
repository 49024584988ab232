"""What is counted: every message once, by account and outcome, and nothing of a person."""

from __future__ import annotations

import re
import timeit
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from bot import metrics
from bot.pipeline import ingress as ingress_module
from bot.pipeline.ingress import OverloadedError
from bot.probes import read_lags
from bot.store.tables import outbox
from channels.base import Outcome, OutcomeKind
from channels.message import IncomingKind
from tests.bot.pipeline.harness import World

TEXT = IncomingKind.TEXT
LABELS = {"account", "outcome", "cause", "status", "topic", "role", "version", "le"}
STANDARD = {"generation", "implementation", "major", "minor", "patchlevel", "version"}


@pytest.fixture
def grown() -> Callable[..., float]:
    """How much a sample has grown since it was first asked for in this test."""
    before: dict[str, float] = {}

    def since(name: str, **labels: str) -> float:
        now = metrics.value(name, **labels)
        return now - before.setdefault(f"{name}{labels}", now)

    return since


async def test_a_message_is_counted_once_on_its_way_and_its_repetition_apart(
    world: World,
    grown: Callable[..., float],
) -> None:
    account = world.channel.account
    sent = {"account": account, "outcome": "sent"}
    samples: list[tuple[str, dict[str, str]]] = [
        ("huifang_inbox_received_total", {"account": account}),
        ("huifang_inbox_duplicates_total", {"account": account}),
        ("huifang_turns_total", {}),
        ("huifang_outbox_outcomes_total", sent),
        ("huifang_delivery_seconds_count", {"account": account, "cause": "reply"}),
    ]
    for name, labels in samples:
        grown(name, **labels)
    update = world.incoming(TEXT, text="hi", external_id="u1")
    await world.take(update)
    await world.take(update, world.incoming(TEXT, text="hi again", external_id="u2"))
    texts = len(await world.rows(outbox))
    assert [grown(name, **labels) for name, labels in samples] == [2, 1, 2, texts, texts]


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (OutcomeKind.TRANSIENT, "retry"),
        (OutcomeKind.RETRY_AFTER, "limit"),
        (OutcomeKind.CONTENT_REJECTED, "failed"),
    ],
)
async def test_what_was_not_sent_is_counted_by_its_reason(
    world: World,
    grown: Callable[..., float],
    kind: OutcomeKind,
    outcome: str,
) -> None:
    name, labels = "huifang_outbox_outcomes_total", {"account": world.channel.account}
    grown(name, **labels, outcome=outcome)
    world.channel.next(Outcome(kind, retry_after=60.0))
    await world.take(world.incoming(TEXT, text="hi"))
    assert grown(name, **labels, outcome=outcome) == 1


async def test_what_is_refused_for_want_of_room_is_counted(
    world: World,
    grown: Callable[..., float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    grown("huifang_ingress_refused_total")
    monkeypatch.setattr(ingress_module, "WAITING_MAX", -1)
    with pytest.raises(OverloadedError):
        await world.accept(world.incoming(TEXT, text="hi"))
    assert grown("huifang_ingress_refused_total") == 1


async def test_the_lags_are_the_ages_of_what_waits(world: World) -> None:
    await world.start()
    assert (lags := await read_lags(world.services)).inbox == lags.outbox == lags.timer == 0
    await world.accept(world.incoming(TEXT, text="4"))
    world.clock.advance(timedelta(seconds=7))
    await world.accept(world.incoming(TEXT, "bob", text="hello"))
    assert (await read_lags(world.services)).inbox == 7
    world.clock.advance(timedelta(days=6))  # the survey's deadline is after five days
    late = await read_lags(world.services)
    assert late.timer >= 86_400
    assert late.outbox == 0


def test_labels_name_accounts_and_outcomes_and_never_a_person() -> None:
    text = generate_latest(metrics.REGISTRY).decode()
    for line in text.splitlines():
        if line.startswith("huifang_"):
            assert set(re.findall(r"(\w+)=\"", line)) <= LABELS
        elif not line.startswith("#"):
            assert set(re.findall(r"(\w+)=\"", line)) <= STANDARD


def test_every_metric_is_explained_in_the_operators_guide() -> None:
    guide = Path(__file__).parents[3] / "docs" / "operations.md"
    explained = set(re.findall(r"huifang_\w+", guide.read_text("utf-8")))
    for family in metrics.REGISTRY.collect():
        if family.name.startswith("huifang_"):
            name = f"{family.name}_total" if family.type == "counter" else family.name
            assert any(found.startswith(name) for found in explained), name


def test_counting_costs_next_to_nothing() -> None:
    """Far below the ceiling on an idle machine (under 1 µs); it only has to notice a lost cache."""
    took = min(timeit.repeat(lambda: metrics.webhook("bench", 503, 0.0), number=2000, repeat=5))
    assert took / 2000 < 50e-6

"""Who waits for an answer sees that somebody writes, and nobody who has it already."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from bot import hearing as hearing_module
from bot.hearing import Hearing
from channels.base import Parsed
from channels.message import Address, IncomingKind
from tests.bot.pipeline.harness import World


async def test_typing_is_shown_while_no_process_has_answered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing_module, "SLOW_S", 0.0)
    world.channel.with_caps(typing_refresh_s=4)
    shown: list[str] = []

    async def typing(to: Address, *rest: object) -> None:
        shown.append(to.value)

    monkeypatch.setattr(world.channel, "typing", typing)
    small: list[Coroutine[Any, Any, None]] = []
    # As in a process of the role web: it receives, and hears nothing of what a worker sends.
    hearing = Hearing(world.ingress, world.http, small.append)

    async def said(text: str) -> None:
        incoming = world.incoming(IncomingKind.TEXT, text=text)
        await hearing.take(world.channel, Parsed((incoming,)))

    await world.start()
    await said("4")
    await world.settle()
    await asyncio.gather(*small)
    assert shown == []
    small.clear()
    await said("because")
    await asyncio.gather(*small)
    assert shown == ["ann"]

"""The harness itself: a whole follow-up runs through the real pipeline in it."""

from __future__ import annotations

from bot.store.tables import followup
from tests.bot.pipeline.harness import World


async def test_a_whole_followup_runs_to_its_end(world: World) -> None:
    await world.start()
    assert [shown.text for shown in world.channel.shown][-1] == "1/3 · How was it?"
    await world.tap("4")
    await world.say("It was quick")
    shown = await world.say("a dark theme please")
    assert shown[-1].text == "Goodbye."
    assert await world.answers() == {
        "rating": 4,
        "reason": "It was quick",
        "more": "a dark theme please",
    }
    assert (await world.row(followup)).outcome == "completed"

"""The adapter with the shape of Rasa's REST channel, over real processes on SQLite."""

from __future__ import annotations

from typing import Any

import aiohttp

from bot.bench.rest import serving
from bot.bench.turns import Setup


async def test_a_survey_through_the_adapter() -> None:
    async with serving(Setup(people=2), silent_s=20.0) as address, aiohttp.ClientSession() as http:

        async def say(message: str, sender: str = "ann") -> list[dict[str, str]]:
            body = {"sender": sender, "message": message}
            async with http.post(address, json=body) as response:
                assert response.status == 200
                assert response.content_type == "application/json"
                return list(await response.json())

        (opening,) = await say("hi")
        assert opening["recipient_id"] == "ann"
        assert "automated assistant" in opening["text"]
        assert "last four" in opening["text"]
        (rating,) = await say("1234")
        assert "from 1 to 5" in rating["text"]
        (other,) = await say("/start", "bob")
        assert other["recipient_id"] == "bob"
        assert "Hi Person" in other["text"]
        (better,) = await say("4")
        assert "noted" in better["text"]
        assert "do better" in better["text"]
        # What is not clear is asked back with options, and the question comes in a text of its own.
        offer, again = await say("What is the fee to withdraw money to my bank?")
        assert offer["text"]
        assert "do better" in again["text"]
        (thanks,) = await say("It was fine, only the photo took me two attempts.")
        assert "thirty days" in thanks["text"]


async def test_what_is_no_message_is_refused() -> None:
    async with serving(Setup(people=0)) as address, aiohttp.ClientSession() as http:
        bodies: list[Any] = [b"", b"[]", b"7", b'{"sender": "ann"}', b"\xff"]
        for body in bodies:
            async with http.post(address, data=body) as response:
                assert response.status == 400
                assert "sender" in (await response.json())["error"]

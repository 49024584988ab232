"""The people of a crash run and the platform's way with webhooks: again until it is answered 200."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import Iterable

import aiohttp
import orjson

from bot.bench.channel import SIGNATURE, sign
from tests.crash.fleet import Fleet
from tests.crash.people import Person
from tests.crash.platform import Heard, Platform

ANSWER_S = 5.0  # a webhook not answered by then is delivered again
GIVE_UP_S = 120.0  # of one webhook; a real platform comes for days
REPLY_S = 60.0  # a person waits so long for a reply and then goes on
TWICE, THRICE, LATE = 0.08, 0.03, 0.08  # shares of webhooks delivered more often on purpose


class Load:
    def __init__(
        self, http: aiohttp.ClientSession, platform: Platform, fleet: Fleet, secret: str, seed: int
    ) -> None:
        self._http, self._platform, self._fleet = http, platform, fleet
        self._secret = secret
        self._chance = random.Random(f"load:{seed}")
        self._late: set[asyncio.Task[None]] = set()
        self.acknowledged: defaultdict[str, set[str]] = defaultdict(set)
        self.redelivered: Counter[str] = Counter()  # by what was heard instead of 200
        self.on_purpose = 0
        self.given_up: list[str] = []
        self.in_vain: list[str] = []  # replies that did not come in time
        self.turns = 0
        self.double_taps = 0
        self.longest_wait_s = 0.0

    async def run(self, people: Iterable[tuple[Person, str]], concurrency: int) -> None:
        """Let these people talk, each with a start token, so many at once."""
        waiting = iter(people)

        async def one_after_the_other() -> None:
            for person, token in waiting:
                await self._talk(person, token)

        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(one_after_the_other())
        await asyncio.gather(*self._late)

    async def _talk(self, person: Person, token: str) -> None:
        options: dict[str, str] = {}
        bodies: list[bytes] = []
        last = len(person.turns) - 1
        for number, turn in enumerate(person.turns):
            if person.burst and number == last - 1:
                await self._burst(person, last)
                return
            body = {"id": person.webhook_id(number), "sender": person.sender, "text": turn.says}
            if number == 0:
                body["start"] = token
            presses = [body]
            if turn.tap and turn.says in options:
                self.double_taps += turn.times - 1
                presses = [
                    {
                        "id": person.webhook_id(number, press),
                        "sender": person.sender,
                        "text": turn.says,
                        "tap": options[turn.says],
                    }
                    for press in range(turn.times)
                ]
            began = time.monotonic()
            made = [orjson.dumps(press) for press in presses]
            await asyncio.gather(*(self._hand_in(person.sender, item) for item in made))
            for heard in await self._listen(person, number, len(turn.hears)):
                options.update(heard.options)
            self.longest_wait_s = max(self.longest_wait_s, time.monotonic() - began)
            self.turns += 1
            bodies += made
            if self._chance.random() < LATE:
                self._come_again(person.sender, self._chance.choice(bodies))

    async def _burst(self, person: Person, last: int) -> None:
        """Two things at once, in whatever order they arrive; then once more until it is the end."""
        both = [
            orjson.dumps({"id": person.webhook_id(n), "sender": person.sender, "text": turn.says})
            for n, turn in list(enumerate(person.turns))[last - 1 :]
        ]
        self._chance.shuffle(both)
        await asyncio.gather(*(self._hand_in(person.sender, body) for body in both))
        self.turns += 2
        await self._until_the_end(person, last + 1)

    async def _until_the_end(self, person: Person, number: int) -> None:
        """Wait for the last text. Where the yes came first, it was no answer to the last question
        and is said again."""
        inbox, says = self._platform.inbox(person.sender), person.turns[-1].says
        body = {"id": person.webhook_id(number), "sender": person.sender, "text": says}
        try:
            async with asyncio.timeout(REPLY_S):
                while "All done" not in (heard := await inbox.get()).text:
                    if "didn't get that" in heard.text:
                        await self._hand_in(person.sender, orjson.dumps(body))
        except TimeoutError:
            self.in_vain.append(f"{person.sender} never heard the end")

    async def _listen(self, person: Person, number: int, count: int) -> list[Heard]:
        found: list[Heard] = []
        inbox = self._platform.inbox(person.sender)
        try:
            async with asyncio.timeout(REPLY_S):
                while len(found) < count:
                    found.append(await inbox.get())
        except TimeoutError:
            self.in_vain.append(f"{person.sender} turn {number}: {len(found)} of {count} texts")
        return found

    async def _hand_in(self, sender: str, body: bytes) -> None:
        """Deliver a webhook; some of them more than once at the same time."""
        draw = self._chance.random()
        times = 3 if draw < THRICE else 2 if draw < THRICE + TWICE else 1
        self.on_purpose += times - 1
        await asyncio.gather(*(self._deliver(sender, body) for _ in range(times)))

    def _come_again(self, sender: str, body: bytes) -> None:
        """An old webhook is delivered once more, after later ones."""

        async def later() -> None:
            await asyncio.sleep(self._chance.random())
            await self._deliver(sender, body)

        self.on_purpose += 1
        task = asyncio.create_task(later())
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _deliver(self, sender: str, body: bytes) -> None:
        """Post until it is answered 200, each time to any of the web processes."""
        external_id = orjson.loads(body)["id"]
        headers = {SIGNATURE: sign(self._secret, body)}
        until, tries = time.monotonic() + GIVE_UP_S, 0
        while time.monotonic() < until:
            port = self._chance.choice(self._fleet.web).port
            url = f"http://127.0.0.1:{port}/hooks/bench/main"
            try:
                async with self._http.post(
                    url, data=body, headers=headers, timeout=aiohttp.ClientTimeout(ANSWER_S)
                ) as answer:
                    if answer.status == 200:
                        self.acknowledged[sender].add(external_id)
                        return
                    reason = str(answer.status)
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                reason = type(error).__name__
            self.redelivered[reason] += 1
            tries += 1
            await asyncio.sleep(self._chance.uniform(0.02, 0.2) * min(tries, 5))
        self.given_up.append(external_id)

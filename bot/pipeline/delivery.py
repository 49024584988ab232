"""Outbox → gates → rate limit → channel → outcome.

A sender claims conversations, not rows: all that is due for one conversation is sent by one sender,
in order. Two priorities: what only the bot wants to say (a campaign, reminders) has slots of its own
and leaves tokens over, so that it delays no reply to somebody who writes. A claim is a lease; when it runs out (the process died while sending) nobody can tell what
arrived: a reply is sent once more, anything else is left to a person.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import structlog

from bot.pipeline.claims import AGAIN, ATTEMPTS, LAST_START, Due, claim_due, may_repeat
from bot.pipeline.facts import send_facts, template_for
from bot.pipeline.flow import Cause, SendStatus
from bot.pipeline.outcomes import Done, write_outcomes
from bot.pipeline.rate import LocalRates
from bot.safety.gates import Verdict, VerdictKind, may_send
from bot.services import Services
from bot.store.database import is_away
from channels.base import Channel, Outcome, OutcomeKind
from channels.message import Address, Caps, Option, Outgoing

log = structlog.get_logger()

LONGEST_BACKOFF = 300.0  # seconds
PARALLEL = 32  # conversations of one account sent to at the same time by one process
CAMPAIGN_PARALLEL = 16  # the same, of those to whom only the bot wants to say something
CAMPAIGN_WAITS = 1.0  # seconds that such a sender waits for a token; somebody may write meanwhile
LOOK_AGAIN_S = 0.1  # between two looks whether there is a token to spare
WORTH_WAITING = 2.0  # seconds that a sender waits for a rate limit; more is written as due later
UNDER_WAY = 128  # conversations of one account that turns of this process hand over at most
OUTCOMES_AGAIN_S = 0.5  # seconds between two tries to write outcomes while the database is away
PATIENCE = 0.25  # seconds; what is sent by then is written, whatever a slow platform still does


class Delivery:
    """One per process. `send_due` claims and sends once; the runtime calls it when woken.

    `monotonic` returns seconds that only grow, for the rate limits.
    """

    def __init__(
        self,
        services: Services,
        http: aiohttp.ClientSession,
        on_sent: Callable[[Address], None] = lambda to: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._services = services
        self._on_sent = on_sent
        self._http = http
        self._tasks: set[asyncio.Task[None]] = set()
        self._under_way: defaultdict[str, int] = defaultdict(int)  # conversations, by account
        self._done: list[Done] = []  # not written yet
        self._writing: asyncio.Task[None] | None = None
        self._rates = services.rates or LocalRates(monotonic)
        # By account: a platform that hangs must not keep the others waiting.
        self._slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(PARALLEL)
        )
        self._campaign_slots: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(CAMPAIGN_PARALLEL)
        )

    async def send_due(
        self, conversation_ids: Collection[str] | None = None, what: Cause | None = None
    ) -> int:
        """Send what is due, of these conversations or of any; returns the rows handled. `what`: only
        to conversations with something due of this cause."""
        claimed = await claim_due(self._services, conversation_ids, what)
        running = {asyncio.create_task(self._send_all(rows)) for rows in _by_chat(claimed)}
        try:
            while running:
                finished, running = await asyncio.wait(running, timeout=PATIENCE)
                await write_outcomes(
                    self._services, [done for task in finished for done in task.result()]
                )
        finally:
            for task in running:
                task.cancel()
        return len(claimed)

    # ── what a turn of this process answered ──

    def has_room(self, account: str) -> bool:
        return self._under_way[account] < UNDER_WAY

    def take(self, claimed: Sequence[Due]) -> None:
        for rows in _by_chat(claimed):
            task = asyncio.create_task(self._send_claimed(rows))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _send_claimed(self, rows: list[Due]) -> None:
        account = rows[0].row["account"]
        self._under_way[account] += 1
        try:
            done = await self._send_all(rows)
        finally:
            self._under_way[account] -= 1
        self._done += done
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        """Write what is done, as much as gathered while the one before was written. What is known
        is not forgotten while the database is away."""
        try:
            while self._done:
                done, self._done = self._done, []
                try:
                    await write_outcomes(self._services, done)
                except Exception as error:
                    if is_away(error):
                        log.warning("outcomes_wait", rows=len(done), error=type(error).__name__)
                        self._done = done + self._done
                        await asyncio.sleep(OUTCOMES_AGAIN_S)
                    else:
                        await self._write_one_by_one(done)
        finally:
            self._writing = None

    async def _write_one_by_one(self, done: list[Done]) -> None:
        """One outcome that cannot be written must not take the others with it."""
        for item in done:
            try:
                await write_outcomes(self._services, [item])
            except Exception as error:
                if is_away(error):
                    self._done.append(item)
                else:
                    log.exception("outcome_not_written", outbox=item.row["id"])

    async def finish(self, within_s: float) -> None:
        """Let what is on its way arrive, and write what became of it; what takes longer is ended."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while waiting := self._under_way_now():
                    await asyncio.wait(waiting)
        if late := self._under_way_now():
            log.warning("sends_cut_off", conversations=len(self._tasks))
            for task in late:
                task.cancel()
            await asyncio.wait(late, timeout=1)

    def _under_way_now(self) -> set[asyncio.Task[None]]:
        return {*self._tasks, *([self._writing] if self._writing else [])}

    async def _send_all(self, rows: list[Due]) -> list[Done]:
        """Send one conversation's rows in order; the first that has to wait stops the rest."""
        done: list[Done] = []
        # Where a reply stands behind it, what the bot starts itself is as urgent as that.
        campaign = all(due.row["cause"] == Cause.PROACTIVE for due in rows)
        slots = self._campaign_slots if campaign else self._slots
        async with slots[rows[0].row["account"]]:
            held_back: Done | None = None  # by a gate: only what the bot starts itself waits for it
            for index, due in enumerate(rows):
                proactive = due.row["cause"] == Cause.PROACTIVE
                if held_back is not None and proactive:
                    done.append(Done.held(due.row, held_back))
                    continue
                outcome = await self._send_safely(due, done, campaign)
                done.append(outcome)
                if outcome.status is SendStatus.PENDING and outcome.gated:
                    held_back = outcome
                elif outcome.status is SendStatus.PENDING:
                    done += [Done.released(later.row) for later in rows[index + 1 :]]
                    break
                elif outcome.kind in (OutcomeKind.UNREACHABLE, OutcomeKind.OPTED_OUT):
                    left = rows[index + 1 :]
                    done += [Done.dropped(later.row, str(outcome.kind)) for later in left]
                    break
        return done

    async def _send_safely(self, due: Due, before: list[Done], campaign: bool) -> Done:
        """Our own mistake must not stop the others, nor send anything twice."""
        if self._services.clock.now() - due.claimed_at > LAST_START:
            return Done.released(due.row)  # another sender would soon take it for ours that died
        try:
            verdict = await self._verdict(due)
        except Exception:
            log.exception("gates_failed", outbox=due.row["id"])
            return self._later(due, "the gates could not be asked", due.row["parts_done"])
        try:
            return await self._by_verdict(due, verdict, before, campaign)
        except Exception as error:
            log.exception("send_failed", outbox=due.row["id"])
            return Done.failed(due.row, f"bug:{type(error).__name__}")

    async def _verdict(self, due: Due) -> Verdict:
        channel = self._services.channels.get(due.row["account"])
        if channel is None:
            return Verdict(VerdictKind.DROP, "this channel account is not switched on")
        facts = await send_facts(self._services, due, channel)
        return may_send(facts, self._services.limits)

    async def _by_verdict(
        self, due: Due, verdict: Verdict, before: list[Done], campaign: bool
    ) -> Done:
        if verdict.kind is VerdictKind.DROP:
            return Done.dropped(due.row, verdict.reason)
        if verdict.kind is VerdictKind.DEFER:
            assert verdict.until is not None
            return Done.gate(due.row, verdict.until, verdict.reason)
        outgoing = _outgoing(due.payload, str(due.row["id"]))
        if verdict.kind is VerdictKind.SEND_TEMPLATE:
            if any(item.template_of(due.row) for item in before):
                return Done.dropped(due.row, "template_sent")
            template = template_for(self._services, due.payload)
            assert template is not None
            token = outgoing.options[0].token if outgoing.options else ""
            outgoing = replace(outgoing, template=replace(template, token=token))
        channel = self._services.channels[due.row["account"]]
        done = await self._send_parts(channel, due, outgoing, campaign)
        return replace(done, template=outgoing.template is not None)

    async def _send_parts(
        self, channel: Channel, due: Due, outgoing: Outgoing, campaign: bool
    ) -> Done:
        parts = channel.render(due.to, outgoing)
        provider_id = due.row["provider_id"] or ""
        for number in range(due.row["parts_done"], len(parts)):
            now = self._services.clock.now()
            wait = await self._take_token(due, channel.caps, campaign)
            if wait or now - due.claimed_at > LAST_START:
                until = now + timedelta(seconds=wait)
                return Done.waiting(due.row, until, "rate", number, provider_id)
            outcome = await channel.send(parts[number], self._http)
            if outcome.kind is not OutcomeKind.OK:
                done = await self._not_sent(due, outcome, number)
                return replace(done, provider_id=provider_id)
            provider_id = outcome.provider_id or provider_id
            self._on_sent(due.to)
        return Done.sent(due.row, provider_id, len(parts), self._services.clock.now())

    async def _take_token(self, due: Due, caps: Caps, campaign: bool) -> float:
        """Wait a little for a token. 0 if it was taken, else the seconds until there may be one."""
        account, chat = due.row["account"], str(due.row["address_id"])
        if not campaign:
            wait = await self._rates.reserve(account, chat, caps, WORTH_WAITING)
            if wait > WORTH_WAITING:
                return wait
            if wait:
                await asyncio.sleep(wait)
            return 0.0
        waited = 0.0
        # None is taken before its time: a reply that comes meanwhile would have to stand behind it.
        while wait := await self._rates.reserve(account, chat, caps, 0.0, spare=True):
            pause = max(wait, LOOK_AGAIN_S)
            if waited + pause > CAMPAIGN_WAITS:
                return wait
            await asyncio.sleep(pause)
            waited += pause
        return 0.0

    async def _not_sent(self, due: Due, outcome: Outcome, parts_done: int) -> Done:
        row = due.row
        match outcome.kind:
            case OutcomeKind.RETRY_AFTER | OutcomeKind.QUOTA:
                wait = outcome.retry_after or 60.0
                # Platforms limit the chat and the account alike; the chat may be all that it was.
                account, chat = row["account"], str(row["address_id"])
                whole = outcome.kind is OutcomeKind.QUOTA
                whole = whole or await self._rates.is_another_paused(account, chat)
                await self._rates.pause(account, "" if whole else chat, wait)
                until = self._services.clock.now() + timedelta(seconds=wait)
                return Done.waiting(row, until, outcome.detail, parts_done)
            case OutcomeKind.TRANSIENT | OutcomeKind.AUTH | OutcomeKind.CONFIG:
                return self._later(due, f"{outcome.kind}: {outcome.detail}", parts_done)
            case OutcomeKind.UNKNOWN if may_repeat(row):
                return self._later(due, AGAIN, parts_done)
            case OutcomeKind.UNKNOWN:
                return Done.unknown(row, outcome.detail, parts_done)
            case _:
                failed = Done.failed(row, f"{outcome.kind}: {outcome.detail}")
                return replace(failed, kind=outcome.kind, parts_done=parts_done)

    def _later(self, due: Due, detail: str, parts_done: int) -> Done:
        """Try again, later each time; given up after ATTEMPTS."""
        row = due.row
        if row["attempts"] + 1 >= ATTEMPTS:
            return replace(Done.failed(row, detail), parts_done=parts_done)
        until = self._services.clock.now() + timedelta(seconds=backoff(row["attempts"], row["id"]))
        return Done.tried(row, until, detail, parts_done)


def _by_chat(claimed: Sequence[Due]) -> Collection[list[Due]]:
    found: dict[str, list[Due]] = {}
    for due in claimed:
        found.setdefault(due.row["conversation_id"], []).append(due)
    return found.values()


def backoff(attempts: int, seed: int) -> float:
    """Seconds before the next attempt: doubling, bounded, spread by a share that `seed` decides."""
    share = 0.75 + (seed * 2654435761 % 1000) / 2000  # 0.75–1.25, the same for the same row
    return min(LONGEST_BACKOFF, 2.0**attempts) * share


def _outgoing(payload: dict[str, Any], ref: str) -> Outgoing:
    options = tuple(Option(o["token"], o["label"], o.get("url", "")) for o in payload["options"])
    question = payload.get("question", False)
    preview = payload.get("preview", "")
    return Outgoing(payload["text"], options, question=question, ref=ref, preview=preview)

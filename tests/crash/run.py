"""One crash run: `python -m tests.crash.run --turns 10000 --seed 1 [--roles web,web,worker,worker --bus redis] [--json]`."""

from __future__ import annotations

import argparse
import asyncio
import itertools
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp

from bot.assembly import open_services
from bot.bench.channel import ACCOUNT, BenchChannel
from bot.bench.server import SCRIPT
from bot.outreach.followups import start_followup
from bot.services import Services
from bot.settings import Bus, Settings
from bot.store.people import Profile, import_people
from tests.bot.pipeline.bus.server import OwnRedis, own_redis
from tests.crash.chaos import Blow, Chaos
from tests.crash.checker import Finding, check
from tests.crash.evidence import Evidence
from tests.crash.facts import read_facts, strangers, waiting
from tests.crash.faults import FaultPlan
from tests.crash.fleet import Fleet, running_fleet
from tests.crash.load import Load
from tests.crash.people import Person, expected, person
from tests.crash.platform import Platform, serving
from tests.crash.report import Report, table
from tests.crash.servers import own_postgres

TURNS_EACH = 6
STEP_S = 5
PROGRESS_S = 10.0
ALL = ("all", "all")
SPLIT = ("web", "web", "worker", "worker")


@dataclass(frozen=True, slots=True)
class Plan:
    """`lease_s`: after so many seconds a sender is taken for dead; the time of a send shrinks with
    it. `blows`: what happens to the servers, at which share of the turns."""

    turns: int
    seed: int = 1
    roles: tuple[str, ...] = ALL
    bus: Bus = Bus.LOCAL
    concurrency: int = 32
    kill_every_s: float = 1.0
    fault_scale: float = 1.0
    lease_s: float = 6.0
    blows: tuple[tuple[float, Blow], ...] = ((0.3, Blow.POSTGRES_RESTART),)
    settle_s: float = 60.0  # after the last turn, until nothing waits any more
    logs: Path | None = None  # where the processes' logs are kept

    @property
    def people(self) -> int:
        return max(1, self.turns // TURNS_EACH)


@dataclass(slots=True)
class _World:
    services: Services
    people: list[Person]
    tokens: list[str]
    evidence: dict[str, Evidence] = field(default_factory=dict)  # by person id


async def crash_run(plan: Plan, say: Callable[[str], None] = lambda line: None) -> Report:
    """Do it and check it. Raises if the servers cannot be had or a process does not come up.
    `say` gets a line of progress now and then."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="huifang-crash-")))
        postgres = stack.enter_context(own_postgres())
        redis: OwnRedis | None = None
        if plan.bus is Bus.REDIS:
            redis = stack.enter_context(own_redis(folder / "redis"))
        settings = _settings(plan, folder, postgres.url, redis)
        secret = secrets.token_hex(16)
        world = await stack.enter_async_context(_world(plan, settings, secret))
        platform = Platform(FaultPlan(plan.seed, plan.fault_scale), hang_s=plan.lease_s / 2)
        url = await stack.enter_async_context(serving(platform))
        fleet = Fleet(plan.roles, [secret, url], [str(plan.lease_s)], _environment(settings))
        logs = plan.logs or folder / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        await stack.enter_async_context(running_fleet(fleet, logs))
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        load = Load(http, platform, fleet, secret, plan.seed)
        chaos = Chaos(fleet, postgres, redis, plan.seed, plan.kill_every_s, plan.blows)
        began = time.monotonic()
        saying = asyncio.create_task(_progress(say, load, fleet))
        await _under_fire(plan, world, load, chaos)
        saying.cancel()
        seconds = time.monotonic() - began
        await fleet.all_up()
        settled_s = await _settled(world.services, plan.settle_s)
        stopped_s = await fleet.close()
        findings = await _findings(world, load, platform)
        return Report(
            plan=plan_words(plan),
            turns=load.turns,
            seconds=round(seconds, 1),
            kills=fleet.kills,
            starts=sum(slot.starts for slot in fleet.slots),
            start_s=round(statistics.median(fleet.start_s), 2),
            blows=dict(Counter(str(blow) for blow, _, _ in chaos.dealt)),
            timeline=_timeline(platform, chaos, began),
            redelivered=dict(load.redelivered),
            on_purpose=load.on_purpose,
            double_taps=load.double_taps,
            faults={str(kind): count for kind, count in platform.faults.items()},
            texts=len({item.ref for item in platform.log}),
            settled_s=settled_s,
            stopped_s=round(stopped_s, 2),
            longest_wait_s=round(load.longest_wait_s, 2),
            longest_gap_s=round(_longest_gap(platform), 2),
            webhooks_given_up=len(load.given_up),
            waited_in_vain=len(load.in_vain),
            strangers=await strangers(world.services, list(world.evidence)),
            findings=tuple(findings),
            causes={
                str(item.text_id): platform.troubles_of(str(item.text_id))
                for item in findings
                if item.text_id
            },
        )


async def _progress(say: Callable[[str], None], load: Load, fleet: Fleet) -> None:
    while True:
        await asyncio.sleep(PROGRESS_S)
        up = sum(slot.up for slot in fleet.slots)
        say(f"{load.turns} turns, {fleet.kills} kills, {up} of {len(fleet.slots)} processes up")


async def _under_fire(plan: Plan, world: _World, load: Load, chaos: Chaos) -> None:
    """Everybody talks while processes are killed; blows that are left come at the end."""
    whole = max(1, len(world.people) * TURNS_EACH)
    firing = asyncio.create_task(chaos.run(lambda: load.turns / whole))
    talking = asyncio.create_task(
        load.run(list(zip(world.people, world.tokens, strict=True)), plan.concurrency)
    )
    await asyncio.wait({firing, talking}, return_when=asyncio.FIRST_COMPLETED)
    if firing.done() and not talking.done():
        talking.cancel()
        await firing  # raises what went wrong with a server
    await talking
    firing.cancel()
    with suppress(asyncio.CancelledError):
        await firing


async def _settled(services: Services, within_s: float) -> float:
    """Wait until nothing is left to do; returns the seconds, which are more than allowed if it never
    was."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        with suppress(Exception):  # the database may just be coming back
            if not await waiting(services):
                break
        await asyncio.sleep(0.2)
    return round(time.monotonic() - began, 2)


async def _findings(world: _World, load: Load, platform: Platform) -> list[Finding]:
    by_sender = {item.sender: item for item in world.evidence.values()}
    for sender, ids in load.acknowledged.items():
        by_sender[sender].acknowledged = ids
    for item in platform.log:
        by_sender[item.to].accepted.append(item)
    await read_facts(world.services, world.evidence)
    return [finding for item in world.evidence.values() for finding in check(item)]


def _longest_gap(platform: Platform) -> float:
    times = [item.at for item in platform.log]
    return max((b - a for a, b in itertools.pairwise(times)), default=0.0)


def _timeline(platform: Platform, chaos: Chaos, began: float) -> list[str]:
    """How many texts the platform took in each STEP_S seconds, and what happened to the servers."""
    steps = Counter(int((item.at - began) // STEP_S) for item in platform.log)
    lines = [f"{step * STEP_S} s: {steps[step]} texts" for step in range(max(steps, default=0) + 1)]
    for blow, start, end in chaos.dealt:
        step = min(len(lines) - 1, int((start - began) // STEP_S))
        lines[step] += f", {blow} ({start - began:.1f}-{end - began:.1f} s)"
    return lines


def _settings(plan: Plan, folder: Path, postgres_url: str, redis: OwnRedis | None) -> Settings:
    changes: dict[str, object] = {
        "data_dir": folder,
        "database_url": postgres_url.replace("postgresql:", "postgresql+asyncpg:", 1),
        "master_keys_file": folder / "keys.toml",
        "bus": plan.bus,
    }
    if redis is not None:
        changes["redis_url"] = redis.url
    return Settings().model_copy(update=changes)


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "HUIFANG_DATA_DIR": str(settings.data_dir),
        "HUIFANG_DATABASE_URL": settings.database_url,
        "HUIFANG_MASTER_KEYS_FILE": str(settings.master_keys_file),
        "HUIFANG_BUS": str(settings.bus),
        "HUIFANG_REDIS_URL": settings.redis_url,
    }


@asynccontextmanager
async def _world(plan: Plan, settings: Settings, secret: str) -> AsyncIterator[_World]:
    """Bring people in and start their follow-ups; the same services read the tables later."""
    people = [person(plan.seed, number) for number in range(1, plan.people + 1)]
    local = settings.model_copy(update={"bus": Bus.LOCAL})
    async with open_services(
        local, migrated=True, warn=lambda line: None, scripts=(SCRIPT,)
    ) as services:
        services.channels = {ACCOUNT: BenchChannel(secret, "")}
        profiles = [
            Profile("en", "Europe/London", "GB", name=f"Person {who.number}", last4="1234")
            for who in people
        ]
        async with services.db.write() as conn:
            brought = await import_people(conn, services.vault, profiles, services.clock.now())
        world = _World(services, people, [])
        for who, one in zip(people, brought, strict=True):
            started = await start_followup(services, one.id, "bench_survey", source="crash")
            world.tokens.append(started.links[0].url)
            world.evidence[one.id] = Evidence(who.sender, expected(who))
        yield world


def plan_words(plan: Plan) -> str:
    roles = ",".join(plan.roles)
    return (
        f"{plan.turns} turns, seed {plan.seed}, {roles} on bus {plan.bus}, "
        f"{plan.concurrency} at once, a kill every {plan.kill_every_s:g} s, "
        f"lease {plan.lease_s:g} s, faults x{plan.fault_scale:g}"
    )


def every_blow(bus: Bus, rounds: int = 1) -> tuple[tuple[float, Blow], ...]:
    """Each blow that this bus can meet, so many times, spread over the run."""
    blows = [Blow.POSTGRES_RESTART, Blow.POSTGRES_CRASH]
    if bus is Bus.REDIS:
        blows += [Blow.REDIS_FLUSH, Blow.REDIS_RESTART]
    found = blows * rounds
    return tuple(((n + 1) / (len(found) + 1), blow) for n, blow in enumerate(found))


def main() -> None:
    words = argparse.ArgumentParser(prog="python -m tests.crash.run", description=__doc__)
    words.add_argument("--turns", type=int, default=10_000)
    words.add_argument("--seed", type=int, default=1)
    words.add_argument("--roles", default="", help="such as all,all or web,web,worker,worker")
    words.add_argument("--bus", type=Bus, default=Bus.LOCAL)
    words.add_argument("--concurrency", type=int, default=32)
    words.add_argument("--kill-every", type=float, default=1.0, help="seconds; 0: nobody")
    words.add_argument("--faults", type=float, default=1.0, help="scale of the platform's faults")
    words.add_argument("--lease", type=float, default=6.0, help="seconds")
    words.add_argument("--rounds", type=int, default=1, help="of server restarts; 0: none")
    words.add_argument("--logs", type=Path, help="folder that keeps the processes' logs")
    words.add_argument("--json", action="store_true")
    given = words.parse_args()
    roles = tuple(given.roles.split(",")) if given.roles else ()
    plan = Plan(
        turns=given.turns,
        seed=given.seed,
        roles=roles or (SPLIT if given.bus is Bus.REDIS else ALL),
        bus=given.bus,
        concurrency=given.concurrency,
        kill_every_s=given.kill_every,
        fault_scale=given.faults,
        lease_s=given.lease,
        blows=every_blow(given.bus, given.rounds),
        logs=given.logs,
    )
    report = asyncio.run(crash_run(plan, lambda line: print(line, file=sys.stderr)))  # noqa: T201
    sys.stdout.write(report.to_json() if given.json else table(report))
    sys.exit(1 if report.faulty else 0)


if __name__ == "__main__":
    main()

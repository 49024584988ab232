"""Is everything there that Huifang needs? Each check is one line: well, or the problem and its fix."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

import aiohttp

from bot.assembly import make_channels
from bot.check import Check
from bot.company import Company, CompanyError
from bot.knowledge_checks import check_knowledge
from bot.machine_checks import check_machine, check_server
from bot.settings import Bus, Settings, config_file, unknown_variables
from bot.store.database import Database, DatabaseError
from bot.store.keys import KeysError, read_keys
from bot.store.opening import open_vault
from bot.store.schema import require_migrated
from channels.base import Channel, Outcome, OutcomeKind
from dialogs.lint import lint
from dialogs.source import ScriptError

TIMEOUT_S = 10.0  # of one request to a platform or a server


@runtime_checkable
class Identifies(Protocol):
    """A channel that can ask its platform who we are, without a message to anybody."""

    async def identify(self, http: aiohttp.ClientSession) -> Outcome: ...


async def check_all(settings: Settings) -> list[Check]:
    """Every check, in the order in which the things are needed."""
    found = [_settings(), _company(settings), _scripts(settings)]
    found += await check_machine(settings)
    found += await _store(settings)
    if settings.bus is Bus.REDIS:
        found.append(await _redis(settings))
    found += await check_knowledge(settings)
    return found + await check_channels(settings)


def _settings() -> Check:
    path = config_file()
    where = f"from {path} and variables" if path else "from variables; there is no huifang.toml"
    if unknown := unknown_variables():
        return Check("settings", where, f"nothing reads {', '.join(unknown)}: correct or unset it")
    return Check("settings", where)


def _company(settings: Settings) -> Check:
    try:
        Company.load(settings.company_file)
    except CompanyError as error:
        return Check("company", "cannot be used", str(error))
    if settings.company_file is None:
        return Check("company", "the shipped sample; set company_file before real people are met")
    return Check("company", str(settings.company_file))


def _scripts(settings: Settings) -> Check:
    from bot.scripts import house, read_scripts

    try:
        scripts = [one.script for one in read_scripts(settings.scripts_dir)]
        about = house(Company.load(settings.company_file))
        problems = [problem for script in scripts for problem in lint(script, about)]
    except ScriptError as error:
        problems = error.problems
    except CompanyError:
        return Check("scripts", "not checked: the company file comes first", "see company")
    if problems:
        more = f" (and {len(problems) - 1} more: run huifang script check)" if problems[1:] else ""
        return Check("scripts", "cannot be used", f"{problems[0]}{more}")
    return Check("scripts", ", ".join(f"{item.script} {item.version}" for item in scripts))


async def _store(settings: Settings) -> list[Check]:
    """The database, its tables and its keys; each needs the one before it. Makes nothing."""
    if settings.database.startswith("sqlite"):
        path = settings.database.partition("///")[2]
        if not await asyncio.to_thread(_exists, path):
            return [Check("database", f"{path} is not there yet", "run: huifang migrate")]
    try:
        db = await Database.open(settings.database, pool_size=2)
    except DatabaseError as error:
        return [Check("database", "no connection", str(error))]
    found = [Check("database", db.url.render_as_string(hide_password=True))]
    try:
        found += await check_server(db)
        found.append(await _tried("migrations", "up to date", lambda: require_migrated(db)))
        if found[-1].ok:
            found.append(await _keys(db, settings))
    finally:
        await db.dispose()
    return found


async def _keys(db: Database, settings: Settings) -> Check:
    path = settings.keys_file
    try:
        await asyncio.to_thread(read_keys, path)
    except FileNotFoundError:
        return Check("keys", f"{path} is missing", "put it back, or run: huifang migrate")
    except KeysError as error:
        return Check("keys", "cannot be used", str(error))
    return await _tried("keys", f"{path} fits the database", lambda: open_vault(db, path))


async def _tried(name: str, detail: str, work: Callable[[], Awaitable[object]]) -> Check:
    try:
        await work()
    except (DatabaseError, KeysError) as error:
        return Check(name, "wrong", str(error))
    return Check(name, detail)


async def _redis(settings: Settings) -> Check:
    from redis.asyncio import Redis
    from redis.exceptions import RedisError

    fix = "start Redis, or correct HUIFANG_REDIS_URL"
    try:
        async with Redis.from_url(settings.redis_url, socket_timeout=TIMEOUT_S) as client:
            await client.ping()
            found = await client.info("server")
    except (RedisError, OSError, ValueError) as error:
        return Check("redis", f"{type(error).__name__}: {error}", fix)
    if valkey := found.get("valkey_version"):
        return Check("redis", f"Valkey {valkey}")
    version = str(found["redis_version"])
    if [int(part) for part in version.split(".")[:2]] < [6, 2]:
        return Check("redis", f"version {version}", "upgrade Redis to 6.2 or later")
    return Check("redis", f"version {version}")


async def check_channels(settings: Settings) -> list[Check]:
    """Every channel account that is switched on; nobody gets a message."""
    try:
        channels = make_channels(settings)
    except ValueError as error:
        return [Check("channels", "cannot be made", str(error))]
    if not channels:
        return [Check("channels", "none", "switch one on: webchat, telegram or whatsapp")]
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        return list(
            await asyncio.gather(
                *(_channel(settings, account, one, http) for account, one in channels.items())
            )
        )


async def _channel(
    settings: Settings, account: str, channel: Channel, http: aiohttp.ClientSession
) -> Check:
    kind = account.partition(":")[0]
    if isinstance(channel, Identifies):
        outcome = await channel.identify(http)
        known = getattr(channel, "username", "")
        detail = f"the platform knows us{f' as @{known}' if known else ''}"
        return _of_outcome(account, outcome, detail)
    if kind == "whatsapp":
        return _of_outcome(account, await _ask_graph(settings, http), "the platform knows us")
    return Check(account, f"served by ourselves at {settings.base_url}/chat")


async def _ask_graph(settings: Settings, http: aiohttp.ClientSession) -> Outcome:
    """Read our own number's entry: the same token and address as for sending."""
    mine = settings.whatsapp
    token = mine.token.get_secret_value() if mine.token else ""
    try:
        async with http.get(
            f"{mine.api_base}/{mine.phone_number_id}",
            params={"fields": "id"},
            headers={"Authorization": f"Bearer {token}"},
        ) as response:
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        return Outcome(OutcomeKind.TRANSIENT, detail=type(error).__name__)
    if status == 200:
        return Outcome(OutcomeKind.OK)
    if status in (401, 403):
        return Outcome(OutcomeKind.AUTH, detail=f"HTTP {status}")
    if status in (400, 404):  # Graph knows no such number, or this is no Graph API
        return Outcome(OutcomeKind.CONFIG, detail=f"HTTP {status}: no such number there")
    return Outcome(OutcomeKind.TRANSIENT, detail=f"HTTP {status}")


def _of_outcome(account: str, outcome: Outcome, detail: str) -> Check:
    kind = account.partition(":")[0].upper()
    if outcome.kind is OutcomeKind.OK:
        return Check(account, detail)
    fixes = {
        OutcomeKind.AUTH: f"the platform refuses the token: correct HUIFANG_{kind}__TOKEN",
        OutcomeKind.CONFIG: f"correct the settings of HUIFANG_{kind}__…",
    }
    fix = fixes.get(outcome.kind, f"check the network and HUIFANG_{kind}__API_BASE")
    return Check(account, f"{outcome.kind} {outcome.detail}".strip(), fix)


def _exists(path: str) -> bool:
    from pathlib import Path

    return Path(path).exists()

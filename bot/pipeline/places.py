"""Where each thing that came in belongs; a start link first binds its chat to the applicant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.outreach.links import OpenLink, is_ours, open_links, start_new_chats, use_link
from bot.services import Services
from bot.store.addresses import Home, Resolved, Sender, resolve_addresses
from channels.message import Incoming, IncomingKind


async def find_places(
    conn: AsyncConnection, services: Services, incoming: Sequence[Incoming], now: datetime
) -> list[Resolved]:
    """The place of each, in order; made where there is none. Most links are opened in a new chat:
    those cost a handful of statements for all of them, the others some each.
    """
    settings, vault = services.settings, services.vault
    home = Home(settings.locale, settings.zone, settings.region)
    starts = [n for n, one in enumerate(incoming) if one.kind is IncomingKind.START and one.token]
    links = await _links(conn, services, incoming, starts, now)
    applicants = {n: link.person_id for n, link in links.items()}
    senders = [Sender.of(one, applicants.get(n, ""), home.locale) for n, one in enumerate(incoming)]
    places = await resolve_addresses(conn, vault, senders, now=now, home=home)

    new: dict[str, int] = {}  # by address, the message whose link made it
    for n, link in links.items():
        if places[n].created and places[n].person_id == link.person_id:
            new.setdefault(places[n].address_id, n)
    started = [(links[n], places[n], incoming[n].address.account) for n in new.values()]
    await start_new_chats(conn, started, now)

    owners = {place.address_id: place.person_id for place in places}
    over = set()
    for n in starts:
        one, place = incoming[n], places[n]
        if new.get(place.address_id) != n:
            owner = await use_link(conn, vault, one.token, one.address.account, place, now)
            owners[place.address_id] = owner or owners[place.address_id]
            if owner is None and is_ours(
                vault, one.token
            ):  # others' words after /start are no link
                over.add(n)
    return [
        replace(place, person_id=owners[place.address_id], link_over=n in over)
        for n, place in enumerate(places)
    ]


async def _links(
    conn: AsyncConnection,
    services: Services,
    incoming: Sequence[Incoming],
    starts: Sequence[int],
    now: datetime,
) -> dict[int, OpenLink]:
    """The usable links by the number of their message; each is for the first that brings it."""
    brought = {(incoming[n].token, incoming[n].address.account): n for n in reversed(starts)}
    usable = await open_links(conn, services.vault, brought, now)
    return {brought[key]: link for key, link in sorted(usable.items(), key=lambda i: brought[i[0]])}

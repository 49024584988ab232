"""Who is shown the probes on the port of the web application."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from starlette.requests import Request

from bot import metrics
from bot.settings import Settings
from bot.web.probes import may_look
from channels.base import Channel, Parsed, RawRequest, Verified
from tests.bot.site import open_site

PUBLIC = "bot.example.com"


def call(path: str, peer: str = "10.0.0.7", host: str = "10.0.0.5:8000", **headers: str) -> Request:
    given = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    raw = [(name.encode(), value.encode()) for name, value in given.items()]
    return Request(
        {"type": "http", "method": "GET", "path": path, "headers": raw, "client": (peer, 1234)}
    )


@pytest.mark.parametrize("path", ["/readyz", "/metrics"])
@pytest.mark.parametrize(
    ("peer", "host", "headers", "shown"),
    [
        ("127.0.0.1", "127.0.0.1:8000", {}, True),
        ("10.0.0.7", "10.0.0.5:8000", {}, True),
        ("100.64.3.1", "100.64.3.9:8000", {}, True),  # the private range of many clusters
        ("::1", "[::1]:8000", {}, True),
        ("::ffff:10.0.0.7", "10.0.0.5", {}, True),
        ("172.18.0.3", "web:8000", {}, True),  # a container by its name
        ("127.0.0.1", "localhost:8000", {}, True),
        ("8.8.8.8", "10.0.0.5:8000", {}, False),
        ("::ffff:8.8.8.8", "10.0.0.5:8000", {}, False),
        ("127.0.0.1", PUBLIC, {}, False),  # through a proxy that passes the name on
        ("127.0.0.1", "evil.example", {}, False),  # DNS rebinding in a browser on this machine
        ("127.0.0.1", "127.0.0.1:8000", {"x_forwarded_for": "8.8.8.8"}, False),
        ("127.0.0.1", "127.0.0.1:8000", {"forwarded": "for=8.8.8.8"}, False),
        ("127.0.0.1", "127.0.0.1:8000", {"x_real_ip": "8.8.8.8"}, False),
        ("127.0.0.1", "", {}, False),
    ],
)
def test_only_who_comes_directly_from_a_private_network_is_shown(
    path: str, peer: str, host: str, headers: dict[str, str], shown: bool
) -> None:
    assert may_look(call(path, peer, host, **headers), Settings()) is shown


def test_with_a_token_only_the_token_opens_the_numbers_from_anywhere() -> None:
    settings = Settings.model_validate({"metrics_token": "hush"})
    assert not may_look(call("/metrics"), settings)
    assert may_look(call("/readyz"), settings)
    good = call("/metrics", "8.8.8.8", PUBLIC, authorization="Bearer hush")
    assert may_look(good, settings)
    for wrong in ("Bearer hus", "hush", "Basic hush", "Bearer "):
        assert not may_look(call("/metrics", authorization=wrong), settings)
    assert not may_look(call("/metrics", "8.8.8.8", authorization="Bearer "), Settings())


def test_everybody_may_ask_whether_the_process_lives() -> None:
    assert may_look(call("/healthz", "8.8.8.8", PUBLIC), Settings())


async def test_probes_pass_the_check_of_the_host_and_nothing_else_does(tmp_path: Path) -> None:
    async with open_site(tmp_path, accounts=False) as site, site.browser() as http:
        foreign = {"host": "10.9.8.7:8000"}
        statuses = [
            (await http.get(path, headers=foreign)).status
            for path in ("/healthz", "/readyz", "/metrics", "/", "/healthz/x")
        ]
        assert statuses == [200, 200, 200, 421, 421]
        hidden = await http.get("/metrics", headers={"host": PUBLIC})
        assert hidden.status == 404
        page = await (await http.get("/metrics")).text()
        assert "huifang_inbox_lag_seconds 0.0" in page
        alive = await http.get("/healthz", headers={"host": PUBLIC})
        assert await alive.json() == {"status": "alive"}
        assert alive.headers["cache-control"] == "no-store"


class Platform:
    """A channel whose platform always tells the truth, and nothing new."""

    account = "probe:main"

    def verify(self, request: RawRequest) -> Verified:
        return Verified()

    def parse(self, body: bytes) -> Parsed:
        return Parsed()


async def test_answers_to_platforms_are_counted_and_the_good_ones_timed(tmp_path: Path) -> None:
    async with open_site(tmp_path, accounts=False) as site, site.browser() as http:
        site.services.channels[Platform.account] = cast(Channel, Platform())
        for path in ("probe", "probe", "webchat", "nobody"):
            (await http.post(f"/hooks/{path}/main", data=b"{}")).release()
    count = "huifang_webhooks_total"
    assert metrics.value(count, account="probe:main", status="200") == 2
    assert metrics.value("huifang_webhook_seconds_count", account="probe:main") == 2
    assert metrics.value(count, account="webchat:main", status="404") >= 1
    # What is no account of ours makes no label: names would come from outside.
    assert (
        metrics.REGISTRY.get_sample_value(count, {"account": "nobody:main", "status": "404"})
        is None
    )

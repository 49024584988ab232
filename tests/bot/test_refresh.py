"""A running process takes up articles that another one published, and synonyms from its data folder."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any

import orjson
import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from bot import intents
from bot.assembly import open_services
from bot.calibrated import build_base, fingerprint
from bot.clock import GivenClock
from bot.knowledge import publish, published
from bot.knowledge_checks import check_knowledge
from bot.refresh import ArticleWatch
from bot.services import Services
from bot.settings import Settings
from bot.store.tables import article
from kb.article import Article
from kb.search import KnowledgeBase

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
CRAYONS = Article(
    id="crayons",
    locale="en",
    title="Does the wallet sell purple crayons?",
    body="{{brand}} sells purple crayons.",
    phrasings=("purple crayons please", "where are the purple crayons", "crayons in purple"),
    category="functions",
    owner="product",
)


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    settings = Settings.model_validate({"data_dir": tmp_path})
    async with open_services(
        settings, clock=GivenClock(NOW), migrated=True, warn=lambda line: None
    ) as found:
        yield found


async def publish_elsewhere(services: Services, item: Article, at: datetime) -> None:
    """What `huifang kb import` does, in another process as far as these services know."""
    async with services.db.write() as conn:
        await publish(conn, [item], at)


async def test_article_published_elsewhere_is_found_and_answered(services: Services) -> None:
    watch = ArticleWatch(services)
    assert not await watch.refresh()
    await publish_elsewhere(services, CRAYONS, NOW + timedelta(seconds=1))
    assert services.knowledge.article("crayons", "en") is None
    assert await watch.refresh()
    answer = services.knowledge.article("crayons", "en")
    assert answer is not None
    assert answer.text == "Sample Wallet sells purple crayons."
    found = services.knowledge.find("where are the purple crayons", "en")
    assert found.articles[0].id == "crayons"
    assert not await watch.refresh()


async def test_version_published_in_the_same_instant_is_noticed(services: Services) -> None:
    watch = ArticleWatch(services)
    await publish_elsewhere(services, CRAYONS, NOW)
    assert await watch.refresh()
    await publish_elsewhere(services, replace(CRAYONS, body="No more crayons."), NOW)
    assert await watch.refresh()
    answer = services.knowledge.article("crayons", "en")
    assert answer is not None
    assert (answer.text, answer.version) == ("No more crayons.", 2)


async def test_answer_that_was_given_before_is_not_given_again_from_memory(
    services: Services,
) -> None:
    watch = ArticleWatch(services)
    question = "crayons in purple"
    before = services.knowledge.find(question, "en")
    assert all(item.id != "crayons" for item in before.articles)
    await publish_elsewhere(services, CRAYONS, NOW)
    await watch.refresh()
    assert services.knowledge.find(question, "en").articles[0].id == "crayons"


async def test_article_published_before_the_first_look_is_taken_up(services: Services) -> None:
    await publish_elsewhere(services, CRAYONS, NOW)
    assert await ArticleWatch(services).refresh()


async def test_withdrawn_article_is_answered_no_more(services: Services) -> None:
    watch = ArticleWatch(services)
    await publish_elsewhere(services, CRAYONS, NOW)
    await watch.refresh()
    async with services.db.write() as conn:
        await conn.execute(update(article).where(article.c.id == "crayons").values(state="draft"))
    assert await watch.refresh()
    assert services.knowledge.article("crayons", "en") is None


async def test_article_that_cannot_be_shown_leaves_the_old_ones_in_force(
    services: Services,
) -> None:
    watch = ArticleWatch(services)
    old = services.knowledge
    await publish_elsewhere(services, replace(CRAYONS, body="Costs {{fees.crayons}}."), NOW)
    assert not await watch.refresh()
    assert services.knowledge is old
    await publish_elsewhere(services, CRAYONS, NOW + timedelta(seconds=1))
    assert await watch.refresh()


async def test_calibration_and_alarms_follow_in_the_background(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = ArticleWatch(services)
    old, detect = services.knowledge, services.detect_intents
    hold = hold_the_fit(monkeypatch)
    await publish_elsewhere(services, CRAYONS, NOW)
    assert await watch.refresh()
    live = services.knowledge
    assert offered(services, "crayons in purple")[0] == "crayons"
    assert not live.calibrated
    assert live.base.calibrations == old.base.calibrations
    hold.set()
    await watch.settled()
    assert services.detect_intents is not detect
    fitted = services.knowledge
    assert fitted.calibrated
    assert fitted.base.calibrations["en"] != old.base.calibrations["en"]
    assert fitted.base.calibrations == KnowledgeBase.build(fitted.articles).calibrations
    kept = orjson.loads((tmp_path / "calibration.json").read_bytes())
    assert kept["mark"] == fingerprint(fitted.articles, fitted.base.readers.embedders)
    assert not await watch.refresh()
    await watch.settled()
    assert services.knowledge is fitted


async def test_what_another_process_fitted_is_not_fitted_again(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    await publish_elsewhere(services, CRAYONS, NOW)
    async with services.db.read() as conn:
        build_base(await published(conn), services.settings.data_dir / "calibration.json")
    monkeypatch.setattr("kb.calibrate.fit", None)
    watch = ArticleWatch(services)
    assert await watch.refresh()
    await watch.settled()
    assert services.knowledge.calibrated


async def test_the_newest_articles_win_over_a_fit_that_is_under_way(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = ArticleWatch(services)
    hold = hold_the_fit(monkeypatch)
    await publish_elsewhere(services, CRAYONS, NOW)
    assert await watch.refresh()
    await asyncio.sleep(0.05)
    await publish_elsewhere(services, replace(CRAYONS, title="Crayons?"), NOW)
    assert await watch.refresh()
    hold.set()
    await watch.settled()
    assert services.knowledge.calibrated
    answer = services.knowledge.article("crayons", "en")
    assert answer is not None
    assert answer.title == "Crayons?"


async def test_a_process_that_stops_ends_the_fit_and_the_next_one_makes_up_for_it(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = ArticleWatch(services)
    hold = hold_the_fit(monkeypatch)
    await publish_elsewhere(services, CRAYONS, NOW)
    assert await watch.refresh()
    await asyncio.wait_for(watch.close(), 1)
    hold.set()
    assert not services.knowledge.calibrated
    again = ArticleWatch(services)
    assert not await again.refresh()
    await again.settled()
    assert services.knowledge.calibrated


async def test_a_fit_that_fails_leaves_the_new_articles_live(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch = ArticleWatch(services)
    monkeypatch.setattr("kb.calibrate.fit", None)
    await publish_elsewhere(services, CRAYONS, NOW)
    with capture_logs() as logs:
        assert await watch.refresh()
        await watch.settled()
    assert "calibration_failed" in [line["event"] for line in logs]
    assert offered(services, "crayons in purple")[0] == "crayons"


def hold_the_fit(monkeypatch: pytest.MonkeyPatch) -> Event:
    """Nothing goes on in the background until the event is set."""
    event, teach = Event(), intents.open_detector

    def waiting(*given: Any) -> Any:
        event.wait(10)
        return teach(*given)

    monkeypatch.setattr("bot.refresh.open_detector", waiting)
    return event


def offered(services: Services, question: str) -> list[str]:
    return [item.id for item in services.knowledge.find(question, "en").articles]


SYNONYMS = "crayons: 七彩棒, wax sticks\n"


async def test_table_of_synonyms_is_taken_up_while_the_process_runs(
    services: Services, tmp_path: Path
) -> None:
    await publish_elsewhere(services, CRAYONS, NOW)
    watch = ArticleWatch(services)
    assert await watch.refresh()
    assert "crayons" not in offered(services, "wax sticks")
    path = tmp_path / "synonyms.en.txt"
    path.write_text("crayons: purple crayons, wax sticks", encoding="utf-8")
    assert await watch.refresh()
    assert offered(services, "wax sticks")[0] == "crayons"
    assert not await watch.refresh()
    path.write_text("# only another comment\ncrayons: purple crayons, wax sticks", encoding="utf-8")
    assert not await watch.refresh()
    path.unlink()
    assert await watch.refresh()
    assert "crayons" not in offered(services, "wax sticks")


async def test_wrong_lines_of_a_table_are_logged_with_their_place_and_the_rest_counts(
    services: Services, tmp_path: Path
) -> None:
    watch = ArticleWatch(services)
    path = tmp_path / "synonyms.zh.txt"
    path.write_text("send: 甩过去\nno colon here\n", encoding="utf-8")
    with capture_logs() as logs:
        assert await watch.refresh()
    (problem,) = [line["problem"] for line in logs if line["event"] == "synonyms_left_out"]
    assert problem.startswith(f"{path}:2: ")
    assert services.knowledge.synonyms.ideas == 1


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("synonyms.txt", b"send: a", "name the file like synonyms.zh.txt"),
        ("synonyms.Chinese.txt", b"send: a", "name the file like synonyms.zh.txt"),
        ("synonyms.zh.txt", "send: 转\nsend: 汇".encode("gb18030"), "save the file as UTF-8"),
        ("synonyms.zh.txt", b"send: a\nsend: \xff", "zh.txt:2: "),
        ("synonyms.zh.txt", b"#" * 1_000_001, "too large"),
        ("synonyms.zh.txt", None, "cannot be read"),
    ],
)
async def test_a_table_that_cannot_be_read_is_a_line_for_the_doctor(
    tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    path = tmp_path / name
    path.mkdir() if data is None else path.write_bytes(data)
    (check,) = await check_knowledge(Settings.model_validate({"data_dir": tmp_path}))
    assert check.name == "synonyms"
    assert not check.ok
    assert said in check.fix
    assert str(path) in check.fix


async def test_doctor_counts_the_ideas_of_sound_tables(tmp_path: Path) -> None:
    settings = Settings.model_validate({"data_dir": tmp_path})
    assert await check_knowledge(settings) == []
    (tmp_path / "synonyms.zh.txt").write_text(SYNONYMS, encoding="utf-8")
    (tmp_path / "synonyms.en.txt").write_text(SYNONYMS, encoding="utf-8")
    (check,) = await check_knowledge(settings)
    assert check.ok
    assert check.detail == "2 ideas for en, zh"


async def test_article_that_cannot_be_shown_does_not_lose_the_synonyms_read_beside_it(
    services: Services, tmp_path: Path
) -> None:
    watch = ArticleWatch(services)
    await publish_elsewhere(services, replace(CRAYONS, body="Costs {{fees.crayons}}."), NOW)
    (tmp_path / "synonyms.en.txt").write_text(SYNONYMS, encoding="utf-8")
    assert not await watch.refresh()
    await publish_elsewhere(services, CRAYONS, NOW + timedelta(seconds=1))
    assert await watch.refresh()
    assert services.knowledge.synonyms.ideas == 1

"""What an agent is shown: the list's order, the case's facts, and nothing that is not to be seen."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.desk.actions import claim, reply, resolve, write_note
from bot.desk.composer import marked_pieces
from bot.desk.labels import Delivered, delivered
from bot.desk.queue import Group, Tab, load_queue
from bot.desk.summary import Facts, shortened, summarise
from bot.desk.transcript import Happening
from bot.desk.views import CaseView, load_case
from bot.pipeline.flow import Author, SendStatus
from bot.safety.access import Role, User
from bot.safety.guard import Violation, ViolationKind
from bot.store.erasure import erase
from bot.store.tables import case
from bot.web.page import translations
from channels.base import Outcome, OutcomeKind
from dialogs.script import HandoffReason
from tests.bot.desk.world import TO_RATING, World


async def view(world: World, who: User, case_id: str, locale: str = "en") -> CaseView:
    found = await load_case(world.services, who, case_id, locale, translations(locale))
    assert found is not None
    return found


async def test_list_shows_who_waits_oldest_first_and_then_ones_own(world: World) -> None:
    ann, bob = await world.agent("ann"), await world.agent("bob")
    mine = await world.case("wang")
    others = await world.case("emma")
    first = await world.case("li")
    second = await world.case("raj")
    await claim(world.services, mine, ann)
    await claim(world.services, others, bob)

    async def ids(tab: Tab) -> list[str]:
        return [line.id for line in (await load_queue(world.services, ann, tab)).lines]

    assert await ids(Tab.INBOX) == [first, second, mine]
    assert await ids(Tab.MINE) == [mine]
    assert await ids(Tab.ALL) == [first, second, mine, others]
    assert await ids(Tab.ENDED) == []
    await resolve(world.services, mine, ann)
    assert await ids(Tab.ENDED) == [mine]
    queue = await load_queue(world.services, ann, Tab.INBOX)
    assert (queue.waiting, queue.mine) == (2, 0)


async def test_line_tells_the_last_words_and_whether_an_answer_is_owed(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case("wang")
    await reply(world.services, case_id, ann, "您好", seen=10**9)
    await write_note(world.services, case_id, ann, "只给同事看")
    line = (await load_queue(world.services, ann, Tab.MINE)).lines[0]
    assert (line.preview, line.preview_by, line.owed) == ("您好", Author.AGENT, False)
    await world.say("wang", "谢谢\n请快一点")
    line = (await load_queue(world.services, ann, Tab.MINE)).lines[0]
    assert (line.preview, line.owed, line.group) == ("谢谢 请快一点", True, Group.MINE)


async def test_waiting_line_shows_what_the_person_said_and_not_the_bots_answer(
    world: World,
) -> None:
    ann = await world.agent("ann")
    await world.case("wang")
    line = (await load_queue(world.services, ann, Tab.INBOX)).lines[0]
    assert (line.preview_by, line.owed) == (Author.PERSON, True)


async def test_case_has_reason_summary_answers_progress_and_transcript(world: World) -> None:
    ann = await world.agent("ann")
    await world.chat("wang", "1234", "是", "否", "等待太久", "等了五天", "2")
    case_id = (await world.rows(case))[0]["id"]
    shown = await view(world, ann, case_id)
    assert shown.summary == (
        "Rated us 2 out of 5.",
        "Identity confirmed.",
        f"Answered 6 of {shown.progress.questions if shown.progress else 0} questions.",
        "Last words: “2”.",
    )
    answers = {answer.label: (answer.value, answer.low) for answer in shown.answers}
    assert answers["Difficulty"] == ("Waiting too long", False)
    assert answers["Security set-up"] == ("No", False)
    assert answers["Rating"] == ("2 / 5", True)
    in_chinese = await view(world, ann, case_id, "zh")
    assert ("遇到的困难", "等待太久") in [(a.label, a.value) for a in in_chinese.answers]
    assert in_chinese.summary[0] == "给我们打了 2 分（满分 5 分）。"
    said = [entry.text for entry in shown.entries if entry.author is Author.PERSON]
    assert said == ["••••", "是", "否", "等待太久", "等了五天", "2"]
    assert shown.entries[0].happening is Happening.OPENED
    assert shown.entries[-1].happening is Happening.HANDOFF
    assert shown.person.phone == "••••••••••••00"
    assert (shown.person.identity, shown.resumable) == (True, True)


async def test_correction_shows_both_answers(world: World) -> None:
    ann = await world.agent("ann")
    await world.chat("wang", *TO_RATING, "4", "评分改成2分", "我要投诉")
    shown = await view(world, ann, (await world.rows(case))[0]["id"])
    rating = next(answer for answer in shown.answers if answer.name == "satisfaction")
    assert (rating.value, rating.first) == ("2 / 5", "4 / 5")


async def test_case_of_somebody_erased_keeps_what_happened_and_nothing_said(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case("wang", "1234")
    person_id = (await world.rows(case, id=case_id))[0]["person_id"]
    world.clock.advance(timedelta(hours=1))
    await erase(world.services.db, world.services.vault, person_id, world.clock.now())
    shown = await view(world, ann, case_id)
    assert (shown.person.name, shown.person.phone, shown.answers) == ("", "", ())
    assert {entry.author for entry in shown.entries} == {None}
    assert not shown.may_write
    line = (await load_queue(world.services, ann, Tab.ENDED)).lines[0]
    assert (line.name, line.preview, line.erased) == ("", "", True)


async def test_failed_text_carries_its_reason(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    world.channel.outcomes = [Outcome(OutcomeKind.UNREACHABLE, detail="403")]
    await reply(world.services, case_id, ann, "您好", seen=10**9)
    await world.settle()
    shown = await view(world, ann, case_id)
    entry = next(one for one in shown.entries if one.author is Author.AGENT)
    assert (entry.state, entry.detail) == (Delivered.FAILED, "unreachable: 403")


@pytest.mark.parametrize("role", [Role.EDITOR, Role.ANALYST])
async def test_who_may_not_read_the_desk_gets_neither_list_nor_case(
    world: World, role: Role
) -> None:
    who = await world.agent("ed", role)
    case_id = await world.case()
    with pytest.raises(PermissionError):
        await load_queue(world.services, who, Tab.ALL)
    with pytest.raises(PermissionError):
        await view(world, who, case_id)


@pytest.mark.parametrize(
    ("status", "receipt", "wanted"),
    [
        (SendStatus.PENDING, None, Delivered.PENDING),
        (SendStatus.CLAIMED, None, Delivered.PENDING),
        (SendStatus.SENT, None, Delivered.SENT),
        (SendStatus.SENT, "sent", Delivered.SENT),
        (SendStatus.SENT, "delivered", Delivered.DELIVERED),
        (SendStatus.SENT, "read", Delivered.READ),
        (SendStatus.FAILED, "failed", Delivered.FAILED),
        (SendStatus.DROPPED, None, Delivered.FAILED),
        (SendStatus.UNKNOWN, None, Delivered.UNKNOWN),
    ],
)
def test_delivery_state_of_a_text(
    status: SendStatus, receipt: str | None, wanted: Delivered
) -> None:
    assert delivered(status, receipt) is wanted


@pytest.mark.parametrize("reason", HandoffReason)
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_reason_has_a_summary_in_both_languages(reason: HandoffReason, locale: str) -> None:
    for facts in (Facts(reason), Facts(reason, (1, 5), "Q", False, 3, 9, "hm", 2)):
        sentences = summarise(facts, translations(locale))
        assert all(sentence.endswith("。" if locale == "zh" else ".") for sentence in sentences)


def test_quote_is_one_line_and_says_that_it_was_cut() -> None:
    assert shortened("a\n b" * 90, 10) == "a ba ba b…"


@pytest.mark.parametrize(
    ("text", "spans", "wanted"),
    [
        ("abcdef", [(1, 3)], ["a", "*bc", "def"]),
        ("abcdef", [(0, 6)], ["*abcdef"]),
        ("abcdef", [(1, 3), (2, 5)], ["a", "*bcde", "f"]),
        ("abc", [(2, 9)], ["ab", "*c"]),
        ("", [(0, 1)], []),
    ],
)
def test_marked_pieces_are_the_text_again(
    text: str, spans: list[tuple[int, int]], wanted: list[str]
) -> None:
    violations = [Violation(ViolationKind.ASKS_SECRET, *span, "code") for span in spans]
    pieces = marked_pieces(text, violations)
    assert [("*" if piece.marked else "") + piece.text for piece in pieces] == wanted

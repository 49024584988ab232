"""What agents do with a case, through the real pipeline: DESK lines 1, 5, 6, 7, 11 and 13."""

from __future__ import annotations

import asyncio

import pytest

from bot.desk.actions import (
    DeskError,
    ForbiddenTextError,
    StaleScreenError,
    claim,
    give_back,
    reply,
    resend,
    resolve,
    write_note,
)
from bot.desk.control import Act, after
from bot.pipeline import turns
from bot.pipeline.flow import Author, Control, SendStatus
from bot.safety.access import User
from bot.store.tables import case, conversation, message, outbox, record, result
from channels.base import Outcome, OutcomeKind
from tests.bot.desk.world import TO_RATING, World


async def conversation_of(world: World, case_id: str) -> str:
    return str((await world.rows(case, id=case_id))[0]["conversation_id"])


@pytest.mark.parametrize(
    ("control", "act", "wanted"),
    [
        (Control.BOT, Act.HANDOFF, Control.QUEUED),
        (Control.BOT, Act.HUMAN_WRITES, Control.HUMAN),
        (Control.QUEUED, Act.CLAIM, Control.HUMAN),
        (Control.QUEUED, Act.HUMAN_WRITES, Control.HUMAN),
        (Control.QUEUED, Act.GIVE_BACK, Control.BOT),
        (Control.HUMAN, Act.GIVE_BACK, Control.BOT),
        (Control.HUMAN, Act.RESOLVE, Control.CLOSED),
        (Control.CLOSED, Act.PERSON_RETURNS, Control.BOT),
        (Control.BOT, Act.GIVE_BACK, None),
        (Control.BOT, Act.RESOLVE, None),
        (Control.HUMAN, Act.HANDOFF, None),
    ],
)
def test_who_may_speak_after_an_act(control: Control, act: Act, wanted: Control | None) -> None:
    assert after(control, act) is wanted


async def test_desk_01_one_of_two_agents_gets_a_case_and_the_other_is_told_who(
    world_on_both: World,
) -> None:
    world = world_on_both
    agents = [await world.agent(name) for name in ("ann", "bob", "cleo")]
    case_id = await world.case()
    done = await asyncio.gather(
        *(claim(world.services, case_id, who) for who in agents), return_exceptions=True
    )
    lost = [error for error in done if isinstance(error, DeskError)]
    row = (await world.rows(case, id=case_id))[0]
    winner = next(who for who in agents if who.id == row["agent_id"])
    assert [done.count(None), len(lost)] == [1, 2]
    assert {(error.code, error.name) for error in lost} == {("taken", winner.name)}
    assert len(await world.rows(record, kind="case_claimed")) == 1


async def test_claiming_and_answering_at_once_never_end_in_a_deadlock(
    world_on_both: World,
) -> None:
    world = world_on_both
    ann, bob = await world.agent("ann"), await world.agent("bob")
    for person in ("wang", "li", "raj"):
        case_id = await world.case(person)
        done = await asyncio.gather(
            claim(world.services, case_id, ann),
            reply(world.services, case_id, bob, "您好", seen=10**9),
            return_exceptions=True,
        )
        failed = [error for error in done if isinstance(error, BaseException)]
        assert [type(error) for error in failed] == [DeskError]


async def test_desk_05_a_bot_turn_computed_while_a_human_writes_is_dropped(
    world_on_both: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = world_on_both
    ann = await world.agent("ann")
    case_id = await world.case()
    talk = await conversation_of(world, case_id)
    before = await world.heard(talk)
    commit = turns._commit
    wrote: list[int] = []

    async def human_first(*given: object) -> list[str]:
        if not wrote:
            wrote.append(await reply(world.services, case_id, ann, "您好，我是安", seen=10**9))
        return await commit(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(turns, "_commit", human_first)
    # While queued the bot would say that the message is with the case.
    await world.say("wang", "等了五天了")
    assert (await world.heard(talk))[len(before) :] == ["您好，我是安"]
    said = await world.rows(message, conversation_id=talk, author="person")
    assert len(said) == len({row["id"] for row in said}) == 3, "opened, complained, wrote once"


async def test_desk_06_a_note_has_no_outbox_row(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    before = await world.rows(outbox)
    await write_note(world.services, case_id, ann, "客户很着急，查一下审核")
    await world.settle()
    note = (await world.rows(message, author=str(Author.NOTE)))[0]
    assert (note["outbox_id"], note["feed"]) == (None, None)
    assert len(await world.rows(outbox)) == len(before)


async def test_desk_07_giving_back_goes_on_at_the_question_without_the_handoff_sentence(
    world: World,
) -> None:
    ann = await world.agent("ann")
    talk = await world.chat("wang", *TO_RATING)
    question = (await world.heard(talk))[-1]
    await world.say("wang", "我要投诉")
    case_id = (await world.rows(case))[0]["id"]
    await claim(world.services, case_id, ann)
    before = await world.heard(talk)
    handed_over = before[-1]
    await give_back(world.services, case_id, ann, resume=True)
    await world.settle()
    after_it = (await world.heard(talk))[len(before) :]
    assert question in after_it[-1]
    assert handed_over not in after_it
    await world.say("wang", "5")
    assert [row["number"] for row in await world.rows(result, name="satisfaction")] == [5]


async def test_desk_11_a_low_rating_is_handed_over_and_counts_at_once(world: World) -> None:
    await world.chat("wang", *TO_RATING, "2")
    row = (await world.rows(case))[0]
    assert (row["reason"], row["status"]) == ("low_rating", "queued")
    assert [r["number"] for r in await world.rows(result, name="satisfaction")] == [2]


async def test_desk_13_a_reply_from_a_stale_screen_is_held_until_sent_anyway(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    talk = await conversation_of(world, case_id)
    seen = await world.newest(talk)
    await world.say("wang", "还有一件事")
    with pytest.raises(StaleScreenError) as held:
        await reply(world.services, case_id, ann, "好的", seen=seen)
    assert held.value.unseen == 1
    await reply(world.services, case_id, ann, "好的", seen=seen, anyway=True)
    await world.settle()
    assert (await world.heard(talk))[-1] == "好的"


@pytest.mark.parametrize("act", ["resolve", "give_back"])
async def test_a_case_is_not_ended_over_a_message_that_nobody_read(world: World, act: str) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    seen = await world.newest(await conversation_of(world, case_id))
    await claim(world.services, case_id, ann)
    await world.say("wang", "还没解决！")
    ending = (
        resolve(world.services, case_id, ann, seen=seen)
        if act == "resolve"
        else give_back(world.services, case_id, ann, resume=True, seen=seen)
    )
    with pytest.raises(StaleScreenError):
        await ending
    assert (await world.rows(case, id=case_id))[0]["status"] == "claimed"


async def test_the_bot_is_silent_while_a_human_has_the_case(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    talk = await conversation_of(world, case_id)
    await reply(world.services, case_id, ann, "您好，我来处理", seen=10**9)
    await world.settle()
    before = await world.heard(talk)
    for text in ("你好", "提现手续费是多少？", "5"):
        await world.say("wang", text)
    assert await world.heard(talk) == before
    assert (await world.rows(conversation, id=talk))[0]["control"] == Control.HUMAN


@pytest.mark.parametrize(
    "text", ["请把验证码发给我", "Please send me your password.", "点这里 http://bit.ly/x1"]
)
async def test_the_guard_refuses_a_text_before_anything_is_written(world: World, text: str) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    before = await world.rows(message), await world.rows(outbox)
    with pytest.raises(ForbiddenTextError) as refused:
        await reply(world.services, case_id, ann, text, seen=10**9)
    assert refused.value.violations
    assert (await world.rows(message), await world.rows(outbox)) == before
    assert (await world.rows(case, id=case_id))[0]["status"] == "queued"


@pytest.mark.parametrize("text", ["", "  \n", "好" * 4001])
async def test_nothing_and_too_much_is_not_sent(world: World, text: str) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    for act in (
        reply(world.services, case_id, ann, text, seen=10**9),
        write_note(world.services, case_id, ann, text),
    ):
        with pytest.raises(DeskError) as refused:
            await act
        assert refused.value.code in ("empty", "too_long")


async def test_a_failed_text_is_marked_and_can_be_sent_again(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    talk = await conversation_of(world, case_id)
    world.channel.outcomes = [Outcome(OutcomeKind.CONTENT_REJECTED, detail="131047")]
    sent = await reply(world.services, case_id, ann, "您好", seen=10**9)
    await world.settle()
    row = (await world.rows(outbox, author="agent"))[0]
    assert (row["status"], row["detail"]) == (SendStatus.FAILED, "content_rejected: 131047")
    await resend(world.services, case_id, ann, sent)
    await world.settle()
    assert (await world.rows(outbox, id=row["id"]))[0]["status"] == SendStatus.SENT
    assert (await world.heard(talk)).count("您好") == 1
    with pytest.raises(DeskError, match="did not fail"):
        await resend(world.services, case_id, ann, sent)


async def test_after_resolving_the_bot_answers_when_the_person_writes_again(world: World) -> None:
    ann = await world.agent("ann")
    case_id = await world.case()
    talk = await conversation_of(world, case_id)
    await reply(world.services, case_id, ann, "已经处理好了", seen=10**9)
    await resolve(world.services, case_id, ann)
    await world.settle()
    before = await world.heard(talk)
    assert before[-1] == "已经处理好了", "resolving itself says nothing"
    await world.say("wang", "提现手续费是多少？")
    assert len(await world.heard(talk)) > len(before)
    assert (await world.rows(conversation, id=talk))[0]["control"] == Control.BOT


async def test_only_the_agent_of_a_case_ends_it(world: World) -> None:
    ann, bob = await world.agent("ann"), await world.agent("bob")
    case_id = await world.case()
    await claim(world.services, case_id, ann)

    async def refused(act: object) -> str:
        with pytest.raises(DeskError) as error:
            await act  # type: ignore[misc]
        return error.value.name

    assert await refused(resolve(world.services, case_id, bob)) == "Ann"
    assert await refused(give_back(world.services, case_id, bob, resume=True)) == "Ann"
    assert await refused(reply(world.services, case_id, bob, "好", seen=10**9)) == "Ann"
    await write_note(world.services, case_id, bob, "我也看到了")


async def test_ending_twice_writes_one_line(world: World) -> None:
    ann: User = await world.agent("ann")
    case_id = await world.case()
    await claim(world.services, case_id, ann)
    await resolve(world.services, case_id, ann)
    await resolve(world.services, case_id, ann)
    await world.settle()
    assert len(await world.rows(record, kind="case_resolved")) == 1

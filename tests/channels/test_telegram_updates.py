"""Telegram updates: what each kind becomes, and that no bytes whatever raise."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.message import Address, Incoming, IncomingKind, MediaKind
from channels.telegram_updates import parse_update

ACCOUNT = "telegram:main"
PERSON = 7_000_000_001
SENDER = {
    "id": PERSON,
    "is_bot": False,
    "first_name": "Wei",
    "last_name": "<b>&",
    "username": "wei",
    "language_code": "zh-hans",
}
CHAT = {"id": PERSON, "type": "private", "first_name": "Wei", "username": "wei"}
BOT = {"id": 4242, "is_bot": True, "first_name": "Huifang", "username": "huifang_bot"}
GROUP = {"id": -1001234567890, "type": "supergroup", "title": "Friends"}
SENT = 1_767_600_000
SENT_AT = datetime.fromtimestamp(SENT, UTC)
FILE = {"file_id": "F", "file_unique_id": "U"}


def message(**content: Any) -> dict[str, Any]:
    base = {"message_id": 55, "from": SENDER, "chat": CHAT, "date": SENT}
    return {"update_id": 10_000, "message": {**base, **content}}


def edit(**content: Any) -> dict[str, Any]:
    changed = message(edit_date=SENT + 60, **content)
    return {"update_id": 10_000, "edited_message": changed["message"]}


def tap(**content: Any) -> dict[str, Any]:
    base = {
        "id": "4382000000000000001",
        "from": SENDER,
        "message": {"message_id": 54, "from": BOT, "chat": CHAT, "date": SENT, "text": "?"},
        "chat_instance": "-4382",
        "data": "k7ZqT0kenT0ken",
    }
    return {"update_id": 10_000, "callback_query": {**base, **content}}


def membership(status: str, chat: dict[str, Any] = CHAT) -> dict[str, Any]:
    new: dict[str, Any] = {"user": BOT, "status": status}
    if status == "kicked":
        new["until_date"] = 0
    change = {
        "chat": chat,
        "from": SENDER,
        "date": SENT,
        "old_chat_member": {"user": BOT, "status": "member"},
        "new_chat_member": new,
    }
    return {"update_id": 10_000, "my_chat_member": change}


def body(update: object) -> bytes:
    return json.dumps(update).encode()


def one(update: object) -> Incoming:
    parsed = parse_update(body(update), ACCOUNT)
    assert parsed.ignored == {}
    assert parsed.receipts == ()
    (incoming,) = parsed.incoming
    return incoming


def ignored(update: object) -> str:
    parsed = parse_update(body(update), ACCOUNT)
    assert parsed.incoming == ()
    ((name, count),) = parsed.ignored.items()
    assert count == 1
    return name


def test_a_text_carries_all_that_telegram_tells() -> None:
    update = message(text="四分 👍🏽", reply_to_message={"message_id": 54, "from": BOT})
    assert one(update) == Incoming(
        external_id="10000",
        address=Address(ACCOUNT, "7000000001"),
        kind=IncomingKind.TEXT,
        sent_at=SENT_AT,
        text="四分 👍🏽",
        message_id="7000000001:55",
        reply_to="7000000001:54",
        name="Wei <b>&",
        locale="zh-hans",
    )


@pytest.mark.parametrize(
    ("text", "token"),
    [
        ("/start", ""),
        ("/start AbC_12-x", "AbC_12-x"),
        ("/start@huifang_bot AbC_12-x", "AbC_12-x"),
        ("/Start  AbC_12-x ", "AbC_12-x"),
        ("/start\nAbC", "AbC"),
        ("/start " + "x" * 64, "x" * 64),
        ("/start " + "x" * 65, ""),
        ("/start two words", ""),
        ("/start ключ", ""),
        ("/start a\nb", ""),
        ("/start 'or 1=1", ""),
    ],
)
def test_a_start_link_hands_over_its_payload_or_none(text: str, token: str) -> None:
    incoming = one(message(text=text))
    assert (incoming.kind, incoming.token, incoming.text) == (IncomingKind.START, token, "")


@pytest.mark.parametrize("text", ["/started", "/start_x", "start", "please /start", "/stop", "/"])
def test_what_only_looks_like_start_is_text(text: str) -> None:
    incoming = one(message(text=text))
    assert (incoming.kind, incoming.text) == (IncomingKind.TEXT, text)


def test_a_tap_names_its_token_its_message_and_what_waits_for_an_answer() -> None:
    assert one(tap()) == Incoming(
        external_id="10000",
        address=Address(ACCOUNT, "7000000001"),
        kind=IncomingKind.TAP,
        sent_at=SENT_AT,
        token="k7ZqT0kenT0ken",
        reply_to="7000000001:54",
        callback_id="4382000000000000001",
        name="Wei <b>&",
        locale="zh-hans",
    )


def test_a_tap_on_a_message_that_telegram_no_longer_shows_still_counts() -> None:
    incoming = one(tap(message={"message_id": 54, "chat": CHAT, "date": 0}))
    assert (incoming.kind, incoming.reply_to) == (IncomingKind.TAP, "7000000001:54")
    assert incoming.sent_at == datetime(1970, 1, 1, tzinfo=UTC)


def test_a_tap_on_an_inline_message_has_no_chat_but_a_sender() -> None:
    query = {
        "id": "4382bfdwdsb323b2d9",
        "from": {"id": 1111111, "is_bot": False, "first_name": "Test Firstname"},
        "data": "Data from button callback",
        "inline_message_id": "1234csdbsk4839",
        "chat_instance": "-4382bfdwdsb323b2d9",
    }
    incoming = one({"update_id": 10000, "callback_query": query})
    assert incoming.address == Address(ACCOUNT, "1111111")
    assert incoming.token == "Data from button callback"
    assert incoming.reply_to == "1234csdbsk4839"
    assert incoming.sent_at.tzinfo is UTC


def test_a_sender_without_a_name_is_heard() -> None:
    sender = {"id": 1111111, "is_bot": False}
    incoming = one(message(text="/start AbC_12-x", **{"from": sender}))
    assert (incoming.token, incoming.name, incoming.locale) == ("AbC_12-x", "", "")


def test_an_edit_names_the_message_that_it_changes() -> None:
    incoming = one(edit(text="/start four"))
    assert incoming.kind is IncomingKind.EDIT
    assert incoming.text == "/start four"
    assert incoming.token == ""
    assert incoming.reply_to == incoming.message_id == "7000000001:55"
    assert incoming.sent_at == datetime.fromtimestamp(SENT + 60, UTC)


@pytest.mark.parametrize(
    ("content", "kind", "file_id", "mime", "size"),
    [
        (
            {
                "photo": [
                    {**FILE, "file_id": f"P{w}", "width": w, "height": w} for w in (90, 800, 320)
                ]
            },
            *(MediaKind.IMAGE, "P800", "", None),
        ),
        (
            {"voice": {**FILE, "duration": 3, "mime_type": "audio/ogg", "file_size": 9}},
            *(MediaKind.VOICE, "F", "audio/ogg", 9),
        ),
        ({"audio": {**FILE, "duration": 3}}, MediaKind.AUDIO, "F", "", None),
        (
            {"video": {**FILE, "duration": 3, "width": 1, "height": 1}},
            MediaKind.VIDEO,
            "F",
            "",
            None,
        ),
        ({"video_note": {**FILE, "duration": 3, "length": 240}}, MediaKind.VIDEO, "F", "", None),
        (
            {
                "animation": {**FILE, "duration": 3, "width": 1, "height": 1},
                "document": {**FILE, "file_id": "D"},
            },
            *(MediaKind.VIDEO, "F", "", None),
        ),
        (
            {
                "sticker": {
                    **FILE,
                    "type": "regular",
                    "width": 512,
                    "height": 512,
                    "emoji": "👍",
                    "is_animated": False,
                    "is_video": False,
                }
            },
            *(MediaKind.STICKER, "F", "", None),
        ),
        (
            {"document": {**FILE, "mime_type": "application/pdf", "file_size": 2**33}},
            *(MediaKind.DOCUMENT, "F", "application/pdf", 2**33),
        ),
        ({"location": {"latitude": 1.5, "longitude": 2}}, MediaKind.LOCATION, "", "", None),
        (
            {"contact": {"phone_number": "+8613800000000", "first_name": "x"}},
            *(MediaKind.CONTACT, "", "", None),
        ),
        ({"dice": {"emoji": "🎲", "value": 5}}, MediaKind.OTHER, "", "", None),
        ({"story": {"anything": True}}, MediaKind.OTHER, "", "", None),
    ],
)
def test_media_keep_their_handle_and_nothing_else(
    content: dict[str, Any], kind: MediaKind, file_id: str, mime: str, size: int | None
) -> None:
    incoming = one(message(**content))
    assert incoming.kind is IncomingKind.MEDIA
    (media,) = incoming.media
    assert (media.kind, media.file_id, media.mime, media.size) == (kind, file_id, mime, size)
    assert "8613800000000" not in repr(incoming)


def test_a_caption_is_the_text_of_its_media() -> None:
    incoming = one(message(caption="see this", document=FILE))
    assert (incoming.kind, incoming.text) == (IncomingKind.MEDIA, "see this")


@pytest.mark.parametrize(
    ("status", "kind"), [("kicked", IncomingKind.STOP), ("member", IncomingKind.RESUME)]
)
def test_blocking_and_unblocking_are_heard(status: str, kind: IncomingKind) -> None:
    incoming = one(membership(status))
    assert (incoming.kind, incoming.address.value) == (kind, "7000000001")
    assert incoming.sent_at == SENT_AT


@pytest.mark.parametrize(
    ("update", "name"),
    [
        (message(text="hi", chat=GROUP), "message:group"),
        (edit(text="hi", chat=GROUP), "edited_message:group"),
        (tap(message={"message_id": 1, "date": SENT, "chat": GROUP}), "callback_query:group"),
        (membership("kicked", GROUP), "my_chat_member:group"),
        (membership("left"), "my_chat_member:other"),
        (message(text="echo", **{"from": BOT}), "message:bot"),
        (tap(**{"from": BOT}), "callback_query:bot"),
        (tap(data=None, game_short_name="chess"), "callback_query:without_data"),
        (message(pinned_message={"message_id": 1}), "message:pinned_message"),
        (message(brand_new_thing={"a": 1}), "message:unknown"),
        (message(text=""), "message:unknown"),
        (edit(location={"latitude": 1, "longitude": 1}), "edited_message:location"),
        ({"update_id": 1, "channel_post": {"message_id": 1}}, "channel_post"),
        ({"update_id": 1, "inline_query": {}}, "inline_query"),
        ({"update_id": 1, "brand_new_update": {}}, "unknown"),
        ({"update_id": 1}, "unknown"),
        ({"message": {"text": "no id"}}, "message:malformed"),
        (message(text="hi", date=10**30), "message:malformed"),
        (edit(text="hi") | {"update_id": "x"}, "edited_message:malformed"),
        ([], "not_an_update"),
        ("x", "not_an_update"),
    ],
)
def test_what_is_not_one_persons_word_to_us_is_counted(update: object, name: str) -> None:
    assert ignored(update) == name


@pytest.mark.parametrize("junk", [b"", b"{", b"\xff\xfe", b"NaN", b'{"a":"\\ud800"', b"[" * 9999])
def test_what_is_no_json_is_counted(junk: bytes) -> None:
    assert parse_update(junk, ACCOUNT).ignored == {"not_json": 1}


def test_half_a_character_does_not_cost_the_words() -> None:
    body = json.dumps(message(text="what is the fee \ud83d?")).encode()
    (incoming,) = parse_update(body, ACCOUNT).incoming
    assert incoming.text == "what is the fee \ufffd?"


def test_odd_shapes_in_parts_that_nobody_reads_do_not_cost_the_words() -> None:
    odd: dict[str, Any] = {
        "entities": 5,
        "reply_markup": "x",
        "forward_origin": {"type": "from_the_future"},
        "reply_to_message": {"message_id": 54, "paid_media": []},
        "chat": {**CHAT, "photo": 7},
        "via_bot": None,
    }
    incoming = one(message(text="still here", **odd))
    assert (incoming.text, incoming.reply_to) == ("still here", "7000000001:54")


@pytest.mark.parametrize("number", [4912661846655238145, 53908232506183680, 2**52 - 1])
def test_ids_survive_as_exact_strings(number: int) -> None:
    update = message(text="x", message_id=number, chat={**CHAT, "id": number})
    update["update_id"] = number
    incoming = one(update)
    assert incoming.external_id == incoming.address.value == str(number)
    assert incoming.message_id == f"{number}:{number}"


SAMPLES = [
    message(text="hi", reply_to_message={"message_id": 54}),
    message(text="/start AbC"),
    message(photo=[{**FILE, "width": 1, "height": 1}], caption="c"),
    message(voice={**FILE, "duration": 3}),
    message(location={"latitude": 1.5, "longitude": 2}),
    edit(text="hi"),
    tap(),
    membership("kicked"),
    membership("member"),
]


_OTHERS: list[Any] = [None, [], {}, "x", -1, 1.5, True, 10**30, [{}], {"a": {}}]


def _variants(value: Any) -> Iterator[Any]:
    """The value with each key in turn deleted or set to something else, at every depth."""
    if isinstance(value, dict):
        for key in value:
            rest = {k: v for k, v in value.items() if k != key}
            yield rest
            for other in _OTHERS:
                yield {**rest, key: other}
            for inner in _variants(value[key]):
                yield {**rest, key: inner}
    elif isinstance(value, list):
        for index, item in enumerate(value):
            for inner in _variants(item):
                yield [*value[:index], inner, *value[index + 1 :]]


@pytest.mark.parametrize("sample", SAMPLES)
def test_any_key_may_be_missing_or_wrong(sample: dict[str, Any]) -> None:
    for variant in _variants(copy.deepcopy(sample)):
        parsed = parse_update(body(variant), ACCOUNT)
        assert len(parsed.incoming) + sum(parsed.ignored.values()) == 1
        for incoming in parsed.incoming:
            assert incoming.sent_at.utcoffset() is not None
            assert incoming.external_id
            assert incoming.address.value


on_any_machine = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@on_any_machine
@given(st.binary(max_size=200))
def test_any_bytes_are_read(junk: bytes) -> None:
    parsed = parse_update(junk, ACCOUNT)
    assert len(parsed.incoming) + sum(parsed.ignored.values()) == 1


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from([*message()["message"], *tap()["callback_query"], "text", "id", "x"]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


@on_any_machine
@given(
    st.dictionaries(
        st.sampled_from(
            ["update_id", "message", "edited_message", "callback_query", "my_chat_member"]
        ),
        JSON,
    )
)
def test_any_json_is_read(update: dict[str, Any]) -> None:
    parsed = parse_update(body(update), ACCOUNT)
    assert len(parsed.incoming) + sum(parsed.ignored.values()) == 1


@on_any_machine
@given(st.text(min_size=1))
def test_the_words_arrive_unchanged_and_twice_the_same(text: str) -> None:
    if any(0xD800 <= ord(char) < 0xE000 for char in text):
        return  # Telegram sends no lone surrogates, and what has them is no JSON for us
    raw = body(message(text=text))
    assert parse_update(raw, ACCOUNT) == parse_update(raw, ACCOUNT)
    incoming = one(message(text=text))
    if incoming.kind is IncomingKind.TEXT:
        assert incoming.text == text

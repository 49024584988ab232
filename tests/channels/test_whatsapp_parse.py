"""Reading WhatsApp webhooks: every kind becomes what the engine knows, or is counted."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlparse

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Parsed
from channels.message import Address, Incoming, IncomingKind, Media, MediaKind, ReceiptStatus
from tests.channels.whatsapp_samples import (
    BSUID,
    PHONE,
    SAMPLES,
    body,
    change,
    channel,
    contact,
    message,
    root,
    status,
)

US = channel()


def parse(*names: str) -> Parsed:
    return US.parse(body(*(SAMPLES[name] for name in names)))


def one(name: str) -> Incoming:
    parsed = parse(name)
    assert (len(parsed.incoming), parsed.receipts, parsed.ignored) == (1, (), {})
    return parsed.incoming[0]


def text_from(text: str) -> Incoming:
    (incoming,) = US.parse(body(message("text", text={"body": text}))).incoming
    return incoming


def test_a_text_keeps_its_words_sender_and_time() -> None:
    assert one("text") == Incoming(
        external_id="wamid.A1",
        address=Address("whatsapp:main", PHONE),
        kind=IncomingKind.TEXT,
        sent_at=datetime(2025, 11, 21, 10, 0, tzinfo=UTC),
        text="四分 🙂",
        message_id="wamid.A1",
        name="Kerry Fisher",
    )
    assert one("reply").reply_to == "wamid.Z"


@pytest.mark.parametrize(
    ("name", "kind", "text", "token", "reply_to"),
    [
        ("button_reply", IncomingKind.TAP, "Yes", "tok-1", "wamid.Q"),
        ("list_reply", IncomingKind.TAP, "Fees", "tok-2", "wamid.Q"),
        ("template_button", IncomingKind.TAP, "开始", "tok-3", "wamid.T"),
        ("edit_text", IncomingKind.EDIT, "5", "", "wamid.A0"),
        ("edit_caption", IncomingKind.EDIT, "new", "", "wamid.A0"),
        ("welcome", IncomingKind.START, "", "", ""),
        ("stop", IncomingKind.STOP, "", "", ""),
        ("resume", IncomingKind.RESUME, "", "", ""),
    ],
)
def test_kinds(name: str, kind: IncomingKind, text: str, token: str, reply_to: str) -> None:
    got = one(name)
    assert (got.kind, got.text, got.token, got.reply_to) == (kind, text, token, reply_to)


@pytest.mark.parametrize(
    ("name", "media", "caption"),
    [
        ("image", Media(MediaKind.IMAGE, "4912661846655238145", "image/jpeg"), "my receipt"),
        ("voice", Media(MediaKind.VOICE, "4912661846655238145", "audio/ogg; codecs=opus"), ""),
        ("audio", Media(MediaKind.AUDIO, "4912661846655238145", "audio/mpeg"), ""),
        ("video", Media(MediaKind.VIDEO, "4912661846655238145", "video/mp4"), ""),
        ("document", Media(MediaKind.DOCUMENT, "4912661846655238145", "application/pdf"), "bill"),
        ("sticker", Media(MediaKind.STICKER, "4912661846655238145", "image/webp"), ""),
        ("location", Media(MediaKind.LOCATION), ""),
        ("contacts", Media(MediaKind.CONTACT), ""),
        ("unsupported", Media(MediaKind.OTHER), ""),
    ],
)
def test_media(name: str, media: Media, caption: str) -> None:
    got = one(name)
    assert (got.kind, got.media, got.text) == (IncomingKind.MEDIA, (media,), caption)


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("flow_reply", "interactive.nfm_reply"),
        ("reaction", "message.reaction"),
        ("reaction_removed", "message.reaction_removed"),
        ("revoke", "message.revoke"),
        ("order", "message.order"),
        ("system_number", "system.user_changed_number"),
        ("system_identity", "system.customer_identity_changed"),
        ("preference_unknown", "preference.other.stop"),
        ("deleted", "status.deleted"),
        ("value_error", "error.130429"),
        ("echo", "field.smb_message_echoes"),
        ("template_paused", "field.message_template_status_update"),
    ],
)
def test_what_is_no_ones_answer_is_counted(name: str, counted: str) -> None:
    assert parse(name) == Parsed(ignored={counted: 1})


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("sent", ReceiptStatus.SENT, ""),
        ("delivered", ReceiptStatus.DELIVERED, ""),
        ("read", ReceiptStatus.READ, ""),
        ("played", ReceiptStatus.READ, ""),
        ("failed", ReceiptStatus.FAILED, "131047"),
    ],
)
def test_statuses_become_receipts(name: str, status: ReceiptStatus, code: str) -> None:
    (receipt,) = parse(name).receipts
    assert (receipt.provider_id, receipt.status, receipt.error_code) == ("wamid.B2", status, code)
    assert receipt.at == datetime(2025, 11, 21, 10, 1, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "value", "aliases"),
    [
        ("text", PHONE, ()),
        ("both_ids", PHONE, (BSUID,)),
        ("user_id_only", BSUID, ()),
    ],
)
def test_a_person_is_known_by_phone_user_id_or_both(
    name: str, value: str, aliases: tuple[str, ...]
) -> None:
    assert one(name).address == Address("whatsapp:main", value, aliases)


def test_the_user_id_may_stand_in_the_contact_alone() -> None:
    given = SAMPLES["text"]["value"]["messages"]
    told = change({"contacts": [contact(wa_id=PHONE, user_id=BSUID)], "messages": given})
    assert US.parse(body(told)).incoming[0].address.aliases == (BSUID,)


def test_a_contact_of_somebody_else_lends_neither_name_nor_id() -> None:
    given = SAMPLES["text"]["value"]["messages"]
    other = change({"contacts": [contact(wa_id="1555", user_id=BSUID)], "messages": given})
    (incoming,) = US.parse(body(other)).incoming
    assert (incoming.address, incoming.name) == (Address("whatsapp:main", PHONE), "")


def test_a_parent_user_id_is_no_address() -> None:
    sender = {"from_user_id": "US.ENT.118157", "id": "w", "timestamp": "1", "type": "text"}
    given = change({"messages": [{**sender, "text": {"body": "hello"}}]})
    assert US.parse(body(given)) == Parsed(ignored={"malformed.text": 1})


def test_every_change_is_routed_by_its_own_number() -> None:
    foreign = change({"messages": SAMPLES["text"]["value"]["messages"]}, number="999")
    first, second = SAMPLES["reply"], SAMPLES["sent"]
    parsed = US.parse(body(foreign, first, foreign, second))
    assert [incoming.text for incoming in parsed.incoming] == ["yes"]
    assert len(parsed.receipts) == 1
    assert parsed.ignored == {"other_number": 2}


def test_a_batch_keeps_its_order_and_each_has_a_key_of_its_own() -> None:
    def numbered(number: int) -> dict[str, Any]:
        sample = copy.deepcopy(SAMPLES["text"])
        sample["value"]["messages"][0]["id"] = f"wamid.{number}"
        return sample

    both = copy.deepcopy(SAMPLES["text"])
    both["value"]["messages"] = [
        {**both["value"]["messages"][0], "id": f"wamid.{number}"} for number in (7, 8, 9)
    ]
    raw = orjson.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [
                {"id": "1", "changes": [numbered(number) for number in range(4)]},
                {"id": "2", "changes": [numbered(number) for number in range(4, 7)]},
                {"id": "3", "changes": [both]},
            ],
        }
    )
    keys = [incoming.external_id for incoming in US.parse(raw).incoming]
    assert keys == [f"wamid.{number}" for number in range(10)]
    assert US.parse(raw) == US.parse(raw)


def test_our_own_number_and_groups_are_nobodys_message() -> None:
    own = message("text", text={"body": "hi"})
    own["value"]["messages"][0]["from"] = "85260001111"
    group = message("text", text={"body": "hi"}, group_id="g1")
    assert US.parse(body(own, group)) == Parsed(ignored={"echo": 1, "group": 1})


@pytest.mark.parametrize(
    ("timestamp", "known"),
    [
        ("1763719200", True),
        (1763719200, True),
        ("1763719200000", True),
        ("", False),
        ("soon", False),
        (True, False),
        (1.5, False),
        ("9" * 40, False),
        ("-5", False),
        (None, False),
    ],
)
def test_times_are_seconds_as_text_or_number_and_milliseconds(
    timestamp: object, known: bool
) -> None:
    parsed = US.parse(body(message("text", text={"body": "hi"}, timestamp=timestamp)))
    moments = [incoming.sent_at for incoming in parsed.incoming]
    assert moments == ([datetime(2025, 11, 21, 10, 0, tzinfo=UTC)] if known else [])


@pytest.mark.parametrize(
    ("text", "token", "own"),
    [
        ("您好 Hello (start: Ab_12-xyz)", "Ab_12-xyz", ""),
        ("Hello, my card is late （start：Ab12）", "Ab12", "Hello, my card is late"),
        ("( Start :Ab12 )", "Ab12", ""),
        ("我想问 (start: Ab12) 手续费", "Ab12", "我想问 手续费"),
    ],
)
def test_the_start_mark_opens_the_chat_and_other_words_stay(
    text: str, token: str, own: str
) -> None:
    got = text_from(text)
    assert (got.kind, got.token, got.text) == (IncomingKind.START, token, own)


@pytest.mark.parametrize(
    "text", ["start: Ab12", "(start: )", "(start: 开始)", "(start: a b)", "开始"]
)
def test_words_about_starting_are_a_text(text: str) -> None:
    assert (text_from(text).kind, text_from(text).text) == (IncomingKind.TEXT, text)


@given(st.from_regex(r"\A[A-Za-z0-9_-]{1,64}\Z"))
def test_a_start_link_comes_back_as_its_token(token: str) -> None:
    link = US.start_link(token)
    assert link is not None
    url = urlparse(link)
    assert (url.scheme, url.netloc, url.path) == ("https", "wa.me", "/85260001111")
    got = text_from(parse_qs(url.query)["text"][0])
    assert (got.kind, got.token, got.text) == (IncomingKind.START, token, "")


@pytest.mark.parametrize("token", ["", "a b", "a)b", "开始", "a" * 65])
def test_a_token_that_the_mark_cannot_carry_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match="start token"):
        US.start_link(token)


def test_without_our_phone_number_there_is_no_start_link() -> None:
    silent = channel(phone="")
    assert silent.start_link("abc") is None
    assert not silent.caps.start_link
    assert US.caps.start_link


def test_half_a_surrogate_pair_spoils_no_message() -> None:
    raw = body(message("text", text={"body": "hi MARK"})).replace(b"MARK", b"\\ud83d")
    assert US.parse(raw).incoming[0].text == "hi \ufffd"


def test_keys_of_preferences_tell_wishes_apart() -> None:
    keys = {one("stop").external_id, one("resume").external_id}
    assert len(keys) == 2
    assert all(PHONE in key for key in keys)


def _without_each_key(value: Any) -> Iterator[Any]:
    """Copies of a JSON value, each without one key or element somewhere."""
    places = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(places):
        shorter = copy.copy(value)
        del shorter[key]
        yield shorter
        if isinstance(inner, dict | list):
            for changed in _without_each_key(inner):
                replaced = copy.copy(value)
                replaced[key] = changed
                yield replaced


def _with_each_key_odd(value: Any, odd: object) -> Iterator[Any]:
    places = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(places):
        for changed in (
            odd,
            *(_with_each_key_odd(inner, odd) if isinstance(inner, dict | list) else ()),
        ):
            replaced = copy.copy(value)
            replaced[key] = changed
            yield replaced


def _sound(parsed: Parsed) -> None:
    for incoming in parsed.incoming:
        assert incoming.external_id
        assert incoming.address.value not in ("", "None")
        assert incoming.sent_at.tzinfo is UTC
    for receipt in parsed.receipts:
        assert receipt.provider_id


@pytest.mark.parametrize("name", SAMPLES)
def test_any_key_may_be_missing(name: str) -> None:
    whole = root(SAMPLES[name])
    for changed in _without_each_key(whole):
        _sound(US.parse(orjson.dumps(changed)))


@pytest.mark.parametrize("odd", [None, "", "x", 7, -1.5, True, [], {}, [[{}]], {"a": [1]}])
def test_any_value_may_be_of_another_shape(odd: object) -> None:
    for sample in SAMPLES.values():
        for changed in _with_each_key_odd(root(sample), odd):
            _sound(US.parse(orjson.dumps(changed)))


@given(st.binary(max_size=400))
def test_any_bytes_are_read(raw: bytes) -> None:
    parsed = US.parse(raw)
    assert (parsed.incoming, parsed.receipts) == ((), ())
    assert parsed.ignored == {"not_whatsapp": 1}


@pytest.mark.parametrize(
    "raw", [b"[" * 100_000, b'{"a":' * 100_000, b"9" * 5_000, b"NaN", b"\xff\xfe", b"null", b"[]"]
)
def test_hostile_json_is_counted(raw: bytes) -> None:
    assert US.parse(raw) == Parsed(ignored={"not_whatsapp": 1})


@given(st.data())
def test_a_damaged_body_is_read_without_raising(data: st.DataObject) -> None:
    raw = bytearray(body(*(SAMPLES[name] for name in ("both_ids", "button_reply", "failed"))))
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    _sound(US.parse(bytes(raw)))


def test_names_of_counted_kinds_are_bounded() -> None:
    parsed = US.parse(body(message("x" * 500), status("y" * 500)))
    assert max(map(len, parsed.ignored)) <= 60

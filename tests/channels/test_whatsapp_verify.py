"""Only what Meta signed, and only our own handshake, is let in."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channels.base import Challenge, Channel, RawRequest, Reject, Verified
from tests.channels.whatsapp_samples import SAMPLES, SECRETS, body, channel

US: Channel = channel()
BODY = body(SAMPLES["text"])


def sign(raw: bytes, secret: str = SECRETS[1]) -> str:
    return "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()


def post(raw: bytes, *signatures: str) -> RawRequest:
    headers = {"x-hub-signature-256": signatures} if signatures else {}
    return RawRequest("POST", "/hook", {}, headers, raw)


def get(**query: str) -> RawRequest:
    named = {f"hub.{key}": value for key, value in query.items()}
    return RawRequest("GET", "/hook", named, {}, b"")


def test_a_signed_body_is_let_in() -> None:
    assert US.verify(post(BODY, sign(BODY))) == Verified()


@pytest.mark.parametrize(
    ("why", "request_"),
    [
        ("no header", post(BODY)),
        ("two headers", post(BODY, sign(BODY), sign(BODY))),
        ("empty header", post(BODY, "")),
        ("without its prefix", post(BODY, sign(BODY).removeprefix("sha256="))),
        ("of another algorithm", post(BODY, sign(BODY).replace("sha256", "sha1"))),
        ("upper-case hex, which Meta never writes", post(BODY, "sha256=" + sign(BODY)[7:].upper())),
        ("blank before it", post(BODY, " " + sign(BODY))),
        ("cut short", post(BODY, sign(BODY)[:-1])),
        ("of another secret", post(BODY, sign(BODY, "another"))),
        ("of an empty secret", post(BODY, sign(BODY, ""))),
        ("of the same JSON written otherwise", post(BODY + b" ", sign(BODY))),
        ("not ASCII", post(BODY, "sha256=签名")),
        ("half a surrogate pair", post(BODY, "sha256=\ud83d")),
        ("a signed GET", RawRequest("GET", "/", {}, {"x-hub-signature-256": (sign(b""),)}, b"")),
        ("another method", RawRequest("PUT", "/", {}, {"x-hub-signature-256": (sign(b""),)}, b"")),
    ],
)
def test_anything_else_is_rejected_without_telling_what_was_expected(
    why: str, request_: RawRequest
) -> None:
    answer = US.verify(request_)
    assert isinstance(answer, Reject), why
    assert answer.status in (401, 403, 405)
    assert sign(BODY)[7:] not in answer.reason
    assert not any(secret in answer.reason for secret in SECRETS)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_changed_byte_is_noticed(place: int, change: int) -> None:
    changed = bytearray(BODY)
    changed[place] ^= change
    assert isinstance(US.verify(post(bytes(changed), sign(BODY))), Reject)


def test_the_handshake_is_echoed() -> None:
    asked = get(mode="subscribe", verify_token=SECRETS[2], challenge="1158201444")
    assert US.verify(asked) == Challenge("1158201444")


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 403),
        ({"mode": "subscribe", "challenge": "1"}, 403),
        ({"mode": "subscribe", "verify_token": "", "challenge": "1"}, 403),
        ({"mode": "subscribe", "verify_token": "wrong", "challenge": "1"}, 403),
        ({"mode": "subscribe", "verify_token": "错", "challenge": "1"}, 403),
        ({"mode": "unsubscribe", "verify_token": SECRETS[2], "challenge": "1"}, 400),
        ({"verify_token": SECRETS[2], "challenge": "1"}, 400),
        ({"mode": "subscribe", "verify_token": SECRETS[2]}, 400),
    ],
)
def test_another_handshake_is_not(query: dict[str, str], status: int) -> None:
    answer = US.verify(get(**query))
    assert isinstance(answer, Reject)
    assert answer.status == status


@pytest.mark.parametrize(
    "given_",
    [
        {"app_secret": ""},
        {"app_secret": "  "},
        {"verify_token": ""},
        {"access_token": ""},
        {"name": ""},
        {"phone_number_id": ""},
        {"phone_number_id": "1/../2"},
    ],
)
def test_an_empty_secret_or_a_wrong_id_is_refused_at_the_start(given_: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="WhatsApp"):
        channel(**given_)


def test_no_secret_shows_in_print() -> None:
    assert not any(secret in repr(US) for secret in SECRETS)

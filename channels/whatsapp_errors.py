"""What a refused or unanswered send on the WhatsApp Cloud API means for us, code by code.

Codes and HTTP statuses: Meta, "Cloud API error codes"; CHANNELS 3. The same codes come as an
answer to a send and, later, in a `failed` receipt, so `meaning_of` serves both.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from channels.base import Outcome, OutcomeKind

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a platform's error code asks of us; `wait` is in seconds, for RETRY_AFTER."""

    kind: OutcomeKind
    words: str
    wait: float = 0.0


def _table(kind: OutcomeKind, codes: Mapping[int, str]) -> dict[int, Meaning]:
    return {code: Meaning(kind, words) for code, words in codes.items()}


_MEANINGS: dict[int, Meaning] = {
    # Waiting times are ours: the platform names none for these, and a Retry-After header wins.
    4: Meaning(OutcomeKind.RETRY_AFTER, "too many calls of this app", 60),
    17: Meaning(OutcomeKind.RETRY_AFTER, "too many calls of this token", 60),
    32: Meaning(OutcomeKind.RETRY_AFTER, "too many calls", 60),
    613: Meaning(OutcomeKind.RETRY_AFTER, "too many calls", 60),
    80007: Meaning(OutcomeKind.RETRY_AFTER, "rate limit of the account", 60),
    130429: Meaning(OutcomeKind.RETRY_AFTER, "throughput of the number", 5),
    131056: Meaning(OutcomeKind.RETRY_AFTER, "too many messages to this person", 6),  # ≈1 per 6 s
    133016: Meaning(OutcomeKind.RETRY_AFTER, "too many registrations", 600),
    # Meta limits what one person gets from all businesses; it asks to wait at least a day.
    131049: Meaning(OutcomeKind.RETRY_AFTER, "held back for this person's sake", _DAY),
    **_table(
        OutcomeKind.TRANSIENT,
        {
            1: "unknown fault of the platform",
            2: "service down",
            131000: "something went wrong",
            131016: "service overloaded",
            131053: "media could not be fetched",
            131057: "account in maintenance",
            133004: "server not available",
        },
    ),
    **_table(OutcomeKind.WINDOW_CLOSED, {131047: "more than 24 hours since the last message"}),
    **_table(OutcomeKind.OPTED_OUT, {131050: "the person stopped marketing messages"}),
    **_table(
        OutcomeKind.UNREACHABLE,
        {
            130497: "the account may not write to this country",
            131021: "sender and recipient are the same",
            131026: "undeliverable: no WhatsApp, old version or blocked",
            137000: "identity key mismatch",
        },
    ),
    **_table(
        OutcomeKind.CONTENT_REJECTED,
        {
            100: "invalid parameter",
            130472: "not delivered to a Meta experiment group",
            131008: "parameter missing",
            131009: "parameter not valid",
            131051: "message type not supported",
            131052: "media could not be downloaded",
            131062: "this message needs a phone number",
            135000: "request not understood",
        },
    ),
    **_table(
        OutcomeKind.TEMPLATE_PROBLEM,
        {
            131064: "template not usable",
            132000: "number of template parameters",
            132001: "template does not exist in this language",
            132005: "filled-in template too long",
            132007: "template against policy",
            132008: "template parameter not valid",
            132012: "format of a template parameter",
            132015: "template paused",
            132016: "template disabled",
            132018: "template button parameter",
            132068: "flow blocked",
            132069: "flow throttled",
        },
    ),
    **_table(
        OutcomeKind.AUTH,  # the channel pauses and an operator is called
        {
            0: "token not accepted",
            3: "capability missing",
            10: "permission denied",
            102: "session not accepted",
            190: "token expired or withdrawn",
            **dict.fromkeys(range(200, 300), "permission missing"),
            368: "account blocked for a policy violation",
            131005: "access denied",
            131031: "account locked",
            131042: "payment problem",
        },
    ),
    **_table(OutcomeKind.QUOTA, {131048: "limited after reports of spam"}),
    **_table(
        OutcomeKind.CONFIG,
        {
            33: "phone number deleted",
            131030: "recipient not in the sandbox's list",
            131037: "display name not approved",
            131045: "phone number not registered rightly",
            133000: "deregistration incomplete",
            133005: "two-step PIN",
            133006: "phone number not verified",
            133008: "two-step PIN",
            133009: "two-step PIN",
            133010: "phone number not registered",
            133015: "phone number just deleted",
        },
    ),
}

# Graph answers code 100 with this subcode where the object in the path is not ours to use.
_NO_SUCH_OBJECT = 33

_NO_CODE: dict[int, Meaning] = {
    401: Meaning(OutcomeKind.AUTH, "not authorised"),
    403: Meaning(OutcomeKind.AUTH, "forbidden"),
    404: Meaning(OutcomeKind.CONFIG, "no such address"),
    405: Meaning(OutcomeKind.CONFIG, "method not allowed"),
    413: Meaning(OutcomeKind.CONTENT_REJECTED, "too large"),
    429: Meaning(OutcomeKind.RETRY_AFTER, "too many requests", 5),
    503: Meaning(OutcomeKind.TRANSIENT, "service unavailable"),
}

_LONGEST_WAIT = _DAY
_TOKEN_LIKE = re.compile(r"\bEAA\w+|\b[A-Za-z0-9_-]{32,}\b")
_DIGITS = re.compile(r"\+?\d[\d -]{5,}\d")  # phone numbers in the platform's words; no codes


def meaning_of(code: int | str) -> Meaning | None:
    """What one of the platform's error codes means, also from a receipt; None if unknown."""
    try:
        return _MEANINGS.get(int(code))
    except ValueError:
        return None


def classify(status: int, body: Any, retry_after: str = "") -> Outcome:
    """The outcome of an answered send: HTTP status, decoded JSON body or None, Retry-After value.

    A code that we do not know becomes RETRY_AFTER (429), TRANSIENT (5xx, the platform itself says
    that it failed) or UNKNOWN; an answer without a code is read by its status, and a 5xx of a
    gateway is UNKNOWN because the message may have passed it.
    """
    if 200 <= status < 300:
        return _accepted(body)
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict):
        meaning = _NO_CODE.get(status, Meaning(OutcomeKind.UNKNOWN, "answer without an error code"))
        return _outcome(meaning, f"HTTP {status} {meaning.words}", retry_after)
    code = _whole(error.get("code"))
    known = meaning_of(code) if code is not None else None
    if code == 100 and _whole(error.get("error_subcode")) == _NO_SUCH_OBJECT:
        known = Meaning(OutcomeKind.CONFIG, "no such phone number id, or no right to use it")
    if known is None:
        known = _unknown_code(status, transient=error.get("is_transient") is True)
    return _outcome(known, f"{code} {known.words}{_details(error, known.kind)}", retry_after)


def _accepted(body: Any) -> Outcome:
    """A 2xx without the id of a message is no success: its receipts could never be matched."""
    match body:
        case {"messages": [{"id": str(wamid), **message}, *_]} if wamid:
            held = message.get("message_status")
            detail = held if isinstance(held, str) and held != "accepted" else ""
            return Outcome(OutcomeKind.OK, wamid, detail=detail, new_address=_moved(body))
    return Outcome(OutcomeKind.UNKNOWN, detail="accepted without a message id")


def _moved(body: dict[str, Any]) -> str:
    """The id under which the person will answer, where it is not the number we wrote to."""
    match body:
        case {"contacts": [{"input": str(asked), "wa_id": str(wa_id)}, *_]}:
            digits = "".join(char for char in asked if char.isdigit())
            if wa_id.isdigit() and asked[:1] in "+0123456789" and digits != wa_id:
                return wa_id
    return ""


def _unknown_code(status: int, *, transient: bool) -> Meaning:
    if status == 429:
        return _NO_CODE[429]
    if status >= 500 or transient:
        return Meaning(OutcomeKind.TRANSIENT, "code not known")
    return Meaning(OutcomeKind.UNKNOWN, "code not known")


def _outcome(meaning: Meaning, detail: str, retry_after: str) -> Outcome:
    if meaning.kind is not OutcomeKind.RETRY_AFTER:
        return Outcome(meaning.kind, detail=detail)
    asked = _seconds(retry_after)
    return Outcome(
        meaning.kind, retry_after=meaning.wait if asked is None else asked, detail=detail
    )


def _seconds(value: str) -> float | None:
    """Retry-After in seconds; its form as a date would need a clock and is not used by Meta."""
    value = value.strip()
    if not value.isascii() or not value.isdigit():
        return None
    return min(float(value[:12]), _LONGEST_WAIT)


def _details(error: dict[str, Any], kind: OutcomeKind) -> str:
    """The platform's own explanation; a refused token is never repeated, nor a phone number."""
    data = error.get("error_data")
    words = data.get("details") if isinstance(data, dict) else None
    if kind is OutcomeKind.AUTH or not isinstance(words, str):
        return ""
    words = _DIGITS.sub("…", _TOKEN_LIKE.sub("…", words))
    return f": {' '.join(words.split())[:160]}"


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value[:12])
    return None

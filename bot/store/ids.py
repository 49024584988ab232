"""Identifiers: 26 lower-case characters, ordered by time, unguessable in their last 80 bits."""

from __future__ import annotations

import secrets
from datetime import datetime

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32


def new_id(now: datetime) -> str:
    """A new identifier: 48 bits of milliseconds since 1970, then 80 random bits (a ULID)."""
    number = (int(now.timestamp() * 1000) & ((1 << 48) - 1)) << 80 | secrets.randbits(80)
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))

"""Column types of ours: sealed personal data, aware UTC times and JSON that is the same everywhere."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, Text, TypeDecorator

BigId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows only for INTEGER


class Ciphertext(bytes):
    """Bytes sealed by the vault. The only thing that a Sealed column takes."""


class Sealed(TypeDecorator[Ciphertext]):
    """Personal data at rest. Plain text cannot slip in: anything but a Ciphertext is refused."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: Ciphertext | None, dialect: Dialect) -> bytes | None:
        if value is not None and not isinstance(value, Ciphertext):
            raise TypeError("a sealed column takes only what the vault sealed")
        return value

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Ciphertext | None:
        return None if value is None else Ciphertext(value)


class Moment(TypeDecorator[datetime]):
    """An aware time, kept as UTC. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise TypeError("a time without a zone cannot be stored")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Plain JSON without personal data, as text on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else orjson.dumps(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)

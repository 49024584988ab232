"""JSON from outside, also where a text was cut within a character."""

from __future__ import annotations

import json
from typing import Any

import orjson


def load_json(body: bytes) -> Any:
    """What `body` holds. Half a surrogate pair, which platforms and browsers produce where they cut a
    text short and which orjson refuses, becomes U+FFFD. Raises ValueError if it is no JSON.

    >>> load_json(b'{"text": "fee \\\\ud83d"}')["text"] == "fee \\ufffd"
    True
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return _mended(json.loads(body, parse_constant=_refuse))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(key): _mended(item) for key, item in value.items()}
    return value

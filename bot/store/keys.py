"""The keys file: master keys that wrap the data keys, and the lookup key that survives rotation."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import hmac
import os
import secrets
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

KEY_BYTES = 32
_HEAD = """\
# Huifang's encryption keys. Whoever has this file and the database can read everything.
# Without this file names, addresses and messages are lost for good, also those in backups:
# keep a copy in a safe place that is not the database's backup.
"""


class KeysError(Exception):
    """The keys file is missing, wrong or unsafe. The text is one line that says what to do."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """`id` is written beside every data key that it wraps."""

    id: str
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls) -> MasterKey:
        return cls(secrets.token_hex(6), secrets.token_bytes(KEY_BYTES))


@dataclass(frozen=True, slots=True)
class Keys:
    """What stands in a keys file. The newest master key, the last one, wraps."""

    lookup: bytes = field(repr=False)
    masters: tuple[MasterKey, ...]

    @classmethod
    def new(cls) -> Keys:
        return cls(secrets.token_bytes(KEY_BYTES), (MasterKey.new(),))

    @property
    def newest(self) -> MasterKey:
        return self.masters[-1]

    def with_master(self, master: MasterKey) -> Keys:
        return replace(self, masters=(*self.masters, master))

    def without(self, ids: set[str]) -> Keys:
        return replace(self, masters=tuple(key for key in self.masters if key.id not in ids))


def fingerprint(secret: bytes) -> bytes:
    """32 bytes by which a key is recognised and from which nothing of it can be learned."""
    return hmac.digest(secret, b"huifang fingerprint", hashlib.sha256)


def read_keys(path: Path) -> Keys:
    """Read a keys file. Raises KeysError; FileNotFoundError if there is none."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o027:
                raise KeysError(f"{path} is open to other users. Run: chmod 600 {path}")
            tree = tomllib.load(file)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise KeysError(f"{path} cannot be read: {error.strerror}. Check its owner.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        raise KeysError(f"{path} is damaged. Put it back from your copy.") from None
    try:
        masters = tuple(MasterKey(str(key["id"]), _key(key["key"])) for key in tree["master"])
        keys = Keys(_key(tree["lookup"]), masters)
    except (KeyError, TypeError, ValueError):
        raise KeysError(f"{path} is damaged. Put it back from your copy.") from None
    if not masters or len({key.id for key in masters}) < len(masters):
        raise KeysError(f"{path} is damaged. Put it back from your copy.")
    return keys


def write_keys(path: Path, keys: Keys) -> None:
    """Replace the keys file as a whole: after a crash there is the old one or the new one."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(_text(keys))
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the folder of the keys file, so that one process at a time changes it.

    Raises KeysError if another one does.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise KeysError(f"{path.parent} cannot be used: {error.strerror}. Check it.") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise KeysError(f"another process is changing {path}. Try again after it.") from None
    finally:
        os.close(folder)


def _key(value: Any) -> bytes:
    secret = base64.b64decode(value, validate=True)
    if len(secret) != KEY_BYTES:
        raise ValueError("a key has 32 bytes")
    return secret


def _text(keys: Keys) -> str:
    lines = [_HEAD, f'lookup = "{base64.b64encode(keys.lookup).decode()}"', ""]
    for key in keys.masters:
        lines += ["[[master]]", f'id = "{key.id}"']
        lines += [f'key = "{base64.b64encode(key.secret).decode()}"', ""]
    return "\n".join(lines)

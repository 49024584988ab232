"""Personal data at rest: a data key per person, wrapped by a master key; keyed look-ups; tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.columns import Ciphertext
from bot.store.direct import Query
from bot.store.keys import KEY_BYTES, Keys, KeysError, fingerprint, read_keys
from bot.store.statements import among, chunks, execute_many
from bot.store.tables import person_key, vault_key

LOOKUP = "lookup"  # id of the lookup key in vault_key
_NONCE = 12  # bytes, NIST SP 800-38D
_VERSION = b"\x01"  # first byte of every sealed value: AES-256-GCM, nonce, text and tag
_CACHED_PEOPLE = 10_000
_CACHED_S = 300.0  # so long may another process's erasure go unnoticed


class SealError(Exception):
    """A sealed value was not sealed with this key for this person."""


class PersonKey:
    """Seals and opens the data of one person."""

    __slots__ = ("_aead", "_bound_to", "person_id")

    def __init__(self, person_id: str, secret: bytes) -> None:
        self.person_id = person_id
        self._aead = AESGCM(secret)
        self._bound_to = person_id.encode()

    def seal(self, text: str) -> Ciphertext:
        nonce = os.urandom(_NONCE)
        sealed = self._aead.encrypt(nonce, text.encode(), self._bound_to)
        return Ciphertext(_VERSION + nonce + sealed)

    def open(self, sealed: Ciphertext) -> str:
        """The text. Raises SealError if it was sealed otherwise, changed, or erased."""
        if sealed[:1] != _VERSION:
            raise SealError("the value was erased or sealed by another version")
        body = 1 + _NONCE
        try:
            text = self._aead.decrypt(sealed[1:body], sealed[body:], self._bound_to)
        except (InvalidTag, ValueError):
            raise SealError("the value does not belong to this person and key") from None
        return text.decode()

    def open_or(self, sealed: Ciphertext | None, default: str = "") -> str:
        """The text, or the default where nothing is stored."""
        return self.open(sealed) if sealed else default


@dataclass(frozen=True, slots=True)
class NewKeys:
    """Keys of people who are not stored yet: seal with them, then `Vault.store` them."""

    keys: Mapping[str, PersonKey]
    secrets: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"NewKeys({len(self.keys)})"

    def only(self, person_ids: Collection[str]) -> NewKeys:
        """Those of the given people."""
        return NewKeys(
            {person_id: self.keys[person_id] for person_id in person_ids},
            {person_id: self.secrets[person_id] for person_id in person_ids},
        )


class Vault:
    """The only place that knows keys. Open one with `bot.store.opening.open_vault`.

    Not for use by several threads at once.
    """

    def __init__(
        self,
        keys: Keys,
        path: Path,
        *,
        cached_people: int = _CACHED_PEOPLE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = path
        self._clock = clock
        self._cached_people = cached_people
        self._cache: OrderedDict[str, tuple[float, PersonKey]] = OrderedDict()
        self._lookup = b""
        self._use(keys)

    def __repr__(self) -> str:
        return f"Vault({str(self.path)!r})"

    # ── data keys of people ──

    async def keys(
        self, conn: AsyncConnection, person_ids: Collection[str]
    ) -> dict[str, PersonKey]:
        """The keys of these people, in one query for those not in memory. Who was erased is
        missing. Raises KeysError if the keys file lacks a master key.
        """
        oldest = self._clock() - _CACHED_S
        found: dict[str, PersonKey] = {}
        wanted: list[str] = []
        for person_id in dict.fromkeys(person_ids):
            cached = self._cache.get(person_id)
            if cached and cached[0] >= oldest:
                self._cache.move_to_end(person_id)
                found[person_id] = cached[1]
            else:
                wanted.append(person_id)
        for part in chunks(wanted):
            for row in await _KEYS.rows(conn, {"people": part}):
                person_id = row["person_id"]
                secret = self.unwrap(person_id, row["wrapped"], row["master"])
                found[person_id] = key = PersonKey(person_id, secret)
                self._remember(key)
        return found

    def new_keys(self, person_ids: Collection[str]) -> NewKeys:
        """Fresh data keys, known to nobody until `store`."""
        raw = {person_id: secrets.token_bytes(KEY_BYTES) for person_id in person_ids}
        keys = {person_id: PersonKey(person_id, secret) for person_id, secret in raw.items()}
        return NewKeys(keys, raw)

    async def store(self, conn: AsyncConnection, new: NewKeys) -> None:
        """Wrap and insert new keys; their people stand in the database already."""
        if not new.keys:
            return
        master = await self._current_master(conn)
        rows = [
            {
                "person_id": person_id,
                "wrapped": self.wrap(person_id, secret, master),
                "master": master,
            }
            for person_id, secret in new.secrets.items()
        ]
        await execute_many(conn, insert(person_key), rows)
        for key in new.keys.values():
            self._remember(key)

    def forget(self, person_id: str) -> None:
        """Drop a key from memory, after it was dropped from the database."""
        self._cache.pop(person_id, None)

    def _remember(self, key: PersonKey) -> None:
        self._cache[key.person_id] = (self._clock(), key)
        self._cache.move_to_end(key.person_id)
        while len(self._cache) > self._cached_people:
            self._cache.popitem(last=False)

    # ── master keys ──

    def wrap(self, person_id: str, secret: bytes, master: str) -> bytes:
        """A data key as it stands in `person_key`, bound to the person and the master key."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._masters[master].encrypt(nonce, secret, _wrapped_for(person_id, master))

    def unwrap(self, person_id: str, wrapped: bytes, master: str) -> bytes:
        """The data key. Raises KeysError if the keys file lacks the master key or has another."""
        if master not in self._masters:
            self.reload()  # another process may have rotated the keys
        if master not in self._masters:
            raise KeysError(_lacks(self.path, master))
        try:
            return self._masters[master].decrypt(
                wrapped[:_NONCE], wrapped[_NONCE:], _wrapped_for(person_id, master)
            )
        except InvalidTag:
            raise KeysError(
                f"{self.path} does not fit this database: master key {master} opens nothing. "
                "Put back the keys file that belongs to it."
            ) from None

    def reload(self) -> None:
        """Read the keys file again. Raises KeysError if its lookup key is another one."""
        try:
            keys = read_keys(self.path)
        except FileNotFoundError:
            raise KeysError(f"{self.path} is gone. Put it back from your copy.") from None
        if keys.lookup != self._lookup:
            raise KeysError(f"{self.path} was replaced by another one. Put the right one back.")
        self._use(keys)

    async def _current_master(self, conn: AsyncConnection) -> str:
        """The id of the newest master key, held until the commit so that it is not retired."""
        for again in (False, True):
            if again:
                self.reload()
            held = await conn.execute(
                select(vault_key.c.id)
                .where(vault_key.c.id == self.newest)
                .with_for_update(read=True, key_share=True)
            )
            if held.first():
                return self.newest
        raise KeysError(f"{self.path} is older than the database. Put the newest one there.")

    def _use(self, keys: Keys) -> None:
        self.newest = keys.newest.id
        self._masters = {key.id: AESGCM(key.secret) for key in keys.masters}
        self._fingerprints = {key.id: fingerprint(key.secret) for key in keys.masters}
        if keys.lookup == self._lookup:
            return
        self._lookup = keys.lookup
        self._fingerprint = fingerprint(keys.lookup)
        self._hash_key = self.derive("lookup hash")
        cipher = _one_block(self.derive("option token"))
        # In this mode a whole block comes out at once and nothing of it stays behind for the next.
        self._token_seal, self._token_open = cipher.encryptor(), cipher.decryptor()

    def fingerprints(self) -> dict[str, bytes]:
        """By id in vault_key: the lookup key's and the master keys'."""
        return {LOOKUP: self._fingerprint, **self._fingerprints}

    # ── look-ups and tokens ──

    def derive(self, purpose: str) -> bytes:
        """A key of 32 bytes for one purpose, the same after every rotation."""
        kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=f"huifang {purpose}".encode())
        return kdf.derive(self._lookup)

    def lookup_hash(self, scope: str, value: str) -> bytes:
        """32 bytes by which a value is found again. `scope` keeps kinds of value apart: an account
        for addresses, "phone", "reference". Not to be computed without the keys file.
        """
        return hmac.digest(self._hash_key, f"{scope}\0{value}".encode(), hashlib.sha256)

    def option_token(self, conversation_id: str, serial: int, index: int) -> str:
        """22 characters that name an option of one question of one conversation and can be
        neither guessed nor moved to another. Raises ValueError beyond the limits in it.
        """
        if not (0 <= serial < 1 << 16 and 0 <= index < 1 << 8):
            raise ValueError("a serial is at most 65535 and an index at most 255")
        plain = _conversation_mark(conversation_id) + struct.pack(">HB5x", serial, index)
        block = self._token_seal.update(plain)
        return base64.urlsafe_b64encode(block)[:22].decode()

    def read_token(self, conversation_id: str, token: str) -> tuple[int, int] | None:
        """(serial, index) of a token made for this conversation, else None."""
        try:
            block = base64.b64decode(token.encode("ascii") + b"==", b"-_", validate=True)
        except ValueError:
            return None
        if len(token) != 22 or len(block) != 16:
            return None
        plain = self._token_open.update(block)
        mark = _conversation_mark(conversation_id)
        if not hmac.compare_digest(plain[:8] + plain[11:], mark + bytes(5)):
            return None
        serial, index = struct.unpack(">HB", plain[8:11])
        return serial, index


_KEYS = Query(
    select(person_key.c.person_id, person_key.c.wrapped, person_key.c.master).where(
        among(person_key.c.person_id, "people")
    )
)


def _conversation_mark(conversation_id: str) -> bytes:
    return hashlib.sha256(conversation_id.encode()).digest()[:8]


def _one_block(key: bytes) -> Cipher[modes.ECB]:
    # ECB of exactly one block is the block cipher itself: no pattern can repeat inside a message.
    return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305


def _wrapped_for(person_id: str, master: str) -> bytes:
    return f"{master}\0{person_id}".encode()


def _lacks(path: Path, master: str) -> str:
    return (
        f"{path} lacks master key {master}, which this database uses. "
        "Put back the keys file that belongs to it, or copy it from where the keys were rotated."
    )

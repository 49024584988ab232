"""Finds private keys and keystores: hex, WIF, extended keys, Solana, Stellar, PEM, JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.safety.detectors.base import Finding, SecretKind
from bot.safety.detectors.normalise import Normalised

_B58 = "1-9A-HJ-NP-Za-km-z"
_HEX64 = re.compile(
    r"(?<![0-9a-fA-F])(?:0[xX])?(?:[0-9a-fA-F]{64}|[0-9a-fA-F]{128})(?![0-9a-fA-F])"
)
_STRUCTURED = re.compile(
    rf"(?<![0-9A-Za-z])(?:[5KLc9][{_B58}]{{50,51}}|[xyzYZtuv]prv[{_B58}]{{100,112}}|6P[{_B58}]{{56}}"
    rf"|S[A-Z2-7]{{55}}|nsec1[02-9ac-hj-np-z]{{58}}|[a-z_]{{2,12}}xsk1?[02-9ac-hj-np-z]{{50,300}}"
    rf"|AGE-SECRET-KEY-1[0-9A-Z]{{50,64}})(?![0-9A-Za-z])"
)
_SOLANA = re.compile(rf"(?<![0-9A-Za-z])[{_B58}]{{86,88}}(?![0-9A-Za-z])")
_BYTES = re.compile(r"\[\s*\d{1,3}(?:\s*,\s*\d{1,3}){31,127}\s*\]?")
_PEM = re.compile(
    r"-{3,5}\s?BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?\s?-{3,5}"
    r"(?:[^-]|-(?!-{2,4}\s?END))*(?:-{3,5}\s?END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?\s?-{3,5})?"
)
_KEYSTORE = re.compile(r"\"?(?:crypto|ciphertext|kdfparams|cipherparams)\"?\s*:\s*[{\"]", re.I)
_NAMED = re.compile(
    r"(?:私钥|private\s*key|secret\s*key|priv\s*key|privkey|keystore密码)[^\n\ue000]{0,16}?[\s:：=是]"
    r"\s{0,3}[\"'(]?((?:0x)?[0-9a-f](?:[\s\-]?[0-9a-f]){31,127})(?![0-9a-z])"
)
_KEY_WORDS = re.compile(
    r"私钥|密钥|private|secret|priv\b|privkey|钱包的?key|wallet\s+key|seed", re.A
)
_HASH_WORDS = re.compile(
    r"(?<![a-z])tx(?![a-z])|txid|tx_?hash|hash|哈希|交易|转账|区块|block|transaction|explorer|scan\.|/tx/"
    r"|signature|签名|订单|contract|合约|sha-?256|checksum|transfer"
)


def find_keys(normal: Normalised) -> Iterator[Finding]:
    """Keys and keystores. A 64-digit hex number said to be a transaction is none."""
    text, words = normal.text, normal.words
    if len(text) < 32:
        return
    for match in _STRUCTURED.finditer(text):
        yield Finding(SecretKind.PRIVATE_KEY, *match.span())
    for pattern in (_HEX64, _SOLANA):
        for match in pattern.finditer(text):
            if not is_transaction_hash(words, match.start(), match.end()):
                yield Finding(SecretKind.PRIVATE_KEY, *match.span())
    for match in _NAMED.finditer(words):
        if re.search(r"\d", match.group(1)):
            yield Finding(SecretKind.PRIVATE_KEY, *match.span(1))
    if "[" in text:
        for match in _BYTES.finditer(text):
            yield Finding(SecretKind.PRIVATE_KEY, *match.span())
    if "PRIVATE KEY" in text:
        for match in _PEM.finditer(text):
            yield Finding(SecretKind.PRIVATE_KEY, *match.span())
    if "{" in text:
        yield from _keystores(text)


def is_transaction_hash(words: str, start: int, end: int) -> bool:
    """Decided by the nearest word: a key and a hash look the same."""
    lead = words[max(0, start - 48) : start]
    last_hash = max((m.end() for m in _HASH_WORDS.finditer(lead)), default=-1)
    last_key = max((m.end() for m in _KEY_WORDS.finditer(lead)), default=-1)
    if last_hash > last_key:
        return True
    tail = words[end : end + 24]
    return last_key < 0 and _HASH_WORDS.search(tail) is not None and _KEY_WORDS.search(tail) is None


def _keystores(text: str) -> Iterator[Finding]:
    """Each outermost braces with a keystore's members in them; unclosed ones to the end."""
    depth = 0
    start = 0
    for match in re.finditer(r"[{}]", text):
        if match.group() == "{":
            if depth == 0:
                start = match.start()
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0 and _is_keystore(text, start, match.end()):
                yield Finding(SecretKind.KEYSTORE, start, match.end())
    if depth and _is_keystore(text, start, len(text)):
        yield Finding(SecretKind.KEYSTORE, start, len(text))


def _is_keystore(text: str, start: int, end: int) -> bool:
    return len({m.group().lower()[:8] for m in _KEYSTORE.finditer(text, start, end)}) >= 2

"""Example secrets for tests: published vectors, or made up here from their shape."""

from __future__ import annotations

from mnemonic import Mnemonic

_ENGLISH = Mnemonic("english")
_CHINESE = Mnemonic("chinese_simplified")
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

SEED12 = _ENGLISH.to_mnemonic(bytes(range(16)))
SEED24 = _ENGLISH.to_mnemonic(bytes(range(32)))
ZH12 = _CHINESE.to_mnemonic(bytes(range(16))).split()
HEX64 = "4c0883a69102937d6231471b5dbb6204fe512961708279f3e8a1b2c3d4e5f607"


def _base58(size: int, step: int = 7) -> str:
    return "".join(_BASE58[(i * step + 3) % 58] for i in range(size))


VECTORS = {
    "seed12": SEED12,
    "seed24": SEED24,
    "seed8": " ".join(SEED12.split()[:8]),
    "seed12_numbered": " ".join(f"{i}. {word}" for i, word in enumerate(SEED12.split(), 1))[3:],
    "seed12_commas": ", ".join(SEED12.split()),
    "seed12_dashes": "-".join(SEED12.split()),
    "seed12_lines": "\n".join(SEED12.split()),
    "seed12_short": " ".join(word[:4] for word in SEED12.split()),
    "seed12_upper": SEED12.upper(),
    "seed12_glued": SEED12.replace(" ", ""),
    "seed12_typo": SEED12.replace(SEED12.split()[5], "xyzzyx"),
    "zh12_spaced": " ".join(ZH12),
    "zh12_commas": "，".join(ZH12),
    "zh12_glued": "".join(ZH12),
    "hex64": HEX64,
    "hex64_upper": HEX64.upper(),
    "hex64_spaced": " ".join(HEX64[i : i + 8] for i in range(0, 64, 8)),
    "wif": "5" + _base58(50),
    "xprv": "xprv" + _base58(107),
    "solana": _base58(88),
    "stellar": "S" + "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567ABCDEFGHIJKLMNOPQRSTUVW",
    "bytes": "[" + ",".join(str(i * 3 % 256) for i in range(64)) + "]",
    "pem": "-----BEGIN EC PRIVATE " + "KEY-----\nMHcCAQEE\n-----END EC PRIVATE " + "KEY-----",
    "keystore": '{"version":3,"crypto":{"ciphertext":"' + "ab" * 16 + '","kdfparams":{"n":8192}}}',
    "telegram_token": "123456789" + ":" + "Aa1" * 11 + "Zz",
    "slack_token": "xox" + "b-1234567890-" + "abcdEFGH" * 2,
    "github_token": "gh" + "p_" + "aB3" * 12,
    "stripe_token": "sk_" + "live_" + "a1B2" * 6,
    "aws_token": "AKI" + "A" + "ABCDEFGH12345678",
    "jwt": "eyJ" + "hbGciOiJIUzI1NiJ9" + ".eyJzdWIiOiIxIn0." + "c2lnbmF0dXJl",
    "generic_token": "a1b2c3d4" * 4,
}

"""What a detector says it found: a kind of secret and where it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class SecretKind(StrEnum):
    """Kinds that are never stored, shown, logged or echoed; in order of how much harm they do."""

    SEED_PHRASE = "seed_phrase"
    PRIVATE_KEY = "private_key"
    KEYSTORE = "keystore"
    API_TOKEN = "api_token"  # noqa: S105 (a kind, not a token)
    PASSWORD = "password"  # noqa: S105 (also PIN and passphrase)
    IDENTITY = "identity"
    CARD = "card"
    PASSPORT = "passport"
    CARD_SECURITY = "card_security"  # CVV and expiry date
    ONE_TIME_CODE = "one_time_code"  # also backup codes


@dataclass(frozen=True, slots=True)
class Finding:
    """A secret of `kind` at text[start:end]. Neither its value nor a hash of it is kept."""

    kind: SecretKind
    start: int
    end: int


# Stands for what was already removed. Detectors never match it and never look across it.
BARRIER = "\ue000"

ORDER_WORDS = re.compile(
    r"(?:订单|单号|流水号|交易号|交易编号|交易id|受理号|工单|运单|快递|物流|案件号|编号"
    r"|order|invoice|ticket|tracking|reference|ref\b|transaction|txn|case|parcel|receipt)"
)


def follows_order_word(words: str, start: int) -> bool:
    """True if an order, parcel or transaction word stands shortly before `start`."""
    return ORDER_WORDS.search(words, max(0, start - 18), start) is not None

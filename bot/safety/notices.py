"""The words a person reads about a removed secret: the marker in the text and what to do next."""

from __future__ import annotations

import re

from bot.safety.detectors.base import SecretKind

_NAMES: dict[SecretKind, tuple[str, str]] = {
    SecretKind.SEED_PHRASE: ("助记词", "recovery phrase"),
    SecretKind.PRIVATE_KEY: ("私钥", "private key"),
    SecretKind.KEYSTORE: ("钱包密钥文件", "wallet key file"),
    SecretKind.API_TOKEN: ("访问令牌", "access token"),
    SecretKind.PASSWORD: ("密码", "password"),
    SecretKind.IDENTITY: ("证件号码", "identity number"),
    SecretKind.CARD: ("银行卡号", "card number"),
    SecretKind.PASSPORT: ("护照号码", "passport number"),
    SecretKind.CARD_SECURITY: ("银行卡安全信息", "card security data"),
    SecretKind.ONE_TIME_CODE: ("验证码", "one-time code"),
}

_EXPOSED_ZH = "我们已从记录中移除您发来的{name}。它已经泄露，不再安全：请在官方应用内新建一个钱包，把资产转移过去，旧的不要再用。绝不要告诉任何人，我们永远不会向您索要。"
_EXPOSED_EN = (
    "We removed the {name} you sent. Treat it as compromised: create a new wallet in the official app,"
    " move your funds to it and stop using the old one. Never share it with anyone; we will never ask for it."
)
_NUMBER_ZH = (
    "我们已从记录中移除您发来的{name}，没有保存。聊天里不需要它，也请不要再发送完整号码。{more}"
)
_NUMBER_EN = "We removed the {name} you sent and did not keep it. It is not needed in this chat, so please don't send it again. {more}"

_ADVICE: dict[SecretKind, tuple[str, str]] = {
    SecretKind.SEED_PHRASE: (_EXPOSED_ZH, _EXPOSED_EN),
    SecretKind.PRIVATE_KEY: (_EXPOSED_ZH, _EXPOSED_EN),
    SecretKind.KEYSTORE: (_EXPOSED_ZH, _EXPOSED_EN),
    SecretKind.API_TOKEN: (
        "我们已从记录中移除您发来的{name}。请尽快在签发它的平台将其作废并换新，不要再发到聊天里。",
        "We removed the {name} you sent. Revoke it where it was issued and create a new one; please don't send it in a chat.",
    ),
    SecretKind.PASSWORD: (
        "我们已从记录中移除您发来的{name}。请尽快在官方应用内更换；其他地方用了同样的，也请一并更换。不要告诉任何人，我们永远不会向您索要。",
        "We removed the {name} you sent. Change it soon in the official app, and anywhere else you use the same one. Never share it; we will never ask for it.",
    ),
    SecretKind.IDENTITY: (_NUMBER_ZH, _NUMBER_EN),
    SecretKind.PASSPORT: (_NUMBER_ZH, _NUMBER_EN),
    SecretKind.CARD: (_NUMBER_ZH, _NUMBER_EN),
    SecretKind.CARD_SECURITY: (_NUMBER_ZH, _NUMBER_EN),
    SecretKind.ONE_TIME_CODE: (
        "我们已从记录中移除您发来的{name}，没有使用，也没有保存。不要把它告诉任何人，包括自称客服的人；如果不是您本人在操作，请立即在官方应用内修改密码。",
        "We removed the {name} you sent; it was neither used nor kept. Never share it with anyone, even someone who says they are support."
        " If you did not request it, change your password in the official app.",
    ),
}
_MORE: dict[SecretKind, tuple[str, str]] = {
    SecretKind.CARD: (
        "如担心卡片安全，请联系发卡银行换卡。",
        "If you are worried, ask your bank to replace the card.",
    ),
    SecretKind.CARD_SECURITY: (
        "如担心卡片安全，请联系发卡银行换卡。",
        "If you are worried, ask your bank to replace the card.",
    ),
    SecretKind.IDENTITY: (
        "核对身份最多只用末四位。",
        "To check who you are, the last four digits are the most we use.",
    ),
    SecretKind.PASSPORT: (
        "核对身份最多只用末四位。",
        "To check who you are, the last four digits are the most we use.",
    ),
}


def marker(kind: SecretKind, locale: str) -> str:
    """What stands in the text instead of the secret; the same for every secret of its kind."""
    zh, en = _NAMES[kind]
    return f"［已隐去：{zh}］" if _is_chinese(locale) else f"[removed: {en}]"


def what_to_do(kind: SecretKind, locale: str) -> str:
    """One short text to send to the person: what was removed, and how to be safe again."""
    column = 0 if _is_chinese(locale) else 1
    more = _MORE.get(kind, ("", ""))[column]
    return _ADVICE[kind][column].format(name=_NAMES[kind][column], more=more).strip()


def _is_chinese(locale: str) -> bool:
    return locale.lower().startswith("zh")


MARKERS = re.compile(
    "|".join(re.escape(marker(kind, locale)) for kind in SecretKind for locale in ("zh", "en"))
)
KIND_OF_MARKER = {marker(k, locale): k for k in SecretKind for locale in ("zh", "en")}

"""Made-up applicants for the demo, `talk` and simulations. None of them exists."""

from __future__ import annotations

from bot.store.people import Profile

_FIELDS_ZH = {"product": "钱包账户", "applied_on": "11月18日", "city": "上海"}
_FIELDS_EN = {"product": "wallet account", "applied_on": "18 November", "city": "London"}

PEOPLE: dict[str, Profile] = {
    "wang": Profile("zh", "Asia/Shanghai", "CN", name="王芳", last4="1234", reference="sample-wang",
                    phone="+8613800138000", fields=_FIELDS_ZH),
    "emma": Profile("en", "Europe/London", "GB", name="Emma Clarke", last4="1234",
                    reference="sample-emma", phone="+447400123456", fields=_FIELDS_EN),
    "li": Profile("zh", "Asia/Shanghai", "CN", name="李伟", last4="5678", reference="sample-li",
                  phone="+8613900139000", fields=_FIELDS_ZH),
    "raj": Profile("en", "Asia/Singapore", "SG", name="Raj Patel", last4="4321",
                   reference="sample-raj", phone="+6581234567", fields=_FIELDS_EN),
}  # fmt: skip
LAST4 = "1234"  # of the sample person that `talk` takes for each locale


def sample_for(locale: str) -> Profile:
    """The sample person who speaks this language; the first English one for any other."""
    return PEOPLE["wang" if locale == "zh" else "emma"]

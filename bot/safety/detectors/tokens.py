"""Finds access tokens of bots, payment and cloud services, by their published shapes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.safety.detectors.base import Finding, SecretKind
from bot.safety.detectors.normalise import Normalised

# The shapes are those of Yelp/detect-secrets' plugins and of the services' own pages.
_SHAPES = re.compile(
    r"(?:(?<![0-9A-Za-z_\-])|(?<=/bot))(?:"  # Telegram's API writes /botTOKEN/
    r"\d{8,10}:[0-9A-Za-z_-]{35}(?![0-9A-Za-z_-])"  # Telegram bot
    r"|xox[abeoprs]-[0-9A-Za-z-]{10,200}|xapp-[0-9A-Za-z-]{10,200}"  # Slack
    r"|(?:AC|SK)[0-9a-f]{32}(?![0-9a-zA-Z])"  # Twilio
    r"|[MNO][A-Za-z\d_-]{23,27}\.[\w-]{6}\.[\w-]{27,40}"  # Discord bot
    r"|gh[pousr]_[0-9A-Za-z]{36,255}|github_pat_[0-9A-Za-z_]{22,255}|glpat-[\w-]{20,64}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])|AIza[\w-]{35}"
    r"|(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{16,255}|whsec_[0-9A-Za-z+/=]{20,100}"  # Stripe
    r"|sk-[0-9A-Za-z_-]{20,255}|SG\.[\w-]{16,64}\.[\w-]{16,64}|npm_[0-9A-Za-z]{36}|pypi-[\w-]{50,255}"
    r"|eyJ[\w-]{10,2000}\.[\w-]{10,4000}(?:\.[\w-]{0,1000})?"  # JSON Web Token
    r"|EAA[0-9A-Za-z]{60,400})"  # Meta Graph
)
_NAMED = re.compile(
    r"(?:api[\s_-]?(?:key|secret|token)|access[\s_-]?token|secret[\s_-]?key|client[\s_-]?secret|auth[\s_-]?token"
    r"|app[\s_-]?secret|bearer|令牌|密钥|接口密钥)[\s\"']{0,3}(?:是|为|is|=|:|:\s*bearer)?[\s\"']{0,3}([0-9a-z_\-+/.=]{16,512})"
)
_IN_URL = re.compile(
    r"[?&](?:\w{1,20}_)?(?:token|key|secret|sig|signature|code)=([\w\-.~%+/]{16,512})"
)
_URL_PASSWORD = re.compile(r"://[^\s/:@]{1,64}:([^\s/@\ue000]{1,128})@")


def find_tokens(normal: Normalised) -> Iterator[Finding]:
    """Tokens of known shape, anything long that is called a key, and passwords inside URLs."""
    if len(normal.text) < 16:
        return
    for match in _SHAPES.finditer(normal.text):
        yield Finding(SecretKind.API_TOKEN, *match.span())
    for pattern in (_NAMED, _IN_URL):
        for match in pattern.finditer(normal.words):
            value = match.group(1)
            if any(c.isdigit() for c in value) and any(c.isalpha() for c in value):
                yield Finding(SecretKind.API_TOKEN, *match.span(1))
    if "://" in normal.text:
        for match in _URL_PASSWORD.finditer(normal.text):
            yield Finding(SecretKind.PASSWORD, *match.span(1))

"""Finds links in outgoing text that lead anywhere but to the allowed domains."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.safety.detectors.normalise import normalise
from bot.safety.lookalikes import to_latin


class LinkProblem(StrEnum):
    NOT_ALLOWED = "not_allowed"
    SHORTENED = "shortened"  # the person cannot see where it leads
    LOOKALIKE = "lookalike"  # punycode, foreign letters, or nearly the name of an allowed domain


@dataclass(frozen=True, slots=True)
class BadLink:
    """A link at text[start:end]; `host` is as read, in lower case."""

    problem: LinkProblem
    start: int
    end: int
    host: str


_SHORTENERS_TEXT = """
bit.ly t.co goo.gl tinyurl.com is.gd v.gd ow.ly buff.ly rebrand.ly cutt.ly shorturl.at rb.gy s.id
tiny.cc t.ly lnkd.in dwz.cn t.cn url.cn suo.im suo.nz mrw.so u.nu urlz.fr soo.gd bl.ink adf.ly
shorte.st reurl.cc lihi.cc pse.is qr.ae db.tt j.mp x.co su.pr
"""
_SHORTENERS = frozenset(_SHORTENERS_TEXT.split())
# Without a scheme only these endings make a link: "3.5分" and "e.g." are none.
_ENDINGS = (
    "com|net|org|io|cn|me|co|app|xyz|top|vip|ly|gl|gd|cc|info|link|live|finance|wallet|site|online|shop|club|pro|dev"
    "|biz|tv|us|uk|hk|tw|sg|jp|kr|de|ru|in|id|at|gg|to|im|ai|tk|ml|ga|cf|icu|win|bid|support|help|money|cash|exchange"
    "|bank|pay|fun|work|store|tech|space|website|world|life|today|click|icu|asia|eu|fr|it|nl|ca|au|mobi|name|page|zip|nz|ae|tt|fi|st"
)
_DOT = r"(?:\.|。|\[\.\]|\(\.\)|\s?\[dot\]\s?|\s?\(dot\)\s?)"
_LABEL = r"[^\W_](?:[\w\-]{0,61}[^\W_])?"
_SCHEME = re.compile(
    r"\b([a-z][a-z0-9+.\-]{1,12}):/{1,3}([^\s<>\"'“”‘’「」（）()，。！？；、]+)", re.I
)
_BARE = re.compile(
    rf"(?<![\w@.\-/])((?:{_LABEL}{_DOT}){{1,6}}(?:xn--[a-z0-9\-]{{2,59}}|{_ENDINGS}))(?![a-z0-9\-_@])(?::\d{{2,5}})?(/[^\s<>\"'“”，。！？；、]*)?",
    re.I,
)
_OTHER_SCHEMES = re.compile(
    r"\b(?:javascript|data|vbscript|intent|tg|weixin|whatsapp|alipays?|file)\s?:(?=[^\s，。])", re.I
)
_HAN = re.compile(r"[\u3400-\u9fff]")
_ASCII_HOST = re.compile(rf"(?:[a-z0-9][a-z0-9\-]*\.)+(?:{_ENDINGS})(?=[\u3400-\u9fff]|\Z)", re.I)


def find_bad_links(text: str, domains: Collection[str]) -> Iterator[BadLink]:
    """Links whose host is neither in `domains` nor below one of them. E-mail addresses are none."""
    normal = normalise(text)
    allowed = frozenset(domain.lower().strip(".") for domain in domains)
    covered = 0
    for start, end, host in sorted(_links(normal.text)):
        if start < covered:
            continue
        covered = end
        problem = _judge(host, allowed)
        if problem is not None:
            low, high = normal.original_span(start, end)
            yield BadLink(problem, low, high, host)


def _links(text: str) -> Iterator[tuple[int, int, str]]:
    for match in _SCHEME.finditer(text):
        rest = match.group(2)
        authority = re.split(r"[/?#\\]", rest, maxsplit=1)[0]
        host = _plain_host(authority.rpartition("@")[2])
        if match.group(1).lower() not in ("http", "https"):
            host = f"{match.group(1).lower()}:{host}"
        yield match.start(), match.end(), host
    for match in _BARE.finditer(text):
        yield match.start(), match.end(), _plain_host(match.group(1))
    for match in _OTHER_SCHEMES.finditer(text):
        yield match.start(), match.end(), match.group().lower()


def _plain_host(written: str) -> str:
    host = re.sub(r"\s?(?:\[\.\]|\(\.\)|\[dot\]|\(dot\)|。)\s?", ".", written.lower())
    host = re.sub(r":\d*\Z", "", host).strip(".")
    if _HAN.search(host):  # Chinese runs on without a space: "wallet.com查看", "请看wallet.com"
        inner = _ASCII_HOST.search(host)
        if inner is not None:
            return inner.group()
    return host


def _judge(host: str, allowed: frozenset[str]) -> LinkProblem | None:
    if any(host == domain or host.endswith("." + domain) for domain in allowed):
        return None
    if "xn--" in host or (not host.isascii() and not _HAN.search(host)):
        return LinkProblem.LOOKALIKE
    base = ".".join(host.split(".")[-2:])
    if host in _SHORTENERS or base in _SHORTENERS:
        return LinkProblem.SHORTENED
    if any(_resembles(host, domain) for domain in allowed):
        return LinkProblem.LOOKALIKE
    return LinkProblem.NOT_ALLOWED


def _resembles(host: str, domain: str) -> bool:
    """Nearly the same name, or the allowed name inside another one."""
    shape, model = _shape(host), _shape(domain)
    tail = ".".join(shape.split(".")[-len(model.split(".")) :])
    return tail == model or model in shape or _one_apart(tail, model)


def _shape(host: str) -> str:
    plain = to_latin(host).translate(str.maketrans("01357", "olest"))
    return plain.replace("rn", "m").replace("vv", "w").replace("l", "i").replace("-", "")


def _one_apart(one: str, other: str) -> bool:
    """At most one letter changed, added, left out or swapped with its neighbour."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    i = 0
    while i < len(one) and one[i] == other[i]:
        i += 1
    if len(one) == len(other):
        swapped = one[i : i + 2] == other[i : i + 2][::-1]
        return one[i + 1 :] == other[i + 1 :] or (swapped and one[i + 2 :] == other[i + 2 :])
    return one[i:] == other[i + 1 :]

"""Rewrites a text into the plain form that detectors read, with a way back to the original places."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

_INVISIBLE = frozenset(
    chr(c)
    for c in (
        0x00AD,
        0x034F,
        0x061C,
        0x115F,
        0x1160,
        0x17B4,
        0x17B5,
        0x180E,
        0x20E3,
        0x2800,
        0x3164,
        0xFEFF,
        0xFFA0,
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xFE00, 0xFE10),
        *range(0xE0000, 0xE0200),
    )
)

# Digits written as characters: spoken, banker's and traditional forms.
_NUMERALS = str.maketrans(
    "零〇○一二三四五六七八九壹贰叁肆伍陆柒捌玖貳叄參陸幺", "00012345678912345678923361"
)
_NUMERAL_RUN = re.compile("[零〇○一二三四五六七八九壹贰叁肆伍陆柒捌玖貳叄參陸幺]")

# Only the characters that occur in the words the detectors and the guard look for.
_SIMPLIFIED = str.maketrans(
    "驗證碼詞鑰記號銀護請發給們帳賬簡訊動態遠轉錢測試掃條輸個訴後貳密絕會從永別騙詐冒"
    "認識確設備復種鍵單線區塊鏈協議連結網頁報唸寫電話視頻圖檔傳檢數臺灣門國體內戶為這裡裏來"
    "過說讓實際級將麻煩勞應務須幫忙對話處複製貼馬匯筆額簽權點開啟載軟詢問無論導該從與誰幾"
    "麼嗎員專業顯示驟錯誤遺損擊現時間證註冊級聲張無輕儘快雙邊購買賣幣質減還聯絡資產淨險",
    "验证码词钥记号银护请发给们账账简讯动态远转钱测试扫条输个诉后贰密绝会从永别骗诈冒"
    "认识确设备复种键单线区块链协议连结网页报念写电话视频图档传检数台湾门国体内户为这里里来"
    "过说让实际级将麻烦劳应务须帮忙对话处复制贴马汇笔额签权点开启载软询问无论导该从与谁几"
    "么吗员专业显示骤错误遗损击现时间证注册级声张无轻尽快双边购买卖币质减还联络资产净险",
)


# What shows no more than its content: <b>4111</b>%201111.
_WRAPPED = re.compile(
    r"</?(?:b|i|u|s|em|strong|span|code|mark|font|wbr)(?: [^<>]{0,80})?>|%20", re.I
)


class _CharTable(dict[int, str]):
    """NFKC of single characters, with every decimal digit of any script as an ASCII digit. `uneven`
    are those met so far that become several characters or none."""

    def __init__(self) -> None:
        super().__init__()
        self.uneven: set[str] = set()

    def __missing__(self, code: int) -> str:
        char = chr(code)
        if char in _INVISIBLE:
            plain = ""
        elif (digit := unicodedata.decimal(char, None)) is not None:
            plain = str(digit)
        else:
            plain = unicodedata.normalize("NFKC", char)
        if len(plain) != 1:
            self.uneven.add(char)
        if len(self) < 20_000:
            self[code] = plain
        return plain


_PLAIN = _CharTable()


@dataclass(frozen=True, slots=True)
class Normalised:
    """One text in three forms of equal length, and the way back.

    `text` is NFKC without invisible characters. `words` is `text` in lower case with simplified
    characters, for context words. `digits` is `text` with Chinese numerals as digits; it is the
    same object as `text` where there is none. `origin[i]` is the place in the original text of
    character i, or None where all three forms line up with the original.
    """

    text: str
    words: str
    digits: str
    origin: list[int] | None

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """The span of the original text that became self.text[start:end] (end > start)."""
        if self.origin is None:
            return start, end
        return self.origin[start], self.origin[end - 1] + 1


def normalise(text: str) -> Normalised:
    """Never raises; linear in the length of `text`."""
    return _unwrapped(text) if _WRAPPED.search(text) else _normalise(text)


def _normalise(text: str) -> Normalised:
    if text.isascii():
        return Normalised(text, text.lower(), text, None)
    plain = text.translate(_PLAIN)
    origin: list[int] | None = None
    if not _PLAIN.uneven.isdisjoint(text):
        origin = [i for i, char in enumerate(text) for _ in _PLAIN[ord(char)]]
    return Normalised(plain, fold(plain), to_digits(plain), origin)


def _unwrapped(text: str) -> Normalised:
    """The same without the marks of HTML and of addresses that stand between letters and digits."""
    pieces: list[str] = []
    origin: list[int] = []
    last = 0
    for match in _WRAPPED.finditer(text):
        between = match.start()
        plain = " " if match.group() == "%20" else ""
        pieces += (text[last:between], plain)
        origin += (*range(last, between), *([between] if plain else ()))
        last = match.end()
    pieces.append(text[last:])
    origin += range(last, len(text))
    inner = _normalise("".join(pieces))
    places = origin if inner.origin is None else [origin[i] for i in inner.origin]
    return Normalised(inner.text, inner.words, inner.digits, places)


def fold(text: str) -> str:
    """Lower case and simplified characters, without a change of length."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return lower.translate(_SIMPLIFIED)


def to_digits(text: str) -> str:
    """Chinese numerals as digits, character by character."""
    return text.translate(_NUMERALS) if _NUMERAL_RUN.search(text) else text

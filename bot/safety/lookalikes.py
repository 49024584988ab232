"""Letters of other scripts that look Latin, as the Latin letter they imitate."""

from __future__ import annotations

# From Unicode's confusables (UTS #39): the small letters that look the same in common typefaces.
_IMITATIONS = {
    "a": "аɑαᴀ",
    "b": "ьƅв",
    "c": "сϲᴄ",
    "d": "ԁɗ",
    "e": "еєεҽ",
    "g": "ɡց",
    "h": "һհн",
    "i": "іιıɩ",
    "j": "јϳ",
    "k": "кκᴋ",
    "l": "ӏʟⅼ",
    "m": "мᴍ",
    "n": "ոηп",
    "o": "оοօσᴏ",
    "p": "рρ",
    "q": "ԛգ",
    "r": "гᴦ",
    "s": "ѕꜱ",
    "t": "тτᴛ",
    "u": "υսᴜ",
    "v": "ѵνᴠ",
    "w": "ԝѡωᴡ",
    "x": "хχ",
    "y": "уүγ",
    "z": "ᴢ",
}
_LATIN = str.maketrans({odd: latin for latin, odds in _IMITATIONS.items() for odd in odds})


def to_latin(text: str) -> str:
    """The same length, with look-alike small letters as Latin ones."""
    return text if text.isascii() else text.translate(_LATIN)

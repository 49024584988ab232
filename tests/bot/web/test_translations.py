"""Every string of the pages is translated, and no translation is left over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.extract import extract
from babel.messages.pofile import read_po

from bot.web.page import LOCALES, translations

ROOT = Path(__file__).resolve().parents[3]
TEMPLATES = ROOT / "bot" / "web" / "templates"
TRANSLATIONS = ROOT / "bot" / "web" / "translations"
OTHERS = [locale for locale in LOCALES if locale != "en"]  # English stands in the source

MARKS = re.compile(r"\b(_|n?gettext)\(")

Key = str | tuple[str, str]


@cache
def used() -> dict[Key, str]:
    """Every msgid, or (singular, plural), of templates and Python, and where it stands first."""
    found: dict[Key, str] = {}
    for path in sorted([*(ROOT / "bot").rglob("*.py"), *TEMPLATES.rglob("*.html")]):
        if not MARKS.search(path.read_text(encoding="utf-8")):
            continue  # reading every module token by token would take a minute
        for key, line in strings_of(path):
            found.setdefault(key, f"{path.relative_to(ROOT)}:{line}")
    return found


def strings_of(path: Path) -> Iterator[tuple[Key, int]]:
    method = "python" if path.suffix == ".py" else "jinja2.ext:babel_extract"
    options = {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}
    with path.open("rb") as file:
        for line, message, *_ in extract(method, file, options=options):
            yield ((message[0], message[1]) if isinstance(message, tuple) else message), line


@cache
def stored(locale: str) -> dict[Key, tuple[str, ...]]:
    path = TRANSLATIONS / locale / "LC_MESSAGES" / "messages.po"
    with path.open("rb") as file:
        catalogue = read_po(file, locale=locale, abort_invalid=True)
    found: dict[Key, tuple[str, ...]] = {}
    for entry in catalogue:
        if entry.id:
            key: Key = (entry.id[0], entry.id[1]) if isinstance(entry.id, tuple) else str(entry.id)
            texts = entry.string if isinstance(entry.string, (tuple, list)) else (entry.string,)
            found[key] = tuple(str(text) for text in texts)
    return found


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def entry_for(key: Key, where: str) -> str:
    if isinstance(key, tuple):
        ids = f'msgid {quoted(key[0])}\nmsgid_plural {quoted(key[1])}\nmsgstr[0] ""'
    else:
        ids = f'msgid {quoted(key)}\nmsgstr ""'
    return f"# {where}\n{ids}\n"


@pytest.mark.parametrize("locale", OTHERS)
def test_every_string_is_translated(locale: str) -> None:
    have = stored(locale)
    missing = [entry_for(k, w) for k, w in used().items() if not all(have.get(k, ("",)))]
    file = f"bot/web/translations/{locale}/LC_MESSAGES/messages.po"
    assert not missing, f"add to {file}, with a translation each:\n\n" + "\n".join(missing)


@pytest.mark.parametrize("locale", OTHERS)
def test_no_translation_is_left_over(locale: str) -> None:
    left = [key for key in stored(locale) if key not in used()]
    assert not left, "remove these, nothing uses them:\n" + "\n".join(map(str, left))


@pytest.mark.parametrize("locale", OTHERS)
def test_translations_keep_the_names_of_values(locale: str) -> None:
    def names(text: str) -> set[tuple[str, str]]:
        return set(re.findall(r"%\((\w+)\)[sd]|\{(\w+)\}", text))

    for key, texts in stored(locale).items():
        wanted = names(key[1] if isinstance(key, tuple) else key)
        assert {frozenset(names(text)) for text in texts} == {frozenset(wanted)}, key


def test_chinese_uses_its_own_punctuation() -> None:
    wrong = re.compile(r"[\u4e00-\u9fff][,;!?]|[\u4e00-\u9fff]\.(?!\w)")
    assert not [texts for texts in stored("zh").values() if any(map(wrong.search, texts))]


def test_catalogue_compiles_and_english_is_the_source() -> None:
    assert translations("zh").gettext("Desk") == "客服台"
    assert translations("en").gettext("Desk") == "Desk"
    one, many = "Has written one more message since.", "Has written %(count)s more messages since."
    assert translations("en").ngettext(one, many, 1) == one
    assert translations("zh").ngettext(one, many, 1) == "此后又发来 %(count)s 条消息。"


def test_extraction_sees_templates_and_python() -> None:
    """A broken extractor would find nothing, and everything would seem to be translated."""
    found = used()
    assert {"Sign in", "Desk", "Complaint"} <= set(found)

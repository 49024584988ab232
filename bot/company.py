"""What the company says of itself in texts: brand, official channels, fees, limits, times, links."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

SAMPLE = Path(__file__).with_name("company.toml")

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "channels": ("app", "website", "support_hours", "hotline", "official_page"),
    "fees": ("withdrawal", "transfer", "deposit", "card", "network_note"),
    "limits": ("daily_send", "daily_withdraw", "single", "deposit_minimum"),
    "times": ("refund_days", "card_days", "review_hours", "complaint_reply_hours"),
    "links": ("help", "security", "complaints", "download"),
}

Text = str | Mapping[str, str]  # the same in every language, or by locale


class CompanyError(Exception):
    """The company file is wrong. The text is one line: file, key and the fix."""


class Company:
    """The values of one company file. Make one with `Company.load`."""

    def __init__(self, texts: Mapping[str, Text], name: str) -> None:
        self._texts = texts  # by dotted key
        self._name = name
        self._values: dict[str, Mapping[str, Any]] = {}
        found = {locale for text in texts.values() if isinstance(text, Mapping) for locale in text}
        self.locales = tuple(sorted(found))  # empty: no value depends on the language
        for key, text in texts.items():
            missing = found - set(text) if isinstance(text, Mapping) else set()
            if missing:
                raise CompanyError(f"{name}: {key} has no text in {', '.join(sorted(missing))}")

    @classmethod
    def load(cls, path: Path | None = None) -> Company:
        """Read a company file, or the shipped sample. Raises CompanyError."""
        path = path or SAMPLE
        try:
            tree = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise CompanyError(f"{path} cannot be read: {error}; see company_file") from None
        except tomllib.TOMLDecodeError as error:
            raise CompanyError(f"{path} is not valid TOML: {error}. Correct that line.") from None
        texts = {"brand": _text(path, "brand", tree.pop("brand", None))}
        for section, entries in tree.items():
            if section not in _REQUIRED or not isinstance(entries, dict):
                raise CompanyError(f"{path}: {section} is none of {', '.join(_REQUIRED)}")
            for name, value in entries.items():
                texts[f"{section}.{name}"] = _text(path, f"{section}.{name}", value)
        for section, names in _REQUIRED.items():
            for name in names:
                if f"{section}.{name}" not in texts:
                    raise CompanyError(
                        f"{path}: {section}.{name} is missing; add it to [{section}]"
                    )
        return cls(texts, str(path))

    def values(self, locale: str) -> Mapping[str, Any]:
        """brand and the sections as nested mappings of texts; "zh-Hans" falls back to "zh".

        Raises CompanyError for a locale that the file does not have.
        """
        if locale not in self._values:
            self._values[locale] = self._in_locale(self._match(locale))
        return self._values[locale]

    @property
    def domains(self) -> frozenset[str]:
        """The hosts of the company's own links: the only ones that our texts may lead to."""
        found = set()
        for text in self._texts.values():
            for value in text.values() if isinstance(text, Mapping) else (text,):
                host = urlsplit(value).hostname if "://" in value else None
                if host:
                    found.add(host)
        return frozenset(found)

    def _match(self, locale: str) -> str:
        names = {name.lower().replace("_", "-"): name for name in self.locales}
        wanted = locale.lower().replace("_", "-")
        while wanted and wanted not in names:
            wanted = wanted.rpartition("-")[0]
        if self.locales and not wanted:
            raise CompanyError(
                f"{self._name} has no texts in {locale!r}, only in {', '.join(self.locales)}; add them"
            )
        return names.get(wanted, "")

    def _in_locale(self, locale: str) -> Mapping[str, Any]:
        nested: dict[str, dict[str, str]] = {section: {} for section in _REQUIRED}
        brand = ""
        for key, text in self._texts.items():
            value = text[locale] if isinstance(text, Mapping) else text
            section, dot, name = key.partition(".")
            if dot:
                nested[section][name] = value
            else:
                brand = value
        sections = {section: MappingProxyType(entries) for section, entries in nested.items()}
        return MappingProxyType({"brand": brand, **sections})


def _text(path: Path, key: str, value: Any) -> Text:
    if isinstance(value, bool) or value is None or value in ("", {}):
        raise CompanyError(f"{path}: {key} is missing; write a text or {{zh = …, en = …}}")
    if isinstance(value, str | int | float):
        return str(value)
    if isinstance(value, dict) and all(isinstance(text, str) and text for text in value.values()):
        return value
    raise CompanyError(f"{path}: {key} must be a text or {{zh = …, en = …}}")

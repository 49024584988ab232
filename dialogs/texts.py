"""Texts with names and values: Liquid with limits, and the engine's own phrases per locale."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from babel.dates import format_datetime, format_time
from liquid import BoundTemplate, Environment, FalsyStrictUndefined
from liquid.exceptions import LiquidError
from ruamel.yaml import YAML

FILTERS_KEPT = frozenset({"capitalize", "default", "downcase", "escape", "join", "size", "upcase"})


class TextError(ValueError):
    """A template that cannot be rendered; the message says why."""


class _LimitedEnvironment(Environment):
    context_depth_limit = 10
    loop_iteration_limit = 100
    output_stream_limit = 20_000
    local_namespace_limit = 10_000


@cache
def _environment() -> Environment:
    environment = _LimitedEnvironment(undefined=FalsyStrictUndefined)
    for name in set(environment.filters) - FILTERS_KEPT:
        del environment.filters[name]  # no clock, no markup: values stay what they are
    return environment


@lru_cache(maxsize=4096)
def compile_text(template: str) -> BoundTemplate | None:
    """The template ready to render, None for a plain text. Raises TextError."""
    if is_plain(template):
        return None
    try:
        return _environment().from_string(template)
    except LiquidError as error:
        raise TextError(str(error).splitlines()[0]) from None


def is_plain(template: str) -> bool:
    """Whether a text has no places for values."""
    return "{{" not in template and "{%" not in template


def render_text(template: str, values: Mapping[str, Any]) -> str:
    """Fill a template; values are inert. Raises TextError for an unknown name."""
    compiled = compile_text(template)
    if compiled is None:
        return template
    filled = _fill(template, values)
    if filled is not None:
        return filled
    try:
        return compiled.render(**values)
    except UnicodeEncodeError:  # half a character from a platform: Liquid counts UTF-8
        return compiled.render(**_whole(values))
    except LiquidError as error:
        raise TextError(str(error).splitlines()[0]) from None


# `{{ brand }}`, `{{person.name}}`: a name alone. Words that Liquid reads otherwise are left to it.
_NAME = re.compile(r"\{\{\s*([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)?)\s*\}\}")
_LIQUID_WORDS = frozenset(
    ("true", "false", "nil", "null", "empty", "blank", "size", "first", "last", "and", "or", "not",
     "contains", "in", "if", "else", "for", "with", "as")
)  # fmt: skip
_LONGEST_QUICK = 4_000  # characters; a longer text is put to Liquid and its limits


@lru_cache(maxsize=4096)
def _cut(template: str) -> tuple[str | tuple[str, ...], ...] | None:
    """The texts and the names of a template that has names alone, in turn; None for another one."""
    pieces = _NAME.split(template)
    names = [tuple(name.split(".")) for name in pieces[1::2]]
    if any(sign in text for text in pieces[0::2] for sign in ("{", "}", "%")):
        return None
    if any(part in _LIQUID_WORDS for name in names for part in name):
        return None
    found: list[str | tuple[str, ...]] = [pieces[0]]
    for name, text in zip(names, pieces[2::2], strict=True):
        found += (name, text)
    return tuple(found)


def _fill(template: str, values: Mapping[str, Any]) -> str | None:
    """What Liquid makes of names alone that stand for texts and whole numbers, in a tenth of its
    time; None for everything else."""
    cut = _cut(template)
    if cut is None:
        return None
    filled: list[str] = []
    for piece in cut:
        if isinstance(piece, str):
            filled.append(piece)
            continue
        value: Any = values
        for part in piece:
            if type(value) not in _PLAIN_MAPPINGS or part not in value:
                return None
            value = value[part]
        if type(value) is int:
            value = str(value)
        elif type(value) is not str:
            return None
        filled.append(value)
    text = "".join(filled)
    return text if len(text) <= _LONGEST_QUICK and _SURROGATE.search(text) is None else None


_PLAIN_MAPPINGS = (dict, MappingProxyType)
_SURROGATE = re.compile("[\ud800-\udfff]")


def _whole(value: Any) -> Any:
    """The value with halves of characters replaced."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case Mapping():
            return {key: _whole(item) for key, item in value.items()}
        case list() | tuple():
            return [_whole(item) for item in value]
        case _:
            return value


@cache
def phrases(locale: str) -> Mapping[str, str]:
    """The engine's own phrases in a locale. Raises TextError if there are none."""
    file = resources.files("dialogs") / "phrases" / f"{locale}.yaml"
    if not file.is_file():
        raise TextError(f"there are no phrases for '{locale}': add dialogs/phrases/{locale}.yaml")
    data = YAML(typ="safe").load(file.read_text(encoding="utf-8"))
    return {str(key): str(value) for key, value in data.items()}


@cache
def phrase_locales() -> tuple[str, ...]:
    """The locales for which the engine has phrases, in alphabetical order."""
    folder = resources.files("dialogs") / "phrases"
    return tuple(sorted(f.name[:-5] for f in folder.iterdir() if f.name.endswith(".yaml")))


def phrase(key: str, locale: str, values: Mapping[str, Any]) -> str:
    """One of the engine's phrases, filled."""
    return render_text(phrases(locale)[key], values)


def say_moment(moment: datetime, now: datetime, locale: str) -> str:
    """A moment as people say it; both are aware and in the person's time zone."""
    days = (moment.date() - now.date()).days
    clock = format_time(moment, "HH:mm", locale=locale)
    if days in (0, 1):
        return phrases(locale)["today_at" if days == 0 else "tomorrow_at"].replace("{time}", clock)
    return format_datetime(moment, phrases(locale)["on_day_at"], locale=locale)


def text_names(template: str) -> tuple[str, ...]:
    """The names that a template looks up, dotted (`person.name`), in order. Raises TextError."""
    compiled = compile_text(template)
    if compiled is None:
        return ()
    found = [
        ".".join(str(part) for part in variable.segments[:2])
        for variables in compiled.analyze().globals.values()
        for variable in variables
    ]
    return tuple(dict.fromkeys(found))

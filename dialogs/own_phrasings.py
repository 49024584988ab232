"""An operator's own phrasings of intents, from a folder beside the shipped lexicons.

One YAML file for each language, by any name:

    locale: en
    add:
      complaint: |
        your bot goes round in circles
      none: |
        how do I complain about a shop
    remove:
      human: |
        customer care
    rules:
      human: {always: "{want} ~2 concierge"}

An added phrasing counts as it stands, whatever the model thinks, and the model learns from it. Under
`none` stands what shall raise no alarm. `remove` takes a shipped line or rule away, written as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from dialogs import intent_text
from dialogs.intent_grammar import Grammar, RuleSet
from dialogs.lexicons import (
    INTENTS,
    NONE,
    IntentRules,
    Lexicon,
    LexiconError,
    Reader,
    compose,
    vocabulary,
)

_TOP = ("locale", "add", "remove", "rules")
_Lines = dict[str, list[tuple[int, str]]]  # by intent: the lines with their numbers


def with_own(lexicons: Sequence[Lexicon], folder: Path | None) -> tuple[Lexicon, ...]:
    """The lexicons with the phrasings of a folder; without a folder, the same ones.

    Raises LexiconError, "file:line: what; how to mend it".
    """
    found = {lexicon.locale: lexicon for lexicon in lexicons}
    if folder is None:
        return tuple(found.values())
    if not folder.is_dir():
        raise LexiconError(str(folder), 1, "no such folder of phrasings; make it, or correct it")
    for path in sorted([*folder.glob("*.yaml"), *folder.glob("*.yml")]):
        try:
            text = path.read_text("utf-8-sig")
        except UnicodeDecodeError:
            raise LexiconError(str(path), 1, "not UTF-8 text; save it as UTF-8") from None
        except OSError as error:
            raise LexiconError(str(path), 1, f"cannot be read: {error.strerror}") from None
        locale, lexicon = _extended(text, str(path), found)
        found[locale] = lexicon
    return tuple(found.values())


def _extended(text: str, source: str, known: Mapping[str, Lexicon]) -> tuple[str, Lexicon]:
    root = compose(text, source)
    reader = Reader(source)
    if root is None:
        raise LexiconError(source, 1, "the file is empty; start with `locale:`")
    top = reader.mapping(root, _TOP, "a file of phrasings")
    if "locale" not in top:
        raise reader.fail(root, "`locale:` is missing; add it")
    locale = reader.text(top["locale"], "locale")
    if locale not in known:
        choice = ", ".join(sorted(known))
        raise reader.fail(top["locale"], f"no language {locale!r} here; use one of {choice}")
    lexicon = _without(known[locale], _lines(reader, top.get("remove"), "remove"), source)
    lexicon = _with_rules(lexicon, reader, top.get("rules"))
    return locale, _with_lines(lexicon, _lines(reader, top.get("add"), "add"), source)


def _lines(reader: Reader, node: Any, where: str) -> _Lines:
    if node is None:
        return {}
    parts = reader.mapping(node, (*INTENTS, NONE), where)
    return {name: list(reader.lines(part, f"{where}.{name}")) for name, part in parts.items()}


def _with_lines(lexicon: Lexicon, added: _Lines, source: str) -> Lexicon:
    own = dict(lexicon.own)
    for name, lines in added.items():
        for number, line in lines:
            key = intent_text.whole_key(line)
            if not key:
                limit = intent_text.WHOLE_LIMIT
                what = f"a phrasing has letters or digits, and at most {limit} characters: {line!r}"
                raise LexiconError(source, number, what)
            if own.setdefault(key, name) != name:
                what = f"{line!r} stands under {own[key]} too; keep one of the two"
                raise LexiconError(source, number, what)
    intents = dict(lexicon.intents)
    for name, lines in added.items():
        # An opt-out is never guessed, so nothing is learned about it.
        if name not in (NONE, "stop"):
            rules = intents.get(name, IntentRules())
            learned = tuple(line for _, line in lines)
            intents[name] = replace(rules, lines=(*rules.lines, *learned))
    plain = tuple(line for _, line in added.get(NONE, ()))
    return replace(lexicon, own=own, intents=intents, lines=(*lexicon.lines, *plain))


def _without(lexicon: Lexicon, removed: _Lines, source: str) -> Lexicon:
    intents = dict(lexicon.intents)
    for name, lines in removed.items():
        for number, line in lines:
            if name == NONE:
                smaller = replace(
                    lexicon,
                    lines=tuple(one for one in lexicon.lines if one != line),
                    neutral=tuple(one for one in lexicon.neutral if one != line),
                )
                gone, lexicon = smaller != lexicon, smaller
            else:
                rules = intents.get(name, IntentRules())
                intents[name] = _less(rules, line.removeprefix("? "))
                gone = intents[name] != rules
            if not gone:
                what = f"{line!r} is no shipped line or rule of {name}; write it as it stands there"
                raise LexiconError(source, number, what)
    return replace(lexicon, intents=intents)


def _less(rules: IntentRules, line: str) -> IntentRules:
    """The rules without a line; the same object's equal if there is no such line."""
    changed: dict[str, Any] = {}
    for part in fields(rules):
        mine = getattr(rules, part.name)
        if isinstance(mine, RuleSet):
            kept = [rule for rule in mine.rules if rule.source not in (line, f"^ {line} $")]
            if len(kept) < len(mine.rules):
                changed[part.name] = RuleSet(kept)
        elif line in mine:
            changed[part.name] = tuple(one for one in mine if one != line)
    return replace(rules, **changed)


def _with_rules(lexicon: Lexicon, reader: Reader, node: Any) -> Lexicon:
    if node is None:
        return lexicon
    grammar = Grammar(lexicon.groups, lexicon.spaced)
    intents = dict(lexicon.intents)
    for name, part in reader.mapping(node, INTENTS, "rules").items():
        added, rules = reader.intent(name, part, grammar), intents.get(name, IntentRules())
        joined: dict[str, Any] = {}
        for field in fields(rules):
            old, new = getattr(rules, field.name), getattr(added, field.name)
            is_set = isinstance(old, RuleSet)
            joined[field.name] = RuleSet((*old.rules, *new.rules)) if is_set else (*old, *new)
        intents[name] = IntentRules(**joined)
    words = vocabulary(lexicon.groups, intents) if lexicon.spaced else frozenset()
    return replace(lexicon, intents=intents, words=words)

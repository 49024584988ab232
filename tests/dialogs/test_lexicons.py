"""Lexicon files are checked when they are loaded, and errors say file, line and remedy."""

from __future__ import annotations

from itertools import pairwise

import pytest

from dialogs.intent_grammar import RuleIndex, RuleSet
from dialogs.intent_text import Speller, fold, spaced_clauses, unspaced_clauses
from dialogs.intents import Intent, IntentDetector
from dialogs.lexicons import (
    INTENTS,
    SECTIONS,
    Lexicon,
    LexiconError,
    bundled_lexicons,
    parse_lexicon,
)

HEAD = "locale: en\ngroups:\n  person: human|agent\nintents:\n  human:\n    always: |\n"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "empty"),
        ("intents: {}\n", 1, "`locale:` is missing"),
        ("locale: en\nintents: [\n", 3, "not valid YAML"),
        ("locale: en\nintents:\n  humn:\n    always: a\n", 3, "'humn' is not known"),
        ("locale: en\nspaced: maybe\nintents: {}\n", 2, "write true or false"),
        ("locale: en\nlocale: zh\nintents: {}\n", 2, "stands twice"),
        ("locale: en\nintents:\n  help:\n    always: [a, b]\n", 4, "must be text"),
        (HEAD + "      talk {person}\n      talk {persn}\n", 8, "no group 'persn'"),
        (HEAD + "      # a note\n      talk~2 {person}\n", 8, "separate elements by spaces"),
        (HEAD + "      ~3 $\n", 7, "the pattern has no word"),
        (HEAD + "      a||b\n", 7, "remove the spare bar"),
        (HEAD + "      lang:a lang:b\n", 7, "a name stands twice"),
    ],
)
def test_an_error_names_the_file_and_the_line_and_says_what_to_do(
    text: str, line: int, says: str
) -> None:
    with pytest.raises(LexiconError) as error:
        parse_lexicon(text, "mine.yaml")
    assert str(error.value).startswith(f"mine.yaml:{line}: ")
    assert says in str(error.value)


def test_a_group_that_contains_itself_is_refused() -> None:
    text = "locale: en\ngroups:\n  a: x|{b}\n  b: '{a}'\nintents:\n  help:\n    always: '{a}'\n"
    with pytest.raises(LexiconError, match="contains itself: a > b > a"):
        parse_lexicon(text, "mine.yaml")


def test_a_lexicon_of_ones_own_is_enough() -> None:
    text = HEAD + "      talk ~1 {person}\n    unless: |\n      dont\n"
    detector = IntentDetector.from_lexicons([parse_lexicon(text, "mine.yaml")])
    (only,) = detector.detect("Talk to human!", "en")
    assert (only.intent, only.evidence) == (Intent.HUMAN, "Talk to human")
    assert detector.detect("don't talk to human", "en") == ()


def test_the_index_leaves_out_no_rule_that_matches() -> None:
    """Every rule of every set is tried on every line; the index must name each that matches."""
    for lexicon in bundled_lexicons():
        lines = [
            *lexicon.neutral,
            *(e for rules in lexicon.intents.values() for e in rules.examples),
        ]
        mend = Speller((), frozenset()).mend
        matched = 0
        for line in (*lines, *map(" ".join, pairwise(lines))):
            folded = fold(line)
            clauses = (
                spaced_clauses(folded, len(line), mend)
                if lexicon.spaced
                else unspaced_clauses(folded, len(line))
            )
            for clause in clauses:
                for index, sets in _indexed(lexicon):
                    chosen = index.choose(clause.heads)
                    for rules in sets:
                        found = {
                            i for i, r in enumerate(rules.rules) if r.regex.search(clause.form)
                        }
                        assert found <= set(chosen.get(rules, ())), clause.form
                        matched += len(found)
        assert matched > 2_000


def _indexed(lexicon: Lexicon) -> list[tuple[RuleIndex, list[RuleSet]]]:
    own = list(lexicon.intents.values())
    parts = [getattr(rules, name) for rules in own for name in SECTIONS if name != "whole"]
    return [
        (lexicon.in_clause, [*parts, *lexicon.common.values()]),
        (lexicon.as_whole, [rules.whole for rules in own]),
    ]


def test_both_languages_have_rules_for_every_intent_and_examples_for_the_model() -> None:
    lexicons = {lexicon.locale: lexicon for lexicon in bundled_lexicons()}
    assert set(lexicons) == {"en", "zh"}
    for lexicon in lexicons.values():
        assert set(lexicon.intents) == set(INTENTS) == {intent.value for intent in Intent}
        trained = {name: r.examples for name, r in lexicon.intents.items() if r.examples}
        assert all(len(examples) >= 40 for examples in trained.values())
        assert "stop" not in trained  # an opt-out is never guessed
        assert len(lexicon.neutral) >= 200

"""An operator's phrasings are added to the shipped ones, and mistakes in them say file, line and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialogs.intents import IntentDetector
from dialogs.lexicons import LexiconError, bundled_lexicons
from dialogs.own_phrasings import with_own


def detector(folder: Path, text: str) -> IntentDetector:
    (folder / "mine.yaml").write_text(text, "utf-8")
    return IntentDetector.from_lexicons(with_own(bundled_lexicons(), folder))


def found(it: IntentDetector, text: str) -> set[str]:
    return {item.intent.value for item in it.detect(text, "en")}


def test_an_added_phrasing_counts_as_it_stands(tmp_path: Path) -> None:
    it = detector(tmp_path, "locale: en\nadd:\n  complaint: |\n    your bot is a parrot\n")
    assert found(it, "Your bot is a parrot!") == {"complaint"}


def test_a_phrasing_under_none_raises_no_alarm(tmp_path: Path) -> None:
    text = "I want to make a complaint about a shop"
    it = detector(tmp_path, f"locale: en\nadd:\n  none: |\n    {text}\n")
    assert found(it, text) == set()
    assert found(it, "I want to make a complaint") == {"complaint"}


def test_a_rule_of_ones_own_uses_the_shipped_groups(tmp_path: Path) -> None:
    rules = 'locale: en\nrules:\n  human:\n    always: "{want} ~2 concierge"\n'
    assert found(detector(tmp_path, rules), "I need the concierge") == {"human"}


def test_a_shipped_line_or_rule_can_be_taken_away(tmp_path: Path) -> None:
    lexicon = next(one for one in bundled_lexicons() if one.locale == "en")
    rule = lexicon.intents["complaint"].always.rules[0].source
    line = lexicon.intents["fraud"].lines[0]
    (tmp_path / "en.yaml").write_text(
        f"locale: en\nremove:\n  complaint: |\n    {rule}\n  fraud: |\n    {line}\n", "utf-8"
    )
    less = next(one for one in with_own(bundled_lexicons(), tmp_path) if one.locale == "en")
    assert rule not in [one.source for one in less.intents["complaint"].always.rules]
    assert line not in less.intents["fraud"].lines


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 1, "the file is empty"),
        ("add: {}\n", 1, "`locale:` is missing"),
        ("locale: fr\n", 1, "no language 'fr'"),
        ("locale: en\nadd:\n  complant: |\n    x\n", 3, "'complant' is not known"),
        ("locale: en\nadd:\n  human: |\n    ...\n", 4, "has letters or digits"),
        ("locale: en\nadd:\n  human: |\n    aa\n  none: |\n    AA!\n", 6, "stands under human too"),
        ("locale: en\nremove:\n  human: |\n    xyz\n", 4, "is no shipped line or rule of human"),
        ("locale: en\nrules:\n  human:\n    always: '{nix} x'\n", 4, "no group 'nix'"),
        ("locale: [\n", 2, "not valid YAML"),
    ],
)
def test_a_mistake_says_where_and_how_to_mend_it(
    tmp_path: Path, text: str, line: int, says: str
) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(LexiconError) as error:
        with_own(bundled_lexicons(), tmp_path)
    assert str(error.value).startswith(f"{file}:{line}: ")
    assert says in str(error.value)

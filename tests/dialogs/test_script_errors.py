"""A broken script says in which line, what is wrong, and how to mend it."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialogs.script import Script
from dialogs.source import ScriptError

HEAD = """script: demo
version: 1
locales: [en]
title: {en: Demo}
start: hello
steps:
"""  # the first step stands in line 7


def problems_of(text: str) -> list[str]:
    with pytest.raises(ScriptError) as caught:
        Script.parse(text, "demo.yaml")
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("steps", "line", "what", "fix"),
    [
        ("  hello: {say: {en: Hi}, next: bye}", 7, "there is no step 'bye'", "known:"),
        ("  hello: {say: {en: Hi}, next: hallo}", 7, "there is no step 'hallo'", "did you mean 'hello'?"),
        ("  hello: {sya: {en: Hi}}", 7, "this key is not known here", "check its spelling"),
        ("  hello: {}", 7, "either 'say' or 'ask'", ""),
        ("  hello: {say: {en: Hi}, ask: text}", 7, "either 'say' or 'ask'", ""),
        ("  hello: {ask: text}", 7, "a question needs its 'text'", ""),
        ("  hello: {ask: ratings, text: {en: Hi}}", 7, "Input should be 'rating'", ""),
        ("  hello: {ask: choice, text: {en: Hi}}", 7, "needs at least two 'options'", ""),
        ("  hello: {ask: text, text: {en: Hi}, handoff: complaint}", 7, "belong to a step that says", ""),
        ("  hello: {say: {en: Hi}, handoff: angry}", 7, "Input should be 'complaint'", ""),
        ("  hello:\n    ask: rating\n    text: {en: Hi}\n    branches: {1-2: hello, x: end}", 10, "'x' is no number or range", "write 3 or 1-2"),
        ("  hello:\n    ask: yes_no\n    text: {en: Hi}\n    branches:\n      maybe: end", 11, "'maybe' is no answer of this question", "use one of yes, no"),
        ("  hello:\n    ask: text\n    text: {en: Hi}\n    remind: {after: 26 hours}", 10, "is no time span", ""),
        ("  hello:\n    ask: text\n    text: {en: Hi}\n    when: rating <=", 10, "is no condition", ""),
        ("  hello:\n    ask: text\n    text: {en: Hi}\n    when: open('x')", 10, "may not stand in a condition", ""),
        ("  hello: {ask: text, text: {en: Hi}, attempts: 9}", 7, "less than or equal to 5", ""),
        ("  hello: {ask: text, text: {en: Hi}, name: My Answer}", 7, "should match pattern", ""),
        ("  hello: {ask: text, text: {en: Hi}}\n  other: {ask: text, name: hello, text: {en: Hi}}", 8, "is already asked for by step 'hello'", "another 'name'"),
        ("  end: {say: {en: Hi}}\n  hello: {say: {en: Hi}}", 7, "'end' is the name of the end", "rename it"),
        ("  hello: {say: {en: Hi}}\n  hello: {say: {en: Hi}}", 8, "duplicate", "check indentation"),
        ("  hello: {say: {en: Hi}", 8, "expected", "check indentation and quotes"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_its_fix(
    steps: str, line: int, what: str, fix: str
) -> None:
    found = problems_of(HEAD + steps + "\n")
    assert any(
        problem.startswith(f"demo.yaml:{line}:") and what in problem and fix in problem
        for problem in found
    ), found


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("", 1, "is empty or no mapping"),
        ("- a\n- b\n", 1, "is empty or no mapping"),
        ("script: demo\n", 1, "version: this key is missing"),
        (HEAD.replace("demo", "My Script", 1) + "  hello: {say: {en: Hi}}\n", 1, "should match pattern"),
        (HEAD.replace("start: hello", "start: helo") + "  hello: {say: {en: Hi}}\n", 5, "did you mean 'hello'?"),
        (HEAD.replace("version: 1", "version: 0") + "  hello: {say: {en: Hi}}\n", 2, "greater than or equal to 1"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_head_is_named(text: str, line: int, what: str) -> None:
    found = problems_of(text)
    assert any(p.startswith(f"demo.yaml:{line}:") and what in p for p in found), found


def test_all_mistakes_are_told_at_once() -> None:
    steps = "  hello: {say: {en: Hi}, next: a}\n  bye: {say: {en: Bye}, next: b}\n"
    found = problems_of(HEAD + steps)
    assert [problem.split(":")[1] for problem in found] == ["7", "8"]


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"gone\.yaml: cannot be read"):
        Script.load(tmp_path / "gone.yaml")
    (tmp_path / "latin.yaml").write_bytes("script: \xe4".encode("latin-1"))
    with pytest.raises(ScriptError, match="save it as UTF-8"):
        Script.load(tmp_path / "latin.yaml")


@pytest.mark.parametrize(("key", "answer"), [("yes", True), ("no", False), ("true", True)])
def test_yes_and_no_may_stand_bare_before_a_colon(key: str, answer: bool) -> None:
    steps = f"  hello: {{ask: yes_no, text: {{en: Hi}}, branches: {{{key}: bye}}}}\n  bye: {{say: {{en: Bye}}}}\n"
    assert Script.parse(HEAD + steps).after("hello", answer) == "bye"

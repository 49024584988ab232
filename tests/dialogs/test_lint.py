"""The linter: each kind of mistake has its line and its fix, and a good script has none."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from channels.message import Caps
from dialogs.lint import House, lint
from dialogs.script import Script
from dialogs.testing import demo_company, demo_script

SMALL = Caps(text_max=60, text_max_with_options=40, buttons_max=2, label_max=8, list_max=4, list_label_max=10)  # fmt: skip


@dataclass(frozen=True)
class Found:
    start: int
    end: int


def guard(text: str) -> tuple[Found, ...]:
    """A stand-in for the real guard, which belongs to another package."""
    at = text.find("your PIN")
    return (Found(at, at + 8),) if at >= 0 else ()


HOUSE = House(demo_company, {}, guard)
HEAD = "script: demo\nversion: 1\nlocales: [en]\ntitle: {en: Demo}\nstart: a\nsteps:\n"
Q = "ask: yes_no, text: {en: Yes?}"


def problems(steps: str, house: House = HOUSE, head: str = HEAD) -> list[str]:
    return [str(problem) for problem in lint(Script.parse(head + steps, "demo"), house)]


def test_a_good_script_has_no_problem() -> None:
    assert lint(demo_script(), HOUSE) == []


@pytest.mark.parametrize(
    ("steps", "line", "what", "fix"),
    [
        ("  a: {say: {en: Hi}}\n  b: {say: {en: Lost}}", 8, "no step leads here", "remove it"),
        (f"  a: {{{Q}, next: b}}\n  b: {{{Q}, name: again, next: a}}", 7, "no way leads from here to the end", "let a branch"),
        ("  a: {say: {en: Hi}, next: b}\n  b: {say: {en: Ho}, next: a}", 7, "a loop without a question: a → b → a", "ask something"),
        (f"  a: {{say: {{en: Hi}}, next: b}}\n  b: {{{Q}, when: b == 1, next: a}}", 7, "a loop without a question", ""),
        (f"  a: {{{Q}, branches: {{yes: b}}}}\n  b: {{say: {{en: Hi}}}}", 7, "the follow-up ends after: no", "write 'else' or 'next'"),
        ("  a: {ask: rating, text: {en: R}, branches: {1-2: b, 4-5: b}}\n  b: {say: {en: Hi}}", 7, "the follow-up ends after: 3", ""),
        ("  a: {ask: rating, text: {en: R}, branches: {1-3: b, 3-5: b}}\n  b: {say: {en: Hi}}", 7, "3 has the branch '1-3' already", "not overlap"),
        ("  a: {ask: rating, text: {en: R}, branches: {1-6: b}}\n  b: {say: {en: Hi}}", 7, "'1-6' is not on the scale", "from 1 to 5"),
        (f"  a: {{{Q}, branches: {{skipped: b}}, next: b}}\n  b: {{say: {{en: Hi}}}}", 7, "cannot be skipped", "optional: true"),
        (f"  a: {{{Q}, optional: true, branches: {{yes: b, no: b}}}}\n  b: {{say: {{en: Hi}}}}", 7, "ends after: skipped", ""),
        (f"  a: {{{Q}, next: b}}\n  b: {{say: {{en: Hi}}, when: aa}}", 8, "there is no answer 'aa'", "did you mean 'a'?"),
        (f"  a: {{say: {{en: Hi}}, when: b, next: b}}\n  b: {{{Q}}}", 7, "'b' is asked only later", "ask it before"),
        ("  a: {ask: choice, text: {en: C}, options: [{value: x, label: {en: X}}, {value: y, label: {en: Y}}], next: b}\n  b: {say: {en: Hi}, when: a == 'z'}", 8, "'z' is no answer of 'a'", "known: x, y"),
        ("  a: {say: {en: Hi}, thanks: {en: T}}", 7, "this key has no effect here", "a question"),
        (f"  a: {{{Q}, scale: 7}}", 7, "this key has no effect here", "'ask: rating'"),
        ("  a: {ask: identity, optional: true, text: {en: Last four}}", 7, "cannot be skipped", "remove 'optional'"),
        ("  a: {ask: number, minimum: 9, maximum: 1, text: {en: N}}", 7, "the minimum is above", "swap"),
        (f"  a: {{{Q}, remind: {{after: 9d}}}}", 7, "after the deadline", "earlier"),
        ("  a: {ask: choice, text: {en: C}, options: [{value: x, label: {en: X}}, {value: x, label: {en: Y}}]}", 7, "'x' stands twice", "rename"),
        ("  a: {ask: choice, text: {en: C}, options: [{value: x, label: {en: X}}, {value: y, label: {en: Y}, also: {en: [x]}}]}", 7, "'x' means 'x' as well", "one option"),
        ("  a: {say: {en: 'Hi {{persn.name}}'}}", 7, "the name 'persn.name' is not known", "did you mean 'person'?"),
        ("  a: {say: {en: 'Pay {{fees.withdrawl}}'}}", 7, "the name 'fees.withdrawl' is not known", "fees.withdrawal"),
        ("  a: {say: {en: 'You said {{answers.b}}'}}", 7, "there is no answer 'b'", ""),
        (f"  a: {{{Q}, next: b}}\n  b: {{say: {{en: 'You said {{{{answers.a}}}}'}}}}", 8, "'answers.a' may be missing", "{% if answers.a %}"),
        ("  a: {say: {en: 'For {{person.product}}'}}", 7, "'person.product' may be missing", "{% if person.product %}"),
        ("  a: {say: {en: 'Hi {% if %}'}}", 7, "", "check the braces"),
        ("  a: {say: {en: 'Hi {{brand | date}}'}}", 7, "", "check the braces"),
        ("  a: {say: {en: Tell me your PIN please}}", 7, "asks for something secret, or leads away from our sites: “your PIN”", "never ask"),
        (f"  a: {{{Q}, why: {{en: We need your PIN}}}}", 7, "asks for something secret", ""),
        ("  a: {say: {en: Hi, zh: 你好}}", 7, "'zh' is no language of this script", "remove the text"),
    ],
)  # fmt: skip
def test_a_mistake_is_found_with_its_line_and_its_fix(
    steps: str, line: int, what: str, fix: str
) -> None:
    found = problems(steps + "\n")
    assert any(p.startswith(f"demo:{line}:") and what in p and fix in p for p in found), found


@pytest.mark.parametrize(
    ("steps", "place"),
    [
        ("  a: {say: {en: Hi}}", "a.say"),
        ("  a: {ask: text, text: {en: Hi}}", "a.text"),
        ("  a: {ask: text, text: {en: Hi, zh: 您好}, thanks: {en: T}}", "a.thanks"),
        ("  a: {ask: text, text: {en: Hi, zh: 您好}, why: {zh: 因为}}", "a.why"),
        ("  a: {ask: text, text: {en: Hi, zh: 您好}, remind: {text: {zh: 在吗}}}", "a.remind.text"),
        ("  a: {ask: choice, text: {en: C, zh: 选}, options: [{value: x, label: {en: X}}, {value: y, label: {en: Y, zh: 乙}}]}", "a.options.0.label"),
    ],
)  # fmt: skip
def test_a_missing_language_is_found_in_every_text(steps: str, place: str) -> None:
    head = HEAD.replace("[en]", "[zh, en]").replace("{en: Demo}", "{en: Demo, zh: 示例}")
    found = problems(steps + "\n", head=head)
    assert len(found) == 1
    assert f"steps.{place}: there is no text in" in found[0]


def test_a_language_without_phrases_is_found() -> None:
    head = HEAD.replace("[en]", "[en, xx]").replace("{en: Demo}", "{en: Demo, xx: Demo}")
    found = problems("  a: {say: {en: Hi, xx: Hi}}\n", head=head)
    assert ["the bot has no phrases in 'xx'" in problem for problem in found] == [True]


@pytest.mark.parametrize(
    ("labels", "what"),
    [
        (["Short", "Longer than ten"], "“Longer than ten” is too long for small: 15 of 10"),
        (["A", "B", "Longer than ten"], "“Longer than ten” is too long for small: 15 of 10"),
        (["A", "B", "C", "D", "E"], "5 options are too many for small: it shows 4"),
    ],
)
def test_labels_must_fit_every_channel(labels: list[str], what: str) -> None:
    options = ", ".join(
        f"{{value: v{i}, label: {{en: {label}}}}}" for i, label in enumerate(labels)
    )
    steps = f"  a: {{ask: choice, text: {{en: Pick}}, options: [{options}]}}\n"
    found = problems(steps, House(demo_company, {"small": SMALL}))
    assert len(found) == 1
    assert what in found[0]


def test_a_text_must_fit_every_channel_with_its_options() -> None:
    steps = f"  a: {{ask: yes_no, text: {{en: {'x' * 41}}}}}\n"
    found = problems(steps, House(demo_company, {"small": SMALL}))
    assert ["is too long for small: 41 of 40" in problem for problem in found] == [True]


def test_a_follow_up_that_takes_too_long_is_found() -> None:
    steps = "".join(f"  {c}: {{ask: text, text: {{en: Q}}, next: {n}}}\n" for c, n in zip("abcdefghijklm", [*"bcdefghijklm", "end"], strict=True))  # fmt: skip
    assert ["has 13 questions" in problem for problem in problems(steps)] == [True]


def test_values_of_people_are_never_read_as_a_template() -> None:
    """Only the author's text is a template: the sample values contain no braces."""
    assert problems("  a: {say: {en: 'Hi {{person.name}}, this is {{brand}}.'}}\n") == []

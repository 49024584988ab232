"""The transcript player: what it understands, and how it says what went wrong and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from dialogs.script import Script
from dialogs.source import ScriptError
from dialogs.testing import Report, demo_script, load_transcripts, play_transcripts, run_transcripts

HEAD = (
    "transcripts:\n  - name: one\n    locale: en\n    lines:\n"  # the first line stands in line 5
)


def play(tmp_path: Path, lines: str, script: Script | None = None) -> Report:
    path = tmp_path / "demo.test.yaml"
    path.write_text(HEAD + lines, encoding="utf-8")
    return play_transcripts(script or demo_script(), load_transcripts(path))


@pytest.mark.parametrize(
    "lines",
    [
        "      - bot: Hello, I'm Sample Wallet's automated assistant.\n      - bot: How was it, from 1 to 5?\n",
        "      - bot: [~Hello, ~How was it]\n",
        "      - bot: ~How was it\n",
        "      - options: ['1', '2', '3', '4', '5']\n",
        "      - tap: 5\n      - event: result rating 5\n      - event: step rating answered\n",
        "      - tap: '5'\n      - redeliver\n      - crash\n      - bot: ~Why this score\n",
        "      - tap: {label: '5', of: ~How was it}\n      - event: result rating 5\n",
        "      - user: 1\n      - event: handoff low_rating\n      - agent: take\n      - user: hello\n      - bot: silent\n",
        "      - media: voice\n      - bot: ~can't listen\n",
        "      - wait: 5d\n      - event: end no_reply\n",
        "      - user: {repeat: 'x ', times: 3}\n      - bot: ...\n      - bot: ~A number from 1 to 5\n",
    ],
)
def test_a_transcript_that_comes_true_passes(tmp_path: Path, lines: str) -> None:
    assert [str(failure) for failure in play(tmp_path, lines).failures] == []


@pytest.mark.parametrize(
    ("lines", "line", "expected", "got"),
    [
        ("      - bot: ~Goodbye\n", 5, "the bot to say “~Goodbye”", "got “Hello, I'm"),
        ("      - bot: Hello\n", 5, "the bot to say “Hello”", "got “Hello, I'm"),
        ("      - user: '5'\n      - event: result rating 4\n", 6, "the event “result rating 4”", "result rating 5"),
        ("      - user: '5'\n      - bot: silent\n", 6, "silence", "got “2/2 · Why this score?”"),
        ("      - wait: 1h\n      - bot: ~Hello\n", 6, "the bot to say “~Hello”", "got silence"),
        ("      - tap: Maybe\n", 5, "something to tap that is called 'Maybe'", "[['1', '2', '3', '4', '5']]"),
        ("      - tap: 9\n", 5, "something to tap that is called 9", "shown last"),
        ("      - options: [a]\n", 5, "the options ['a']", "got ['1', '2'"),
        ("      - user: '5'\n      - redeliver\n", 6, "a tap before 'redeliver'", "is none"),
        ("      - bot: [~How was it]\n", 5, "“~How was it” to come next", "got “Hello"),
    ],
)  # fmt: skip
def test_a_failure_names_file_line_expected_and_got(
    tmp_path: Path, lines: str, line: int, expected: str, got: str
) -> None:
    (failure,) = play(tmp_path, lines).failures
    assert failure.line == line
    assert expected in failure.expected
    assert got in failure.got
    assert str(failure).startswith(f"{tmp_path}/demo.test.yaml:{line}: [one] expected ")


def test_bubbles_that_follow_each_other_may_not_leave_one_out(tmp_path: Path) -> None:
    lines = "      - user: skip it, 5\n      - tap: Skip\n"
    assert play(tmp_path, lines).failures == ()
    gap = Script.parse(
        "script: g\nversion: 1\nlocales: [en]\ntitle: {en: G}\nstart: a\nsteps:\n"
        "  a: {say: {en: A}, next: b}\n  b: {say: {en: B}, next: c}\n  c: {say: {en: C}}\n"
    )
    (failure,) = play(tmp_path, "      - bot: A\n      - bot: C\n", gap).failures
    assert failure.line == 6
    assert (
        play(tmp_path, "      - bot: A\n      - bot: '...'\n      - bot: C\n", gap).failures == ()
    )


def test_a_text_that_cannot_be_written_fails_its_line(tmp_path: Path) -> None:
    broken = Script.parse(
        "script: g\nversion: 1\nlocales: [en]\ntitle: {en: G}\nstart: a\nsteps:\n"
        "  a: {ask: yes_no, text: {en: Q}, next: b}\n  b: {say: {en: '{{person.nothing}}'}}\n"
    )
    (failure,) = play(tmp_path, "      - bot: ~Q\n      - user: 'yes'\n", broken).failures
    assert failure.line == 6
    assert "person.nothing" in failure.got


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (HEAD + "      - usr: hi\n", 5, "did you mean 'user'?"),
        (HEAD + "      - wait: soon\n", 5, "is no time span"),
        (HEAD + "      - agent: shout\n", 5, "is nothing an agent does"),
        (HEAD + "      - user:\n", 5, "says nothing"),
        (HEAD + "      - {user: a, bot: b}\n", 5, "one 'word: value'"),
        ("transcripts: []\n", 1, "there are no transcripts"),
        ("transcripts:\n  - name: x\n    lines: [open]\n", 2, "'locale' is missing"),
        ("transcripts:\n  - name: x\n    locale: en\n    begin: now\n    lines: [open]\n", 4, "no way to begin"),
        ("transcripts:\n  - name: x\n    locale: en\n    now: today\n    lines: [open]\n", 4, "no time with a zone"),
        ("tests: 1\ntranscripts:\n  - {name: x, locale: en, lines: [open]}\n", 1, "'tests' is not known here"),
    ],
)  # fmt: skip
def test_a_broken_file_says_where(tmp_path: Path, text: str, line: int, what: str) -> None:
    path = tmp_path / "demo.test.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ScriptError) as caught:
        load_transcripts(path)
    found = [str(problem) for problem in caught.value.problems]
    assert any(p.startswith(f"{path}:{line}:") and what in p for p in found), found


def test_what_is_not_reached_is_listed(tmp_path: Path) -> None:
    coverage = play(tmp_path, "      - user: '5'\n").coverage
    missing = [str(spot) for spot in coverage.missing]
    assert "en rating: 4" in missing
    assert "en rating: 5" not in missing
    assert "zh hello: said" in missing
    assert "not reached: en reason: skipped" in coverage.table()
    assert 0 < coverage.share < 1


def test_the_file_beside_a_script_is_found(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(
        "script: x\nversion: 1\nlocales: [en]\ntitle: {en: X}\nstart: a\nsteps:\n  a: {say: {en: Hi}}\n"
    )
    with pytest.raises(ScriptError, match=r"x\.test\.yaml"):
        run_transcripts(tmp_path / "x.yaml")
    (tmp_path / "x.test.yaml").write_text(HEAD + "      - bot: Hi\n")
    report = run_transcripts(tmp_path / "x.yaml")
    assert report.passed
    assert report.coverage.share == 1.0
    assert run_transcripts(tmp_path / "x.test.yaml").passed

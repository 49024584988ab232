"""`huifang kb eval` and `kb import --dry-run`: figures for programs, a report for people, one line for bad input."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest
from typer.testing import CliRunner, Result

from bot.cli import app
from kb.encoder import shipped_encoder
from kb.golden import Evaluation

KB = "".join(
    json.dumps({"id": name, "locale": "en", "title": title, "phrasings": lines, "answer": "A."})
    + "\n"
    for name, title, lines in [
        ("fees", "What does a transfer cost?", ["transfer fee", "is sending money free", "price"]),
        ("card", "Where is my card?", ["plastic has not arrived", "card delivery", "no card yet"]),
        ("phone", "I lost my phone", ["handset stolen", "phone gone", "mobile was taken"]),
    ]
)
QUESTIONS = "".join(
    json.dumps({"locale": "en", "question": question, "article": article}) + "\n"
    for question, article in [
        ("what is the transfer fee", "fees"),
        ("my plastic has not come", "card"),
        ("delivery fee of the card", "fees"),
        ("where is my card fee", "fees"),
        ("handset stolen", "phone"),
        ("weather in Lisbon", None),
    ]
)


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    (tmp_path / "kb.jsonl").write_text(KB, "utf-8")
    (tmp_path / "q.jsonl").write_text(QUESTIONS, "utf-8")
    return tmp_path


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["kb", *words])


def evaluated(*words: str) -> Any:
    result = run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl", "--json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_json_has_the_figures_of_the_contract_and_more() -> None:
    found = evaluated()
    names = [one.name for one in fields(Evaluation)]
    assert list(found)[: len(names)] == names
    assert found["top1"] == pytest.approx(3 / 5)
    assert found["questions"] == 6
    assert found["per_locale"]["en"]["top1"] == found["top1"]
    assert found["per_category"][""]["questions"] == 5
    (pair,) = found["confusions"]
    assert (pair["loser"], pair["winner"], pair["lost"]) == ("fees", "card", 2)
    assert sum(one["count"] for one in found["reliability"]["bins"]) == 6
    assert found["alarms"]["questions"] == 5
    assert found["traditional"] == {}
    assert [one["phrasings"] for one in found["few_phrasings"]] == [3, 3, 3]
    assert found["phrasings"] is None  # costs an index for each; a program asks for it


def test_every_decision_is_written_as_kb_ask_prints_it(folder: Path) -> None:
    evaluated("--decisions", "out.jsonl")
    lines = (folder / "out.jsonl").read_text("utf-8").splitlines()
    decisions = [json.loads(line) for line in lines]
    assert len(decisions) == 6
    assert all(set(one) == {"decision", "text", "candidates"} for one in decisions)
    assert decisions[4]["candidates"][0]["article"] == "phone"


def test_phrasings_are_worked_out_where_a_program_asks_for_them() -> None:
    found = evaluated("--phrasings")["phrasings"]
    assert len(found) == 9
    assert all(isinstance(one["idle"], bool) for one in found)


def test_report_has_all_parts() -> None:
    result = run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl")
    assert result.exit_code == 0, result.output
    for part in (
        "Questions with an article, %", "Questions without an article, %", "expected calibration error",
        "fees loses 2 to card (en)", "  Do: ", "phrasings helped none",
        "Fewer than 5 phrasings", "Alarms (complaint, wish for a person) on 5 plain questions",
    ):  # fmt: skip
        assert part in result.stdout
    assert "not worked out" in run(
        "eval", "--kb", "kb.jsonl", "--questions", "q.jsonl", "--no-phrasings"
    ).stdout  # fmt: skip


def test_texts_with_brackets_are_printed_as_they_are(folder: Path) -> None:
    odd = QUESTIONS.replace("delivery fee of the card", "[red]card delivery[/] [/x]")
    (folder / "q.jsonl").write_text(odd, "utf-8")
    result = run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl")
    assert result.exit_code == 0, result.output


def test_shipped_articles_are_asked_where_there_is_no_database(folder: Path) -> None:
    line = {"locale": "zh", "question": "怎么联系人工客服", "article": "talk-to-person"}
    (folder / "q.jsonl").write_text(json.dumps(line), "utf-8")
    found = [
        json.loads(run("eval", "--questions", "q.jsonl", "--json", *more).stdout)
        for more in ((), ("--shipped",))
    ]
    assert [one["top1"] for one in found] == [1, 1]
    assert set(found[0]["traditional"]) == {"s2t", "s2hk", "s2tw"}
    assert found[0]["alarms"]["questions"] == 0
    assert "talk-to-person" in found[0]["alarms"]["left_out"]
    assert not list(folder.rglob("*.db"))


def test_a_labelled_set_brings_articles_and_questions(folder: Path) -> None:
    rows = "".join(f"how do I {name} {n},{name}\n" for name in ("pay", "leave") for n in range(20))
    (folder / "set.csv").write_text("text,category\n" + rows, "utf-8")
    result = run("eval", "--split", "set.csv", "--each", "10", "--every", "2", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["in_scope"], found["top1"]) == (5, 1)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "q.jsonl:1: there is no question in the file"),
        (b"\n  \n", "q.jsonl:1: there is no question in the file"),
        ('{"locale": "en", "question": "a"}\n"é'.encode("latin-1"), "q.jsonl:2: this is not UTF-8"),
        ("多少钱".encode("gb18030"), "q.jsonl:1: this is not UTF-8"),
        (QUESTIONS.encode("utf-16"), "q.jsonl:1: this is not UTF-8"),
        (b'{"locale": "en", "question": "a"}\n7\n', "q.jsonl:2: the line is no question; write"),
        (b'{"locale": "en", "question": "a", "article": "fee"}\n',
         "q.jsonl:1: the base has no article 'fee' in 'en'; did you mean 'fees'?"),
        (b'{"locale": "en", "question": "a"}\n{"locale": "en", "question": "a", "article": "zzz"}\n',
         "q.jsonl:2: the base has no article 'zzz' in 'en'; write the id"),
        (b'{"locale": "fr", "question": "a", "article": null}\n',
         "q.jsonl:1: the base has no article in 'fr'; write one of en"),
        (b'{"locale": "en", "question": "a\\ud800b"}\n', "q.jsonl:1: the line is no question"),
        (b'{"locale": "en", "question": "a", "article": ["fees"]}\n', "q.jsonl:1: the line is no"),
    ],
)  # fmt: skip
def test_bad_questions_are_named_by_file_line_and_fix(
    folder: Path, content: bytes, line: str
) -> None:
    (folder / "q.jsonl").write_bytes(content)
    result = run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl", "--json")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert line in result.stderr.replace("huifang: ", "")
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", "kb.jsonl:1: there is no article"),
        (KB.encode() + "é".encode("latin-1"), "kb.jsonl:4: this is not UTF-8"),
        (b'{"id": "a", "locale": "en"}', "kb.jsonl:1: title is missing; add title"),
        (b'{"id": "a", "locale": "en", "title": "\\ud800"}', "kb.jsonl:1: title has half a character"),
        (b'{"id": "a", "locale": "en", "title": "x", "phrasings": ["\\ud800"]}', "kb.jsonl:1: phrasings has half a character"),
        (b"nonsense", "kb.jsonl:1: the line is no JSON"),
        (KB.encode() * 2, "kb.jsonl:4: article 'fees' (en) stands here again, as in kb.jsonl:1; keep one"),
    ],
)  # fmt: skip
def test_bad_articles_are_named_by_file_line_and_fix(
    folder: Path, content: bytes, line: str
) -> None:
    (folder / "kb.jsonl").write_bytes(content)
    result = run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl", "--json")
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert line in result.stderr


def test_many_problems_are_cut(folder: Path) -> None:
    (folder / "q.jsonl").write_text("7\n" * 50, "utf-8")
    result = run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl")
    assert len(result.stderr.splitlines()) == 22
    assert "and 30 more" in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--kb", "kb.jsonl"),
        ("--kb", "none.jsonl", "--questions", "q.jsonl"),
        ("--kb", ".", "--questions", "q.jsonl"),
        ("--kb", "kb.jsonl", "--questions", "none.jsonl"),
        ("--kb", "kb.jsonl", "--shipped", "--questions", "q.jsonl"),
        ("--split", "q.jsonl"),
        ("--split", "q.jsonl", "--questions", "q.jsonl"),
        ("--kb", "kb.jsonl", "--questions", "q.jsonl", "--each", "3"),
        ("--kb", "kb.jsonl", "--questions", "q.jsonl", "--every", "0"),
    ],
)
def test_a_wrong_call_is_a_usage_error(words: tuple[str, ...]) -> None:
    assert run("eval", *words).exit_code == 2


@pytest.mark.parametrize("option", ["--decisions", "--plot"])
def test_a_place_that_cannot_be_written_is_named(option: str) -> None:
    result = run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl", option, "no/such/file")
    assert result.exit_code == 1
    assert "no/such/file: cannot be written" in result.stderr


def test_a_labelled_set_that_is_none_is_named(folder: Path) -> None:
    (folder / "set.csv").write_text("text,category\n", "utf-8")
    assert "there is no question to hold out" in run("eval", "--split", "set.csv").stderr
    (folder / "set.json").write_text("{", "utf-8")
    result = run("eval", "--split", "set.json")
    assert result.exit_code == 1
    assert "set.json:1: the file is no labelled set" in result.stderr


def test_dry_run_writes_nothing(folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    result = run("import", "kb.jsonl", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "3 new, 0 changed, 0 the same\nNothing was written." in result.stdout
    assert sorted(folder.rglob("*")) == before


def test_dry_run_compares_with_the_database_and_leaves_it_alone(folder: Path) -> None:
    assert CliRunner().invoke(app, ["migrate"]).exit_code == 0
    assert run("import", "kb.jsonl").exit_code == 0
    assert "0 new, 0 changed, 3 the same" in run("import", "kb.jsonl", "--dry-run").stdout
    (folder / "kb.jsonl").write_text(KB.replace("A.", "B."), "utf-8")
    for _ in range(2):
        assert "0 new, 3 changed, 0 the same" in run("import", "kb.jsonl", "--dry-run").stdout
    found = run("eval", "--questions", "q.jsonl", "--json")
    assert found.exit_code == 0, found.output
    assert len(json.loads(found.stdout)["few_phrasings"]) >= 3


@pytest.mark.parametrize("url", ["garbage", "mysql://x/y", "postgresql://x@127.0.0.1:1/x"])
def test_a_database_that_is_not_there_is_one_line(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("HUIFANG_DATABASE_URL", url)
    for words in (("eval", "--questions", "q.jsonl"), ("import", "kb.jsonl", "--dry-run")):
        result = run(*words)
        assert result.exit_code == 1
        assert "HUIFANG_DATABASE_URL" in result.stderr
        assert len(result.stderr.splitlines()) == 1


def test_unknown_placeholder_is_one_line(folder: Path) -> None:
    (folder / "kb.jsonl").write_text(KB.replace("A.", "{{brnd}}"), "utf-8")
    for words in (("import", "kb.jsonl", "--dry-run"), ("ask", "fee", "--kb", "kb.jsonl")):
        result = run(*words)
        assert result.exit_code == 1
        assert "article fees (en): 'brnd' is undefined; correct" in result.stderr
        assert len(click.unstyle(result.stderr).splitlines()) == 1


def test_an_article_without_an_answer_is_not_published(folder: Path) -> None:
    (folder / "kb.jsonl").write_text(KB.replace("A.", " "), "utf-8")
    result = run("import", "kb.jsonl", "--dry-run")
    assert result.exit_code == 1
    assert "kb.jsonl: article fees (en) has no answer; write what" in click.unstyle(result.stderr)
    assert run("eval", "--kb", "kb.jsonl", "--questions", "q.jsonl").exit_code == 0


@pytest.mark.parametrize("broken", [None, b"", b"PK\x03\x04 cut"])
def test_a_package_without_its_encoder_is_one_line(
    monkeypatch: pytest.MonkeyPatch, broken: bytes | None
) -> None:
    def data_file(name: str) -> bytes:
        if broken is None:
            raise FileNotFoundError(2, "No such file or directory")
        return broken

    monkeypatch.setattr("kb.encoder.data_file", data_file)
    shipped_encoder.cache_clear()
    result = run("ask", "what is the fee", "--kb", "kb.jsonl")
    assert result.exit_code == 1
    assert "kb/data/encoder.npz cannot be used (" in result.stderr
    assert "Install Huifang again" in result.stderr
    assert isinstance(result.exception, SystemExit)

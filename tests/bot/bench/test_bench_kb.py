"""The bench of the knowledge base: the same base for all, rankers by the book, one process for each."""

from __future__ import annotations

import json
import math

import pytest
from typer.testing import CliRunner

from bot.bench import kb_run
from bot.bench.kb_base import EACH, LOCALES, make, most_phrasings
from bot.bench.kb_rankers import RANKERS, Bm25, Cosine, Ranker, tokens
from bot.cli import app
from kb.article import Article


@pytest.mark.parametrize("locale", LOCALES)
def test_a_base_has_exactly_the_phrasings_asked_for_and_is_made_the_same_again(locale: str) -> None:
    made = make(1234, 50, locale, 7)
    assert sum(len(one.phrasings) for one in made.articles) == 1234
    assert len({one.id for one in made.articles}) == len(made.articles) == math.ceil(1234 / EACH)
    assert len(made.questions) == 50
    assert make(1234, 50, locale, 7) == made
    assert make(1234, 50, locale, 8) != made
    assert all(line.strip() for one in made.articles for line in one.phrasings)


@pytest.mark.parametrize("locale", LOCALES)
def test_questions_are_in_no_phrasing(locale: str) -> None:
    made = make(2000, 200, locale, 1)
    assert len(made.questions) == 200
    known = {line for one in made.articles for line in (one.title, *one.phrasings)}
    assert not known & {one.question for one in made.questions}


def test_a_base_larger_than_can_be_made_is_refused() -> None:
    assert most_phrasings("zh") >= 100_000
    with pytest.raises(ValueError, match="phrasings in 'en' at most"):
        make(most_phrasings("en") + 1, 1, "en", 1)


ARTICLES = [
    Article("fees", "en", "fees", phrasings=("what does a transfer cost", "the cost of sending")),
    Article("card", "en", "card", phrasings=("where is my card",)),
    Article("phone", "en", "phone", phrasings=("phone lost", "where did I lose my phone")),
    Article("zh", "en", "转账手续费", phrasings=("手续费多少",)),
]


@pytest.mark.parametrize("ranker", RANKERS.values())
def test_every_ranker_finds_and_takes_an_edit(ranker: type[Ranker]) -> None:
    index = ranker.build(ARTICLES)
    assert index.top("transfer cost")[0] == "fees"
    assert index.top("手续费怎么算")[0] == "zh"
    assert len(index.top("where is my lost phone")) <= 3
    edited = index.edited(Article("card", "en", "card", phrasings=("zzyzx",)))
    assert edited.top("zzyzx")[0] == "card"
    assert index.top("zzyzx") == []


def test_bm25_is_by_the_book() -> None:
    docs = [Article("a", "en", "x x y"), Article("b", "en", "y"), Article("c", "en", "z z z z")]
    index = Bm25.build(docs)
    length = 3 / ((3 + 1 + 4) / 3)
    rarity = math.log(1 + (3 - 1 + 0.5) / (1 + 0.5))
    expected = rarity * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * length))
    assert index.scores("x").tolist() == pytest.approx([expected, 0, 0], rel=1e-5)
    assert index.top("x y") == ["a", "b"]


def test_cosine_of_a_text_with_itself_is_one() -> None:
    index = Cosine.build(ARTICLES)
    assert index.scores("phone lost").max() == pytest.approx(1, rel=1e-5)
    assert 0 < index.scores("lost").max() < 0.99
    assert index.scores("unheard").max() == 0


def test_tokens_are_words_and_characters_with_pairs() -> None:
    assert tokens("Where's 轉賬費 A1?") == ["wheres", "转", "账", "费", "转账", "账费", "a1"]


def test_figures_count_what_they_say() -> None:
    found = kb_run.measure(RANKERS["bm25"], make(300, 30, "en", 1))
    assert 0 <= found["top1"] <= found["top3"] <= 1
    assert 0 < found["p50_ms"] <= found["p99_ms"]
    assert 1 < found["mb"] <= found["peak_mb"]
    assert found["edit_s"] > 0


def test_an_edit_that_is_not_live_is_no_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Bm25, "edited", lambda self, article: self)
    with pytest.raises(RuntimeError, match="is not live"):
        kb_run.measure(Bm25, make(300, 10, "en", 1))


def test_command_sets_all_side_by_side() -> None:
    words = ["bench", "kb", "--phrasings", "200,400", "--questions", "20", "--locale", "en"]
    result = CliRunner().invoke(app, [*words, "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert [one["phrasings"] for one in found["sizes"]] == [200, 400]
    first = found["sizes"][0]
    assert set(RANKERS) <= set(first)
    ratio = first["huifang"]["p50_ms"] / first["bm25"]["p50_ms"]
    assert first["ratios"]["bm25"]["p50_ms"] == pytest.approx(ratio)
    assert {"locale", "seed", "machine", "commit"} <= set(found)


def test_table_has_a_row_for_each_and_the_ratios(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = dict.fromkeys(
        ("top1", "top3", "p50_ms", "p99_ms", "build_s", "edit_s", "mb", "base_mb", "peak_mb"), 0.5
    )
    monkeypatch.setattr("bot.bench.kb._run", lambda *_: figures)
    result = CliRunner().invoke(app, ["bench", "kb", "--phrasings", "1000"])
    assert result.exit_code == 0, result.output
    for part in ("huifang", "bm25", "cosine", "×", "1,000", "50.0"):
        assert part in result.stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--phrasings", "x"), 2),
        (("--phrasings", "0,10"), 2),
        (("--phrasings", "10,10"), 2),
        (("--phrasings", "99999999"), 2),
        (("--locale", "fr"), 2),
        (("--questions", "0"), 2),
    ],
)
def test_a_wrong_call_is_a_usage_error(words: tuple[str, ...], code: int) -> None:
    assert CliRunner().invoke(app, ["bench", "kb", *words]).exit_code == code


def test_a_wrong_list_of_another_bench_is_a_usage_error_too() -> None:
    for words in (("--stored", "x"), ("--roles", "cook")):
        assert CliRunner().invoke(app, ["bench", "turns", *words]).exit_code == 2


def test_a_run_that_dies_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")
    result = CliRunner().invoke(app, ["bench", "kb", "--phrasings", "10"])
    assert result.exit_code == 1
    assert "huifang with 10 phrasings did not finish" in result.stderr

"""Articles survive every file format, and each broken file says where and how to mend it."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.article import Article, Link
from kb.formats import Reading, canonical, read_csv, read_jsonl, write_csv, write_jsonl
from kb.frontmatter import read_markdown, read_zip, write_markdown, write_zip

_signs = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_text = st.text(_signs, max_size=40)
_line = _text.map(lambda text: " ".join(text.split())).filter(bool)
_name = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20)
_maybe = st.one_of(st.just(""), _line.filter(lambda line: len(line) <= 32))


@st.composite
def _articles(draw: st.DrawFn) -> Article:
    article = Article(
        id=draw(_name),
        locale=draw(st.sampled_from(["zh", "en", "zh-TW"])),
        title=draw(_line),
        body=draw(_text),
        phrasings=tuple(draw(st.lists(_line, max_size=4))),
        category=draw(_maybe),
        owner=draw(_maybe),
        review=draw(st.none() | st.dates()),
        version=draw(st.integers(1, 999)),
        related=tuple(draw(st.lists(_name, max_size=3))),
        links=tuple(draw(st.lists(st.builds(Link, _line, _line), max_size=2))),
        video=draw(_maybe),
    )
    return canonical(article)


@given(_articles())
def test_markdown_gives_the_article_back(article: Article) -> None:
    assert read_markdown(write_markdown(article), "a.md") == _read(article, "a.md", 2)


@given(st.lists(_articles(), max_size=4))
def test_json_lines_give_the_articles_back(articles: list[Article]) -> None:
    result = read_jsonl(write_jsonl(articles), "a.jsonl")
    assert (result.articles, result.problems) == (tuple(articles), ())


@given(st.lists(_articles(), max_size=4))
def test_csv_gives_the_articles_back(articles: list[Article]) -> None:
    result = read_csv(write_csv(articles), "a.csv")
    assert (result.articles, result.problems) == (tuple(articles), ())


@given(st.lists(_articles(), max_size=4, unique_by=lambda a: a.key))
def test_a_zip_gives_the_articles_back_and_is_always_the_same(articles: list[Article]) -> None:
    data = write_zip(articles)
    assert {a.key: a for a in read_zip(data, "a.zip").articles} == {a.key: a for a in articles}
    assert data == write_zip(reversed(articles))


@given(st.text(max_size=200))
def test_no_text_makes_a_reader_raise(text: str) -> None:
    for reader in (read_markdown, read_jsonl, read_csv):
        assert isinstance(reader(text, "f"), Reading)
    assert isinstance(read_markdown(f"---\n{text}\n---\nbody", "f"), Reading)


def _read(article: Article, file: str, line: int) -> Reading:
    return Reading((article,), (), ((file, line),))


GOOD = "---\nid: fees\nlocale: en\ntitle: What are the fees?\n"


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("no fields", 1, "no front matter"),
        ("---\nid: a\n", 1, "no front matter"),
        (GOOD.replace("id: fees", "id: two words") + "---\n", 2, "has a space"),
        (GOOD.replace("locale: en", "locale: English!") + "---\n", 3, "locale 'English!'"),
        (GOOD.replace("title: What are the fees?\n", "") + "---\n", 1, "title is missing"),
        (GOOD + "review: soon\n---\n", 5, "review 'soon' is no date"),
        (GOOD + "review: 2027-02-31\n---\n", 5, "is no date"),
        (GOOD + "version: 0\n---\n", 5, "version '0'"),
        (GOOD + "colour: red\n---\n", 5, "'colour' is no field"),
        (GOOD + "phrasings: one\n---\n", 5, "phrasings is not a list"),
        (GOOD + "links:\n  - label: Help\n---\n", 5, "a link has no label or url"),
        (GOOD + "title: Again\n---\n", 2, "stands twice"),
        (GOOD + "answer: here\n---\n", 2, "the answer stands in the front matter"),
        (GOOD + "owner: a: b: c\n---\n", 5, "no YAML"),
        (GOOD + "owner: 'open\n---\n", 5, "no YAML"),
        ("---\njust words\n---\n", 2, "no fields"),
    ],
)
def test_a_broken_markdown_file_says_where_and_what(text: str, line: int, what: str) -> None:
    (problem,) = read_markdown(text, "zh/fees.md").problems
    assert (problem.file, problem.line) == ("zh/fees.md", line)
    assert what in problem.what
    assert str(problem) == f"zh/fees.md:{line}: {problem.what}; {problem.fix}"
    assert problem.fix


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ('{"id": "a"', 1, "no JSON"),
        ("\n\n[1]", 3, "no JSON object"),
        ('{"id": "a", "locale": "en"}', 1, "title is missing"),
        ('{"id": "a", "locale": "en", "title": ["x"]}', 1, "title is not a text"),
        ('{"id": "a", "locale": "en", "title": "x", "phrasings": {"a": 1}}', 1, "not a list"),
    ],
)
def test_a_broken_json_line_says_where_and_what(text: str, line: int, what: str) -> None:
    (problem,) = read_jsonl(text, "f.jsonl").problems
    assert problem.line == line
    assert what in problem.what


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("id,locale,title\na,en,x,y\n", 2, "4 cells"),
        ('id,locale,title\n"a\n', 2, "the CSV is broken"),
        ('id,locale,title,phrasings\na,en,x,"1\n2"\nb,en,,\n', 4, "title is missing"),
        ("id,locale,title,links\na,en,x,here\n", 2, "a link has no"),
    ],
)
def test_a_broken_csv_says_where_and_what(text: str, line: int, what: str) -> None:
    (problem,) = read_csv(text, "f.csv").problems
    assert problem.line == line
    assert what in problem.what


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("id", "i" * 65, "id has 65 characters"),
        ("locale", "zh" + "-Hant" * 9, "locale has 47 characters"),
        ("category", "c" * 33, "category has 33 characters"),
        ("owner", "o" * 65, "owner has 65 characters"),
        ("title", "t" * 301, "title has 301 characters"),
        ("title", "a\0b", "title has the sign NUL"),
        ("answer", "word " * 2_000_000, "answer has 10,000,000 characters"),
        ("phrasings", ["p" * 501], "phrasings has 501 characters"),
        ("phrasings", ["a\0b"], "phrasings has the sign NUL"),
        ("phrasings", [f"how {n}" for n in range(1001)], "phrasings has 1,001 lines"),
    ],
)
def test_what_no_database_and_no_chat_takes_is_refused(
    field: str, value: object, what: str
) -> None:
    record = {"id": "a", "locale": "en", "title": "x", "answer": "y"} | {field: value}
    problems = read_jsonl(json.dumps(record), "f.jsonl").problems
    assert what in problems[0].what
    assert len(str(problems[0])) < 200


def test_a_sound_article_is_read_beside_a_broken_one() -> None:
    text = '{"id": "a", "locale": "en", "title": "x"}\nbroken\n'
    result = read_jsonl(text, "f")
    assert ([a.id for a in result.articles], len(result.problems)) == (["a"], 1)


def test_what_an_editor_types_is_understood() -> None:
    text = (
        "\ufeff---\r\nid: lost-phone\r\nlocale: zh\r\ntitle: '手机丢了: 怎么办?'\r\nreview: 2027-04-19\r\n"
        'phrasings:\r\n  - 手机被偷了\r\n  - "I can\'t find it"\r\nlinks:\r\n  - label: 安全\r\n'
        "    url: '{{links.security}}'\r\n---\r\n\r\n先冻结账户。\r\n"
    )
    (article,) = read_markdown(text, "f").articles
    assert article == Article(
        "lost-phone", "zh", "手机丢了: 怎么办?", "先冻结账户。", ("手机被偷了", "I can't find it"),
        review=date(2027, 4, 19), links=(Link("安全", "{{links.security}}"),),
    )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        "title: plain\nphrasings:\n  - one\n  - two: not a field\n",
        "title: plain # a comment\nphrasings: [one, two]\n",
        "title: >\n  folded\n  text\nowner: &a me\ncategory: *a\n",
        "title: 'it''s'\nowner: \"tab\\tinside\"\n",
        "title: 12\nversion: 3\nowner: ~\nvideo: null\n",
    ],
)
def test_the_quick_way_and_the_yaml_library_agree(fields: str) -> None:
    """A trailing comment line sends the same fields through the library."""
    quick = read_markdown(f"---\nid: a\nlocale: en\n{fields}---\nbody\n", "f")
    library = read_markdown(f"---\nid: a\nlocale: en\n{fields}# end\n---\nbody\n", "f")
    assert quick == library


def test_chinese_headings_of_a_spreadsheet_are_understood() -> None:
    (article,) = read_csv("编号,语言,标题,问法,答案\nfees,zh,手续费,多少钱\n", "f").articles
    assert (article.id, article.title, article.phrasings) == ("fees", "手续费", ("多少钱",))


def test_a_cell_that_a_spreadsheet_would_run_is_defused() -> None:
    article = Article("a", "en", "=HYPERLINK(1)", phrasings=("-1", "+2"), body="@x")
    text = write_csv([article])
    assert ",=HYPERLINK" not in text
    assert "'=HYPERLINK" in text
    assert read_csv(text, "f").articles == (article,)


def test_a_zip_that_is_too_large_or_broken_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.md", b" " * 60_000_000)
    assert "60 MB" in read_zip(out.getvalue(), "big.zip").problems[0].what
    assert "cannot be read" in read_zip(b"no zip", "f.zip").problems[0].what


def test_a_file_of_a_zip_that_is_not_utf8_is_named() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("zh/a.md", "标题".encode("gbk"))
    (problem,) = read_zip(out.getvalue(), "f.zip").problems
    assert (problem.file, problem.what) == ("zh/a.md", "the file is not UTF-8")

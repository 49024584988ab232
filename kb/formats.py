"""Articles as files: JSON lines, CSV and Markdown in and out, with one clear message for each problem.

What is written and read again is the same article. Readers never raise: what is wrong comes back as
`Problem`s beside the articles that are right.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from kb.article import Article, Link


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file: where, what, and how to put it right."""

    file: str
    line: int  # from 1
    what: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.what}; {self.fix}"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a file holds: the sound articles in file order with their lines, and all problems."""

    articles: tuple[Article, ...] = ()
    problems: tuple[Problem, ...] = ()
    places: tuple[tuple[str, int], ...] = ()  # file and line of each article

    def __add__(self, other: Reading) -> Reading:
        return Reading(
            self.articles + other.articles,
            self.problems + other.problems,
            self.places + other.places,
        )


FIELDS = (
    "id", "locale", "title", "category", "owner", "review", "version", "phrasings", "related", "links",
    "video", "answer",
)  # fmt: skip
_ALIASES = {
    "body": "answer", "question": "title", "review_date": "review", "lang": "locale", "language": "locale",
    "编号": "id", "语言": "locale", "标题": "title", "问题": "title", "分类": "category", "类别": "category",
    "负责人": "owner", "复核日期": "review", "版本": "version", "问法": "phrasings", "相似问": "phrasings",
    "相关": "related", "链接": "links", "视频": "video", "答案": "answer", "回答": "answer", "正文": "answer",
}  # fmt: skip
# As the database keeps them; an answer is five messages at most, and nobody asks in more than a few lines.
MOST_CHARS = {
    "id": 64, "locale": 16, "title": 300, "category": 32, "owner": 64, "video": 2_000, "answer": 20_000,
    "phrasings": 500, "related": 64,
}  # fmt: skip
MOST_PHRASINGS = 1_000  # of one article; ten thousand cost a minute and find no more than a hundred
_LOCALE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")

Place = Callable[[str], int]  # the line on which a field stands


def canonical_field(name: str) -> str:
    """The field that a heading or key means: its own name, or an accepted other one."""
    plain = name.strip().casefold()
    return _ALIASES.get(plain, plain)


def clean_line(text: str) -> str:
    """One line without surrounding or doubled white space."""
    return " ".join(text.split())


def clean_body(text: str) -> str:
    """Lines ended by a line feed, no blank lines before and after."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return re.sub(r"\A(?:[^\S\n]*\n)+|\s+\Z", "", text) if text.strip() else ""


def canonical(article: Article) -> Article:
    """The article as files keep it: single-line texts trimmed, no empty phrasings."""
    return Article(
        id=article.id,
        locale=article.locale,
        title=clean_line(article.title),
        body=clean_body(article.body),
        phrasings=tuple(line for text in article.phrasings if (line := clean_line(text))),
        category=clean_line(article.category),
        owner=clean_line(article.owner),
        review=article.review,
        version=article.version,
        related=tuple(line for text in article.related if (line := clean_line(text))),
        links=tuple(Link(clean_line(link.label), clean_line(link.url)) for link in article.links),
        video=clean_line(article.video),
    )


class _Check:
    """Turns one record into an article and collects what is wrong with it."""

    def __init__(self, record: Mapping[str, object], file: str, place: Place) -> None:
        self.record = {canonical_field(key): value for key, value in record.items()}
        self.file = file
        self.place = place
        self.problems: list[Problem] = []

    def problem(self, field: str, what: str, fix: str) -> None:
        self.problems.append(Problem(self.file, self.place(field), what, fix))

    def text(self, field: str) -> str:
        value = self.record.get(field)
        if value is None:
            return ""
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str):
            return self.whole(field, value)
        self.problem(field, f"{field} is not a text", f"write {field} as text, in quotes if needed")
        return ""

    def whole(self, field: str, value: str) -> str:
        """JSON can hold half of a surrogate pair, which no file and no channel takes, and the sign
        NUL, which PostgreSQL does not keep."""
        if "\0" in value:
            self.problem(field, f"{field} has the sign NUL (\\u0000)", "remove it")
            return ""
        if any("\ud800" <= sign <= "\udfff" for sign in value):
            what = f"{field} has half a character (\\ud800 to \\udfff without its other half)"
            self.problem(field, what, "write the character itself")
            return ""
        most = MOST_CHARS.get(field, len(value))
        if len(value) > most:
            what = f"{field} has {len(value):,} characters, {value[:20]!r}…"
            self.problem(field, what, f"write at most {most:,}")
            return ""
        return value

    def texts(self, field: str) -> tuple[str, ...]:
        value = self.record.get(field)
        if value is None or value == "":
            return ()
        if isinstance(value, list) and all(isinstance(item, str | int) for item in value):
            lines = (clean_line(self.whole(field, str(item))) for item in value)
            found = tuple(line for line in lines if line)
            if len(found) <= MOST_PHRASINGS:
                return found
            what = f"{field} has {len(found):,} lines"
            self.problem(field, what, f"keep the {MOST_PHRASINGS:,} that people write most")
            return ()
        self.problem(
            field, f"{field} is not a list of texts", "write one text a line, each after '- '"
        )
        return ()

    def required(self, field: str) -> str:
        before = len(self.problems)
        value = clean_line(self.text(field))
        if not value and len(self.problems) == before:
            self.problem(field, f"{field} is missing", f"add {field}")
        return value

    def identifier(self) -> str:
        value = self.required("id")
        if not value.isprintable() or " " in value or "/" in value:
            self.problem(
                "id", f"id {value[:40]!r} has a space or a slash",
                f"use letters, digits and - _ . only, at most {MOST_CHARS['id']} characters",
            )  # fmt: skip
        return value

    def locale(self) -> str:
        value = self.required("locale")
        if value and not _LOCALE.fullmatch(value):
            self.problem(
                "locale", f"locale {value[:20]!r} is unknown", "write a code such as zh or en"
            )
        return value

    def review(self) -> date | None:
        value = self.record.get("review")
        if isinstance(value, date) and not isinstance(value, datetime):
            return value
        if value is None or value == "":
            return None
        try:
            return date.fromisoformat(str(value).strip())
        except ValueError:
            self.problem(
                "review", f"review {str(value)[:20]!r} is no date", "write it as 2027-04-30"
            )
            return None

    def version(self) -> int:
        value = self.record.get("version")
        if value is None or value == "":
            return 1
        if isinstance(value, int | str) and re.fullmatch(r"[1-9][0-9]{0,8}", str(value).strip()):
            return int(value)
        self.problem("version", f"version {str(value)[:20]!r} is no number from 1", "write it as 1")
        return 1

    def links(self) -> tuple[Link, ...]:
        value = self.record.get("links")
        if value is None or value == "":
            return ()
        found: list[Link] = []
        for item in value if isinstance(value, list) else [value]:
            label, url = (item.get("label"), item.get("url")) if isinstance(item, dict) else (0, 0)
            if isinstance(label, str) and isinstance(url, str) and clean_line(url):
                found.append(Link(clean_line(label), clean_line(url)))
            else:
                self.problem(
                    "links", "a link has no label or url", "give each link a label and a url"
                )
        return tuple(found)


def read_record(record: Mapping[str, object], file: str, place: Place) -> Reading:
    """One article from one record of any format; `place` tells the line of a field."""
    check = _Check(record, file, place)
    for name in record:
        if canonical_field(name) not in FIELDS:
            check.problem(
                name, f"{name[:40]!r} is no field of an article", f"use {', '.join(FIELDS)}"
            )
    article = Article(
        id=check.identifier(),
        locale=check.locale(),
        title=check.required("title"),
        body=clean_body(check.text("answer")),
        phrasings=check.texts("phrasings"),
        category=clean_line(check.text("category")),
        owner=clean_line(check.text("owner")),
        review=check.review(),
        version=check.version(),
        related=check.texts("related"),
        links=check.links(),
        video=clean_line(check.text("video")),
    )
    if check.problems:
        return Reading(problems=tuple(check.problems))
    return Reading((article,), (), ((file, place("id")),))


def _at(line: int) -> Place:
    return lambda _field: line


def record_of(article: Article) -> dict[str, object]:
    """All fields of an article in JSON's types; fields that are empty are left out."""
    article = canonical(article)
    record: dict[str, object] = {
        "id": article.id,
        "locale": article.locale,
        "title": article.title,
        "category": article.category,
        "owner": article.owner,
        "review": article.review.isoformat() if article.review else "",
        "version": article.version if article.version != 1 else "",
        "phrasings": list(article.phrasings),
        "related": list(article.related),
        "links": [{"label": link.label, "url": link.url} for link in article.links],
        "video": article.video,
        "answer": article.body,
    }
    always = {"id", "locale", "title", "phrasings", "answer"}
    return {name: value for name, value in record.items() if value or name in always}


def read_jsonl(text: str, file: str) -> Reading:
    """Articles from JSON lines `{"id", "locale", "title", "phrasings": [], "answer"}` and further fields."""
    result = Reading()
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            what = f"the line is no JSON ({str(error)[:80]})"
            result += Reading(problems=(Problem(file, number, what, "write one object a line"),))
            continue
        if not isinstance(record, dict):
            problem = Problem(file, number, "the line is no JSON object", "start it with {")
            result += Reading(problems=(problem,))
            continue
        result += read_record(record, file, _at(number))
    return result


def write_jsonl(articles: Iterable[Article]) -> str:
    """Articles as JSON lines; `read_jsonl` gives them back."""
    return "".join(json.dumps(record_of(a), ensure_ascii=False) + "\n" for a in articles)


def read_csv(text: str, file: str) -> Reading:
    """Articles from CSV with a heading row. Phrasings and related ids stand one a line in their cell,
    links as a JSON list in theirs."""
    source = io.StringIO(text.removeprefix("\ufeff").replace("\0", ""), newline="")
    rows = csv.reader(source, strict=True)
    result = Reading()
    heads: list[str] = []
    line = 1
    try:
        for cells in rows:
            line, start = rows.line_num + 1, line
            if not any(cell.strip() for cell in cells):
                continue
            if not heads:
                heads = [head.strip() for head in cells]
                continue
            result += _read_cells(heads, cells, file, start)
    except csv.Error as error:
        problem = Problem(
            file, rows.line_num, f"the CSV is broken ({error})", "check the quotes there"
        )
        result += Reading(problems=(problem,))
    return result


def _read_cells(heads: list[str], cells: list[str], file: str, line: int) -> Reading:
    if len(cells) > len(heads) and any(cells[len(heads) :]):
        what = f"the row has {len(cells)} cells but the heading has {len(heads)}"
        return Reading(problems=(Problem(file, line, what, "put texts with commas in quotes"),))
    record: dict[str, object] = {}
    for head, cell in zip(heads, cells, strict=False):
        value = cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
        match canonical_field(head):
            case "phrasings" | "related":
                record[head] = value.splitlines()
            case "links" if value.strip():
                try:
                    record[head] = json.loads(value)
                except (ValueError, RecursionError):
                    record[head] = "no JSON"
            case _ if head or value.strip():
                record[head] = value
    return read_record(record, file, _at(line))


def write_csv(articles: Iterable[Article]) -> str:
    """Articles as CSV that spreadsheets open in UTF-8; `read_csv` gives them back.

    A cell that a spreadsheet would run as a formula gets an apostrophe in front.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(FIELDS)
    for article in articles:
        record = record_of(article)
        writer.writerow([_cell(name, record.get(name, "")) for name in FIELDS])
    return "\ufeff" + out.getvalue()


def _cell(name: str, value: object) -> str:
    if name == "links":
        cell = json.dumps(value, ensure_ascii=False) if value else ""
    else:
        cell = "\n".join(map(str, value)) if isinstance(value, list) else str(value)
    return "'" + cell if cell.startswith(_FORMULA) else cell

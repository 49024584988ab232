"""Applicants from a CSV file as operators have it: every encoding and separator, every mistake by line."""

from __future__ import annotations

import pytest

from bot.outreach.csv_import import People, read_people
from bot.settings import Settings

SETTINGS = Settings(locale="zh", zone="Asia/Shanghai", region="CN")
GOOD = "reference,name,last4,locale,zone,region,product\n4711,王芳,1234,zh,Asia/Shanghai,CN,卡\n"


def read(text: str, encoding: str = "utf-8") -> People:
    return read_people(text.encode(encoding), SETTINGS)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_is_read_as_excel_saves_it(encoding: str, separator: str, end: str) -> None:
    people = read(GOOD.replace(",", separator).replace("\n", end), encoding)
    assert people.problems == ()
    (wang,) = people.profiles
    assert (wang.reference, wang.name, wang.last4, wang.fields) == (
        "4711",
        "王芳",
        "1234",
        {"product": "卡"},
    )


def test_what_is_left_empty_takes_the_settings() -> None:
    (one,) = read("reference\n4711\n\n").profiles
    assert (one.locale, one.zone, one.region, one.phone) == ("zh", "Asia/Shanghai", "CN", "")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "line 1, heading: the column 'reference' is missing"),
        ("name\nAnn\n", "line 1, heading: the column 'reference' is missing"),
        ("reference,name,name\n", "line 1, heading: 'name' is empty or stands twice"),
        ("reference,First Name\n", "line 1, heading: 'First Name' cannot be a name in texts"),
        ("reference,name\n1\n", "line 2, row: has 1 values, the heading has 2"),
        ("reference\n\n \nx\nx\n", "line 5, reference: 'x' stands in line 4 too"),
        ('reference,name\n"1\n",a\n1,c\n', "line 4, reference: '1' stands in line 2 too"),
        ('reference,name\n1,"a\nb"\n', "line 2, name: has a control character in it"),
        ('reference,name\n1,a\n2,"b\n3,c\n', "line 3, row: a quote is not closed"),
        ('reference,name\n1,"b"c\n', "line 2, row: a quote is not closed"),
        ("reference,last4\n1,12345\n", "line 2, last4: is not four characters"),
        ("reference,zone\n1,Mars/Phobos\n", "line 2, zone:"),
        ("reference,region\n1,China\n", "line 2, region: is no country"),
        ("reference,phone\n1,12\n", "line 2, phone:"),
        ("reference,locale\n1,!!\n", "line 2, locale: is no language"),
        ("reference,name\n1,4111 1111 1111 1111\n", "line 2, name: looks like a secret (card"),
    ],
)
def test_every_mistake_names_its_line_and_nothing_else_is_wrong(text: str, said: str) -> None:
    people = read(text)
    assert len(people.problems) == 1
    assert str(people.problems[0]).startswith(said)
    assert " — " in str(people.problems[0]), "it says the fix"


def test_an_open_quote_over_a_large_file_is_one_clear_line() -> None:
    people = read('reference,name\n1,"x\n' + "2,y\n" * 50_000)
    assert [problem.line for problem in people.problems] == [2]


def test_what_is_no_text_is_refused() -> None:
    (problem,) = read_people(b"\xff\xfe\x00\x81\xff", SETTINGS).problems
    assert "save it as CSV, UTF-8" in str(problem)

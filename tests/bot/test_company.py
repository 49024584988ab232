from __future__ import annotations

from pathlib import Path

import pytest

from bot.company import SAMPLE, Company, CompanyError


def test_the_sample_has_every_value_in_chinese_and_english() -> None:
    company = Company.load()
    assert company.locales == ("en", "zh")
    zh, en = company.values("zh"), company.values("en")
    assert (zh["brand"], en["brand"]) == ("回访钱包", "Sample Wallet")
    for section in ("channels", "fees", "limits", "times", "links"):
        assert all(zh[section].values())
        assert set(zh[section]) == set(en[section])
    assert zh["links"]["help"].startswith("https://www.example.com/")
    assert company.values("zh-Hans-CN") == zh
    assert company.values("en_GB") == en


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("hotline = ", "hot_line = ", r"channels\.hotline is missing; add it to \[channels\]"),
        ("brand = ", "name = ", "brand is missing"),
        ('en = "free" }', 'fr = "gratuit" }', r"has no text in (en|fr|en, fr)"),
        ('"+86 10 5555 0100"', '""', r"channels\.hotline is missing"),
        ('"+86 10 5555 0100"', "true", r"channels\.hotline is missing"),
        ('"+86 10 5555 0100"', "{ zh = 1 }", r"channels\.hotline must be a text"),
        ("[links]", "[linx]", "linx is none of"),
        ("[links]", "[links", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_said_in_one_line_with_its_path(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    path = tmp_path / "company.toml"
    sample = SAMPLE.read_text("utf-8")
    assert old in sample
    path.write_text(sample.replace(old, new, 1), "utf-8")
    with pytest.raises(CompanyError, match=said) as raised:
        Company.load(path)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_locale_that_the_file_lacks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompanyError, match="no texts in 'fr', only in en, zh"):
        Company.load().values("fr")
    with pytest.raises(CompanyError, match="cannot be read"):
        Company.load(tmp_path / "nowhere.toml")


def test_numbers_and_values_without_languages_serve_every_locale(tmp_path: Path) -> None:
    path = tmp_path / "company.toml"
    lines = SAMPLE.read_text("utf-8").splitlines()
    plain = [line.partition("=")[0] + "= 7" if " = {" in line else line for line in lines]
    path.write_text("\n".join(plain), "utf-8")
    company = Company.load(path)
    assert company.locales == ()
    assert company.values("sw")["fees"]["card"] == "7"


def test_values_cannot_be_changed_by_who_reads_them() -> None:
    values = Company.load().values("zh")
    with pytest.raises(TypeError):
        values["fees"]["card"] = "0"

"""Texts: filled with names and values, strict about unknown ones, limited, and values are inert."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialogs.texts import (
    TextError,
    _fill,
    compile_text,
    phrase,
    phrase_locales,
    phrases,
    render_text,
    say_moment,
    text_names,
)

VALUES = {"brand": "B", "person": {"name": "Emma", "city": None}, "fees": {"card": "free"}}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("plain", "plain"),
        ("Hi {{person.name}} of {{ brand }}", "Hi Emma of B"),
        ("{% if person.product %}x{% else %}y{% endif %}", "y"),
        ("{% if person.city %}x{% else %}y{% endif %}", "y"),
        ("{{person.city}}", ""),
        ("{{ person.product | default: 'it' }}", "it"),
        ("{{ brand | downcase }}", "b"),
        ("{ not } a template", "{ not } a template"),
    ],
)
def test_a_text_is_filled(template: str, text: str) -> None:
    assert render_text(template, VALUES) == text


_VALUE = st.one_of(
    st.text(max_size=8),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(),
    st.lists(st.integers()),
)
_PIECE = st.sampled_from(
    ["{{a}}", "{{ b }}", "{{a.b}}", "{{a.first}}", "{{first}}", "{{ true }}", "{{b.size}}", "{{a.b.c}}",
     "{{-a-}}", "{{a|upcase}}", "{{a[0]}}", "{% if b %}", "{% endif %}", "{{", "}}", "{", "%", " ", "x", "您"]
)  # fmt: skip


@given(
    st.lists(_PIECE, max_size=5).map("".join),
    st.dictionaries(
        st.sampled_from(["a", "b", "first", "true"]),
        st.one_of(_VALUE, st.dictionaries(st.sampled_from(["b", "first", "size"]), _VALUE)),
    ),
)
def test_a_text_with_names_alone_is_filled_as_liquid_does(
    template: str, values: dict[str, object]
) -> None:
    filled = _fill(template, values)
    if filled is not None:
        compiled = compile_text(template)
        assert filled == (template if compiled is None else compiled.render(**values))


def test_the_usual_phrases_are_filled_without_liquid() -> None:
    assert _fill(phrases("en")["progress"], {"at": 1, "of": 4}) == "1/4 · "
    assert _fill("Hi {{person.name}}, this is {{ brand }}.", VALUES) == "Hi Emma, this is B."
    assert _fill("{{person.city}}", VALUES) is None
    assert _fill("{{brand | upcase}}", VALUES) is None


@pytest.mark.parametrize(
    "template",
    [
        "{{nobody}}", "{{person.product}}", "{{fees.none}}", "{{brand | no_such}}", "{{ 'now' | date: '%s' }}",
        "{% if %}", "{{", "{% for i in (1..100000) %}x{% endfor %}", "{% include 'x' %}", "{% unknown %}",
    ],
)  # fmt: skip
def test_an_unknown_name_or_a_broken_template_is_an_error_in_one_line(template: str) -> None:
    with pytest.raises(TextError) as caught:
        render_text(template, VALUES)
    assert "\n" not in str(caught.value)


def test_a_text_cannot_grow_without_limit() -> None:
    many = "{% for a in (1..90) %}{% for b in (1..90) %}" + "x" * 100 + "{% endfor %}{% endfor %}"
    with pytest.raises(TextError):
        render_text(many, VALUES)


@given(
    value=st.text(st.characters(exclude_characters="\r", codec="utf-8"), max_size=60)
)  # \r becomes \n
def test_a_value_is_shown_as_it_is_and_never_run(value: str) -> None:
    assert render_text("<{{v}}>", {"v": value}) == f"<{value}>"


def test_half_a_character_in_a_value_does_no_harm() -> None:
    assert render_text("<{{v.name}}>", {"v": {"name": "a\ud83d", "all": ["b"]}}) == "<a\ufffd>"


@pytest.mark.parametrize("value", ["{{brand}}", "{% if x %}", "{{ 7 | times: 7 }}", "{{"])
def test_braces_in_a_value_are_only_text(value: str) -> None:
    assert render_text("Hi {{v}}", {"v": value, "brand": "B"}) == f"Hi {value}"


def test_the_names_of_a_template_are_known() -> None:
    template = "{% if person.a %}{{person.a}}{% endif %}{{brand}}{{fees.card | upcase}}{% for i in links %}{{i}}{% endfor %}"
    assert set(text_names(template)) == {"person.a", "brand", "fees.card", "links"}
    assert text_names("plain") == ()


def test_every_language_has_the_same_phrases() -> None:
    assert {"zh", "en"} <= set(phrase_locales())
    keys = {locale: set(phrases(locale)) for locale in phrase_locales()}
    assert all(found == keys["en"] for found in keys.values())


@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_phrase_can_be_said(locale: str) -> None:
    values = {
        "brand": "B", "person": {"name": None}, "scale": 5, "left": 1, "at": 1, "of": 2, "name": "n",
        "value": "v", "when": "w", "languages": "zh, en", "picked": "p", "links": {}, "channels": {},
    }  # fmt: skip
    for key in phrases(locale):
        said = phrase(key, locale, values)
        assert said
        assert "{{" not in said


def test_an_unknown_language_is_an_error_that_says_what_to_add() -> None:
    with pytest.raises(TextError, match=r"dialogs/phrases/xx\.yaml"):
        phrases("xx")


ZONE = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("day", "zh", "en"),
    [
        (21, "今天19:05", "today at 19:05"),
        (22, "明天19:05", "tomorrow at 19:05"),
        (25, "11月25日（周三）19:05", "on Wed, 25 Nov at 19:05"),
    ],
)
def test_a_moment_is_said_as_people_say_it(day: int, zh: str, en: str) -> None:
    now = datetime(2026, 11, 21, 12, 0, tzinfo=ZONE)
    moment = datetime(2026, 11, day, 19, 5, tzinfo=ZONE)
    assert say_moment(moment, now, "zh") == zh
    assert say_moment(moment, now, "en") == en

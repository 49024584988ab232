"""Telegram messages: within the limits, nothing lost, everything reachable."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

import pytest
import regex
from aiogram.methods import SendMessage
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup, LinkPreviewOptions
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from channels.message import Option, Outgoing
from channels.telegram_caps import CAPS
from channels.telegram_render import render_message
from channels.text import measure
from tests.fakes.telegram_markup import read_keyboard, shown_text, utf16_length

CHAT = "7000000001"
FAMILY = "👨‍👩‍👧‍👦"


def rows(method: SendMessage) -> list[list[InlineKeyboardButton]]:
    if method.reply_markup is None:
        return []
    assert isinstance(method.reply_markup, InlineKeyboardMarkup)
    return method.reply_markup.inline_keyboard


def labels(method: SendMessage) -> list[list[str]]:
    return [[button.text for button in row] for row in rows(method)]


def options(*names: str) -> tuple[Option, ...]:
    return tuple(Option(f"token{number:017d}", name) for number, name in enumerate(names))


def render(text: str, choices: Sequence[Option] = ()) -> tuple[SendMessage, ...]:
    return render_message(CHAT, Outgoing(text, tuple(choices)))


def test_a_text_is_sent_as_it_reads() -> None:
    (method,) = render("Hi <b>& *Wei* _a_ &amp;", options("Yes", "No"))
    assert method.chat_id == 7000000001
    assert method.text == "Hi <b>& *Wei* _a_ &amp;"
    assert method.parse_mode is None
    assert method.entities is None
    assert labels(method) == [["Yes", "No"]]
    assert rows(method)[0][1].callback_data == "token" + "1".zfill(17)


def test_no_link_is_fetched_for_a_preview() -> None:
    (method,) = render("https://example.org/once?token=1")
    assert method.link_preview_options == LinkPreviewOptions(is_disabled=True)


def test_a_video_is_shown_with_its_picture_and_no_other_link() -> None:
    video = "https://example.org/video"
    text = f"https://example.org/once?token=1\n▶ {video}"
    (method,) = render_message(CHAT, Outgoing(text, preview=video))
    assert method.link_preview_options == LinkPreviewOptions(url=video, prefer_large_media=True)
    assert method.text == text
    for preview in ("https://example.org/elsewhere", "no address"):
        (method,) = render_message(CHAT, Outgoing(f"{text} no address", preview=preview))
        assert method.link_preview_options == LinkPreviewOptions(is_disabled=True)


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["1", "2", "3", "4", "5"], [["1", "2", "3", "4", "5"]]),
        (["1", "2", "3", "4", "5", "6"], [["1", "2", "3"], ["4", "5", "6"]]),
        (
            [str(n) for n in range(11)],
            [["0", "1", "2"], *[["3", "4", "5", "6"], ["7", "8", "9", "10"]]],
        ),
        (["⭐", "⭐⭐", "⭐⭐⭐"], [["⭐", "⭐⭐", "⭐⭐⭐"]]),
        (["是", "否"], [["是", "否"]]),
        (["同意并继续", "暂时不用"], [["同意并继续", "暂时不用"]]),
        (["I agree to this", "No thank you"], [["I agree to this", "No thank you"]]),
        (["A rather long answer", "No"], [["A rather long answer"], ["No"]]),
        (["联系人工客服为我处理", "否"], [["联系人工客服为我处理"], ["否"]]),
        (["two\nlines", " "], [["two lines", "2"]]),
    ],
)
def test_short_labels_share_a_row(names: list[str], shown: list[list[str]]) -> None:
    (method,) = render("?", options(*names))
    assert labels(method) == shown


def test_labels_that_no_screen_shows_in_full_are_written_out_and_numbered() -> None:
    long = "I could not find where to upload my documents"
    (method,) = render("Why?", options(long, "Other"))
    assert method.text == f"Why?\n\n1. {long}\n2. Other"
    assert labels(method) == [["1", "2"]]


def test_links_open_instead_of_answering_and_stand_apart() -> None:
    link = Option("unused", "Open the wallet", url="https://example.org/w")
    (method,) = render("?", [*options("Yes"), link, *options("No")])
    assert labels(method) == [["Yes", "No"], ["Open the wallet"]]
    button = rows(method)[1][0]
    assert (button.url, button.callback_data) == ("https://example.org/w", None)


@pytest.mark.parametrize("url", ["javascript:alert(1)", "https://localhost/x", "http://[", "x"])
def test_an_address_that_telegram_refuses_is_written_out(url: str) -> None:
    (method,) = render("?", [*options("Yes"), Option("t", "More", url=url)])
    assert method.text == f"?\n\n2. More: {url}"
    assert labels(method) == [["Yes"]]


@pytest.mark.parametrize("token", ["", "x" * 65, "字" * 22])
def test_an_option_whose_token_does_not_fit_is_written_out(token: str) -> None:
    (method,) = render("?", [Option("t", "Yes"), Option(token, "No")])
    assert method.text == "?\n\n2. No"
    assert labels(method) == [["Yes"]]


def test_more_options_than_a_keyboard_holds_stay_reachable() -> None:
    names = [f"Branch {number}" for number in range(1, 151)]
    (method,) = render("Which?", options(*names))
    shown = [label for row in labels(method) for label in row]
    written = re.findall(r"^\d+\. (.+)$", method.text, re.MULTILINE)
    assert shown + written == names
    assert f"{len(shown) + 1}. {written[0]}" in method.text
    assert 40 <= len(shown) <= 100


def test_a_keyboard_that_measures_too_much_is_cut_short_and_the_rest_written_out() -> None:
    names = [f"{number}号营业网点（朝阳区）" for number in range(1, 101)]
    choices = tuple(Option(str(number).zfill(64), name) for number, name in enumerate(names))
    (method,) = render("哪里？", choices)
    markup = method.model_dump(exclude_none=True)["reply_markup"]
    shown = [button for row in read_keyboard(markup, len(json.dumps(markup))) for button in row]
    written = re.findall(r"^\d+\. (.+)$", method.text, re.MULTILINE)
    assert [button.label for button in shown] + written == names
    assert 30 < len(shown) < 100


def test_the_keyboard_stands_under_the_last_part() -> None:
    methods = render("word " * 2000, options("Yes", "No"))
    assert [bool(method.reply_markup) for method in methods] == [False, False, True]


def test_options_without_a_text_get_a_pointer_and_nothing_becomes_nothing() -> None:
    (method,) = render("", options("Yes"))
    assert method.text == "👇"
    assert render(" \n") == ()


@pytest.mark.parametrize("unit", [FAMILY, "👍🏽", "🇨🇳", "é", "字", "<b>&", "😀"])
def test_no_cut_falls_inside_what_is_read_as_one(unit: str) -> None:
    text = unit * (9000 // len(unit))
    methods = render(text)
    assert len(methods) > 1
    for method in methods:
        assert measure(method.text, CAPS.text_unit) <= 4096
        if len(regex.findall(r"\X", unit)) == 1:
            assert len(method.text) % len(unit) == 0
    assert "".join(method.text for method in methods) == text


WORDS = st.text(min_size=1, max_size=12) | st.sampled_from(
    [FAMILY, "<b>&", "你好，", "https://example.org/a?b=c", "\n\n", " ", "&amp;", "😀" * 40]
)
TEXTS = st.lists(WORDS, max_size=40).map("".join)
LONG_TEXTS = st.builds(lambda text, times: text * times, TEXTS, st.integers(1, 60))
TAPS = st.builds(
    Option,
    token=st.text("abcXYZ019_-", min_size=16, max_size=64),
    label=st.text(max_size=80) | st.sampled_from(["是", "Yes", FAMILY * 9, "五分 " * 20]),
)
LINKS = st.builds(
    Option, token=st.just("t"), label=st.text(max_size=60), url=st.just("https://example.org/x")
)


def _squeezed(text: str) -> str:
    return "".join(text.split())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LONG_TEXTS, st.lists(TAPS | LINKS, max_size=40))
def test_whatever_is_said_telegram_takes_it_and_the_person_can_choose(
    text: str, choices: list[Option]
) -> None:
    text = text.encode("utf-8", "replace").decode()[:50_000]
    methods = render(text, choices)
    for method in methods:
        assert shown_text(method.text, None) == method.text.strip()
        assert utf16_length(method.text) <= CAPS.text_max
    whole = _squeezed("".join(method.text for method in methods))
    if text.strip():
        assert whole.startswith(_squeezed(text))
    else:
        assert bool(methods) == bool(choices)
    if not choices:
        assert whole == _squeezed(text)
        return
    markup = methods[-1].model_dump(exclude_none=True).get("reply_markup", {})
    shown = read_keyboard(markup, len(json.dumps(markup)))
    buttons = [button for row in shown for button in row]
    assert len(buttons) <= CAPS.buttons_max
    tokens = [button.data for button in buttons]
    for number, choice in enumerate(choices, 1):
        reachable = choice.token in tokens or choice.url in [button.url for button in buttons]
        written = _squeezed(f"{number}. {' '.join(choice.label.split()) or number}")
        assert (reachable and (choice.url or choice.token)) or written in whole
    assert all(len(token.encode()) <= CAPS.token_max_bytes for token in tokens)

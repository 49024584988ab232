"""Writing WhatsApp messages: within every limit, nothing lost, every option within reach."""

from __future__ import annotations

import re
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channels.base import Part
from channels.message import Address, Option, Outgoing, Template
from tests.channels.whatsapp_samples import BSUID, PHONE, channel
from tests.fakes.whatsapp_rules import Content, FakeTemplate, check_message

US = channel()
TO = Address(US.account, PHONE, (BSUID,))
PROMPTS = ("请选择：", "Please choose:")


def options(*labels: str) -> tuple[Option, ...]:
    return tuple(Option(f"token-{number}", label) for number, label in enumerate(labels))


def render(text: str, *given: Option) -> list[Content]:
    """What the platform's own checks make of the parts."""
    return [check(part) for part in US.render(TO, Outgoing(text, given))]


def check(part: Part) -> Content:
    templates = {("hello", "zh_CN"): FakeTemplate("hello", "zh_CN", 2, ("开始",))}
    return check_message(orjson.loads(orjson.dumps(part.payload)), templates)


def payload(text: str = "hi", *given: Option, to: Address = TO) -> dict[str, Any]:
    (part,) = US.render(to, Outgoing(text, given))
    return dict(part.payload)


def test_a_short_text_is_one_message_without_a_preview() -> None:
    assert payload("你好 https://example.com") == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": PHONE,
        "type": "text",
        "text": {"body": "你好 https://example.com", "preview_url": False},
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Watch this:\n▶ https://example.com/video", True),
        (
            "https://example.com/once?t=1\n▶ https://example.com/video",
            False,
        ),  # the first one counts
        ("Nothing to see.", False),
    ],
)
def test_a_video_is_shown_with_its_picture_where_no_other_link_would_be(
    text: str, shown: bool
) -> None:
    (part,) = US.render(TO, Outgoing(text, preview="https://example.com/video"))
    assert part.payload["text"] == {"body": text, "preview_url": shown}


def test_who_is_known_by_user_id_alone_is_the_recipient() -> None:
    sent = payload(to=Address(US.account, BSUID))
    assert (sent["recipient"], "to" in sent) == (BSUID, False)


def test_nothing_to_say_is_no_message() -> None:
    assert render(" \n ") == []


def test_up_to_three_options_are_buttons() -> None:
    (message,) = render("Happy?", *options("Yes", "No", "Later"))
    assert (message.kind, message.text) == ("button", "Happy?")
    assert [(button.token, button.title) for button in message.buttons] == [
        ("token-0", "Yes"),
        ("token-1", "No"),
        ("token-2", "Later"),
    ]


def test_long_labels_of_buttons_are_lines_with_numbers_to_tap() -> None:
    (message,) = render("How?", *options("By bank transfer from abroad", "By card"))
    assert message.text == "How?\n1) By bank transfer from abroad\n2) By card"
    assert [button.title for button in message.buttons] == ["1", "2"]


def test_up_to_ten_options_are_a_list() -> None:
    (message,) = render("打几分？", *options("1", "2", "3", "4", "5"))
    assert (message.kind, message.text) == ("list", "打几分？")
    assert [row.title for row in message.buttons] == ["1", "2", "3", "4", "5"]


def test_a_label_longer_than_a_row_stands_under_its_beginning() -> None:
    long = "I could not find where to upload my passport"
    (message,) = render("Why?", *options(long, "A", "B", "C"))
    assert message.buttons[0].title == "I could not find where…"
    assert message.buttons[0].description == long
    assert message.text == "Why?"


def test_labels_that_begin_alike_are_told_apart_by_number() -> None:
    labels = [f"My documents were refused, reason {letter}" for letter in "ABCD"]
    (message,) = render("Why?", *options(*labels))
    assert [row.title for row in message.buttons] == ["1", "2", "3", "4"]
    assert [row.description for row in message.buttons] == labels


def test_labels_longer_than_a_row_s_description_are_lines_too() -> None:
    labels = ["b" * 73, "B", "C", "D"]
    (message,) = render("Why?", *options(*labels))
    assert message.text == f"Why?\n1) {'b' * 73}\n2) B\n3) C\n4) D"
    assert [row.title for row in message.buttons] == ["1", "2", "3", "4"]


def test_more_than_ten_options_are_numbered_lines() -> None:
    (message,) = render("Which?", *options(*"abcdefghijk"))
    assert message.kind == "text"
    assert message.text.splitlines()[:3] == ["Which?", "1) a", "2) b"]
    assert message.text.splitlines()[-1] == "11) k"


def test_labels_that_are_numbers_get_no_second_number() -> None:
    (message,) = render("0–10?", *options(*(str(number) for number in range(11)), "Skip"))
    assert message.text.splitlines() == ["0–10?", *map(str, range(11)), "Skip"]


@pytest.mark.parametrize(
    ("labels", "titles"),
    [(("Yes", "Yes"), ["1", "2"]), (("", "No"), ["1", "2"]), ((" a\n b ",), ["a b"])],
)
def test_labels_that_the_platform_would_refuse(labels: tuple[str, ...], titles: list[str]) -> None:
    (message,) = render("Pick", *options(*labels))
    assert [button.title for button in message.buttons] == titles


@pytest.mark.parametrize(
    ("text", "labels", "kinds"),
    [
        ("b" * 4096, (), ["text"]),
        ("b" * 4097, (), ["text", "text"]),
        ("b" * 1024, ("Yes",), ["button"]),
        ("b" * 1025, ("Yes",), ["text", "button"]),
        ("b" * (1024 + 4096), ("Yes",), ["text", "button"]),
        ("Pick", "ABC", ["button"]),
        ("Pick", "ABCD", ["list"]),
        ("Pick", "ABCDEFGHIJ", ["list"]),
        ("Pick", "ABCDEFGHIJK", ["text"]),
    ],
)
def test_limits_are_used_to_the_last_character(
    text: str, labels: tuple[str, ...], kinds: list[str]
) -> None:
    assert [message.kind for message in render(text, *options(*labels))] == kinds


@pytest.mark.parametrize(("length", "shown"), [(20, True), (21, False)])
def test_a_button_shows_labels_of_up_to_twenty_characters(length: int, shown: bool) -> None:
    (message,) = render("Pick", *options("字" * length))
    assert (message.buttons[0].title == "字" * length) is shown


@pytest.mark.parametrize("size", [1, 4])
def test_options_without_words_still_have_a_body(size: int) -> None:
    assert render("", *options(*"ABCD"[:size]))[0].text == "Please choose:"
    assert render("", *options(*"甲乙丙丁"[:size]))[0].text == "请选择："


def test_tokens_too_long_for_a_row_leave_lines() -> None:
    given = tuple(Option("t" * 201 + str(number), f"L{number}") for number in range(4))
    (message,) = render("Which?", *given)
    assert (message.kind, message.text) == ("text", "Which?\n1) L0\n2) L1\n3) L2\n4) L3")


def test_addresses_are_lines_and_no_options() -> None:
    link = Option("x", "我们的规则", url="https://example.com/rules")
    (message,) = render("好吗？", link, *options("好", "不"))
    assert message.text == "好吗？\n我们的规则： https://example.com/rules"
    assert [button.title for button in message.buttons] == ["好", "不"]


def test_a_long_text_goes_before_its_options() -> None:
    paragraphs = [f"Paragraph {number}. " + "words " * 60 for number in range(14)]
    *before, last = render("\n\n".join(paragraphs) + "\n\nAgreed?", *options("Yes", "No"))
    assert [message.kind for message in before] == ["text", "text"]
    assert last.kind == "button"
    assert last.text.endswith("Agreed?")


def test_an_address_longer_than_a_body_stays_whole() -> None:
    url = "https://example.com/" + "a" * 2000
    before, last = render(f"See {url}", *options("Yes"))
    assert before.text == f"See {url}"
    assert last.text in PROMPTS


def test_a_template_carries_its_values_and_its_token() -> None:
    template = Template("hello", "zh", ("李娜", "两行\n 和\t空白"), token="tok")
    (part,) = US.render(TO, Outgoing("for the record", options("ignored"), template=template))
    content = check(part)
    assert content.parameters == ("李娜", "两行 和 空白")
    assert [(button.token, button.title) for button in content.buttons] == [("tok", "开始")]


@pytest.mark.parametrize(
    ("locale", "code"),
    [("zh", "zh_CN"), ("zh-CN", "zh_CN"), ("zh-Hant", "zh_TW"), ("zh-HK", "zh_HK"), ("en", "en")],
)
def test_template_languages_are_written_as_the_platform_names_them(locale: str, code: str) -> None:
    (part,) = US.render(TO, Outgoing("", template=Template("bye", locale)))
    expected = {"name": "bye", "language": {"policy": "deterministic", "code": code}}
    assert part.payload["template"] == expected


_WORDS = st.one_of(
    st.text(max_size=200),
    st.text(alphabet="中文，。！？；（）字 \n", max_size=600),
    st.text(alphabet="ab c.\n", max_size=600),
    st.sampled_from(["👩‍👩‍👧‍👦", "🇨🇳", "é", "https://example.com/a?b=c&d=" + "e" * 300, "\n\n"]),
)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Up to about 50 kB, made of repeated pieces, so that the limits are really met."""
    pieces = draw(st.lists(st.tuples(_WORDS, st.integers(1, 12)), max_size=8))
    text = " ".join(piece * times for piece, times in pieces)
    return text.encode()[:50_000].decode("utf-8", "ignore")


_LABELS = st.lists(
    st.one_of(st.text(max_size=30), st.text(max_size=120), st.sampled_from(["1", "2", "好的"])),
    max_size=40,
)


def bare(text: str) -> str:
    return re.sub(r"\s+", "", text)


@settings(max_examples=150, deadline=None)
@given(texts(), _LABELS)
def test_every_text_and_option_arrives_within_the_limits(text: str, labels: list[str]) -> None:
    given_options = options(*labels)
    messages = render(text, *given_options)  # raises where a limit is broken
    told = "".join(message.text for message in messages if message.text not in PROMPTS)
    if bare(text) not in PROMPTS:
        assert bare(told).startswith(bare(text))
    tappable = messages[-1].buttons if messages else ()
    assert all(not message.buttons for message in messages[:-1])
    if tappable:
        assert [button.token for button in tappable] == [one.token for one in given_options]
    else:
        assert bare(told).endswith(bare("".join(labels[-1:])))
        assert len(labels) > 10 or not labels
    shown = bare(told + "".join(b.title + b.description for b in tappable))
    assert all(bare(label) in shown for label in labels)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(900, 1100), st.booleans())
def test_no_address_that_fits_is_cut(links: int, gap: int, chinese: bool) -> None:
    filler = ("字" if chinese else "w ") * gap
    urls = [f"https://example.com/{number}/{'p' * 400}" for number in range(links)]
    messages = render(" ".join(f"{filler} {url}" for url in urls), *options("A", "B"))
    for url in urls:
        assert any(url in message.text for message in messages)


def test_half_surrogates_do_not_reach_the_wire() -> None:
    assert render("a\ud83d", *options("b\ud83d"))[0].text == "a?"

"""Articles in Markdown read well in a chat that shows no markup."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb.plain import to_plain


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        ("", ""),
        ("一句话。", "一句话。"),
        ("**Bold** and *soft* and `code`", "Bold and soft and code"),
        ("# Title\n\nText", "Title\n\nText"),
        ("- a\n- b", "• a\n• b"),
        ("1. a\n2. b\n3. c", "1. a\n2. b\n3. c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("1. one\n\n2. two", "1. one\n2. two"),
        ("1. a\n   - x\n   - y\n2. b", "1. a\n  • x\n  • y\n2. b"),
        ("Do:\n\n1. a\n2. b\n\nDone.", "Do:\n\n1. a\n2. b\n\nDone."),
        ("1. 打开**安全**\n2. 点冻结", "1. 打开安全\n2. 点冻结"),
        ("[Help](https://example.test/a?b=1&c=2)", "Help (https://example.test/a?b=1&c=2)"),
        ("<https://example.test/>", "https://example.test/"),
        ("[安全中心]({{links.security}})", "安全中心 ({{links.security}})"),
        ("{{channels.app}} and {% if x %}", "{{channels.app}} and {% if x %}"),
        ("<b>x</b>", "<b>x</b>"),
        ("a\nb", "a\nb"),
        ("> quoted", "quoted"),
        ("```\na  b\n```", "a  b"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n1 | 2"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        (r"\*not bold\*", "*not bold*"),
        ("5 &lt; 6", "5 < 6"),
        ("-\n- b", "•\n• b"),
    ],
)
def test_markdown_becomes_chat_text(markdown: str, plain: str) -> None:
    assert to_plain(markdown) == plain


@given(st.text("ab *_-1.\n#>`[]()|", max_size=60))
def test_any_markdown_becomes_text(markdown: str) -> None:
    assert isinstance(to_plain(markdown), str)

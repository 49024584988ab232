"""Markdown as plain text for chats that show no markup."""

from __future__ import annotations

from functools import cache

from markdown_it import MarkdownIt
from markdown_it.token import Token


@cache
def _parser() -> MarkdownIt:
    # Typographic replacement and raw HTML stay off: a published text is sent as it was written.
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    # Targets stay as written: percent-encoding would spoil placeholders.
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    return parser


def to_plain(markdown: str) -> str:
    """The text with "1. …" and "• …" lists, links as "label (url)", other markup gone.

    Placeholders in braces stay as they are, also inside link targets.
    """
    return _Writer().write(_parser().parse(markdown))


class _Writer:
    """Walks the block tokens and collects finished lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._counters: list[int | None] = []  # next number of each open list; None for bullets
        self._marker = ""  # waits for the first line of its item
        self._cells: list[str] = []
        self._in_cell = False

    def write(self, tokens: list[Token]) -> str:
        for token in tokens:
            self._block(token)
        return "\n".join(self._lines).strip("\n")

    def _block(self, token: Token) -> None:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._gap()
                start = int(token.attrs.get("start", 1)) if token.tag == "ol" else None
                self._counters.append(start)
            case "bullet_list_close" | "ordered_list_close":
                self._counters.pop()
            case "list_item_open":
                self._open_item()
            case "list_item_close" if self._marker:
                self._line("")
            case "inline" if self._in_cell:
                self._cells.append(_inline(token.children or []))
            case "inline":
                self._line(_inline(token.children or []))
            case "fence" | "code_block":
                self._gap()
                self._line(token.content.rstrip("\n"))
            case "tr_close":
                self._line(" | ".join(self._cells))
                self._cells = []
            case "paragraph_open" | "heading_open" | "table_open" | "hr":
                self._gap()
            case "th_open" | "td_open":
                self._in_cell = True
            case "th_close" | "td_close":
                self._in_cell = False

    def _open_item(self) -> None:
        if self._marker:
            self._line("")
        number = self._counters[-1]
        self._marker = "• " if number is None else f"{number}. "
        if number is not None:
            self._counters[-1] = number + 1

    def _gap(self) -> None:
        """A blank line before a block, but none inside a list or under an item's marker."""
        if self._lines and not self._marker and not self._counters and self._lines[-1]:
            self._lines.append("")

    def _line(self, text: str) -> None:
        indent = "  " * (len(self._counters) - 1)
        for line in text.split("\n"):
            hang = "" if self._marker or not self._counters else "   "
            self._lines.append(f"{indent}{self._marker}{hang}{line}".rstrip())
            self._marker = ""


def _inline(tokens: list[Token]) -> str:
    out: list[str] = []
    links: list[tuple[int, str]] = []
    for token in tokens:
        match token.type:
            case "text" | "code_inline" | "text_special":
                out.append(token.content)
            case "softbreak" | "hardbreak":
                out.append("\n")
            case "image":
                out.append(_with_url(token.content, str(token.attrs.get("src", ""))))
            case "link_open":
                links.append((len(out), str(token.attrs.get("href", ""))))
            case "link_close":
                start, url = links.pop()
                label = "".join(out[start:])
                out[start:] = [_with_url(label, url)]
    return "".join(out)


def _with_url(label: str, url: str) -> str:
    if not url or label == url or "mailto:" + label == url or not label:
        return label or url
    return f"{label} ({url})"

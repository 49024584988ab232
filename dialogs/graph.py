"""Draws a script as SVG: steps as boxes, answers on the arrows, in light and in dark."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from channels.message import TextUnit
from channels.text import measure, truncate
from dialogs.layers import Layout, Link, layout
from dialogs.script import END, Script, Step

BOX, GAP, ROW_GAP, MARGIN = 208.0, 28.0, 56.0, 24.0  # pixels
LINE, PAD, ENDS = 17.0, 10.0, 56.0
CELLS, MOST_LINES = 28, 3  # half-width characters in a line of a box, and lines of its text

_TAG = re.compile(r"\{%.*?%\}")
_VALUE = re.compile(r"\{\{[^}|]*?(\w+)\s*(?:\|[^}]*)?\}\}")
_CLOSING = "，。、；：！？）”’》…,.;:!?)›"

_STYLE = """
svg { --bg:#ffffff; --box:#f6f7f9; --edge:#c5cad3; --text:#1c2024; --soft:#60646c; --ask:#0b68cb;
  --hand:#b4320a; --line:#8b929e; background:var(--bg);
  font:13px system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif }
@media (prefers-color-scheme: dark) { svg { --bg:#111214; --box:#1b1d21; --edge:#3d424b;
  --text:#edeef0; --soft:#a3a9b4; --ask:#70b8ff; --hand:#ff8a5c; --line:#767d89 } }
.box { fill:var(--box); stroke:var(--edge) } .ask { stroke:var(--ask) } .hand { stroke:var(--hand) }
.id { fill:var(--text); font-weight:600 } .kind { fill:var(--soft); font-size:11px }
.body { fill:var(--text); font-size:12px } .end { fill:var(--line) }
.way { fill:none; stroke:var(--line); stroke-width:1.25 } .back { stroke-dasharray:5 4 }
.on { fill:var(--soft); font-size:11px; paint-order:stroke; stroke:var(--bg); stroke-width:4px }
"""


@dataclass(frozen=True, slots=True)
class _Box:
    step_id: str
    kind: str
    lines: tuple[str, ...]
    style: str

    @property
    def height(self) -> float:
        if self.step_id == END:
            return ENDS / 2
        return 2 * PAD + LINE * (1 + bool(self.kind) + len(self.lines))


def script_svg(script: Script, locale: str | None = None) -> str:
    """The whole script as one SVG document, in its first language unless another is given."""
    locale = locale or script.locales[0]
    boxes = {step_id: _box(step_id, step, locale) for step_id, step in script.steps.items()}
    links = script_links(script)
    if any(link.target == END for link in links):
        boxes[END] = _Box(END, "", (), "end")
    first = [script.start, *(name for name in boxes if name != script.start)]
    widths = {name: ENDS if name == END else BOX for name in boxes}
    return _document(script, locale, boxes, links, layout(first, links, widths, GAP))


def script_links(script: Script) -> list[Link]:
    """Every way from step to step; ways with the same ends share an arrow and its label."""
    found: dict[tuple[str, str], list[str]] = {}
    for step_id, step in script.steps.items():
        for key, target in step.branches.items():
            found.setdefault((step_id, target), []).append(key)
        after = step.next or END
        if after in script.targets(step_id):
            labels = found.setdefault((step_id, after), [])
            if step.branches:
                labels.append("else" if step.when is None else "else, passed")
    return [Link(a, b, ", ".join(labels)) for (a, b), labels in found.items()]


def _box(step_id: str, step: Step, locale: str) -> _Box:
    text = step.say or step.text or {}
    body = text.get(locale) or next(iter(text.values()), "")
    kind = []
    if step.ask is not None:
        kind.append(f"{step.ask}{' (optional)' if step.optional else ''}")
    if step.handoff is not None:
        kind.append(f"→ {step.handoff}")
    if step.offer is not None:
        kind.append(f"offer {step.offer.id}")
    if step.when is not None:
        kind.append(f"when {step.when.text}")
    style = "hand" if step.handoff else "ask" if step.ask else ""
    return _Box(step_id, truncate(" · ".join(kind), 32, TextUnit.CHAR), wrap(_plain(body)), style)


def _plain(template: str) -> str:
    """A template as it reads: values by their last name, conditions left out."""
    return _VALUE.sub(lambda match: f"‹{match[1]}›", _TAG.sub("", template))


def wrap(text: str, cells: int = CELLS, most: int = MOST_LINES) -> tuple[str, ...]:
    """Lines of at most `cells` half-width characters; a Chinese character takes two."""
    lines, line, room = [], "", cells
    for piece in _pieces(" ".join(text.split())):
        width = _cells(piece)
        if line and width > room:
            lines.append(line.rstrip())
            line, room = "", cells
            piece = piece.lstrip()
        line, room = line + piece, room - width
    lines.append(line.rstrip())
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]}…"]
    return tuple(line for line in lines if line)


def _pieces(text: str) -> Iterable[str]:
    """What may not be broken: a word with the blank after it, or one Chinese character."""
    word = ""
    for char in text:
        if char in _CLOSING:
            word += char  # never begins a line
        elif ord(char) >= 0x2E80:
            if word:
                yield word
            word = char
        else:
            if word and ord(word[-1]) >= 0x2E80:
                yield word
                word = ""
            word += char
            if char == " " or _cells(word) >= CELLS:
                yield word
                word = ""
    if word:
        yield word


def _cells(text: str) -> int:
    return measure(text, TextUnit.CHAR) + sum(ord(char) >= 0x2E80 for char in text)


def _document(
    script: Script, locale: str, boxes: dict[str, _Box], links: list[Link], plan: Layout
) -> str:
    top = MARGIN
    tops: list[float] = []
    heights: list[float] = []
    for row in plan.rows:
        height = max((boxes[name].height for name in row if name in boxes), default=0.0)
        tops.append(top)
        heights.append(height)
        top += height + ROW_GAP
    row_of = {name: i for i, row in enumerate(plan.rows) for name in row}
    width = max(plan.x[name] + BOX / 2 for name in plan.x) + 2 * MARGIN
    height = top - ROW_GAP + MARGIN
    title = f"{script.title.get(locale, script.script)} · {script.script} {script.version}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img" aria-label="{escape(title)}">',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="var(--line)"/></marker></defs>',
    ]
    labels = []
    for i, link in enumerate(links):
        points = []
        for name in plan.routes[i]:
            at = row_of[name]
            high = boxes[name].height if name in boxes else heights[at]
            points.append((plan.x[name] + MARGIN, tops[at], tops[at] + high))
        parts.append(_way(points, back=i in plan.back))
        if link.label:
            labels.append(_label(points, link.label))
    parts += [_draw(box, plan.x[name] + MARGIN, tops[row_of[name]]) for name, box in boxes.items()]
    return "\n".join([*parts, *labels, "</svg>"]) + "\n"


_Point = tuple[float, float, float]  # centre x, top and bottom


def _way(points: list[_Point], *, back: bool) -> str:
    if back:
        (x1, y1, _), (x2, y2, _) = points[0], points[-1]
        side = max(x1, x2) + BOX / 2 + 18
        path = f"M{x1 + BOX / 2:.1f} {y1 + 14:.1f}H{side:.1f}V{y2 + 14:.1f}H{x2 + BOX / 2 + 2:.1f}"
        return f'<path class="way back" d="{path}" marker-end="url(#tip)"/>'
    x, _, y = points[0]
    path = f"M{x:.1f} {y:.1f}"
    for i, (nx, top, bottom) in enumerate(points[1:], start=1):
        middle = (y + top) / 2
        path += f"C{x:.1f} {middle:.1f} {nx:.1f} {middle:.1f} {nx:.1f} {top:.1f}"
        if i < len(points) - 1:
            path += f"V{bottom:.1f}"
        x, y = nx, bottom
    return f'<path class="way" d="{path}" marker-end="url(#tip)"/>'


def _label(points: list[_Point], text: str) -> str:
    """Near the end of the first part, where the arrows of one step have parted."""
    (x1, _, y1), (x2, y2, _) = points[0], points[1]
    x, y = x1 + 0.72 * (x2 - x1), y1 + 0.62 * (y2 - y1) + 4
    if y2 < y1:  # up along the side
        x, y = max(x1, x2) + BOX / 2 + 18, (y1 + y2) / 2
    short = escape(truncate(text, 30, TextUnit.CHAR))
    return f'<text class="on" x="{x:.1f}" y="{y:.1f}" text-anchor="middle">{short}</text>'


def _draw(box: _Box, x: float, top: float) -> str:
    if box.step_id == END:
        return f'<circle class="end" cx="{x:.1f}" cy="{top + 8:.1f}" r="8"/>'
    left = x - BOX / 2
    parts = [
        f'<g><title>{escape(box.step_id)}</title><rect class="box {box.style}" x="{left:.1f}" '
        f'y="{top:.1f}" width="{BOX:.0f}" height="{box.height:.0f}" rx="6"/>'
    ]
    y = top + PAD + 12
    rows = [("id", box.step_id), *([("kind", box.kind)] if box.kind else [])]
    for css, text in [*rows, *(("body", line) for line in box.lines)]:
        parts.append(f'<text class="{css}" x="{left + PAD:.1f}" y="{y:.1f}">{escape(text)}</text>')
        y += LINE
    return "".join([*parts, "</g>"])

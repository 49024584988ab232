"""The reliability plot as SVG: promised chances against what was found, in light and in dark."""

from __future__ import annotations

from html import escape

from kb.report import Bin, Reliability

_WIDTH, _HEIGHT = 488, 564
_LEFT, _TOP, _SIDE = 64, 72, 392  # of the square of the plot, pixels
_BARS = 44  # height of the counts below it
_SMALLEST, _LARGEST = 4.0, 11.0  # radius of a point

_STYLE = """
svg { --bg:#ffffff; --edge:#c5cad3; --grid:#e6e8ec; --text:#1c2024; --soft:#60646c; --mark:#0b68cb;
  background:var(--bg);
  font:12px system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif }
@media (prefers-color-scheme: dark) { svg { --bg:#111214; --edge:#3d424b; --grid:#26292f;
  --text:#edeef0; --soft:#a3a9b4; --mark:#70b8ff } }
.head { fill:var(--text); font-size:15px; font-weight:600 } text { fill:var(--soft) }
.grid { stroke:var(--grid) } .ideal { stroke:var(--soft); stroke-dasharray:5 4 }
.frame { fill:none; stroke:var(--edge) } .gap { stroke:var(--mark); stroke-opacity:.45; stroke-width:2 }
.line { fill:none; stroke:var(--mark); stroke-width:1.5 } .bar { fill:var(--mark); fill-opacity:.3 }
.dot { fill:var(--mark); stroke:var(--bg); stroke-width:1.5 }
.num { font-variant-numeric:tabular-nums; font-size:11px }
"""


def reliability_svg(found: Reliability, title: str) -> str:
    """One SVG document. Every number of the plot is in its description too, for those who cannot
    see it; a point's area grows with its questions."""
    total = sum(one.count for one in found.bins)
    most = max((one.count for one in found.bins), default=1)
    points = [(_x(one.promised), _y(one.found)) for one in found.bins]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'width="{_WIDTH}" height="{_HEIGHT}" role="img" aria-labelledby="title desc">',
        f'<title id="title">{escape(title)}: how far promised chances hold</title>',
        f'<desc id="desc">{escape(_description(found, total))}</desc>',
        f"<style>{_STYLE}</style>",
        f'<text class="head" x="{_LEFT}" y="30">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="50">{total} questions, expected calibration error '
        f"{found.ece * 100:.1f} points</text>",
        *_axes(),
        *(_gap(one) for one in found.bins),
        f'<polyline class="line" points="{line}"/>',
        *(_bar(one, most) for one in found.bins),
        *(_point(one, most) for one in found.bins),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _x(share: float) -> float:
    return _LEFT + share * _SIDE


def _y(share: float) -> float:
    return _TOP + (1 - share) * _SIDE


def _axes() -> list[str]:
    parts: list[str] = []
    for fifth in range(6):
        share = fifth / 5
        x, y = _x(share), _y(share)
        parts += [
            f'<path class="grid" d="M{_LEFT} {y:.1f}h{_SIDE}M{x:.1f} {_TOP}v{_SIDE}"/>',
            f'<text class="num" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>',
            f'<text class="num" x="{x:.1f}" y="{_TOP + _SIDE + _BARS + 18}" '
            f'text-anchor="middle">{share:.0%}</text>',
        ]
    middle = _TOP + _SIDE / 2
    return [
        *parts,
        f'<rect class="frame" x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}"/>',
        f'<path class="ideal" d="M{_LEFT} {_TOP + _SIDE}L{_LEFT + _SIDE} {_TOP}"/>',
        f'<text x="{_LEFT + _SIDE / 2}" y="{_TOP + _SIDE + _BARS + 40}" text-anchor="middle">'
        "promised chance of being right</text>",
        f'<text x="{_LEFT + 12}" y="{_TOP + 20}">found more than promised</text>',
        f'<text x="{_LEFT + _SIDE - 12}" y="{_TOP + _SIDE - 12}" text-anchor="end">'
        "found less than promised</text>",
        f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">'
        "found to be right</text>",
    ]


def _gap(one: Bin) -> str:
    """From the diagonal to the point."""
    x = _x(one.promised)
    return f'<path class="gap" d="M{x:.1f} {_y(one.promised):.1f}V{_y(one.found):.1f}"/>'


def _bar(one: Bin, most: int) -> str:
    height = max((_BARS - 16) * one.count / most, 1.0)
    bottom = _TOP + _SIDE + _BARS
    middle = _x((one.low + one.high) / 2)
    wide = _SIDE * (one.high - one.low) - 6
    return (
        f'<rect class="bar" x="{middle - wide / 2:.1f}" y="{bottom - height:.1f}" '
        f'width="{wide:.1f}" height="{height:.1f}"/>'
        f'<text class="num" x="{middle:.1f}" y="{bottom - height - 3:.1f}" '
        f'text-anchor="middle">{one.count}</text>'
    )


def _point(one: Bin, most: int) -> str:
    radius = max(_SMALLEST, _LARGEST * (one.count / most) ** 0.5)
    hint = f"{one.count} questions: promised {one.promised:.0%}, found {one.found:.0%}"
    return (
        f'<circle class="dot" cx="{_x(one.promised):.1f}" cy="{_y(one.found):.1f}" '
        f'r="{radius:.1f}"><title>{hint}</title></circle>'
    )


def _description(found: Reliability, total: int) -> str:
    lines = [
        f"{one.low:.0%} to {one.high:.0%}: {one.count} questions, promised {one.promised:.0%}, "
        f"found {one.found:.0%}"
        for one in found.bins
    ]
    return (
        f"{total} questions by the promised chance of their first article. {'; '.join(lines)}. "
        f"Expected calibration error {found.ece:.1%}."
    )

"""The reliability plot: a sound picture whose numbers can be heard too."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from bot.evaluation.plot import reliability_svg
from kb.report import Bin, Reliability

FOUND = Reliability(
    (Bin(0.0, 0.1, 40, 0.05, 0.1), Bin(0.5, 0.6, 1, 0.55, 0.0), Bin(0.9, 1.0, 10, 1.0, 1.0)), 0.05
)
SVG = "{http://www.w3.org/2000/svg}"


def test_every_number_is_in_the_description() -> None:
    root = ET.fromstring(reliability_svg(FOUND, "kb <1> & more.jsonl"))
    assert root.get("role") == "img"
    title, desc = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert root.get("aria-labelledby") == "title desc"
    assert title is not None
    assert desc is not None
    assert "kb <1> & more.jsonl" in (title.text or "")
    for part in ("51 questions", "0% to 10%: 40 questions, promised 5%, found 10%", "error 5.0%"):
        assert part in (desc.text or "")


def test_points_stand_where_they_belong_and_inside() -> None:
    root = ET.fromstring(reliability_svg(FOUND, "x"))
    _, _, width, height = map(float, (root.get("viewBox") or "").split())
    points = [
        (float(dot.get("cx", 0)), float(dot.get("cy", 0))) for dot in root.iter(f"{SVG}circle")
    ]
    assert len(points) == 3
    assert all(0 < x < width and 0 < y < height for x, y in points)
    assert points[0][0] < points[1][0] < points[2][0]
    assert points[2][1] < points[0][1] < points[1][1]  # found: 100 %, 10 %, 0 %


def test_colours_follow_light_and_dark() -> None:
    assert "prefers-color-scheme: dark" in reliability_svg(FOUND, "x")


def test_nothing_asked_is_still_a_picture() -> None:
    ET.fromstring(reliability_svg(Reliability((), 0.0), "x"))

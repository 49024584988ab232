"""The drawing of a script: well-formed, complete, nothing on top of something else."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialogs.graph import script_links, script_svg, wrap
from dialogs.layers import Link, layout
from dialogs.script import END, Script

FOLDER = Path(__file__).parents[2] / "dialogs" / "scripts"
SCRIPTS = [
    Script.load(p) for p in sorted(FOLDER.glob("*.yaml")) if not p.name.endswith(".test.yaml")
]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.script)
@pytest.mark.parametrize("locale", ["zh", "en"])
def test_every_step_and_every_way_is_drawn(script: Script, locale: str) -> None:
    root = ET.fromstring(script_svg(script, locale))
    named = {item.text for item in root.iter(f"{SVG}text") if item.get("class") == "id"}
    assert named == set(script.steps)
    ways = [item for item in root.iter(f"{SVG}path") if "way" in str(item.get("class"))]
    assert len(ways) == len(script_links(script))
    labels = [item.text or "" for item in root.iter(f"{SVG}text") if item.get("class") == "on"]
    for step in script.steps.values():
        for key in step.branches:
            assert any(key in label.split(", ") for label in labels), key


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.script)
def test_no_box_lies_on_another(script: Script) -> None:
    root = ET.fromstring(script_svg(script))
    boxes = [
        tuple(float(str(item.get(key))) for key in ("x", "y", "width", "height"))
        for item in root.iter(f"{SVG}rect")
    ]
    for i, (x, y, w, h) in enumerate(boxes):
        for x2, y2, w2, h2 in boxes[i + 1 :]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y


def test_the_drawing_follows_light_and_dark_and_loads_nothing() -> None:
    svg = script_svg(SCRIPTS[0])
    assert "prefers-color-scheme: dark" in svg
    assert "var(--text)" in svg
    assert "<script" not in svg
    assert re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?http", svg) == []


def test_what_authors_write_is_no_markup() -> None:
    script = Script.parse(
        "script: x\nversion: 1\nlocales: [en]\ntitle: {en: '<b>&'}\nstart: a\nsteps:\n"
        "  a: {say: {en: '<script>alert(1)</script> & \"more\"'}}\n"
    )
    svg = script_svg(script)
    ET.fromstring(svg)
    assert "<script" not in svg


def test_a_way_back_is_drawn_along_the_side() -> None:
    script = Script.parse(
        "script: x\nversion: 1\nlocales: [en]\ntitle: {en: X}\nstart: a\nsteps:\n"
        "  a: {say: {en: Hi}, next: b}\n"
        "  b: {ask: yes_no, text: {en: Again?}, branches: {yes: a, no: end}}\n"
    )
    assert svg_classes(script_svg(script)).count("way back") == 1


def svg_classes(svg: str) -> list[str]:
    return [str(item.get("class")) for item in ET.fromstring(svg).iter() if item.get("class")]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("hello", ("hello",)),
        ("", ()),
        ("one two three four five six seven", ("one two three four five six", "seven")),
        ("您好，我是示例钱包的自动回访助手。", ("您好，我是示例钱包的自动回访", "助手。")),
    ],
)
def test_labels_are_wrapped_by_width(text: str, lines: tuple[str, ...]) -> None:
    assert wrap(text) == lines


@given(text=st.text(max_size=300))
def test_a_label_never_has_more_than_its_lines(text: str) -> None:
    assert len(wrap(text)) <= 3


@settings(deadline=None)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=20),
    count=st.integers(1, 8),
)
def test_any_graph_has_a_layout_without_overlap(pairs: list[tuple[int, int]], count: int) -> None:
    nodes = [str(i) for i in range(count)]
    links = [Link(str(a), str(b)) for a, b in pairs if a < count and b < count]
    plan = layout(nodes, links, dict.fromkeys(nodes, 10.0), 2.0)
    assert sorted(node for row in plan.rows for node in row if node in nodes) == sorted(nodes)
    for row in plan.rows:
        centres = [plan.x[node] for node in row if node in nodes]
        assert all(b - a >= 9.99 for a, b in pairwise(centres))
    rows = {node: i for i, row in enumerate(plan.rows) for node in row}
    for i, link in enumerate(links):
        assert i in plan.back or rows[link.source] < rows[link.target]
    assert plan == layout(nodes, links, dict.fromkeys(nodes, 10.0), 2.0)


def test_the_end_is_drawn_once() -> None:
    assert any(link.target == END for link in script_links(SCRIPTS[0]))
    assert svg_classes(script_svg(SCRIPTS[0])).count("end") == 1

"""A small layered layout for directed graphs: which row each node stands in, and where in the row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

SWEEPS = 8  # passes down and up that bring connected nodes nearer; more change little


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow; `label` is what is written on it."""

    source: str
    target: str
    label: str = ""


@dataclass(slots=True)
class Layout:
    """`rows` from the top, each from the left. `routes` gives for each link (by its place in the
    list) the nodes it goes through, bends between distant rows included."""

    rows: list[list[str]]
    x: dict[str, float]  # centre of each node and bend, in units of `widths`
    routes: list[tuple[str, ...]]
    back: set[int] = field(default_factory=set)  # links that go up


def layout(
    nodes: Sequence[str], links: Sequence[Link], widths: Mapping[str, float], gap: float
) -> Layout:
    """Place `nodes`, the first one on top. Same input, same layout."""
    back = _back_links(nodes, links)
    depth = _depths(nodes, [link for i, link in enumerate(links) if i not in back])
    rows: list[list[str]] = [[] for _ in range(max(depth.values(), default=0) + 1)]
    for node in nodes:
        rows[depth[node]].append(node)
    routes, near = [], defaultdict(list)
    sizes = dict(widths)
    for i, link in enumerate(links):
        route = [link.source]
        if i not in back:
            for row in range(depth[link.source] + 1, depth[link.target]):
                bend = f"\0{i}:{row}"
                rows[row].append(bend)
                sizes[bend] = gap
                route.append(bend)
        route.append(link.target)
        routes.append(tuple(route))
        if i not in back:
            for a, b in pairwise(route):
                near[a].append(b)
                near[b].append(a)
    _order(rows, near)
    return Layout(rows, _positions(rows, near, sizes, gap), routes, back)


def _back_links(nodes: Sequence[str], links: Sequence[Link]) -> set[int]:
    """The links that close a circle, found by going depth first from the first node."""
    out: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for i, link in enumerate(links):
        out[link.source].append((i, link.target))
    back: set[int] = set()
    done: set[str] = set()
    for root in nodes:
        if root in done:
            continue
        open_nodes, stack = {root}, [(root, iter(out[root]))]
        while stack:
            node, following = stack[-1]
            step = next(following, None)
            if step is None:
                stack.pop()
                open_nodes.discard(node)
                done.add(node)
            elif step[1] in open_nodes:
                back.add(step[0])
            elif step[1] not in done:
                open_nodes.add(step[1])
                stack.append((step[1], iter(out[step[1]])))
    return back


def _depths(nodes: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    """The longest way to each node, in links; the links hold no circle."""
    into: dict[str, int] = dict.fromkeys(nodes, 0)
    out: dict[str, list[str]] = defaultdict(list)
    for link in links:
        into[link.target] += 1
        out[link.source].append(link.target)
    depth = dict.fromkeys(nodes, 0)
    ready = [node for node in nodes if into[node] == 0]
    while ready:
        node = ready.pop(0)
        for target in out[node]:
            depth[target] = max(depth[target], depth[node] + 1)
            into[target] -= 1
            if into[target] == 0:
                ready.append(target)
    return depth


def _order(rows: list[list[str]], near: Mapping[str, list[str]]) -> None:
    """Bring each row into the order of what it is connected with, down and up in turn."""
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for i in range(1, len(rows)) if down else range(len(rows) - 2, -1, -1):
            fixed = rows[i - 1] if down else rows[i + 1]
            place = {node: at for at, node in enumerate(fixed)}
            old = {node: at for at, node in enumerate(rows[i])}

            def middle(
                node: str, place: dict[str, int] = place, old: dict[str, int] = old
            ) -> float:
                at = [place[other] for other in near[node] if other in place]
                return sum(at) / len(at) if at else float(old[node])

            rows[i].sort(key=middle)


def _positions(
    rows: list[list[str]], near: Mapping[str, list[str]], widths: Mapping[str, float], gap: float
) -> dict[str, float]:
    """Centres: packed in order, then drawn towards what they are connected with."""
    x: dict[str, float] = {}
    for row in rows:
        total = sum(widths[node] for node in row) + gap * (len(row) - 1)
        left = -total / 2
        for node in row:
            x[node] = left + widths[node] / 2
            left += widths[node] + gap
    for _ in range(SWEEPS):
        for row in [*rows, *reversed(rows)]:
            wish = {n: sum(x[o] for o in near[n]) / len(near[n]) if near[n] else x[n] for n in row}
            _settle(row, wish, widths, gap, x)
    least = min((x[node] - widths[node] / 2 for row in rows for node in row), default=0.0)
    return {node: at - least for node, at in x.items()}


def _settle(
    row: list[str],
    wish: Mapping[str, float],
    widths: Mapping[str, float],
    gap: float,
    x: dict[str, float],
) -> None:
    """Put a row where it wishes to be without overlap: the mean of packing from either side."""
    low: dict[str, float] = {}
    edge = float("-inf")
    for node in row:
        low[node] = max(wish[node], edge + widths[node] / 2)
        edge = low[node] + widths[node] / 2 + gap
    edge = float("inf")
    for node in reversed(row):
        high = min(wish[node], edge - widths[node] / 2)
        edge = high - widths[node] / 2 - gap
        x[node] = (low[node] + high) / 2

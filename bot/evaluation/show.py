"""The report of `huifang kb eval` for people: tables, and a plot of bars."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.evaluation.measured import Measured
from kb.carrying import Carried
from kb.golden import Shares
from kb.report import ENOUGH_PHRASINGS, Reliability

_MOST = 10  # of a list; --json has all
_BAR = 30  # characters

_SHARES = ("top1", "top3", "answered_right", "answered_wrong", "offered_right", "offered_wrong")
_HEADS = ("first", "in 3", "right", "wrong", "asked", "in vain")


def show(console: Console, found: Measured) -> None:
    """Print everything, the most important first."""
    _tables(console, found)
    _reliability(console, found.reliability)
    _confusions(console, found)
    _foreign(console, found)
    _phrasings(console, found)
    _checks(console, found)


def _tables(console: Console, found: Measured) -> None:
    groups = {"all": found.overall}
    if len(found.per_locale) > 1:
        groups |= found.per_locale
    console.print(_shares_table("Questions with an article, %", groups))
    if set(found.per_category) != {""}:
        named = {name or "–": one for name, one in found.per_category.items()}
        console.print(_shares_table("By category, %", named))
    outside = {n: one for n, one in groups.items() if one.questions > one.in_scope}
    if outside:
        table = _table("Questions without an article, %", "", "n", "answered", "asked",
                       "silent", "AUROC")  # fmt: skip
        for name, one in outside.items():
            silent, answered = one.out_of_scope_abstained, one.out_of_scope_answered
            table.add_row(
                escape(name), str(one.questions - one.in_scope), _percent(answered),
                _percent(1 - silent - answered), _percent(silent), f"{one.auroc:.3f}",
            )  # fmt: skip
        console.print(table)
    figures = found.evaluation
    console.print(
        f"Right article first, but nothing said: {_percent(found.overall.right_but_abstained)} %. "
        f"A decision: CPU p50 {figures.p50_ms:.1f} ms, p99 {figures.p99_ms:.1f} ms; "
        f"this process {figures.mb:.0f} MB.\n"
    )


def _shares_table(title: str, groups: Mapping[str, Shares]) -> Table:
    table = _table(title, "", "n", "MRR", *_HEADS, "silent")
    for name, one in groups.items():
        cells = [_percent(getattr(one, share)) for share in _SHARES]
        table.add_row(
            escape(name), str(one.in_scope), f"{one.mrr:.3f}", *cells, _percent(one.abstained)
        )
    table.caption = (
        "first, in 3: the right article; right, wrong: answered; asked: which of three; in vain: asked "
        "without it"
    )
    return table


def _reliability(console: Console, found: Reliability) -> None:
    table = _table("Promised chance against what was found, %", "score", "n", "promised",
                   "found", "")  # fmt: skip
    table.columns[-1].justify = "left"
    for one in found.bins:
        table.add_row(
            f"{one.low:.1f}–{one.high:.1f}", str(one.count), _percent(one.promised),
            _percent(one.found), _pair_of_bars(one.promised, one.found),
        )  # fmt: skip
    table.caption = f"█ found, │ promised; expected calibration error {found.ece * 100:.1f} points"
    console.print(table)


def _pair_of_bars(promised: float, found: float) -> str:
    """A bar as long as what was found, with a stroke where it was promised to end."""
    bar = list("█" * round(found * _BAR) + "·" * (_BAR - round(found * _BAR)))
    bar[min(round(promised * _BAR), _BAR - 1)] = "│"
    return "".join(bar)


def _confusions(console: Console, found: Measured) -> None:
    if not found.confusions:
        console.print("No two articles take each other's questions.\n")
        return
    _head(console, "Confusions worth a look", len(found.confusions))
    for one in found.confusions[:_MOST]:
        back = f", {one.returned} the other way round" if one.returned else ""
        misled = f"; [red]{one.answered} answered outright[/]" if one.answered else ""
        console.print(
            f"[bold]{escape(one.loser)}[/] loses {one.lost} to [bold]{escape(one.winner)}[/]{back} "
            f"({escape(one.locale)}){misled}"
        )
        for example in one.examples:
            wanted = f"  → {example.article}" if one.returned else ""
            _line(console, f"  “{_short(example.question)}”{wanted}")
        console.print(f"  [green]Do:[/] {escape(one.advice)}.", highlight=False)
    console.print()


def _foreign(console: Console, found: Measured) -> None:
    if not found.foreign:
        return
    _head(console, "Answered though no article fits", len(found.foreign))
    for one in found.foreign[:_MOST]:
        _line(console, f"  {one.score:4.0%}  “{_short(one.question)}”  → {one.article}")
    console.print("  [green]Do:[/] write the missing article, or make the one named narrower.\n")


def _phrasings(console: Console, found: Measured) -> None:
    if found.phrasings is None:
        if found.left_out:
            console.print(
                f"Which phrasings carry articles was not worked out: {found.left_out} would each "
                "have to be left out once. --phrasings does it.\n"
            )
    else:
        _carrying(console, found.phrasings)
    if found.few:
        names = [f"{name} ({locale}: {count})" for locale, name, count in found.few]
        _list(console, f"Fewer than {ENOUGH_PHRASINGS} phrasings", names)


def _carrying(console: Console, found: tuple[Carried, ...]) -> None:
    winners = sorted((one for one in found if one.wins), key=lambda one: (-one.wins, -one.help))
    if winners:
        table = _table("Phrasings that carry articles", "wins", "helps", "article", "phrasing")
        for one in winners[:_MOST]:
            table.add_row(
                f"{one.wins} of {one.right}", f"{one.help:.2f}", escape(one.article),
                escape(_short(one.phrasing)),
            )  # fmt: skip
        for column in table.columns[2:]:
            column.justify = "left"
        table.caption = "questions lost without it; what it adds to scores, in questions"
        console.print(table)
    drawn = sorted((one for one in found if one.draws), key=lambda one: -len(one.draws))
    _list(console, "Phrasings that draw others' questions (reword or take out)", [
        f"{len(one.draws)}  {one.article} ({one.locale}): “{_short(one.phrasing)}”" for one in drawn
    ])  # fmt: skip
    _list(console, "Articles that lean on one phrasing (write more like it)", [
        f"{one.article} ({one.locale}): “{_short(one.phrasing)}”, {one.wins} of {one.right}"
        for one in found if one.leaned_on
    ])  # fmt: skip
    idle = [one for one in found if one.idle]
    console.print(
        f"{len(idle)} of {len(found)} phrasings helped none of these questions; other questions may "
        "need them. --json names them.\n"
    )


def _checks(console: Console, found: Measured) -> None:
    seen = found.alarms
    by_intent = ", ".join(f"{intent} {count}" for intent, count in seen.by_intent.items())
    console.print(
        f"Alarms (complaint, wish for a person) on {seen.questions} plain questions: "
        f"{_percent(seen.share)} %" + (f" ({by_intent})" if by_intent else "")
    )
    if seen.left_out:
        _line(console, f"  without the questions of {', '.join(seen.left_out)}")
    for example in seen.raised_by[:_MOST]:
        _line(console, f"  “{_short(example)}”")
    if found.traditional:
        parts = [
            f"{name} {_percent(one.top1)} % ({_points(-one.loss)} points)"
            for name, one in found.traditional.items()
        ]
        console.print(f"In traditional characters, right article first: {', '.join(parts)}")


def _table(title: str, *heads: str) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", no_wrap=number == 0)
    return table


def _head(console: Console, title: str, count: int) -> None:
    console.print(f"[bold]{title}[/] ({min(count, _MOST)} of {count})", highlight=False)


def _list(console: Console, title: str, lines: Iterable[str]) -> None:
    found = list(lines)
    if found:
        _head(console, title, len(found))
        for line in found[:_MOST]:
            _line(console, f"  {line}")
        console.print()


def _line(console: Console, text: str) -> None:
    console.print(escape(text), highlight=False)


def _percent(share: float) -> str:
    return f"{share * 100:.1f}"


def _points(share: float) -> str:
    points = round(share * 100, 1)
    return f"{points:+.1f}" if points else "±0.0"


def _short(text: str, most: int = 90) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"

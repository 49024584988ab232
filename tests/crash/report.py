"""The figures of a crash run, as a table and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass, field

from tests.crash.checker import Finding, Kind

SHOWN = 12  # findings written out in a table


@dataclass(frozen=True, slots=True)
class Report:
    """`texts`: how many different ones the platform took. `longest_wait_s`: from what a person did
    to the last text of the answer; `longest_gap_s`: between two texts to anybody. `causes`: what
    the platform had done to the texts that findings name."""

    plan: str
    turns: int
    seconds: float
    kills: int
    starts: int
    start_s: float  # median, until a process took connections
    blows: dict[str, int]
    timeline: list[str]
    redelivered: dict[str, int]
    on_purpose: int
    double_taps: int
    faults: dict[str, int]
    texts: int
    settled_s: float
    stopped_s: float
    longest_wait_s: float
    longest_gap_s: float
    webhooks_given_up: int
    waited_in_vain: int
    strangers: int
    findings: tuple[Finding, ...]
    causes: dict[str, list[str]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[Kind, int]:
        found = Counter(finding.kind for finding in self.findings)
        return {kind: found[kind] for kind in Kind}

    @property
    def faulty(self) -> bool:
        """Something was broken that the product promises."""
        return any(finding.is_fault for finding in self.findings) or bool(
            self.webhooks_given_up or self.strangers
        )

    def lines(self, shown: int = SHOWN) -> list[str]:
        """The findings, faults first."""
        ordered = sorted(self.findings, key=lambda one: not one.is_fault)
        return [
            f"{one.kind}: {one.sender}: {one.what}"
            + (f" ({', '.join(self.causes[str(one.text_id)])})" if one.text_id else "")
            for one in ordered[:shown]
        ]

    def to_json(self) -> str:
        figures = asdict(self)
        figures["counts"] = {str(kind): count for kind, count in self.counts.items()}
        figures["findings"] = self.lines(shown=10**6)
        figures["faulty"] = self.faulty
        del figures["causes"]
        return json.dumps(figures, indent=1) + "\n"


def table(report: Report) -> str:
    """Plain text, two columns."""

    def parts(counts: dict[str, int]) -> str:
        total = sum(counts.values())
        kinds = ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
        return f"{total} ({kinds})" if counts else "0"

    troubles = {kind: count for kind, count in report.faults.items() if kind != "none"}
    rows = [
        ("turns", f"{report.turns} in {report.seconds} s"),
        ("texts taken by the platform", str(report.texts)),
        ("kill -9", f"{report.kills} ({report.starts} starts, {report.start_s} s each)"),
        ("servers", parts(report.blows)),
        ("webhooks delivered again", parts(report.redelivered)),
        ("webhooks doubled on purpose", str(report.on_purpose)),
        ("double taps", str(report.double_taps)),
        ("faults of the platform", parts(troubles)),
        *((str(kind), str(count)) for kind, count in report.counts.items()),
        ("webhooks given up", str(report.webhooks_given_up)),
        ("people nobody brought in", str(report.strangers)),
        ("replies waited for in vain", str(report.waited_in_vain)),
        ("longest wait for a reply", f"{report.longest_wait_s} s"),
        ("longest gap between texts", f"{report.longest_gap_s} s"),
        ("settled after", f"{report.settled_s} s"),
        ("stopped in order within", f"{report.stopped_s} s"),
    ]
    wide = max(len(name) for name, _ in rows)
    lines = [report.plan, *(f"  {name:<{wide}}  {value}" for name, value in rows)]
    return "\n".join([*lines, *(f"  - {line}" for line in report.lines()), ""])

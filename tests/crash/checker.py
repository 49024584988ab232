"""Proves per person that nothing was lost, doubled, left out or put out of order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.pipeline.claims import AGAIN, DIED
from bot.pipeline.flow import SendStatus
from tests.crash.evidence import Evidence, TextRow


class Kind(StrEnum):
    LOST = "inbound lost"
    TWICE = "answers recorded twice"
    WRONG_ANSWER = "answers wrong"
    ORDER = "order broken"
    MISSING = "replies missing"
    UNEXPECTED = "replies not expected"
    SENT_TWICE = "replies sent twice without cause"
    PARKED = "rows parked"
    UNFINISHED = "follow-ups not completed"
    REPEATED_DIED = "replies sent twice: the sender died"
    REPEATED_OPEN = "replies sent twice: the platform left it open"
    LEFT = "replies left to a person, outcome unknowable twice"
    NEVER = "of these never arrived"


NAMED_ONLY = frozenset({Kind.REPEATED_DIED, Kind.REPEATED_OPEN, Kind.LEFT, Kind.NEVER})
"""The product's own rules make these; they are counted and named and are no fault."""


@dataclass(frozen=True, slots=True)
class Finding:
    kind: Kind
    sender: str
    what: str
    text_id: int = 0

    @property
    def is_fault(self) -> bool:
        return self.kind not in NAMED_ONLY


def check(evidence: Evidence) -> list[Finding]:
    """Everything that can be said against one person's run."""
    return [
        *_inbound(evidence),
        *_answers(evidence),
        *_transcript(evidence),
        *_deliveries(evidence),
        *_end(evidence),
    ]


def _inbound(who: Evidence) -> Iterator[Finding]:
    rows = Counter(row.external_id for row in who.inbox)
    for external_id in sorted(who.acknowledged - set(rows)):
        yield Finding(Kind.LOST, who.sender, f"{external_id} was acknowledged and is not there")
    for external_id, count in rows.items():
        if count > 1:
            yield Finding(Kind.TWICE, who.sender, f"{external_id} is {count} times in the inbox")
    for row in who.inbox:
        if row.error:
            yield Finding(Kind.PARKED, who.sender, f"{row.external_id}: {row.error}")
        elif not row.processed:
            yield Finding(Kind.LOST, who.sender, f"{row.external_id} was never processed")


def _answers(who: Evidence) -> Iterator[Finding]:
    wanted = who.expected.given(who.inbox).answers
    found = {answer.name: answer.value for answer in who.answers}
    for name, count in Counter(answer.name for answer in who.answers).items():
        if count > 1:
            yield Finding(Kind.TWICE, who.sender, f"{name} has {count} rows")
    for answer in who.answers:
        if answer.times != 1 or answer.corrections:
            what = f"{answer.name} recorded {answer.times}, corrected {answer.corrections} times"
            yield Finding(Kind.TWICE, who.sender, what)
    for name in sorted({*wanted, *found}):
        if name not in found:
            yield Finding(Kind.WRONG_ANSWER, who.sender, f"{name} is not there")
        elif name not in wanted or found[name] != wanted[name]:
            what = f"{name} is {found[name]!r}, not {wanted.get(name)!r}"
            yield Finding(Kind.WRONG_ANSWER, who.sender, what)


def _transcript(who: Evidence) -> Iterator[Finding]:
    """The transcript shows what the inbox and the outbox hold, each once, in the same order."""
    said = [line.text for line in who.lines if line.author == "person"]
    heard = [who.expected.said.get(row.external_id, "") for row in who.inbox]
    if Counter(said) != Counter(heard):
        yield Finding(Kind.LOST, who.sender, f"the transcript has {said}, the inbox {heard}")
    elif said != heard:
        yield Finding(Kind.ORDER, who.sender, f"said {said}, the inbox has {heard}")
    shown = [line.outbox_id for line in who.lines if line.author == "bot"]
    ids = [row.id for row in who.texts]
    if shown != ids:
        yield Finding(Kind.ORDER, who.sender, f"the transcript shows {shown}, the outbox has {ids}")
    yield from _expected_texts(who, who.expected.given(who.inbox).texts)


def _expected_texts(who: Evidence, wanted: tuple[str, ...]) -> Iterator[Finding]:
    texts = [row.text for row in who.texts]
    if len(texts) == len(wanted) and all(
        part in text for part, text in zip(wanted, texts, strict=True)
    ):
        return
    missing, left = [], list(texts)
    for part in sorted(wanted, key=len, reverse=True):
        match = next((text for text in left if part in text), None)
        if match is None:
            missing.append(part)
        else:
            left.remove(match)
    for part in missing:
        yield Finding(Kind.MISSING, who.sender, f"nothing says {part!r}")
    for text in left:
        yield Finding(Kind.UNEXPECTED, who.sender, text[:80])
    if not missing and not left:
        yield Finding(Kind.ORDER, who.sender, f"texts are {[text[:30] for text in texts]}")


def _deliveries(who: Evidence) -> Iterator[Finding]:
    """Each text was accepted once, in the order of the outbox; more often only where nobody could
    tell what had become of it."""
    taken = Counter(item.ref for item in who.accepted)
    for row in who.texts:
        count = taken.pop(str(row.id), 0)
        name = f"text {row.id} {row.text[:40]!r}, {row.status}"
        if row.status == SendStatus.UNKNOWN:
            yield Finding(Kind.LEFT, who.sender, f"{name}: accepted {count} times", row.id)
        if count == 0:
            kind = Kind.NEVER if row.status == SendStatus.UNKNOWN else Kind.MISSING
            yield Finding(kind, who.sender, f"{name}: never accepted", row.id)
        elif count > 1:
            yield Finding(_why_twice(row), who.sender, f"{name}: accepted {count} times", row.id)
    for ref in taken:
        yield Finding(Kind.UNEXPECTED, who.sender, f"accepted text {ref} is not in the outbox")
    # A repeat comes late where a sender died with several texts: only first arrivals have an order.
    order = list(dict.fromkeys(int(item.ref) for item in who.accepted if item.ref.isdigit()))
    if order != sorted(order):
        yield Finding(Kind.ORDER, who.sender, f"the platform took {order}")
    words = {str(row.id): row.text for row in who.texts}
    for item in who.accepted:
        if item.text != words.get(item.ref, item.text):
            yield Finding(Kind.UNEXPECTED, who.sender, f"text {item.ref} was sent as another one")


def _why_twice(row: TextRow) -> Kind:
    if DIED in row.detail:
        return Kind.REPEATED_DIED
    open_ = AGAIN in row.detail or row.status == SendStatus.UNKNOWN
    return Kind.REPEATED_OPEN if open_ else Kind.SENT_TWICE


def _end(who: Evidence) -> Iterator[Finding]:
    if who.outcome != who.expected.outcome:
        what = f"the outcome is {who.outcome or 'none'!r}"
        yield Finding(Kind.UNFINISHED, who.sender, what)

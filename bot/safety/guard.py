"""Refuses outgoing text that asks a person for a secret or leads away from our own sites."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.safety import never_ask_words as words
from bot.safety.detectors.normalise import normalise
from bot.safety.links import LinkProblem, find_bad_links
from bot.safety.lookalikes import to_latin


class ViolationKind(StrEnum):
    ASKS_SECRET = "asks_secret"  # noqa: S105 (a kind, not a secret)
    ASKS_ACTION = "asks_action"  # screen sharing, remote control, test transfer, signature, selfie
    LINK_NOT_ALLOWED = "link_not_allowed"
    LINK_SHORTENED = "link_shortened"
    LINK_LOOKALIKE = "link_lookalike"


@dataclass(frozen=True, slots=True)
class Violation:
    """What is wrong at text[start:end]. `noun` and `verb` are as read, in plain lower case."""

    kind: ViolationKind
    start: int
    end: int
    noun: str
    verb: str = ""


_LINK_KINDS = {
    LinkProblem.NOT_ALLOWED: ViolationKind.LINK_NOT_ALLOWED,
    LinkProblem.SHORTENED: ViolationKind.LINK_SHORTENED,
    LinkProblem.LOOKALIKE: ViolationKind.LINK_LOOKALIKE,
}
_REACH = 70  # characters between verb and noun; more is another thought
_WINDOW = 600  # characters; a longer "sentence" is read in pieces
_SHORT = 14  # what may stand before the next item of a list: "and your", "以及您的"

_SIGNS = re.compile(
    r"(?<=[\u4e00-\u9fff])[.·•*_\-|~/]{1,2}(?=[\u4e00-\u9fff])"
    r"|(?<=[\u4e00-\u9fff]) {1,2}(?=[\u4e00-\u9fff](?![\u4e00-\u9fff]))"
    r"|(?:(?<=[^\u4e00-\u9fff][\u4e00-\u9fff])|(?<=\A[\u4e00-\u9fff])) {1,2}(?=[\u4e00-\u9fff])"
)
_SPACED = re.compile(r"(?<![a-z])(?:[a-z][ .\-_*]){3,}[a-z](?![a-z])")
_LEET = re.compile(r"[a-z0-9@$!]+")
_LEET_MAP = str.maketrans("013457@$!", "oleastasi")


def check_outgoing(text: str, domains: Collection[str] = ()) -> tuple[Violation, ...]:
    """All that forbids sending `text`; () if it may go.

    `domains` are the only ones that links may lead to (with their subdomains). The same check is
    made of scripts, of articles and of agents' messages, before storing and again before sending.
    """
    folded = _fold(text)
    found = list(_asks(folded))
    for link in find_bad_links(text, domains):
        found.append(Violation(_LINK_KINDS[link.problem], link.start, link.end, link.host))
    return tuple(sorted(set(found), key=lambda v: (v.start, v.end, v.kind)))


@dataclass(frozen=True, slots=True)
class _Folded:
    text: str
    origin: list[int]  # place in the original of each character
    spaced: tuple[tuple[int, int], ...]  # runs of letters that had stood apart

    def violation(
        self, kind: ViolationKind, noun: tuple[int, int], verb: tuple[int, int]
    ) -> Violation:
        low, high = min(noun[0], verb[0]), max(noun[1], verb[1])
        return Violation(
            kind,
            self.origin[low],
            self.origin[high - 1] + 1,
            self.text[slice(*noun)].strip(),
            self.text[slice(*verb)].strip(),
        )


@dataclass(frozen=True, slots=True)
class _Verb:
    start: int
    end: int
    strong: bool


@dataclass(frozen=True, slots=True)
class _Noun:
    start: int
    end: int
    four: bool  # of this number the last four digits may be asked for


def _fold(text: str) -> _Folded:
    """Plain lower-case text with the usual disguises taken off, and the way back."""
    normal = normalise(text)
    plain = to_latin(normal.words)
    origin = normal.origin if normal.origin is not None else list(range(len(plain)))
    plain = _LEET.sub(_plain_leet, plain)
    drop: set[int] = set()
    for match in _SIGNS.finditer(plain):
        drop.update(range(*match.span()))
    runs = [match.span() for match in _SPACED.finditer(plain)]
    for low, high in runs:
        drop.update(i for i in range(low, high) if not plain[i].isalpha())
    if not drop:
        return _Folded(plain, origin, ())
    kept = [i for i in range(len(plain)) if i not in drop]
    place = {old: new for new, old in enumerate(kept)}
    spaced = tuple((place[low], place[high - 1] + 1) for low, high in runs)
    return _Folded("".join(plain[i] for i in kept), [origin[i] for i in kept], spaced)


def _plain_leet(match: re.Match[str]) -> str:
    plain = match.group().translate(_LEET_MAP)
    return plain if plain in words.LEET_WORDS else match.group()


def _asks(folded: _Folded) -> Iterator[Violation]:
    for low, high in folded.spaced:
        noun = words.SPACED_NOUNS.search(folded.text, low, high)
        if noun is not None and not _taken_back(folded.text, _line_start(folded.text, low), low):
            yield folded.violation(ViolationKind.ASKS_SECRET, noun.span(), noun.span())
    carried: list[_Noun] = []
    for start, end in _sentences(folded.text):
        sentence = _Sentence(folded, start, end)
        yield from sentence.asked_actions()
        yield from sentence.asked_secrets(carried)
        carried = sentence.open_nouns()


def _line_start(text: str, at: int) -> int:
    return max(0, at - 40, text.rfind("\n", 0, at) + 1)


def _stretches(
    text: str, breaks: re.Pattern[str], start: int, end: int
) -> Iterator[tuple[int, int]]:
    """The parts between breaks. A break that is a sign stays with its left part, a word right."""
    last = start
    for match in breaks.finditer(text, start, end):
        cut = match.start() if match.group()[:1].isalpha() else match.end()
        if cut > last:
            yield last, cut
            last = cut
    if last < end:
        yield last, end


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Sentences; very long ones in overlapping windows, so that time stays linear."""
    for start, end in _stretches(text, words.SENTENCE_BREAKS, 0, len(text)):
        while end - start > _WINDOW:
            yield start, start + _WINDOW
            start += _WINDOW - 2 * _REACH
        yield start, end


def _taken_back(text: str, start: int, at: int) -> bool:
    """True if the words from `start` to `at` turn an ask into "never …" or "if someone asks …"."""
    lead = words.FALSE_NEGATION.sub(lambda m: " " * len(m.group()), text[start:at])
    return words.NEGATION.search(lead) is not None


class _Sentence:
    """One sentence: its clauses, the nouns and verbs in it, and which of them make an ask."""

    def __init__(self, folded: _Folded, start: int, end: int) -> None:
        self.folded = folded
        self.text = folded.text
        self.start, self.end = start, end
        self.clauses = list(_stretches(self.text, words.CLAUSE_BREAKS, start, end))
        self.nouns = self._find_nouns()
        self.aside = words.ASIDE.search(self.text, start, end) is not None

    def asked_secrets(self, carried: list[_Noun]) -> Iterator[Violation]:
        """`carried`: nouns of the sentence before, for "you get a code. Send it to me"."""
        yield from self._questions()
        if not self.nouns and not (
            carried and words.PRONOUN.search(self.text, self.start, self.end)
        ):
            return
        done: set[_Noun] = set()
        for verb in self._find_verbs():
            if self._excused(verb):
                continue
            for noun in self.nouns or (carried if verb.strong else []):
                if noun not in done and self._pairs(verb, noun):
                    done.add(noun)
                    yield self.folded.violation(
                        ViolationKind.ASKS_SECRET, (noun.start, noun.end), (verb.start, verb.end)
                    )

    def asked_actions(self) -> Iterator[Violation]:
        for pattern in words.ACTIONS:
            for match in pattern.finditer(self.text, self.start, self.end):
                names = ("verb", "noun") if match.group("verb") else ("verb2", "noun2")
                verb = _Verb(*match.span(names[0]), strong=False)
                if self._excused(verb) or _by_us(
                    self.text, self._clause(verb.start)[0], verb.start
                ):
                    continue
                in_app = words.IN_APP.search(self.text, *self._clause(verb.start))
                if "selfie" in match.group() and in_app:
                    continue
                yield self.folded.violation(
                    ViolationKind.ASKS_ACTION, match.span(names[1]), match.span(names[0])
                )

    def open_nouns(self) -> list[_Noun]:
        """The last nouns, which the next sentence may refer to, unless a negation speaks of them."""
        return [
            noun
            for noun in self.nouns[-3:]
            if not _taken_back(self.text, self._clause(noun.start)[0], noun.start)
            and not words.HEADS.search(self.text[noun.end : noun.end + 12])
        ]

    def _find_nouns(self) -> list[_Noun]:
        spans = [
            (m.start(), m.end(), four)
            for pattern, four in ((words.SECRET_NOUNS, False), (words.NUMBER_NOUNS, True))
            for m in pattern.finditer(self.text, self.start, self.end)
        ]
        nouns: list[_Noun] = []
        for start, end, four in sorted(spans, key=lambda s: (s[0], -s[1])):
            if nouns and start < nouns[-1].end:
                continue
            nouns.append(_Noun(start, end, four))
        return nouns

    def _find_verbs(self) -> Iterator[_Verb]:
        text = self.text
        for match in words.STRONG_VERBS.finditer(text, self.start, self.end):
            yield _Verb(match.start(), match.end(), strong=True)
        for match in words.NEED_ZH.finditer(text, self.start, self.end):
            yield _Verb(match.start(), match.end(), strong=True)
        for start, end in self.clauses:
            goes_on = words.GOES_ON.match(text, start, end) is not None
            request = words.REQUEST_ZH.search(text, self.start if goes_on else start, end)
            if request is not None:
                for match in words.WEAK_VERBS_ZH.finditer(text, max(start, request.start()), end):
                    if not _by_us(text, start, match.start()):
                        yield _Verb(match.start(), match.end(), strong=False)
            if words.REWARD_ZH.search(text, start, end):
                for match in words.REWARDED_VERBS_ZH.finditer(text, start, end):
                    yield _Verb(match.start(), match.end(), strong=False)
            for match in words.WEAK_VERBS_EN.finditer(text, start, end):
                if not _by_us(text, start, match.start()):
                    yield _Verb(match.start(), match.end(), strong=False)

    def _questions(self) -> Iterator[Violation]:
        """ "您的密码是多少", "your PIN?": a question without a verb."""
        for noun in self.nouns:
            if self._last_four(noun):
                continue
            lead = self.text[max(self.start, noun.start - 28) : noun.start]
            match = words.QUESTIONS.match(self.text, noun.end, min(self.end, noun.end + 12))
            asked = match is not None and ("多" in match.group() or words.YOUR.search(lead))
            tail = self.text[noun.end : self.end]
            bare = (
                tail.strip() in ("?", ":?", "呢?", "是?")
                or words.PLEASE.fullmatch(tail) is not None
            ) and (words.BARE_QUESTION.fullmatch(self.text, self.start, noun.start) is not None)
            if (asked or bare) and not words.KEEPING.search(lead):
                verb = match.span() if match is not None else (noun.start, noun.end)
                yield self.folded.violation(ViolationKind.ASKS_SECRET, (noun.start, noun.end), verb)

    def _clause(self, at: int) -> tuple[int, int]:
        return next((c for c in self.clauses if c[0] <= at < c[1]), (self.start, self.end))

    def _excused(self, verb: _Verb) -> bool:
        """Negated, somebody else's ask, or a question about the past."""
        start, end = self._clause(verb.start)
        if _taken_back(self.text, start, verb.start):
            return True
        if verb.strong:
            return self.aside and words.OTHERS.search(self.text, start, verb.start) is not None
        if self.aside or words.OTHERS.search(self.text, start, end):
            return True
        return words.INQUIRY.search(self.text, start, verb.start) is not None

    def _pairs(self, verb: _Verb, noun: _Noun) -> bool:
        """True if the verb asks for the noun."""
        if self._last_four(noun) or words.HEADS.search(self.text[noun.end : noun.end + 16]):
            return False
        low, high = min(verb.end, noun.end), max(verb.start, noun.start)
        if high - low > _REACH:
            return False
        if words.ABOUT.search(self.text[low:high]):
            return False
        its = self._clause(noun.start)
        later_clause = its[0] > verb.start
        if later_clause and _taken_back(self.text, its[0], noun.start):
            return False
        if not verb.strong and not self._reaches(verb, noun):
            return False
        lead = self.text[max(self.start, noun.start - 16) : noun.start]
        if words.HIDING.search(lead):
            return False
        if noun.start > verb.start and words.KEEPING.search(lead):
            later = self.text[noun.end : self._clause(noun.start)[1]]
            if not verb.strong or words.ABOUT.search(later):
                return False
        return not self._typed_into_app(verb, noun)

    def _reaches(self, verb: _Verb, noun: _Noun) -> bool:
        """A weak verb asks for nouns of its clause, of a list that goes on, or just before it."""
        mine, its = self._clause(verb.start), self._clause(noun.start)
        if mine == its:
            chinese = re.search(r"[\u4e00-\u9fff]", self.text[verb.start : verb.end])
            return noun.start > verb.start or chinese is not None
        if noun.start > verb.start:
            return noun.start - its[0] <= _SHORT and not _taken_back(self.text, its[0], its[1])
        if mine[0] != its[1] or words.VERB_TAIL.fullmatch(self.text, verb.end, mine[1]) is None:
            return False
        promised = words.PROMISES.search(self.text, *its) is not None
        return promised or not _taken_back(self.text, its[0], its[1])

    def _last_four(self, noun: _Noun) -> bool:
        if not noun.four:
            return False
        before = self.text[max(self.start, noun.start - 28) : noun.start]
        after = self.text[noun.end : min(self.end, noun.end + 16)]
        asked = words.LAST_FOUR.search(before) or words.LAST_FOUR.search(after)
        near = self.text[max(self.start, noun.start - 8) : min(self.end, noun.end + 8)]
        return asked is not None and words.WHOLE.search(near) is None

    def _typed_into_app(self, verb: _Verb, noun: _Noun) -> bool:
        if words.TYPED.match(self.text[verb.start : verb.end]) is None:
            return False
        start = self._clause(min(verb.start, noun.start))[0]
        end = self._clause(max(verb.start, noun.start))[1]
        before = self._clause(max(self.start, start - 1))[0]
        if words.IN_APP.search(self.text, before, end) is None:
            return False
        return words.IN_CHAT.search(self.text, start, end) is None


def _by_us(text: str, start: int, at: int) -> bool:
    """True if it is we, the app or the bank that send or show."""
    return words.BY_US.search(text[max(start, at - 24) : at]) is not None

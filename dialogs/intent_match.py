"""Where in a message which intent shows: by the rules of a lexicon, by shouting, by the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dialogs import intent_text
from dialogs.intent_grammar import Chosen, RuleSet, heads_of
from dialogs.intent_model import IntentModel
from dialogs.intent_text import Clause
from dialogs.lexicons import IntentRules, Lexicon


class Intent(StrEnum):
    """What a person may want at any point of a script, in the order of importance."""

    STOP = "stop"
    DISTRESS = "distress"
    FRAUD = "fraud"
    COMPLAINT = "complaint"
    HUMAN = "human"
    LATER = "later"
    CORRECT = "correct"
    LANGUAGE = "language"
    REPEAT = "repeat"
    HELP = "help"


ALARMS = (Intent.COMPLAINT, Intent.DISTRESS, Intent.FRAUD, Intent.HUMAN)  # hand over to a person
_INTENTS = {str(intent): intent for intent in Intent}

# Scores by kind of proof; only their order means something.
_ALWAYS, _WHOLE, _STATEMENT, _HINT, _RAGE = 0.95, 0.95, 0.85, 0.82, 0.7
_AGREED = 0.18  # the model's probability of an intent from which a hint of it counts
_AGREED_SHOUTED = 0.08  # the same if it is shouted
_ALARMED = 0.8  # its probability of any alarm from which every hint counts
_MILD = 0.6  # the model's probability from which it may guess what is no alarm
_SURE_ALONE = 0.5  # its probability from which one clause of several is enough
_GUESS = 0.8  # times the model's probability, so that a guess never outweighs a rule
# A guess of these hands the conversation over, so a few words ("tell me", "kids") are too little; the
# rules see their words in any message. Words where blanks separate them, else characters.
_LEAST_SAID = {
    Intent.HUMAN: (2, 3),
    Intent.COMPLAINT: (3, 4),
    Intent.DISTRESS: (4, 5),
    Intent.FRAUD: (4, 5),
}
_BASE_MAX = (
    700  # questions of the base per language that the model learns; with more it calls fraud plain
)
_NEUTRAL_MIN = 40  # a lexicon with fewer neutral lines gets no model: it would alarm on anything
_WHOLE_LIMIT = 80  # characters; a longer message is never one fixed phrase
_NO_RULES = RuleSet()


class View:
    """A message as one language reads it."""

    def __init__(self, lexicon: Lexicon, clauses: tuple[Clause, ...]) -> None:
        self.lexicon, self.clauses = lexicon, clauses
        self.whole = lexicon.as_whole.choose(_together(clauses, spaced=lexicon.spaced))
        self._chosen = {c.begin: lexicon.in_clause.choose(c.heads) for c in clauses}

    def chosen(self, clause: Clause) -> Chosen:
        """The rules that may match a clause of this view."""
        return self._chosen[clause.begin]

    def first(self, rules: RuleSet, clause: Clause) -> re.Match[str] | None:
        """The first rule's match in a clause of this view."""
        numbers = self._chosen[clause.begin].get(rules)
        return rules.first(clause.form, numbers) if numbers else None

    def common(self, name: str) -> RuleSet:
        """One of the rule sets that all intents share."""
        return self.lexicon.common.get(name, _NO_RULES)


def _together(clauses: Sequence[Clause], *, spaced: bool) -> frozenset[str]:
    """The heads of the whole message, with those over the ends of its clauses."""
    if len(clauses) == 1:
        return clauses[0].heads
    words = [word for c in clauses for word in (c.form.split() if spaced else c.form)]
    return heads_of(words, spaced=spaced)


@dataclass(frozen=True, slots=True)
class Hit:
    """One sign of an intent. `span` is the evidence, `clause` what `rest` does without."""

    intent: Intent
    score: float
    span: tuple[int, int]
    clause: tuple[int, int]
    lexicon: Lexicon
    hint: bool = False  # counts only if the model agrees
    named: tuple[tuple[str, str], ...] = ()  # what a rule remembered, folded
    named_spans: tuple[tuple[str, tuple[int, int]], ...] = ()


def by_rules(view: View) -> Iterator[Hit]:
    """Signs that the rules of the lexicon find, clause by clause, else in the whole message."""
    question = view.common("question")
    asks = [c.asked or view.first(question, c) is not None for c in view.clauses]
    signs = {rules for clause in view.clauses for rules in view.chosen(clause)}
    for name, rules in view.lexicon.intents.items():
        if rules.whole not in view.whole and signs.isdisjoint(rules.signs):
            continue
        intent = _INTENTS[name]
        if intent is Intent.STOP:
            if rules.whole in view.whole:
                yield from _opt_out(rules, view)
            continue
        found = list(_by_clause(intent, rules, view, asks))
        yield from found
        if not found and rules.whole in view.whole:
            yield from _by_whole(intent, rules.whole, view)


def _by_clause(intent: Intent, rules: IntentRules, view: View, asks: list[bool]) -> Iterator[Hit]:
    for clause, asked in zip(view.clauses, asks, strict=True):
        chosen = view.chosen(clause)
        if not any(signs in chosen for signs in rules.signs):
            continue
        score, match = _ALWAYS, view.first(rules.certain, clause)
        if match is None:
            score, match = _sign(rules, view, clause, asked=asked)
            if match is None or view.first(rules.unless, clause) is not None:
                continue
        if intent is Intent.CORRECT:
            match = _fullest(match, rules, clause, chosen, asked=asked)
        yield _hit(intent, score, clause, match, view.lexicon)


def _sign(
    rules: IntentRules, view: View, clause: Clause, *, asked: bool
) -> tuple[float, re.Match[str] | None]:
    """The strongest kind of rule that matches, with its score."""
    kinds = [(_ALWAYS, rules.always), (_STATEMENT, rules.statement)]
    kinds += [(_HINT, rules.always_hints), (_HINT, rules.statement_hints)]
    for score, kind in kinds:
        if asked and kind in (rules.statement, rules.statement_hints):
            continue
        if match := view.first(kind, clause):
            return score, match
    return 0.0, None


def _fullest(
    match: re.Match[str], rules: IntentRules, clause: Clause, chosen: Chosen, *, asked: bool
) -> re.Match[str]:
    """Of all rules that match, the one that remembers most: target and value, not just "change"."""
    sets = (rules.always,) if asked else (rules.always, rules.statement)
    found = [m for rs in sets for _, m in rs.matches(clause.form, chosen.get(rs, ()))]
    return max(found or [match], key=lambda m: sum(bool(v) for v in m.groupdict().values()))


def _opt_out(rules: IntentRules, view: View) -> Iterator[Hit]:
    """A sentence that revokes counts beside other sentences ("Stop texting me. I told you.")."""
    for clause in view.clauses:
        if not clause.asked and _first_whole(rules.whole, clause.form, view):
            span = (clause.begin, clause.end)
            yield Hit(Intent.STOP, _WHOLE, span, span, view.lexicon)


def _by_whole(intent: Intent, rules: RuleSet, view: View) -> Iterator[Hit]:
    clauses = view.clauses
    if not clauses or clauses[-1].end - clauses[0].begin > _WHOLE_LIMIT:
        return
    form = "".join(clause.form.rstrip() for clause in clauses)
    form += " " if view.lexicon.spaced else ""
    match = _first_whole(rules, form, view)
    if match is not None:
        whole = (clauses[0].begin, clauses[-1].end)
        named = tuple((k, v.strip()) for k, v in match.groupdict().items() if v)
        yield Hit(intent, _WHOLE, whole, whole, view.lexicon, named=named)


def _hit(
    intent: Intent, score: float, clause: Clause, match: re.Match[str], lexicon: Lexicon
) -> Hit:
    whole = (clause.begin, clause.end)
    start, end = match.span()
    span = clause.original_span(start, end) if end > start else whole
    named = tuple((k, v.strip()) for k, v in match.groupdict().items() if v and v.strip())
    spans = tuple((k, clause.original_span(*match.span(k))) for k, _ in named)
    return Hit(intent, score, span, whole, lexicon, score == _HINT, named, spans)


def _first_whole(rules: RuleSet, form: str, view: View) -> re.Match[str] | None:
    """The match of the form of a clause or of the whole, with its courtesies or without."""
    numbers = view.whole.get(rules, ())
    for one in dict.fromkeys((form, _without_courtesy(form, view))):
        if len(one) <= _WHOLE_LIMIT and (match := rules.first(one, numbers)):
            return match
    return None


def _without_courtesy(form: str, view: View) -> str:
    """The form without please, thanks and the like at both ends."""
    if len(form) > _WHOLE_LIMIT:
        return form
    body, end = form.rstrip(), " " if view.lexicon.spaced else ""
    rules = view.common("polite").rules
    shrunk = view.common("polite") in view.whole
    while shrunk:
        shrunk = False
        for rule in rules:
            for match in rule.regex.finditer(body + end):
                if match.start() == 0 and match.end() < len(body):
                    body, shrunk = body[match.end() :], True
                    break
                if match.start() > 0 and match.end() == len(body):
                    body, shrunk = body[: match.start()], True
                    break
    return body + end


_MARKS = re.compile(r"[!！]{3,}|[!！][?？]+|[?？]+[!！]+")


def rage(text: str, views: Sequence[View]) -> Iterator[Hit]:
    """Shouting about something wrong: "WHERE IS MY MONEY!!!" complains without the word."""
    head = text[: intent_text.READ_LIMIT]
    mark = _MARKS.search(head)
    if mark is None and not ("!" in head and _in_capitals(head)):
        return
    for view in views:
        if any(view.first(view.common("calm"), clause) for clause in view.clauses):
            continue
        for clause in view.clauses:
            if view.first(view.common("anger"), clause):
                span = (clause.begin, clause.end)
                if mark is not None and clause.end <= mark.start() <= clause.end + 1:
                    span = (clause.begin, mark.end())
                yield Hit(Intent.COMPLAINT, _RAGE, span, span, view.lexicon, hint=True)
                return


def _in_capitals(text: str) -> bool:
    letters = [letter for letter in text if letter.isascii() and letter.isalpha()]
    capitals = sum(letter.isupper() for letter in letters)
    return len(letters) >= 12 and capitals >= 0.8 * len(letters)


def train(
    lexicon: Lexicon, base: Sequence[str], shows_alarm: Callable[[str], bool]
) -> IntentModel | None:
    """The model of one language; None if its lexicon gives too little to learn from.

    `base` are questions of the knowledge base in this language, `shows_alarm` says whether a rule
    finds an alarm in a line.
    """
    if len(lexicon.neutral) < _NEUTRAL_MIN:
        return None
    examples = {
        name: _folded((*rules.examples, *rules.lines))
        for name, rules in lexicon.intents.items()
        if rules.examples or rules.lines
    }
    # Evenly over the whole base, so that every article is heard.
    step = max(len(base) / _BASE_MAX, 1.0)
    taken = [base[int(i * step)] for i in range(min(len(base), _BASE_MAX))]
    neutral = _folded((*lexicon.neutral, *lexicon.lines))
    if not examples:
        return None
    return IntentModel(examples, neutral, _folded(taken), lambda i: shows_alarm(taken[i]))


def _folded(lines: Sequence[str]) -> list[str]:
    return [intent_text.fold(line).text for line in lines]


def _length(view: View) -> int:
    """In words, or in characters where nothing separates words."""
    return sum(len(c.form.split() if view.lexicon.spaced else c.form) for c in view.clauses)


def _as_learned(clauses: Sequence[Clause]) -> str:
    """Clauses in the shape of the lines that the model learned, typing errors mended."""
    return " ".join(clause.form + ("?" if clause.asked else "") for clause in clauses)


def agreed(model: IntentModel | None, view: View, hits: Sequence[Hit]) -> list[Hit]:
    """The hits of a view without the hints that the model does not agree with.

    Beside a firm sign that hands over or ends the talk, hints count: they add no alarm.
    """
    firm = any(not hit.hint and hit.intent in (*ALARMS, Intent.STOP) for hit in hits)
    if model is None or firm or not any(hit.hint for hit in hits):
        return list(hits)
    whole = model.chances(_as_learned(view.clauses))
    return [hit for hit in hits if not hit.hint or _agrees(model, whole, view, hit)]


def _agrees(model: IntentModel, whole: Mapping[str, float], view: View, hit: Hit) -> bool:
    if whole.get(hit.intent, 1.0) >= (_AGREED_SHOUTED if hit.score == _RAGE else _AGREED):
        return True
    if sum(whole.get(intent, 0.0) for intent in ALARMS) >= _ALARMED:
        return True
    if hit.intent is not Intent.HUMAN:
        return False
    # "A person, please. And what does a card cost?" The wish is one clause, the rest a question.
    own = [c for c in view.clauses if (c.begin, c.end) == hit.clause]
    return model.chances(_as_learned(own)).get(hit.intent, 1.0) >= _SURE_ALONE


def by_model(model: IntentModel | None, view: View) -> Iterator[Hit]:
    """What the model makes of a message in which no rule saw anything."""
    if not any(letter.isalpha() for clause in view.clauses for letter in clause.form):
        return  # a number or a smiley answers; it wants nothing else
    guess = model.guess(_as_learned(view.clauses)) if model else None
    if model is None or guess is None:
        return
    intent = Intent(guess.label)
    if guess.any_intent < (model.threshold if intent in ALARMS else _MILD):
        return
    words, characters = _LEAST_SAID.get(intent, (0, 0))
    if _length(view) < (words if view.lexicon.spaced else characters):
        return
    unless = view.lexicon.intents[guess.label].unless
    if any(view.first(unless, clause) for clause in view.clauses):
        return
    if intent is Intent.COMPLAINT and any(view.first(view.common("calm"), c) for c in view.clauses):
        return
    carrier = next((c for c in view.clauses if guess.evidence in c.words), view.clauses[0])
    whole = (view.clauses[0].begin, view.clauses[-1].end)
    score = _GUESS * guess.probability
    yield Hit(intent, score, (carrier.begin, carrier.end), whole, view.lexicon)

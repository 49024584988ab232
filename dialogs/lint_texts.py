"""The linter's look at texts: languages, names, length on each channel, and the never-ask guard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from channels.message import Caps
from channels.text import measure
from dialogs.script import Script, Step, Text
from dialogs.source import Problem, did_you_mean
from dialogs.texts import TextError, phrase_locales, phrases, render_text, text_names
from dialogs.turn import option_values

if TYPE_CHECKING:
    from dialogs.lint import Guard

Path = tuple[object, ...]
Company = Callable[[str], Mapping[str, Any]]
PLAIN = ("brand", "person", "answers")


@dataclass(frozen=True, slots=True)
class _Shown:
    """One text of the script and what stands in the file around it."""

    at: Path
    text: Text
    step: Step | None = None


def lint_texts(
    script: Script, company: Company, caps: Mapping[str, Caps], guard: Guard
) -> Iterator[Problem]:
    for locale in script.locales:
        if locale not in phrase_locales():
            yield script.source.problem(
                ("locales",),
                f"the bot has no phrases in '{locale}'",
                f"add dialogs/phrases/{locale}.yaml, or leave the language out",
            )
    for shown in _texts(script):
        yield from _languages(script, shown)
        for locale, template in shown.text.items():
            if locale in script.locales:
                yield from _template(script, shown, locale, template, company, caps, guard)
    yield from _labels(script, caps)


def _texts(script: Script) -> Iterator[_Shown]:
    yield _Shown(("title",), script.title)
    for step_id, step in script.steps.items():
        at: Path = ("steps", step_id)
        for key in ("say", "text", "thanks", "why"):
            text = getattr(step, key)
            if text is not None:
                yield _Shown((*at, key), text, step)
        for i, option in enumerate(step.options):
            yield _Shown((*at, "options", i, "label"), option.label, step)
        if step.remind is not None and step.remind.text is not None:
            yield _Shown((*at, "remind", "text"), step.remind.text, step)


def _languages(script: Script, shown: _Shown) -> Iterator[Problem]:
    for locale in script.locales:
        if not shown.text.get(locale, "").strip():
            yield script.source.problem(
                shown.at, f"there is no text in '{locale}'", f"add {locale}: …"
            )
    for locale in shown.text:
        if locale not in script.locales:
            yield script.source.problem(
                (*shown.at, locale),
                f"'{locale}' is no language of this script",
                f"add it to 'locales' ({', '.join(script.locales)}), or remove the text",
            )


def _template(
    script: Script,
    shown: _Shown,
    locale: str,
    template: str,
    company: Company,
    caps: Mapping[str, Caps],
    guard: Guard,
) -> Iterator[Problem]:
    at = (*shown.at, locale)
    values = {**company(locale)} if locale in phrase_locales() else {}
    try:
        unknown = list(_unknown(script, template, values))
        if unknown:
            yield from (script.source.problem(at, what, fix) for what, fix in unknown)
            return
        missing = _may_be_missing(template, values)
        if missing:
            yield script.source.problem(
                at,
                f"'{missing}' may be missing, and the text could not be sent",
                f"write {{% if {missing} %}}…{{% endif %}} around it",
            )
        sample = render_text(template, _sample(template, values))
    except TextError as error:
        yield script.source.problem(at, str(error), "check the braces")
        return
    for violation in guard(sample):
        part = sample[violation.start : violation.end]
        yield script.source.problem(
            at,
            f"asks for something secret, or leads away from our sites: “{part}”",
            "never ask for passwords, codes, recovery phrases or whole numbers; link to our own sites",
        )
    for name, limits in caps.items():
        length = measure(sample, limits.text_unit)
        has_options = shown.step is not None and bool(option_values(shown.step))
        most = limits.text_max
        if has_options and limits.text_max_with_options is not None:
            most = limits.text_max_with_options
        if length > most:
            yield script.source.problem(
                at, f"is too long for {name}: {length} of {most}", "shorten it"
            )


def _unknown(script: Script, template: str, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Names that no text of this script can have, and what is known instead."""
    known = [*PLAIN, *values]
    for name in text_names(template):
        head, _, tail = name.partition(".")
        inner = values.get(head)
        if head not in known:
            yield f"the name '{name}' is not known", did_you_mean(head, known)
        elif head == "answers" and tail not in script.names:
            yield f"there is no answer '{tail}'", did_you_mean(tail, script.names)
        elif isinstance(inner, Mapping) and tail not in inner:
            whole = [f"{head}.{key}" for key in inner]
            yield f"the name '{name}' is not known", did_you_mean(name, whole)


def _may_be_missing(template: str, values: Mapping[str, Any]) -> str:
    """The first name of a person or an answer without which the template cannot be filled."""
    for name in text_names(template):
        head, _, tail = name.partition(".")
        if head not in ("person", "answers") or name == "person.name":
            continue
        sample = _sample(template, values)
        del sample[head][tail]
        try:
            render_text(template, sample)
        except TextError:
            return name
    return ""


def _sample(template: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values with which every name of the template has some text."""
    sample: dict[str, Any] = {**values, "person": {"name": "…"}, "answers": {}}
    for name in text_names(template):
        head, _, tail = name.partition(".")
        if head in ("person", "answers") and tail:
            sample[head][tail] = "…"
    return sample


def _labels(script: Script, caps: Mapping[str, Caps]) -> Iterator[Problem]:
    for step_id, step in script.steps.items():
        count = len(option_values(step))
        for i, option in enumerate(step.options):
            for locale, label in option.label.items():
                if locale not in script.locales:
                    continue
                for name, limits in caps.items():
                    most = _label_max(limits, count)
                    length = measure(label, limits.label_unit)
                    if most and length > most:
                        yield script.source.problem(
                            ("steps", step_id, "options", i, "label", locale),
                            f"“{label}” is too long for {name}: {length} of {most}",
                            "shorten it, or it is shown as a numbered line",
                        )
        yield from _own_labels(script, step_id, step, caps)


def _own_labels(
    script: Script, step_id: str, step: Step, caps: Mapping[str, Caps]
) -> Iterator[Problem]:
    """More options than a channel can show become numbered lines: too many for a chat."""
    count = len(option_values(step))
    for name, limits in caps.items():
        most = max(limits.buttons_max, limits.list_max)
        if step.options and most and count > most:
            yield script.source.problem(
                ("steps", step_id, "options"),
                f"{count} options are too many for {name}: it shows {most}",
                "offer fewer",
            )
    if step.optional and step.options:
        for locale in script.locales:
            skip = phrases(locale)["skip"] if locale in phrase_locales() else ""
            if skip in [option.label.get(locale) for option in step.options]:
                yield script.source.problem(
                    ("steps", step_id, "options"),
                    f"“{skip}” is added by the bot as well",
                    "remove your own option",
                )


def _label_max(limits: Caps, count: int) -> int:
    """How long a label may be where this many options are shown; 0 if that is no matter."""
    if count <= limits.buttons_max:
        return max(limits.label_max, limits.list_label_max if count <= limits.list_max else 0)
    return limits.list_label_max if count <= limits.list_max else 0

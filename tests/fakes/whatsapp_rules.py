"""What the fake Graph API refuses: every field, type and limit of a message, with Meta's codes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

BSUID = re.compile(r"[A-Z]{2}\.[A-Za-z0-9]{1,128}", re.ASCII)

# HTTP status of an error code where it is not 400 (Meta, "Cloud API error codes").
HTTP_STATUS = {
    0: 401, 2: 503, 3: 500, 10: 403, 190: 401, 368: 403, 130497: 403, 131000: 500, 131005: 403,
    131016: 500, 131031: 403, 131045: 500, 131057: 500, 132001: 404, 133004: 503,
}  # fmt: skip


class GraphError(Exception):
    """A refusal with Meta's code; `details` is what the API would explain."""

    def __init__(self, code: int, details: str = "", *, subcode: int | None = None) -> None:
        super().__init__(code, details)
        self.code, self.details, self.subcode = code, details, subcode

    @property
    def status(self) -> int:
        if 200 <= self.code < 300:
            return 403
        return HTTP_STATUS.get(self.code, 400)

    def body(self) -> Json:
        error: Json = {
            "message": f"(#{self.code}) {self.details or 'refused'}",
            "type": "OAuthException",
            "code": self.code,
            "error_data": {"messaging_product": "whatsapp", "details": self.details},
            "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam",
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": error}


@dataclass(frozen=True, slots=True)
class Button:
    """Something to tap as the phone got it."""

    token: str
    title: str
    description: str = ""


@dataclass(frozen=True, slots=True)
class FakeTemplate:
    """A template as approved: how many body parameters and quick replies it has."""

    name: str
    language: str
    parameters: int = 0
    quick_replies: tuple[str, ...] = ()
    category: str = "utility"
    paused: bool = False


@dataclass(frozen=True, slots=True)
class Content:
    """What a message says. `text` of a template is its name."""

    kind: str
    text: str
    buttons: tuple[Button, ...] = ()
    template: FakeTemplate | None = None
    parameters: tuple[str, ...] = ()


def check_message(body: Json, templates: Mapping[tuple[str, str], FakeTemplate]) -> Content:
    """What a request body says, checked. Raises GraphError."""
    kind = _text(body, "type", "type")
    _fields(
        body,
        {"messaging_product", "recipient_type", "to", "recipient", "type", kind},
        {"context", "biz_opaque_callback_data"},
        optional={"recipient_type", "to", "recipient"},
        where="",
    )
    if body["messaging_product"] != "whatsapp":
        raise GraphError(100, "messaging_product must be whatsapp")
    if body.get("recipient_type", "individual") != "individual":
        raise GraphError(100, "recipient_type must be individual")
    if ("to" in body) == ("recipient" in body):
        raise GraphError(100, "exactly one of to and recipient is required")
    if len(_limitless(body, "biz_opaque_callback_data")) > 512:
        raise GraphError(100, "biz_opaque_callback_data must be at most 512 characters long")
    if "context" in body:
        context = _object(body["context"], "context")
        _fields(context, {"message_id"}, set(), where="context")
        _text(context, "message_id", "context.message_id")
    content = _object(body.get(kind), kind)
    match kind:
        case "text":
            return _check_text(content)
        case "interactive":
            return _check_interactive(content)
        case "template":
            return _check_template(content, templates)
        case _:
            raise GraphError(131051, f"type {kind} is not supported")


def check_read(body: Json) -> tuple[str, bool]:
    """The message id of a read mark, and whether typing is to be shown. Raises GraphError."""
    _fields(body, {"messaging_product", "status", "message_id"}, {"typing_indicator"}, where="")
    if body["messaging_product"] != "whatsapp" or body["status"] != "read":
        raise GraphError(100, "status must be read")
    indicator = body.get("typing_indicator")
    if indicator is not None and indicator != {"type": "text"}:
        raise GraphError(100, "typing_indicator must be of type text")
    return _text(body, "message_id", "message_id"), indicator is not None


def _check_text(content: Json) -> Content:
    _fields(content, {"body"}, {"preview_url"}, where="text")
    if not isinstance(content.get("preview_url", False), bool):
        raise GraphError(100, "text.preview_url must be a boolean")
    text = _text(content, "body", "text.body")
    if len(text) > 4096:
        raise GraphError(100, "Param text['body'] must be at most 4096 characters long.")
    return Content("text", text)


def _check_interactive(content: Json) -> Content:
    _fields(content, {"type", "body", "action"}, {"header", "footer"}, where="interactive")
    body = _object(content["body"], "interactive.body")
    _fields(body, {"text"}, set(), where="interactive.body")
    text = _text(body, "text", "interactive.body.text", code=131009)
    if len(text) > 1024:
        raise GraphError(131009, "Body text length invalid. Min length: 1, Max length: 1024")
    for name, needed in (("header", {"type", "text"}), ("footer", {"text"})):
        if name in content:
            part = _object(content[name], f"interactive.{name}")
            _fields(part, needed, set(), where=f"interactive.{name}")
            if part.get("type", "text") != "text":
                raise GraphError(100, f"this fake reads text only in interactive.{name}")
            _limited(part, "text", 60, f"{name.capitalize()} text")
    action = _object(content["action"], "interactive.action")
    match content["type"]:
        case "button":
            buttons = _check_buttons(action)
        case "list":
            buttons = _check_rows(action)
        case other:
            raise GraphError(100, f"interactive.type {other!r} is not supported here")
    return Content(str(content["type"]), text, buttons)


def _check_buttons(action: Json) -> tuple[Button, ...]:
    _fields(action, {"buttons"}, set(), where="interactive.action")
    given = _objects(action["buttons"], "buttons")
    if not 1 <= len(given) <= 3:
        raise GraphError(131009, "Invalid buttons count. Min allowed buttons: 1, Max: 3")
    buttons = []
    for item in given:
        _fields(item, {"type", "reply"}, set(), where="button")
        if item["type"] != "reply":
            raise GraphError(100, "button.type must be reply")
        reply = _object(item["reply"], "button.reply")
        _fields(reply, {"id", "title"}, set(), where="button.reply")
        token = _limited(reply, "id", 256, "Button id")
        buttons.append(Button(token, _limited(reply, "title", 20, "Button title")))
    _distinct([button.token for button in buttons], "Button ids")
    _distinct([button.title for button in buttons], "Button titles")
    return tuple(buttons)


def _check_rows(action: Json) -> tuple[Button, ...]:
    _fields(action, {"button", "sections"}, set(), where="interactive.action")
    _limited(action, "button", 20, "List button")
    sections = _objects(action["sections"], "sections")
    if not 1 <= len(sections) <= 10:
        raise GraphError(131009, "Invalid sections count. Min: 1, Max: 10")
    rows: list[Button] = []
    for section in sections:
        _fields(section, {"rows"}, {"title"}, where="section")
        if len(sections) > 1:
            _limited(section, "title", 24, "Section title")
        for row in _objects(section["rows"], "rows"):
            _fields(row, {"id", "title"}, {"description"}, where="row")
            description = _limited(row, "description", 72, "Row description", optional=True)
            token = _limited(row, "id", 200, "Row id")
            rows.append(Button(token, _limited(row, "title", 24, "Row title"), description))
    if not 1 <= len(rows) <= 10:
        raise GraphError(131009, "Total row count exceed max allowed count: 10")
    _distinct([row.token for row in rows], "Row ids")
    return tuple(rows)


def _check_template(content: Json, templates: Mapping[tuple[str, str], FakeTemplate]) -> Content:
    _fields(content, {"name", "language"}, {"components"}, where="template")
    language = _object(content["language"], "template.language")
    _fields(language, {"code"}, {"policy"}, where="template.language")
    if language.get("policy", "deterministic") != "deterministic":
        raise GraphError(100, "language.policy must be deterministic")
    name = _text(content, "name", "template.name")
    template = templates.get((name, _text(language, "code", "language.code")))
    if template is None:
        raise GraphError(132001, f"template name ({name}) does not exist in {language['code']}")
    if template.paused:
        raise GraphError(132015, "template is paused")
    values: tuple[str, ...] = ()
    payloads = {str(index): "" for index in range(len(template.quick_replies))}
    for component in _objects(content.get("components", []), "components"):
        if component.get("type") == "body":
            _fields(component, {"type", "parameters"}, set(), where="component")
            values = _parameters(component, "text", "text")
        elif component.get("type") == "button":
            _fields(
                component, {"type", "sub_type", "index", "parameters"}, set(), where="component"
            )
            if component["sub_type"] != "quick_reply" or component["index"] not in payloads:
                raise GraphError(132018, "the template has no such quick reply")
            (payload,) = _parameters(component, "payload", "payload")
            payloads[component["index"]] = payload
        else:
            raise GraphError(100, "component.type is not supported here")
    if len(values) != template.parameters:
        raise GraphError(
            132000, f"number of params ({len(values)}) expected ({template.parameters})"
        )
    buttons = tuple(
        Button(payloads[str(index)] or label, label)
        for index, label in enumerate(template.quick_replies)
    )
    return Content("template", name, buttons, template, values)


def _parameters(component: Json, kind: str, key: str) -> tuple[str, ...]:
    values = []
    for parameter in _objects(component["parameters"], "parameters"):
        _fields(parameter, {"type", key}, set(), where="parameter")
        if parameter["type"] != kind:
            raise GraphError(132012, f"parameter must be of type {kind}")
        value = _text(parameter, key, f"parameter.{key}")
        if re.search(r"[\n\t]| {5}", value):
            raise GraphError(
                132012, "Param text cannot have new-line/tab characters or more than 4 blanks"
            )
        values.append(value)
    return tuple(values)


def _fields(
    given: Json,
    needed: set[str],
    allowed: set[str],
    *,
    optional: frozenset[str] | set[str] = frozenset(),
    where: str,
) -> None:
    """Refuse what Graph refuses: a field that it does not know, or one that is missing."""
    for name in given:
        if name not in needed | allowed:
            raise GraphError(100, f"Unexpected key {name!r} on param {where!r}.")
    for name in sorted(needed - set(optional)):
        if name not in given:
            raise GraphError(131008, f"Required parameter {where}.{name} is missing")


def _object(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise GraphError(100, f"{where} must be an object")
    return value


def _objects(value: Any, where: str) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise GraphError(100, f"{where} must be an array of objects")
    return value


def _text(given: Json, key: str, where: str, *, code: int = 100) -> str:
    value = given.get(key)
    if not isinstance(value, str):
        raise GraphError(131008 if value is None else 100, f"{where} must be a string")
    if not value.strip():
        raise GraphError(code, f"{where} must not be empty")
    return value


def _limited(given: Json, key: str, limit: int, what: str, *, optional: bool = False) -> str:
    if optional and key not in given:
        return ""
    value = _text(given, key, what, code=131009)
    if len(value) > limit:
        raise GraphError(131009, f"{what} length invalid. Min length: 1, Max length: {limit}")
    return value


def _limitless(given: Json, key: str) -> str:
    return _text(given, key, key) if key in given else ""


def _distinct(values: list[str], what: str) -> None:
    if len(set(values)) < len(values):
        raise GraphError(131009, f"{what} must be different")

"""Articles as Markdown files with YAML front matter, one by one and as a ZIP of them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterable
from datetime import date
from urllib.parse import quote

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from kb.article import Article
from kb.formats import Problem, Reading, canonical_field, read_record, record_of

_FENCE = "---"
_MOST_FILES = 5_000
_MOST_BYTES = 50_000_000  # unpacked: a ZIP can be a thousand times larger than it looks
_PLAIN = re.compile(r"[^\W\d_][^:#\[\]{}\"'`|>&*!%@,\\\n\t]*[^\s:#\[\]{}\"'`|>&*!%@,\\\ufeff]")
_YAML_WORDS = {"true", "false", "yes", "no", "on", "off", "null", "none", "nan", "inf", "y", "n"}


def read_markdown(text: str, file: str) -> Reading:
    """One article from Markdown with front matter: everything below the second `---` is the answer."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), 0)
    if lines[0].rstrip() != _FENCE or not end:
        fix = "begin with a line ---, the fields, and again a line ---"
        return Reading(problems=(Problem(file, 1, "the file has no front matter", fix),))
    places: dict[str, int] = {}
    try:
        record = _mapping("\n".join(lines[1:end]), places)
    except YAMLError as error:
        return Reading(problems=(_yaml_problem(error, file),))
    except ValueError as error:
        problem = Problem(file, 2, str(error), "write fields as 'name: value', lists as '- item'")
        return Reading(problems=(problem,))
    if any(canonical_field(name) == "answer" for name in record):
        what, fix = "the answer stands in the front matter", "write it below the second ---"
        return Reading(problems=(Problem(file, 2, what, fix),))
    record["answer"] = "\n".join(lines[end + 1 :])
    return read_record(record, file, lambda field: places.get(field, 1))


def write_markdown(article: Article) -> str:
    """The article as Markdown with front matter; `read_markdown` gives it back."""
    record = record_of(article)
    body = record.pop("answer")
    out = [_FENCE]
    for name, value in record.items():
        if not isinstance(value, list):
            out.append(f"{name}: {value if name in ('review', 'version') else _scalar(str(value))}")
        elif value:
            out.append(f"{name}:")
            for item in value:
                if isinstance(item, dict):
                    out.append(f"  - label: {_scalar(item['label'])}")
                    out.append(f"    url: {_scalar(item['url'])}")
                else:
                    out.append(f"  - {_scalar(str(item))}")
    return "\n".join([*out, _FENCE, str(body), ""])


def read_zip(data: bytes, file: str) -> Reading:
    """All `.md` files of a ZIP, in the order of their names. Nothing is unpacked to a disk."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.endswith(".md")]
            size = sum(entry.file_size for entry in entries)
            if len(entries) > _MOST_FILES or size > _MOST_BYTES:
                what = f"the ZIP holds {len(entries)} files with {size // 1_000_000} MB"
                fix = (
                    f"import at most {_MOST_FILES} files and {_MOST_BYTES // 1_000_000} MB at once"
                )
                return Reading(problems=(Problem(file, 1, what, fix),))
            result = Reading()
            for entry in sorted(entries, key=lambda found: found.filename):
                result += _read_entry(archive.read(entry), entry.filename)
            return result
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        ValueError,
    ) as error:
        problem = Problem(
            file, 1, f"the ZIP cannot be read ({error})", "pack the Markdown files again"
        )
        return Reading(problems=(problem,))


def write_zip(articles: Iterable[Article]) -> bytes:
    """A ZIP of `<locale>/<id>.md`; the same articles always give the same bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for article in sorted(articles, key=lambda a: (a.locale, a.id)):
            name = f"{article.locale}/{quote(article.id, safe='')}.md"
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, write_markdown(article))
    return out.getvalue()


def _read_entry(data: bytes, name: str) -> Reading:
    try:
        return read_markdown(data.decode("utf-8"), name)
    except UnicodeDecodeError:
        return Reading(problems=(Problem(name, 1, "the file is not UTF-8", "save it as UTF-8"),))


def _mapping(source: str, places: dict[str, int]) -> dict[str, object]:
    """The front matter as a dict; `places` receives the file's line of each field."""
    simple = _simple_mapping(source, places)
    if simple is not None:
        return simple
    root = YAML(typ="safe", pure=True).compose(source)
    if not isinstance(root, MappingNode):
        raise ValueError("the front matter has no fields")
    record: dict[str, object] = {}
    for key, value in root.value:
        name = str(key.value)
        if name in record:
            raise ValueError(f"the field {name[:40]!r} stands twice")
        places[name] = places[canonical_field(name)] = key.start_mark.line + 2
        record[name] = _value(value)
    return record


_SIMPLE = re.compile(r"(?:([a-z_]+):|  - (?:(label): )?|    (url): )(?(1)[ ]?|)(\S.*)?")
_SIMPLE_TEXT = re.compile(r"[^\W_](?:[^:#]|:(?!\s|$)|(?<!\s)#)*|'[^'\\]*'|\"[^\"\\]*\"")
_LIKE_A_FIELD = re.compile(r"\w+:(?:\s|$)")


def _simple_mapping(source: str, places: dict[str, int]) -> dict[str, object] | None:
    """Fields, texts on one line, lists of them and links: nearly every file, read 20 times faster than
    by the YAML library. None where anything else occurs, so that the library decides."""
    record: dict[str, object] = {}
    found: dict[str, int] = {}
    items: list[object] | None = None
    for number, line in enumerate(source.split("\n"), 2):
        match = _SIMPLE.fullmatch(line.rstrip(" "))
        if match is None or match[1] in record:
            return None
        name, label, url, text = match.groups()
        if text and (not _SIMPLE_TEXT.fullmatch(text) or _LIKE_A_FIELD.match(text)):
            return None
        if name:
            found[name] = found[canonical_field(name)] = number
            items = None if text else []
            record[name] = items if items is not None else _plain_value(text)
        elif items is None or not text:
            return None
        elif url:
            last = items[-1] if items else None
            if not isinstance(last, dict) or "url" in last:
                return None
            last["url"] = _unquoted(text)
        else:
            items.append({"label": _unquoted(text)} if label else _unquoted(text))
    places |= found
    return record


def _unquoted(text: str) -> str:
    return text[1:-1] if text[0] in "'\"" else text


def _plain_value(text: str) -> object:
    """An unquoted scalar: nothing, a date, or the text as typed."""
    if text == "null":
        return None
    if text[0] in "'\"":
        return text[1:-1]
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            return text
    return text


def _value(node: Node) -> object:
    """Texts stay as typed: only dates, whole numbers and nothing are told from text, and only unquoted."""
    match node:
        case ScalarNode():
            plain = node.style is None
            return (
                None
                if plain and node.value in ("", "~")
                else (_plain_value(str(node.value)) if plain else str(node.value))
            )
        case SequenceNode():
            return [_value(item) for item in node.value]
        case MappingNode():
            return {str(key.value): _value(value) for key, value in node.value}
    return None


def _yaml_problem(error: YAMLError, file: str) -> Problem:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 2 if mark is not None else 2
    what = str(getattr(error, "problem", None) or "it cannot be read")
    return Problem(
        file, line, f"the front matter is no YAML: {what}", "put the text in quotes: '…'"
    )


def _scalar(text: str) -> str:
    """A YAML scalar on one line: plain where that is safe, else quoted as JSON does."""
    if _PLAIN.fullmatch(text) and text.isprintable() and text.casefold() not in _YAML_WORDS:
        return text
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in quoted)

"""The documents say only what is true: commands, options, links, pictures, settings, scripts."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from fastapi.routing import APIRoute

from bot.api.v1 import create_api
from bot.cli import app
from bot.company import Company
from bot.safety.guard import check_outgoing
from bot.settings import variable_names
from dialogs.lint import House, lint
from dialogs.script import HandoffReason, Script, Step
from dialogs.testing import run_transcripts
from dialogs.transcripts import ACTIONS, CHECKS

ROOT = Path(__file__).resolve().parent.parent
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
DOCUMENTS = [*READMES, *sorted((ROOT / "docs").glob("*.md")), ROOT / "CHANGELOG.md"]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = re.compile(r"(?:^|[\s(/])huifang +([^|)]+)")
SETTING = re.compile(r"\bHUIFANG_[A-Z0-9_]+\b")
LARGEST_PICTURE = 150_000  # bytes

document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)


def blocks(path: Path, kind: str) -> list[str]:
    return [body for found, body in BLOCK.findall(path.read_text("utf-8")) if found == kind]


def command_lines(path: Path) -> Iterator[str]:
    """Every use of `huifang`: in shell blocks, also inside $(…) and after a pipe, and in code spans."""
    text = path.read_text("utf-8")
    spans = INLINE.findall(BLOCK.sub("", text))
    shell = "\n".join(blocks(path, "sh")).replace("\\\n", " ")
    for line in [*shell.splitlines(), *spans]:
        for rest in COMMAND.findall(re.sub(r"(^|\s)#.*", "", line)):
            yield shlex.join(shlex.split(rest))


def parse(line: str) -> None:
    """Parse as the command would, without running it. Raises click.ClickException."""
    words = [word for word in shlex.split(line) if word != "…"]
    command: Any = typer.main.get_command(app)
    context = command.make_context("huifang", [], resilient_parsing=True)
    while hasattr(command, "get_command") and words:
        found = command.get_command(context, words[0])
        if found is None:
            raise click.UsageError(f"there is no command '{words[0]}'")
        command, words = found, words[1:]
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    for word in words:
        if word.startswith("--") and word.partition("=")[0] not in known:
            raise click.NoSuchOption(word)


@document
def test_every_command_exists_with_its_options(path: Path) -> None:
    for line in command_lines(path):
        parse(line)


@pytest.mark.parametrize("line", ["fly", "kb fly", "kb ask --loud", "serve --rolle web"])
def test_command_that_is_not_there_is_noticed(line: str) -> None:
    with pytest.raises(Exception, match=r"no command|[Nn]o such option"):
        parse(line)


def test_commands_are_found_in_the_readme() -> None:
    found = set(command_lines(READMES[0]))
    assert "script check my-scripts/quick_thanks.yaml" in found
    assert any(line.startswith("admin api-key back-office") for line in found)


@document
def test_every_link_and_picture_is_there(path: Path) -> None:
    for target in LINK.findall(path.read_text("utf-8")):
        if not re.match(r"[a-z]+:", target):
            place = (path.parent / target.partition("#")[0]).resolve()
            assert place.exists(), f"{path.name}: {target}"
            assert place.is_relative_to(ROOT), f"{path.name}: {target} leads out of the house"


@document
def test_every_setting_is_read(path: Path) -> None:
    names = set(SETTING.findall(path.read_text("utf-8")))
    assert names <= set(variable_names())


@document
def test_every_make_target_is_there(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    named = {
        word
        for body in blocks(path, "sh")
        for word in re.findall(r"^(?:\S+=\S+ )*make ([a-z]+)", body, re.M)
    }
    assert named <= targets


def test_both_readmes_name_the_same_commands_settings_and_documents() -> None:
    one, other = READMES
    commands = [
        [re.sub(r" --locale \w+|(?<=kb ask) .*", "", line) for line in command_lines(path)]
        for path in (one, other)
    ]
    assert commands[0] == commands[1]
    words = [set(SETTING.findall(path.read_text("utf-8"))) for path in READMES]
    assert words[0] == words[1]
    links = [
        {link for link in LINK.findall(path.read_text("utf-8")) if "README" not in link}
        for path in READMES
    ]
    same = [{re.sub(r"-(zh|en)\.jpg$", ".jpg", link) for link in found} for found in links]
    assert same[0] == same[1]


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_readme_opens_with_the_two_commands_and_a_picture(path: Path) -> None:
    head = path.read_text("utf-8")[:700]
    assert head.index("make demo") < head.index("make test") < head.index("](docs/images/")


def test_pictures_are_small() -> None:
    pictures = [path for path in (ROOT / "docs" / "images").iterdir() if path.is_file()]
    assert pictures
    assert {path.name for path in pictures if path.stat().st_size > LARGEST_PICTURE} == set()


def example_script(path: Path) -> str:
    (text,) = (body for body in blocks(path, "yaml") if body.startswith("script:"))
    return text


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_script_of_the_readme_passes_the_check(path: Path) -> None:
    company = Company.load()
    house = House(company.values, {}, lambda text: check_outgoing(text, company.domains))
    assert lint(Script.parse(example_script(path)), house) == []


def test_transcripts_of_the_guide_pass_on_the_script_of_the_readme(tmp_path: Path) -> None:
    (transcripts,) = blocks(ROOT / "docs" / "scripts.md", "yaml")
    (tmp_path / "quick_thanks.yaml").write_text(example_script(READMES[0]), "utf-8")
    (tmp_path / "quick_thanks.test.yaml").write_text(transcripts, "utf-8")
    report = run_transcripts(tmp_path / "quick_thanks.yaml", Company.load().values)
    assert [str(failure) for failure in report.failures] == []
    assert len(report.file.transcripts) == 2


def test_guide_explains_every_key_reason_and_line_of_a_script() -> None:
    text = (ROOT / "docs" / "scripts.md").read_text("utf-8")
    explained = set(INLINE.findall(BLOCK.sub("", text)))
    fields = {*Script.model_fields, *Step.model_fields}
    for names in (fields, set(map(str, HandoffReason)), {*ACTIONS, *CHECKS}):
        assert {str(name) for name in names} <= explained


def test_api_document_names_every_request() -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    routes = [route for route in create_api().routes if isinstance(route, APIRoute)]
    assert routes
    for route in routes:
        for method in route.methods or ():
            assert f"`{method} {re.sub(r'{[a-z_]+}', '{id}', route.path)}`" in text

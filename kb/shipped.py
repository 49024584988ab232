"""The data files that come with the package: the only place in `kb` that reads them."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from kb.article import Article
from kb.corpus_file import Message, read_corpus
from kb.frontmatter import read_markdown


def _folder(name: str) -> Traversable:
    return files("kb").joinpath(name)


def data_lines(name: str) -> tuple[str, ...]:
    """Lines of `kb/data/<name>` without comments and blank lines."""
    return _kept(_folder("data").joinpath(name))


def data_file(name: str) -> bytes:
    """The bytes of `kb/data/<name>`."""
    return _folder("data").joinpath(name).read_bytes()


@cache
def out_of_scope(locale: str) -> tuple[str, ...]:
    """Questions that no article of a wallet answers; () for a locale without such a file."""
    path = _folder("out_of_scope").joinpath(f"{locale}.txt")
    return _kept(path) if path.is_file() else ()


@cache
def articles() -> tuple[Article, ...]:
    """The articles shipped with Huifang, every locale, ordered by locale and file name.

    Raises `ValueError` with all problems if a shipped file is broken.
    """
    found: list[Article] = []
    problems: list[str] = []
    for folder in sorted(_folder("content").iterdir(), key=lambda entry: entry.name):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if not path.name.endswith(".md"):
                continue
            result = read_markdown(path.read_text("utf-8"), f"{folder.name}/{path.name}")
            found += result.articles
            problems += [str(problem) for problem in result.problems]
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(found)


def asked(name: str) -> str:
    """A file of `kb/asked`: questions by one hand to a base by another."""
    return _folder("asked").joinpath(name).read_text("utf-8")


def corpus() -> tuple[Message, ...]:
    """The paraphrase corpus that the encoder is trained on, by file name.

    Raises `ValueError` with all problems if a shipped file is broken.
    """
    found: list[Message] = []
    problems: list[str] = []
    for path in sorted(_folder("corpus").iterdir(), key=lambda entry: entry.name):
        if path.name.endswith(".txt"):
            messages, wrong = read_corpus(path.read_text("utf-8"), path.name)
            found += messages
            problems += [str(problem) for problem in wrong]
    if problems:
        raise ValueError("\n".join(problems))
    return tuple(found)


def _kept(path: Traversable) -> tuple[str, ...]:
    lines = (line.strip() for line in path.read_text("utf-8").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))

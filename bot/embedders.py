"""Folders with embedding models: found files, how the model wants to be used, and the model itself."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Collection, Iterable
from hashlib import sha256
from pathlib import Path
from typing import Any

from kb.encoder import Embedder
from kb.onnx_embedder import MOST_TOKENS, THREADS, EmbedderError, OnnxEmbedder, Pooling, Recipe

CONFIG = "huifang-embedder.toml"
# The most exact first; "model" in the configuration names another one.
_MODELS = tuple(
    f"{folder}{name}.onnx"
    for name in ("model", "model_int8", "model_quantized", "model_uint8", "model_qint8_avx512_vnni")
    for folder in ("", "onnx/")
)
_KEYS = ("model", "languages", "pooling", "max_tokens", "prefix", "threads")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_FEWEST_TOKENS, _MOST_THREADS = 8, 64


def open_embedders(folders: Iterable[Path], warn: Callable[[str], None]) -> tuple[Embedder, ...]:
    """The models of these folders. One that cannot be used is a line to `warn` and is left out."""
    found: list[Embedder] = []
    for folder in folders:
        try:
            found.append(open_embedder(folder))
        except EmbedderError as error:
            warn(f"An embedder is left out: {error}")
    return tuple(found)


def open_embedder(folder: Path) -> Embedder:
    """The model of a folder. Raises `EmbedderError`: one line with the fix."""
    if not folder.is_dir():
        raise EmbedderError(f"{folder} is no folder; correct HUIFANG_EMBEDDERS")
    given = _configuration(folder)
    model = _model(folder, given.get("model"))
    tokenizer = _text(folder / "tokenizer.json")
    recipe = _recipe(folder, given)
    name = f"{folder.resolve().name}-{_digest(model, tokenizer, recipe)}"
    return OnnxEmbedder(name, str(model), tokenizer, recipe)


def language_problem(embedder: Embedder, locales: Collection[str]) -> str:
    """What is wrong if an embedder knows none of the articles' languages; "" if it knows one."""
    wanted = {locale.partition("-")[0].lower() for locale in locales}
    if not wanted or wanted & embedder.languages:
        return ""
    return (
        f"{embedder.name} knows {', '.join(sorted(embedder.languages))}, the articles are in "
        f"{', '.join(sorted(wanted))}: use a model for them, or correct languages in its {CONFIG}"
    )


def _configuration(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG
    if not path.exists():
        return {}
    try:
        given = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise EmbedderError(f"{path} is not valid TOML: {error}; correct that line") from None
    for key in given:
        if key not in _KEYS:
            raise EmbedderError(
                f"{path}: {key} is none of {', '.join(_KEYS)}; correct or remove it"
            )
    return given


def _model(folder: Path, chosen: object) -> Path:
    if chosen is not None:
        path = folder / str(chosen)
        if not path.is_file():
            raise EmbedderError(f"{path} is not there; correct model in {folder / CONFIG}")
        return path
    for name in _MODELS:
        if (folder / name).is_file():
            return folder / name
    raise EmbedderError(
        f"{folder} has no model.onnx or onnx/model.onnx; put it there, or name it as model in {CONFIG}"
    )


def _recipe(folder: Path, given: dict[str, Any]) -> Recipe:
    prompts = _json(folder / "config_sentence_transformers.json")
    default_prompt = _mapping(prompts.get("prompts")).get(str(prompts.get("default_prompt_name")))
    prefix = given.get("prefix", default_prompt or "")
    if not isinstance(prefix, str):
        raise EmbedderError(f"{folder / CONFIG}: prefix is no text; write it in quotes")
    return Recipe(
        _languages(folder, given.get("languages")),
        _pooling(folder, given.get("pooling")),
        _number(folder, given, "max_tokens", _own_limit(folder), _FEWEST_TOKENS, MOST_TOKENS),
        prefix,
        _number(folder, given, "threads", THREADS, 1, _MOST_THREADS),
    )


def _languages(folder: Path, given: object) -> frozenset[str]:
    """As configured, else as the head of the model's README says."""
    said = _readme_languages(folder) if given is None else given
    if isinstance(said, list) and said and all(_is_language(one) for one in said):
        return frozenset(said)
    if given is None:
        what = f"{folder} does not say the model's languages"
    else:
        what = f"{folder / CONFIG}: languages is no list of codes"
    raise EmbedderError(f'{what}; write languages = ["zh"] (or "en", …) into {CONFIG} there')


def _is_language(said: object) -> bool:
    return isinstance(said, str) and bool(_LANGUAGE.fullmatch(said))


def _readme_languages(folder: Path) -> list[Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        text = (folder / "README.md").read_text(encoding="utf-8")
        head = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
        about = YAML(typ="safe").load(head[1]) if head else {}
        said = about.get("language", [])
    except (OSError, ValueError, YAMLError, AttributeError):
        return []
    listed = said if isinstance(said, list) else [said]
    return [one for one in listed if _is_language(one)]  # "multilingual" says nothing


def _pooling(folder: Path, given: object) -> Pooling:
    about = _json(folder / "1_Pooling" / "config.json")
    modes = [name for name, on in about.items() if name.startswith("pooling_mode_") and on is True]
    known = {"pooling_mode_mean_tokens": "mean", "pooling_mode_cls_token": "cls"}
    own = [known.get(mode, mode) for mode in modes] or [about.get("pooling_mode", "mean")]
    wanted = given if given is not None else own[0] if len(own) == 1 else ", ".join(map(str, own))
    try:
        return Pooling(str(wanted))
    except ValueError:
        where = folder / CONFIG
        raise EmbedderError(
            f'{where}: pooling is {wanted}; only "mean" and "cls" can be used'
        ) from None


def _own_limit(folder: Path) -> int:
    for file, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        limit = _json(folder / file).get(key)
        if isinstance(limit, int) and not isinstance(limit, bool) and limit >= _FEWEST_TOKENS:
            return min(limit, MOST_TOKENS)
    return MOST_TOKENS


def _number(
    folder: Path, given: dict[str, Any], key: str, default: int, least: int, most: int
) -> int:
    value = given.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise EmbedderError(f"{folder / CONFIG}: {key} must be a number from {least} to {most}")
    return value


def _json(path: Path) -> dict[str, Any]:
    """A file that comes with the model; one that is missing or broken says nothing."""
    try:
        return _mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError):
        return {}


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise EmbedderError(
            f"{path} cannot be read: {error.strerror}; put it there and let this user read it"
        ) from None
    except UnicodeDecodeError:
        raise EmbedderError(f"{path} is not UTF-8 text; put the right file there") from None


def _digest(model: Path, tokenizer: str, recipe: Recipe) -> str:
    """Changes with everything that a vector depends on; weights may lie in files beside the model."""
    found = sha256(tokenizer.encode())
    how = (sorted(recipe.languages), recipe.pooling.value, recipe.max_tokens, recipe.prefix)
    found.update(repr(how).encode())
    try:
        for path in sorted(model.parent.iterdir()):
            if path.name.startswith(model.name) and path.is_file():
                with path.open("rb") as file:
                    while part := file.read(1 << 20):
                        found.update(part)
    except OSError as error:
        raise EmbedderError(f"{error.filename} cannot be read: {error.strerror}") from None
    return found.hexdigest()[:12]

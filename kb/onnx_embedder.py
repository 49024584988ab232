"""An embedding model of the operator's choice, run by ONNX Runtime on the CPU. Off by default.

onnxruntime and tokenizers (the extra "embeddings") are imported where a model is opened, not before.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kb.encoder import Floats
from kb.normalize import simplified

if TYPE_CHECKING:
    from onnxruntime import InferenceSession
    from tokenizers import Tokenizer

THREADS = 2  # of one call, unless the folder says otherwise
MOST_TOKENS = 512  # of a text: questions and the first sentences of an article are shorter
_BATCH_TEXTS, _BATCH_TOKENS = 64, 8192  # keeps a batch of a small model below some 100 MB
_TOKEN_CHARS = 8  # text beyond so many characters for each token is cut off before it is split
_TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}
_PADDED = {"input_ids", "attention_mask", "token_type_ids"}  # inputs [texts, tokens]
_UNKNOWN = ("[UNK]", "<unk>")
_OTHER_EXPORT = "use another export of the model, or correct huifang-embedder.toml"
_FLAT = {"input_ids", "offsets"}  # all tokens in one row, and where each text begins: static models

Tokens = list[list[int]]


class EmbedderError(Exception):
    """An embedder cannot be used. The text is one line: where, what, and what to do."""


class Pooling(StrEnum):
    """How vectors of tokens become one vector of a text."""

    MEAN = "mean"
    CLS = "cls"  # the first token's


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a model wants to be used.

    `prefix` stands before every text: questions are compared with phrasings, which are questions too,
    so that there is no second one for passages. `max_tokens`: 1–512. `threads`: of one call.
    """

    languages: frozenset[str]  # ISO 639 codes
    pooling: Pooling = Pooling.MEAN
    max_tokens: int = MOST_TOKENS
    prefix: str = ""
    threads: int = THREADS


class OnnxEmbedder:
    """See `kb.encoder.Embedder`. Safe to use from many threads."""

    def __init__(self, name: str, model: str, tokenizer: str, recipe: Recipe) -> None:
        """`name` changes with the model. `model` is the path of the model file, since its weights may
        lie beside it; `tokenizer` the text of its tokenizer.json. Raises `EmbedderError`."""
        self.name, self.languages = name, recipe.languages
        self._recipe, self._path = recipe, model
        self._tokenizer = _tokenizer(tokenizer, recipe.max_tokens, model)
        self._session = _session(model, recipe.threads)
        self._inputs = {one.name: _TYPES.get(one.type) for one in self._session.get_inputs()}
        names = set(self._inputs)
        self._flat = names == _FLAT
        if not self._flat and not ("input_ids" in names and names <= _PADDED):
            raise self._error(
                f"its inputs {', '.join(sorted(names))} are not those of a text model",
                "export it with input_ids and attention_mask, or with input_ids and offsets",
            )
        if None in self._inputs.values():
            raise self._error("its inputs are no whole numbers", _OTHER_EXPORT)
        self._output = _chosen_output(self._session)
        # Static models are trained without the token for unknown words.
        self._dropped = (
            {self._tokenizer.token_to_id(name) for name in _UNKNOWN} if self._flat else ()
        )
        self.dimensions = (
            0  # until the first run tells; two lengths, as exports of a fixed shape exist
        )
        self.dimensions = self._run([[0], [0, 0]]).shape[1]
        self._split("1 hello 你好")

    def encode(self, texts: Sequence[str]) -> Floats:
        """See `Embedder`. Raises `EmbedderError`."""
        tokens = [self._split(text) for text in texts]
        result = np.zeros((len(texts), self.dimensions), np.float32)
        for places in _batches([len(one) for one in tokens]):
            result[places] = self._run([tokens[place] for place in places])
        return result

    def _split(self, text: str) -> list[int]:
        if not text.strip():
            return []
        # Lone surrogates have no UTF-8. Traditional characters are folded as for words: most models saw few.
        whole = simplified(text[: _TOKEN_CHARS * self._recipe.max_tokens])
        sound = (self._recipe.prefix + whole).encode("utf-8", "replace").decode()
        try:
            ids = self._tokenizer.encode(sound, add_special_tokens=not self._flat).ids
        except Exception as error:  # the library raises plain Exception
            raise self._error(f"its tokenizer fails: {_one_line(error)}", _OTHER_EXPORT) from None
        return [number for number in ids if number not in self._dropped]

    def _run(self, tokens: Tokens) -> Floats:
        """float32 [texts, dimensions], rows of length one."""
        given, mask = self._flat_inputs(tokens) if self._flat else self._padded_inputs(tokens)
        feed = {name: given[name].astype(kind) for name, kind in self._inputs.items()}
        try:
            (found,) = self._session.run([self._output], feed)
        except Exception as error:  # onnxruntime's errors have no common class
            raise self._error(f"it does not run: {_one_line(error)}", _OTHER_EXPORT) from None
        vectors = np.asarray(found, np.float32)
        if vectors.ndim == 3 and vectors.shape[:2] == mask.shape:
            vectors = self._pooled(vectors, mask)
        wanted = (len(tokens), self.dimensions or vectors.shape[-1])
        if vectors.shape != wanted or not vectors.size:
            raise self._error(f"it gives {vectors.shape}, not {wanted}", _OTHER_EXPORT)
        if not np.isfinite(vectors).all():
            raise self._error("it gives numbers that are not finite", _OTHER_EXPORT)
        vectors /= np.maximum(np.sqrt((vectors * vectors).sum(axis=1, keepdims=True)), 1e-12)
        return vectors

    def _padded_inputs(self, tokens: Tokens) -> tuple[dict[str, NDArray[np.int64]], Floats]:
        shape = (len(tokens), max(map(len, tokens)))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, one in enumerate(tokens):
            ids[row, : len(one)] = one
            mask[row, : len(one)] = 1
        kinds = np.zeros(shape, np.int64)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds}
        return given, mask.astype(np.float32)

    def _flat_inputs(self, tokens: Tokens) -> tuple[dict[str, NDArray[np.int64]], Floats]:
        ids = np.array([number for one in tokens for number in one], np.int64)
        starts = np.cumsum([0, *map(len, tokens[:-1])]).astype(np.int64)
        return {"input_ids": ids, "offsets": starts}, np.zeros((0, 0), np.float32)

    def _pooled(self, vectors: Floats, mask: Floats) -> Floats:
        if self._recipe.pooling is Pooling.CLS:
            return np.array(vectors[:, 0])
        summed: Floats = np.einsum("ntd,nt->nd", vectors, mask) / mask.sum(axis=1, keepdims=True)
        return summed

    def _error(self, what: str, fix: str) -> EmbedderError:
        return EmbedderError(f"{self._path}: {what}; {fix}")


def _chosen_output(session: InferenceSession) -> str:
    """Vectors of whole texts that are meant to be compared, else vectors of tokens, else what there is
    (BERT's pooler output, which also has one vector a text, is meant for something else)."""
    outputs = [(one.name, len(one.shape or ())) for one in session.get_outputs()]
    for name, rank in outputs:
        if rank == 2 and "embedding" in name:
            return str(name)
    return str(next((name for name, rank in outputs if rank == 3), outputs[0][0]))


def _tokenizer(text: str, max_tokens: int, model: str) -> Tokenizer:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise _missing_extra("tokenizers") from None
    try:
        found = Tokenizer.from_str(text)
        found.no_padding()  # files bring their own, often up to a fixed length
        found.enable_truncation(max_tokens)
    except Exception as error:  # the library raises plain Exception
        what = f"the tokenizer.json of {model} is broken: {_one_line(error)}"
        raise EmbedderError(f"{what}; download it again") from None
    return found


def _session(model: str, threads: int) -> InferenceSession:
    try:
        import onnxruntime
    except ImportError:
        raise _missing_extra("onnxruntime") from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = max(1, min(threads, os.cpu_count() or 1))
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what matters comes as an exception
    # Idle threads must not spin: the other processes of the bot share the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.enable_cpu_mem_arena = False  # it would keep the memory of the largest batch for good
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors have no common class
        what = f"{model}: is no model that ONNX Runtime can open: {_one_line(error)}"
        raise EmbedderError(f"{what}; download it again") from None


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Places of texts with tokens, texts of like length together, so that little is padded."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not lengths[place]:
            continue
        full = len(batch) == _BATCH_TEXTS or (len(batch) + 1) * lengths[place] > _BATCH_TOKENS
        if batch and full:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _missing_extra(package: str) -> EmbedderError:
    return EmbedderError(
        f"{package} is not installed: run .venv/bin/pip install '.[embeddings]' in Huifang's folder, "
        "or unset HUIFANG_EMBEDDERS"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]

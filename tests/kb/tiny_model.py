"""A very small embedding model as a folder: a table of word vectors in an ONNX file, and a tokenizer.

The ONNX file is written by hand (protocol buffers, onnx.proto3), so that no package is needed for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# Words of one meaning have one vector; so it can be told what found what.
MEANINGS = (
    ("refund", "reimburse", "moneyback"),
    ("card", "plastic"),
    ("phone", "mobile"),
    ("退", "返"),
    ("卡", "咭"),
    ("登", "入"),
)
LANGUAGES = ("zh", "en")


def write_model(
    folder: Path,
    languages: Sequence[str] = LANGUAGES,
    model: str = "model.onnx",
    flat: bool = False,
    meanings: Sequence[Sequence[str]] = MEANINGS,
    **config: object,
) -> Path:
    """Write a model; returns the folder. `flat`: with the inputs of a static model."""
    words = {"[UNK]": 0, "[CLS]": 1}
    rows = [np.zeros(len(meanings) + 1), np.eye(len(meanings) + 1)[-1]]
    for place, meaning in enumerate(meanings):
        for word in meaning:
            words[word] = len(words)
            rows.append(np.eye(len(meanings) + 1)[place])
    path = folder / model
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model_bytes(np.array(rows, np.float32), flat=flat))
    (folder / "tokenizer.json").write_text(json.dumps(_tokenizer(words)), encoding="utf-8")
    write_config(folder, {"languages": list(languages), **config})
    return folder


def write_config(folder: Path, config: Mapping[str, object]) -> None:
    """JSON texts, numbers and lists of texts are TOML too."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in config.items()]
    (folder / "huifang-embedder.toml").write_text("".join(lines), encoding="utf-8")


def model_bytes(table: NDArray[np.float32], *, flat: bool = False, inputs: str = "") -> bytes:
    """An ONNX file that looks up `table` [words, dimensions] for each token: [texts, tokens,
    dimensions]; if `flat`, for the first token of each text: [texts, dimensions]."""
    if flat:
        nodes = [_node("Gather", ("input_ids", "offsets"), "first"), _lookup("first", "embeddings")]
        given, rank, names = [_input(1, "input_ids"), _input(1, "offsets")], 2, "embeddings"
    else:
        first = inputs or "input_ids"
        nodes, names = [_lookup(first, "last_hidden_state")], "last_hidden_state"
        given, rank = [_input(2, first), _input(2, "attention_mask")], 3
    output = _value(names, _FLOAT, rank)
    weights = _number(2, _FLOAT) + _text(8, "table") + _bytes(9, table.tobytes())
    weights = b"".join(_number(1, size) for size in table.shape) + weights
    graph = b"".join(_bytes(1, node) for node in nodes) + _text(2, "tiny") + _bytes(5, weights)
    graph += b"".join(_bytes(11, one) for one in given) + _bytes(12, output)
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 13))


def _tokenizer(words: dict[str, int]) -> dict[str, object]:
    return {
        "version": "1.0",
        "added_tokens": [],
        "normalizer": {
            "type": "BertNormalizer",
            "clean_text": True,
            "handle_chinese_chars": True,
            "strip_accents": None,
            "lowercase": True,
        },
        "pre_tokenizer": {"type": "BertPreTokenizer"},
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "[CLS]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"[CLS]": {"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}},
        },
        # Such a length is what MiniLM's file brings; it must not be kept.
        "padding": {
            "strategy": {"Fixed": 128}, "direction": "Right", "pad_to_multiple_of": None,
            "pad_id": 0, "pad_type_id": 0, "pad_token": "[UNK]",
        },
        "model": {"type": "WordLevel", "vocab": words, "unk_token": "[UNK]"},
    }  # fmt: skip


_FLOAT, _INT64 = 1, 7  # TensorProto.DataType


def _lookup(source: str, target: str) -> bytes:
    return _node("Gather", ("table", source), target)


def _node(kind: str, inputs: tuple[str, ...], output: str) -> bytes:
    return b"".join(_text(1, name) for name in inputs) + _text(2, output) + _text(4, kind)


def _input(rank: int, name: str) -> bytes:
    return _value(name, _INT64, rank)


def _value(name: str, kind: int, rank: int) -> bytes:
    shape = b"".join(_bytes(1, _text(2, f"{name}{axis}")) for axis in range(rank))
    tensor = _number(1, kind) + _bytes(2, shape)
    return _text(1, name) + _bytes(2, _bytes(1, tensor))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _varint(value: int) -> bytes:
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    return bytes([*found, value])

"""A model of the operator's choice turns texts into vectors of meaning, or says in one line why it cannot."""

from __future__ import annotations

from pathlib import Path
from random import Random
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kb.article import Article
from kb.encoder import Embedder
from kb.onnx_embedder import EmbedderError, OnnxEmbedder, Pooling, Recipe
from kb.search import KnowledgeBase
from tests.kb.tiny_model import model_bytes, write_model

pytest.importorskip("onnxruntime")
pytest.importorskip("tokenizers")

BOTH = Recipe(frozenset({"zh", "en"}))


def opened(folder: Path, recipe: Recipe = BOTH, *, flat: bool = False) -> OnnxEmbedder:
    write_model(folder, flat=flat)
    tokenizer = (folder / "tokenizer.json").read_text(encoding="utf-8")
    return OnnxEmbedder("tiny", str(folder / "model.onnx"), tokenizer, recipe)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> OnnxEmbedder:
    return opened(tmp_path_factory.mktemp("tiny"))


def test_words_of_one_meaning_have_one_vector(tiny: OnnxEmbedder) -> None:
    one, same, other = tiny.encode(["refund card", "MONEYBACK plastic", "phone"])
    assert np.allclose(one, same, atol=1e-6)
    assert one @ other < 0.9


def test_the_mean_counts_tokens_and_not_padding(tiny: OnnxEmbedder) -> None:
    texts = ["card", "card card refund phone 卡", "refund", "退 登"]
    together = tiny.encode(texts)
    alone = np.vstack([tiny.encode([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-6)
    # [CLS], card twice, refund, phone and 卡 each once.
    assert np.allclose(together[1] / together[1][6], [1, 2, 1, 0, 1, 0, 1])


def test_rows_come_in_the_order_of_the_texts_over_many_batches(tiny: OnnxEmbedder) -> None:
    words = ["refund", "card", "phone", "退", "卡", "登"]
    texts = [" ".join([words[n % 6]] * (1 + n % 17)) for n in range(300)]
    vectors = tiny.encode(texts)
    assert vectors.shape == (300, 7)
    assert vectors.dtype == np.float32
    assert [int(row[:6].argmax()) for row in vectors] == [n % 6 for n in range(300)]
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)


def test_traditional_script_has_the_vector_of_simplified(tmp_path: Path) -> None:
    write_model(tmp_path, meanings=[("钱",), ("卡",)])
    tokenizer = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    embedder = OnnxEmbedder("tiny", str(tmp_path / "model.onnx"), tokenizer, BOTH)
    traditional, simplified = embedder.encode(["錢", "钱"])
    assert np.array_equal(traditional, simplified)
    assert simplified[0] > 0


def test_the_first_token_alone_counts_with_cls(tmp_path: Path) -> None:
    embedder = opened(tmp_path, Recipe(BOTH.languages, pooling=Pooling.CLS))
    assert embedder.encode(["refund card"]).round(3).tolist() == [[0, 0, 0, 0, 0, 0, 1]]


def test_a_prefix_stands_before_every_text(tmp_path: Path, tiny: OnnxEmbedder) -> None:
    prefixed = opened(tmp_path, Recipe(BOTH.languages, prefix="phone "))
    assert np.array_equal(prefixed.encode(["card"]), tiny.encode(["phone card"]))
    assert not prefixed.encode([""]).any()


def test_a_static_model_takes_all_tokens_in_one_row(tmp_path: Path) -> None:
    static = opened(tmp_path, flat=True)
    vectors = static.encode(["refund", "", "unknown card", "卡 phone", "unknown"])
    assert [int(row.argmax()) if row.any() else None for row in vectors] == [0, None, 1, 4, None]


def test_a_long_text_is_cut(tmp_path: Path) -> None:
    short = opened(tmp_path, Recipe(BOTH.languages, max_tokens=8))
    whole = short.encode(["card " * 7 + "phone " * 100_000])
    assert np.array_equal(whole, short.encode(["card " * 7]))


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(st.text(max_size=40), max_size=4))
def test_any_text_has_a_row_of_length_one_or_zero(tiny: OnnxEmbedder, texts: list[str]) -> None:
    vectors = tiny.encode([*texts, "\ud83d", "卡" * 5000])
    assert vectors.shape == (len(texts) + 2, 7)
    lengths = np.linalg.norm(vectors, axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-5) | (lengths == 0))


TABLE = np.eye(3, dtype=np.float32)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"no model", "can open"),
        (b"", "can open"),
        (model_bytes(TABLE, inputs="pixels"), "inputs attention_mask, pixels"),
        (model_bytes(TABLE * np.float32("nan")), "not finite"),
    ],
    ids=["text", "empty", "of pictures", "nan"],
)
def test_a_model_that_cannot_be_used_is_one_line_that_names_it(
    tmp_path: Path, data: bytes, said: str
) -> None:
    write_model(tmp_path)
    path = tmp_path / "model.onnx"
    path.write_bytes(data)
    tokenizer = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    with pytest.raises(EmbedderError) as error:
        OnnxEmbedder("x", str(path), tokenizer, BOTH)
    line = str(error.value)
    assert said in line
    assert str(path) in line
    assert "\n" not in line


def test_a_tokenizer_of_another_model_is_said_and_not_raised_otherwise(tmp_path: Path) -> None:
    embedder = opened(tmp_path)
    (tmp_path / "small").mkdir()
    path = tmp_path / "small" / "model.onnx"
    path.write_bytes(model_bytes(TABLE))
    tokenizer = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    smaller = OnnxEmbedder("x", str(path), tokenizer, BOTH)
    assert embedder.encode(["卡"]).any()
    with pytest.raises(EmbedderError, match="does not run"):
        smaller.encode(["卡"])
    with pytest.raises(EmbedderError, match=r"tokenizer\.json"):
        OnnxEmbedder("x", str(path), "{}", BOTH)


def meanings() -> dict[str, list[str]]:
    """Eight subjects a language, each with five words that look nothing like each other, behind one
    word that all have."""
    rng = Random(4)
    english = ["".join(rng.sample(ascii_lowercase, 6)) for _ in range(40)]
    chinese = "天地玄黄宇宙洪荒日月盈昃辰宿列张寒来暑往秋收冬藏闰余成岁律吕调阳云腾致雨露结为霜"
    return {"en": [f"help {word}" for word in english], "zh": [f"问{sign}" for sign in chinese]}


@pytest.mark.parametrize("languages", [{"zh", "en"}, {"en"}, {"zh"}], ids=sorted)
def test_a_question_in_other_words_is_found_in_the_languages_that_the_model_knows(
    tmp_path: Path, languages: set[str]
) -> None:
    words = meanings()
    groups = {of: [said[n : n + 5] for n in range(0, 40, 5)] for of, said in words.items()}
    write_model(
        tmp_path,
        meanings=[
            [said[-6:].removeprefix("问") for said in group]
            for of in groups
            for group in groups[of]
        ],
    )
    tokenizer = (tmp_path / "tokenizer.json").read_text(encoding="utf-8")
    recipe = Recipe(frozenset(languages))
    embedder: Embedder = OnnxEmbedder("tiny", str(tmp_path / "model.onnx"), tokenizer, recipe)
    articles = [
        Article(str(n), locale, group[0], phrasings=tuple(group[1:4]))
        for locale in groups
        for n, group in enumerate(groups[locale])
    ]
    base = KnowledgeBase.build(articles, embedders=[embedder])
    for locale, subjects in groups.items():
        decisions = [base.ask(subject[4], locale) for subject in subjects]
        first = [one.candidates[0].article if one.candidates else "" for one in decisions]
        assert (first == [str(n) for n in range(8)]) is (locale in languages)
        assert (base.calibrations[locale].meaning > 0) is (locale in languages)

"""The encoder puts what means the same close together, is trained the same way twice, and refuses broken files."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kb import shipped
from kb.corpus_file import Message, read_corpus, repeated
from kb.encoder import Encoder, shipped_encoder
from kb.encoder_training import Recipe, train
from kb.reading import Reader
from kb.tokens import encode

MESSAGES = tuple(
    Message(topic, language, "a", text)
    for topic, language, texts in (
        ("lost", "en", "my phone is gone|phone stolen on the bus|someone took my phone|phone lost"),
        ("lost", "zh", "手机丢了|手机被偷了|手机不见了|手机掉车上了"),
        ("fees", "en", "what does it cost|how much is the fee|is there a fee|any cost for me"),
        ("fees", "zh", "手续费多少|要收费吗|手续费怎么算|收费贵吗"),
        ("card", "en", "where is my card|card has not come|waiting for my card|card still not here"),
        ("card", "zh", "卡还没寄到|我的卡呢|卡寄出来没有|等卡等了好久"),
    )
    for text in texts.split("|")
)  # fmt: skip
SMALL = Recipe(dimensions=16, epochs=40, least=1, batch=8)


@pytest.fixture(scope="module")
def small() -> Encoder:
    return train(MESSAGES, SMALL)


def test_what_belongs_together_lies_together_across_languages(small: Encoder) -> None:
    same, other = small.encode(["phone got stolen", "手机被偷"]), small.encode(["手续费贵不贵"])
    assert same[0] @ same[1] > 0.6
    assert same[0] @ other[0] < 0.4


def test_vectors_have_length_one_or_zero(small: Encoder) -> None:
    vectors = small.encode(["my phone", "🙂🙂", "", "зачем"])
    assert np.linalg.norm(vectors[0]) == pytest.approx(1, abs=1e-5)
    assert not vectors[1:].any()
    assert small.encode([]).shape == (0, 16)


@given(st.text(max_size=300))
def test_no_text_breaks_it(text: str) -> None:
    vector = shipped_encoder().encode([text])[0]
    assert np.isfinite(vector).all()


def test_the_same_corpus_gives_the_same_file(small: Encoder) -> None:
    assert train(MESSAGES, SMALL).to_bytes() == small.to_bytes()


def test_another_seed_gives_another_name(small: Encoder) -> None:
    assert train(MESSAGES, Recipe(16, 40, 8, 1, seed=1)).name != small.name


def test_it_survives_its_file(small: Encoder) -> None:
    again = Encoder.from_bytes(small.to_bytes())
    assert (again.name, again.languages) == (small.name, frozenset({"en", "zh"}))
    assert (again.encode(["my phone"]) == small.encode(["my phone"])).all()


def test_progress_ends_at_the_end() -> None:
    steps: list[tuple[int, int]] = []
    train(MESSAGES, Recipe(8, 2, 10, 1), lambda done, of: steps.append((done, of)))
    assert steps == [(n, 6) for n in range(1, 7)]


@pytest.mark.parametrize("data", [b"", b"nonsense", b"PK\x03\x04"])
def test_what_is_no_file_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no encoder file"):
        Encoder.from_bytes(data)


def test_a_file_whose_parts_do_not_fit_is_refused(small: Encoder) -> None:
    file = io.BytesIO()
    parts = dict(np.load(io.BytesIO(small.to_bytes())))
    np.savez_compressed(file, **(parts | {"scales": parts["scales"][:-1]}))
    with pytest.raises(ValueError, match="train it again"):
        Encoder.from_bytes(file.getvalue())


@pytest.mark.parametrize(
    ("messages", "words"),
    [((), "two topics"), (MESSAGES[:4], "two topics")],
)
def test_too_little_to_learn_from_is_said(messages: tuple[Message, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        train(messages, SMALL)


def test_a_reader_leaves_out_embedders_of_other_languages(small: Encoder) -> None:
    assert Reader("zh-Hant", [small]).read(["手机"])[0].meaning is not None
    assert Reader("fr", [small]).read(["mon téléphone"])[0].meaning is None


def test_two_embedders_count_the_same(small: Encoder) -> None:
    one, two = (Reader("en", [small] * n).read(["my phone is gone"])[0] for n in (1, 2))
    assert two.meaning is not None
    assert one.meaning is not None
    assert len(two.meaning) == 32
    assert np.linalg.norm(two.meaning) == pytest.approx(1, abs=1e-5)
    assert (two.ids == encode("my phone is gone").ids).all()


# ── the corpus and the file that are shipped ──


def test_the_shipped_file_is_trained_on_the_shipped_corpus() -> None:
    """One step tells: the features are those that occur often enough in today's corpus."""
    fresh = train(shipped.corpus(), Recipe(dimensions=2, epochs=1, batch=100_000))
    assert (fresh.features == shipped_encoder().features).all(), (
        "train it again: huifang kb train-encoder --out kb/data/encoder.npz"
    )


def test_the_corpus_says_every_topic_in_sixty_ways_and_four_voices() -> None:
    ways: dict[tuple[str, str], set[str]] = {}
    voices: dict[tuple[str, str], set[str]] = {}
    for message in shipped.corpus():
        key = message.language, message.topic
        ways.setdefault(key, set()).add(message.text)
        voices.setdefault(key, set()).add(message.voice)
    for language in ("zh", "en"):
        full = [key for key, texts in ways.items() if key[0] == language and len(texts) >= 60]
        assert len(full) >= 150
        assert min(len(voices[key]) for key in full) >= 4
    topics = {language: {key[1] for key in ways if key[0] == language} for language in ("zh", "en")}
    assert topics["zh"] == topics["en"]


def test_nothing_in_the_corpus_is_said_twice() -> None:
    assert repeated(shipped.corpus()) == []


# ── the corpus' format ──


def test_a_file_is_read_with_topics_and_notes() -> None:
    messages, problems = read_corpus(
        "\ufeff// a note\n# lost\n  phone gone \n\n# fees\ncost?\n", "en-b.txt"
    )
    assert problems == ()
    assert messages == (
        Message("lost", "en", "b", "phone gone"),
        Message("fees", "en", "b", "cost?"),
    )


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [("hello\n", "en-a.txt", "en-a.txt:1: no topic yet"), ("# a\nb\n", "english.txt", "zh-a.txt")],
)
def test_what_is_wrong_is_said_with_its_place(text: str, name: str, words: str) -> None:
    messages, problems = read_corpus(text, name)
    assert messages == ()
    assert words in str(problems[0])


def test_repeated_looks_through_signs_case_and_script() -> None:
    a, b = Message("x", "zh", "a", "錢呢？"), Message("y", "zh", "b", "钱呢!!")
    assert repeated([a, b]) == [(a, b)]

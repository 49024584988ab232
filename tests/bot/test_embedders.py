"""A folder with a model is opened, or one line says what is wrong with it and the bot runs on without it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from structlog.testing import capture_logs

from bot.assembly import open_services
from bot.calibrated import build_base, fingerprint
from bot.company import Company
from bot.embedders import open_embedder, open_embedders
from bot.knowledge import Knowledge
from bot.knowledge_checks import check_knowledge
from bot.settings import Settings
from bot.vectors import KeptVectors
from kb.article import Article
from kb.encoder import Floats
from kb.onnx_embedder import EmbedderError
from tests.kb.tiny_model import write_config, write_model

ARTICLES = tuple(
    Article(word, locale, word, phrasings=(f"{word} {word}", f"the {word}"))
    for locale, words in (("en", ("refund", "card", "phone")), ("zh", ("退", "卡", "登")))
    for word in words
)


class Counting:
    """An embedder whose vectors tell the lengths of texts, and that can be made to fail."""

    name = "counting/1 模型"
    languages = frozenset({"en", "zh"})

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.fails = False

    def encode(self, texts: Sequence[str]) -> Floats:
        if self.fails and texts:
            raise EmbedderError("the model is out of order; mend it")
        self.asked += texts
        angles = np.array([len(text) for text in texts], np.float32)
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def test_vectors_of_articles_are_read_from_the_disk_at_the_next_start(tmp_path: Path) -> None:
    cache = tmp_path / "calibration.json"
    first, again = Counting(), Counting()
    base = build_base(ARTICLES, cache, [first])
    asked = set(first.asked)
    assert {"refund", "卡 卡"} <= asked
    assert len(first.asked) == len(asked)
    same = build_base(ARTICLES, cache, [again])
    assert again.asked == []
    for locale in ("en", "zh"):
        assert same.ask("refund 卡", locale) == base.ask("refund 卡", locale)
    more = Article("fees", "en", "fees are low")
    build_base((*ARTICLES, more), cache, [again])
    assert [text for text in again.asked if text != "refund 卡"] == ["fees are low"]


def test_what_people_ask_is_not_kept(tmp_path: Path) -> None:
    embedder = Counting()
    base = build_base(ARTICLES, tmp_path / "calibration.json", [embedder])
    before = {path: path.read_bytes() for path in (tmp_path / "vectors").iterdir()}
    base.ask("my card is 1234", "en")
    assert embedder.asked[-1] == "my card is 1234"
    assert {path: path.read_bytes() for path in (tmp_path / "vectors").iterdir()} == before


@pytest.mark.parametrize("damage", ["cut", "empty", "other", "zip"])
def test_a_damaged_file_of_vectors_is_made_anew(tmp_path: Path, damage: str) -> None:
    cache = tmp_path / "calibration.json"
    build_base(ARTICLES, cache, [Counting()])
    (path,) = (tmp_path / "vectors").iterdir()
    sound = path.read_bytes()
    if damage == "other":
        wrong = np.zeros((2, 5), np.float32)
        np.savez(path, keys=np.zeros((2, 16), np.uint8), vectors=wrong, name=np.zeros(3, np.uint8))
    else:
        path.write_bytes(
            {"cut": sound[:-300], "empty": b"", "zip": b"PK\3\4" + sound[4:90]}[damage]
        )
    embedder, again = Counting(), Counting()
    build_base(ARTICLES, cache, [embedder])
    assert "refund" in embedder.asked
    build_base(ARTICLES, cache, [again])
    assert again.asked == []


def test_a_crash_while_writing_leaves_the_old_vectors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "calibration.json"
    build_base(ARTICLES[:3], cache, [Counting()])
    (path,) = (tmp_path / "vectors").iterdir()
    old = path.read_bytes()

    def full(file: object, **arrays: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    build_base(ARTICLES, cache, [Counting()])
    assert path.read_bytes() == old
    assert list((tmp_path / "vectors").iterdir()) == [path]


def test_vectors_on_disk_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.vectors.MOST_NUMBERS", 20)
    for start in range(3):
        kept = KeptVectors(Counting(), tmp_path)
        kept.encode([f"{start}{'x' * n}" for n in range(6)])
        kept.seal()
    embedder = Counting()
    newest = KeptVectors(embedder, tmp_path)
    newest.encode([f"2{'x' * n}" for n in range(6)])
    assert embedder.asked == []
    newest.encode([f"0{'x' * n}" for n in range(6)])
    assert len(embedder.asked) >= 2
    for number in range(9):
        other = Counting()
        other.name = f"model {number}"
        kept = KeptVectors(other, tmp_path)
        kept.encode(["a"])
        kept.seal()
    assert len(list(tmp_path.iterdir())) == 4


def test_a_failure_in_a_talk_is_a_line_in_the_log_and_words_go_on(tmp_path: Path) -> None:
    embedder = Counting()
    base = build_base(ARTICLES, None, [embedder])
    embedder.fails = True
    with capture_logs() as logs:
        decisions = [base.ask("refund refund", "en") for _ in range(3)]
    assert all(one.candidates[0].article == "refund" for one in decisions)
    assert [line["event"] for line in logs] == ["embedder_failed"]
    assert "mend it" in logs[0]["problem"]


def test_a_model_that_fails_over_the_articles_is_left_out_and_the_others_stay() -> None:
    well, ill = Counting(), Counting()
    ill.name, ill.fails = "ill", True
    with capture_logs() as logs:
        base = Knowledge(ARTICLES, Company.load(), None, [ill, well])
    assert [line["event"] for line in logs] == ["embedder_left_out"]
    assert base.find("card card", "en").articles
    assert "card card" in well.asked


def test_a_model_for_other_languages_is_refused_with_a_clear_line() -> None:
    english = Counting()
    english.languages = frozenset({"en"})
    with capture_logs() as logs:
        build_base(ARTICLES[3:], None, [english])
    (line,) = logs
    assert "knows en, the articles are in zh" in line["problem"]
    assert english.asked == []


def test_stored_calibrations_belong_to_their_embedders(tmp_path: Path) -> None:
    one, other = Counting(), Counting()
    other.name = "counting/2"
    marks = {fingerprint(ARTICLES, used) for used in ([], [one], [other], [one, other])}
    assert len(marks) == 4
    cache = tmp_path / "calibration.json"
    build_base(ARTICLES, cache, [one])
    kept = cache.read_bytes()
    build_base(ARTICLES, cache, [other])
    assert cache.read_bytes() != kept


def test_without_the_setting_nothing_of_it_is_imported() -> None:
    code = "import sys, bot.assembly, bot.checks; print({'onnxruntime', 'tokenizers'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"


@pytest.mark.parametrize("package", ["tokenizers", "onnxruntime"])
def test_a_missing_extra_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    if package == "onnxruntime":
        pytest.importorskip("tokenizers")
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(EmbedderError, match=rf"{package} is not installed: run .*\[embeddings\]"):
        open_embedder(write_model(tmp_path))


def broken(folder: Path, what: str) -> None:
    write_model(folder)
    match what:
        case "no model":
            (folder / "model.onnx").unlink()
        case "no tokenizer":
            (folder / "tokenizer.json").unlink()
        case "binary tokenizer":
            (folder / "tokenizer.json").write_bytes(b"\xff\xfe")
        case "no languages":
            write_config(folder, {})
        case "toml":
            (folder / "huifang-embedder.toml").write_text("languages = [zh", encoding="utf-8")
        case _:
            write_config(folder, {"languages": ["zh"], **json.loads(what)})


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("no model", "no model.onnx or onnx/model.onnx"),
        ("no tokenizer", "tokenizer.json cannot be read"),
        ("binary tokenizer", "tokenizer.json is not UTF-8"),
        ("no languages", 'write languages = ["zh"]'),
        ("toml", "not valid TOML"),
        ('{"languages": "zh"}', "languages is no list of codes"),
        ('{"languages": ["Chinese"]}', "languages is no list of codes"),
        ('{"pooling": "max"}', 'only "mean" and "cls"'),
        ('{"max_tokens": 100000}', "max_tokens must be a number from 8 to 512"),
        ('{"threads": true}', "threads must be a number"),
        ('{"prefix": 3}', "prefix is no text"),
        ('{"model": "other.onnx"}', "other.onnx is not there"),
        ('{"pool": "cls"}', "pool is none of"),
    ],
)
def test_a_broken_folder_is_one_line_with_its_place(tmp_path: Path, what: str, said: str) -> None:
    broken(tmp_path, what)
    lines: list[str] = []
    assert open_embedders([tmp_path], lines.append) == ()
    (line,) = lines
    assert said in line
    assert str(tmp_path) in line
    assert "\n" not in line


def ready() -> None:
    pytest.importorskip("onnxruntime")
    pytest.importorskip("tokenizers")


@pytest.mark.parametrize("model", ["model.onnx", "onnx/model.onnx", "onnx/model_quantized.onnx"])
def test_the_model_is_found_where_such_folders_have_it(tmp_path: Path, model: str) -> None:
    ready()
    embedder = open_embedder(write_model(tmp_path, model=model))
    assert embedder.encode(["card"]).shape == (1, 7)
    assert embedder.languages == {"zh", "en"}


def test_what_a_sentence_transformers_folder_says_is_the_default(tmp_path: Path) -> None:
    ready()
    write_model(tmp_path)
    (tmp_path / "huifang-embedder.toml").unlink()
    head = "---\nlanguage:\n- multilingual\n- zh\ntags: [a]\n---\n# A model\n"
    (tmp_path / "README.md").write_text(head, encoding="utf-8")
    (tmp_path / "1_Pooling").mkdir()
    pooling = {"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}
    (tmp_path / "1_Pooling" / "config.json").write_text(json.dumps(pooling), encoding="utf-8")
    embedder = open_embedder(tmp_path)
    assert embedder.languages == {"zh"}
    assert embedder.encode(["card"])[0, 6] == 1  # the first token's vector
    write_config(tmp_path, {"pooling": "mean"})
    assert open_embedder(tmp_path).encode(["card"])[0, 6] < 1


def test_the_name_changes_with_everything_that_vectors_depend_on(tmp_path: Path) -> None:
    ready()
    names = [open_embedder(write_model(tmp_path)).name]
    names.append(open_embedder(write_model(tmp_path, prefix="card ")).name)
    names.append(open_embedder(write_model(tmp_path, meanings=[["refund"], ["phone"]])).name)
    names.append(open_embedder(write_model(tmp_path)).name)
    assert len(set(names)) == 3
    assert names[0] == names[3]


async def test_the_bot_starts_with_a_model_and_without_a_broken_one(tmp_path: Path) -> None:
    ready()
    good = write_model(tmp_path / "good", languages=["en"])
    settings = Settings.model_validate(
        {"data_dir": tmp_path / "data", "embedders": f"{good}, {tmp_path / 'absent'}"}
    )
    lines: list[str] = []
    async with open_services(settings, migrated=True, warn=lines.append) as services:
        (embedder,) = services.embedders
        assert embedder.languages == {"en"}
        assert services.knowledge.find("how long does a refund take", "en").articles
        assert services.knowledge.find("退款多久到账", "zh").articles
    assert [line for line in lines if "absent is no folder" in line]
    assert len(list((tmp_path / "data" / "vectors").iterdir())) == 1


async def test_doctor_says_languages_and_cost_or_the_fix(tmp_path: Path) -> None:
    ready()
    folders = [
        write_model(tmp_path / "both"),
        write_model(tmp_path / "english", languages=["en"]),
        write_model(tmp_path / "french", languages=["fr"]),
        tmp_path / "absent",
    ]
    settings = Settings.model_validate({"data_dir": tmp_path, "embedders": folders})
    both, english, french, absent = await check_knowledge(settings)
    assert both.ok
    assert "en, zh, " in both.detail
    assert "ms a question" in both.detail
    assert "articles in zh are ranked without it" in english.detail
    assert "knows fr" in french.fix
    assert "HUIFANG_EMBEDDERS" in absent.fix

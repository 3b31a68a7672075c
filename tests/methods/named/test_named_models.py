"""Models by name, on tiny ones in a Hub cache that the test writes, and on the packaged MiniLM."""

from __future__ import annotations

import importlib.metadata
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from methods.kit.text.minilm import ALL_MINILM_L6_V2
from methods.named import language_model, sentence_transformer
from methods.named.language_model import LanguageModel
from methods.named.sentence_transformer import SentenceTransformerModel, kind_of
from methods.named.timm_model import TimmModel
from suite.data import access
from suite.data.types import Passage
from suite.discovery import scan
from suite.errors import SelectorError
from suite.features.text_encoder import TextEncoder
from suite.method import Effort, Role, label
from suite.named import HubWeights, fits
from suite.planning import plan
from suite.profiles import profile
from suite.representations import Bitstream, Dense, MultiVector, Sparse
from suite.running.execute import Request, execute
from tests.suite.data.hub_fixture import COMMIT
from tests.suite.engine.project import make_project

WORDS = ["who", "sleeps", "cats", "dogs", "bark", "and", "the", "word", "is", "list", "a", "b", "\n", ".", "<s>"]
TEXTS = ["cats sleeps and dogs bark", "dogs bark", "who sleeps ."]


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A Hub cache of the test's own."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    sentence_transformer.load.cache_clear()
    language_model.load.cache_clear()
    return tmp_path / "hub"


def put(cache: Path, name: str, folder: Path, commit: str = COMMIT) -> None:
    """Make a model's folder the snapshot of a repository."""
    root = cache / f"models--{name.replace('/', '--')}"
    (root / "refs").mkdir(parents=True)
    (root / "refs" / "main").write_text(commit)
    (root / "snapshots").mkdir()
    (root / "snapshots" / commit).symlink_to(folder, target_is_directory=True)


def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({w: i for i, w in enumerate(["[UNK]", "[PAD]", *WORDS])}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", eos_token="<s>")


@pytest.fixture
def bert(tmp_path):
    """A folder with a tiny BERT that has a head for masked words."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(WORDS) + 2, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    BertForMaskedLM(config).save_pretrained(tmp_path / "bert")
    tokenizer().save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


# -- names ----------------------------------------------------------------------------------------------


def test_a_name_is_a_method_of_its_own_with_its_commit(cache, bert):
    put(cache, "some/model", bert)
    cls = SentenceTransformerModel.called("some/model")
    assert (cls.name, cls.pretrained[0].sha256) == ("st:some/model", COMMIT)
    assert list(cls.variants()) == [{}]
    assert cls.pretrained[0].missing() is None
    assert cls.pretrained[0].size() == (bert / "model.safetensors").stat().st_size
    assert SentenceTransformerModel.called("all-MiniLM-L6-v2").model == "sentence-transformers/all-MiniLM-L6-v2"
    pinned = SentenceTransformerModel.called(f"some/model@{COMMIT[::-1]}")
    assert "is not in this machine's Hub cache" in pinned.pretrained[0].missing()
    assert f"--revision {COMMIT[::-1]}" in pinned.pretrained[0].missing()


@pytest.mark.parametrize("name", ["x/../y", "a/b/c", "a b", "", "some/model@main", "-x/y", "a/b;rm"])
def test_what_is_no_name_is_refused(name):
    with pytest.raises(SelectorError, match="names no model"):
        SentenceTransformerModel.called(name)


def test_trusting_code_is_a_parameter_of_the_variant():
    cls = LanguageModel.called("some/model", trust_remote_code=True)
    assert [label(cls.name, v) for v in cls.variants()] == ["lm:some/model[trust_remote_code=True]"]
    assert cls(Effort("quick"), trust_remote_code=True).trust_remote_code is True
    assert LanguageModel.called("some/model")(Effort("quick")).trust_remote_code is False


def test_half_a_model_is_missing(cache, bert):
    folder = cache / "models--some--model" / "snapshots" / COMMIT
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    weights = HubWeights("some/model", COMMIT)
    assert "holds no weights" in weights.missing()
    (folder / "model.safetensors").write_bytes(b"12345")
    trees = folder.parent.parent / "trees"
    trees.mkdir()
    listed = {name: {"size": 9, "blob_id": "0" * 40} for name in ("model.safetensors", "onnx/model.onnx")}
    (trees / f"{COMMIT}.json").write_text(json.dumps({"format_version": 1, "files": listed}))
    assert "half downloaded (model.safetensors has 5 of 9 bytes)" in weights.missing()


def test_cells_of_a_model_carry_its_commit_and_run_like_any_other(cache, bert):
    """Planned, executed and keyed by the engine; another commit is another key."""
    put(cache, "some/model", bert)
    found = scan()
    keys = {}
    for name in ("st:some/model", "st:some/other"):
        cells = plan(found, profile("quick"), name, "sts/wordsim353")
        keys[name] = [cell.key for cell in cells]
        assert (cells[0].skip is None) == (name == "st:some/model")
        if cells[0].skip is None:
            assert cells[0].hashes["weights"] == {"some/model": COMMIT}
            ended = execute(
                Request.of(cells[0], 1).__class__(**{**vars(Request.of(cells[0], 1)), "memory_limit": 2**36})
            )
            assert ended.status == "ok", ended.traceback
            assert ended.costs.model_bytes == (bert / "model.safetensors").stat().st_size
    assert keys["st:some/model"] != keys["st:some/other"]
    (cache / "models--some--model" / "refs" / "main").write_text(COMMIT[::-1])
    assert [cell.key for cell in plan(found, profile("quick"), "st:some/model", "sts/wordsim353")] != keys[
        "st:some/model"
    ]


def test_the_commands_know_models_by_name(tmp_path):
    project = make_project(tmp_path)
    project.write("methods/named/sentence_transformer.py", Path(sentence_transformer.__file__).read_text())
    listed = project.run("ls", "methods").stdout
    assert "st:NAME  A model of sentence-transformers by name" in listed
    planned = project.run("run", "--dry-run", "-m", "st:some/model,letters").stdout
    assert "skip 1 row: st:some/model × pairs/toy: model some/model is not in this machine's Hub cache" in planned
    assert "letters[dim=4] × pairs/toy" in planned
    assert "no method has the prefix xx" in project.run("run", "-m", "xx:y", code=2).stderr
    assert "some/model" in project.run("describe", "st:some/model").stdout
    trusted = project.run("run", "--trust-remote-code", "--dry-run", "-m", "st:some/model").stdout
    assert "st:some/model[trust_remote_code=True]" in trusted
    project.run("run", "-m", "st:some/model")
    row = project.rows()["st:some/model", "pairs/toy", 0]
    assert (row["status"], row["provenance"]["weights"]) == ("skipped", {"some/model": "main"})


# -- sentence-transformers ------------------------------------------------------------------------------


def test_minilm_by_name_equals_minilm(cache):
    put(cache, "sentence-transformers/all-MiniLM-L6-v2", ALL_MINILM_L6_V2.folder() / "model")
    method = SentenceTransformerModel.called("all-MiniLM-L6-v2")(Effort("quick"))
    vectors = method.encode(TEXTS, Role.DOCUMENT)
    reference = Dense(TextEncoder(ALL_MINILM_L6_V2, precision="float32").pooled(TEXTS))
    assert isinstance(vectors, Dense)
    assert vectors.similarity == "cosine"
    assert np.allclose(vectors.compare(vectors), 1, atol=1e-5)
    assert np.allclose(vectors.compare(reference), 1, atol=1e-5)


def test_sparse_models(cache, bert, tmp_path):
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

    SparseEncoder(modules=[MLMTransformer(str(bert)), SpladePooling()], device="cpu").save(str(tmp_path / "splade"))
    put(cache, "some/splade", tmp_path / "splade")
    assert kind_of(tmp_path / "splade") == "sparse"
    encoded = SentenceTransformerModel.called("some/splade")(Effort("quick")).encode(TEXTS, Role.QUERY)
    assert isinstance(encoded, Sparse)
    assert encoded.matrix.shape == (3, len(WORDS) + 2)
    assert encoded.search(encoded, 1).indices.shape == (3, 1)


def test_late_interaction_models(cache, bert, tmp_path):
    from sentence_transformers import MultiVectorEncoder

    MultiVectorEncoder(str(bert), device="cpu").save(str(tmp_path / "late"))
    put(cache, "some/late", tmp_path / "late")
    assert kind_of(tmp_path / "late") == "several vectors"
    encoded = SentenceTransformerModel.called("some/late")(Effort("quick")).encode(TEXTS, Role.DOCUMENT)
    assert isinstance(encoded, MultiVector)
    assert len(encoded) == 3
    assert encoded.vectors.dtype == np.float16
    assert (np.diff(encoded.offsets.astype(int)) > 0).all()


def test_the_kind_of_older_repositories_is_read_off_their_modules(tmp_path):
    for types, kind in (
        (["sentence_transformers.models.Transformer"], "dense"),
        (["sentence_transformers.sparse_encoder.models.SpladePooling"], "sparse"),
        (["pylate.models.Dense.Dense"], "several vectors"),
    ):
        (tmp_path / "modules.json").write_text(json.dumps([{"type": t} for t in types]))
        assert kind_of(tmp_path) == kind
    (tmp_path / "modules.json").write_text("{half")
    assert kind_of(tmp_path) == "dense"


# -- language models ------------------------------------------------------------------------------------


def configurations():
    import transformers as tf

    small = {"vocab_size": len(WORDS) + 2, "hidden_size": 16, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 1, "intermediate_size": 16}
    return {
        "llama": tf.LlamaConfig(**small, **heads),
        "sliding": tf.MistralConfig(**small, **heads, sliding_window=4),
        "mamba": tf.MambaConfig(**small, state_size=4),
        "rwkv": tf.RwkvConfig(**small, context_length=64),
    }


@pytest.mark.parametrize("kind", ["llama", "sliding", "mamba", "rwkv"])
def test_a_language_model_answers_from_its_memory_as_from_the_whole_text(cache, tmp_path, kind):
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(configurations()[kind]).save_pretrained(tmp_path / kind)
    tokenizer().save_pretrained(tmp_path / kind)
    put(cache, "some/lm", tmp_path / kind)
    method = LanguageModel.called("some/lm")(Effort("quick"))
    contexts = [
        Passage(np.empty(0, np.int32), text) for text in ("cats sleeps and dogs bark . who", "the word is", "a b")
    ]
    questions = [Passage(np.empty(0, np.int32), text) for text in (" the word is", " who sleeps", " dogs")]
    states = method.encode(contexts, Role.ITEM)
    assert isinstance(states, Bitstream)
    answers = method.answer(states, questions)
    assert method.answer(states[np.array([2, 0])], [questions[2], questions[0]]) == [answers[2], answers[0]]

    model, words = language_model.load(str(method.pretrained[0].folder()), False, "cpu")
    for context, question, answer in zip(contexts, questions, answers, strict=True):
        ids = words(context.text + question.text, return_tensors="pt").input_ids
        with torch.inference_mode():
            for _ in range(6):
                ids = torch.cat([ids, model(ids, use_cache=False).logits[:, -1:].argmax(-1)], dim=1)
        written = [int(token) for token in ids[0, -6:]]
        written = written[: written.index(words.eos_token_id)] if words.eos_token_id in written else written
        assert answer.startswith(words.decode(written, skip_special_tokens=True).split("\n")[0])
    assert any(answers)
    lengths = states.lengths()
    # 7, 3 and 2 words: a cache grows with them, a window of 4 does so up to 3, a recurrent state does not.
    assert (lengths[0] > lengths[1], lengths[1] > lengths[2]) == {
        "llama": (True, True), "sliding": (False, True), "mamba": (False, False), "rwkv": (False, False)
    }[kind]  # fmt: skip


def test_a_language_model_reads_words_only():
    tasks = scan().tasks
    method = LanguageModel.called("some/lm")(Effort("quick"))
    assert "declares text" in method.refuses(tasks["recall/set-disjointness"].task, access.spec)
    assert method.refuses(tasks["recall/set-disjointness-text"].task, access.spec) is None


# -- timm -----------------------------------------------------------------------------------------------


def test_timm_without_torchvision_is_skipped_with_that_reason(cache):
    cells = plan(scan(), profile("quick"), "timm:resnet18.a1_in1k", "imagenet/digits")
    assert cells[0].absent
    assert "which is not installed" in cells[0].skip
    assert TimmModel.called("resnet18.a1_in1k").pretrained[0].name == "timm/resnet18.a1_in1k"


def test_a_torchvision_of_another_torch_does_not_fit(monkeypatch):
    versions = {"torchvision": "0.28.0", "torch": "2.13.0+cpu"}
    monkeypatch.setattr("suite.named.version", lambda name: versions[name])
    monkeypatch.setattr("suite.named.requires", lambda name: ["numpy", "torch==2.13.0"])
    assert fits("torchvision", "torch") is None
    versions["torch"] = "2.14.0"
    assert fits("torchvision", "torch") == "torchvision 0.28.0 needs torch==2.13.0, but torch 2.14.0 is installed"
    monkeypatch.undo()

    def missing(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr("suite.named.requires", missing)
    assert fits("torchvision", "torch") == "needs the package torchvision, which is not installed"


def test_timm_features(monkeypatch, tmp_path, cache):
    """The calls to timm, against a module of its interface: timm itself needs torchvision and cannot be installed."""
    import sys
    import types

    import torch

    timm = types.ModuleType("timm")
    timm.data = types.SimpleNamespace(
        resolve_model_data_config=lambda model: {"input_size": (3, 2, 2)},
        create_transform=lambda input_size, is_training: lambda image: torch.tensor(np.asarray(image).mean((0, 1))),
    )
    asked = {}

    def create_model(name, pretrained, num_classes):
        asked.update(name=name, pretrained=pretrained, num_classes=num_classes)
        return torch.nn.Identity()

    timm.create_model = create_model
    monkeypatch.setitem(sys.modules, "timm", timm)
    monkeypatch.setattr("methods.named.timm_model.fits", lambda package, installed: None)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"x")
    put(cache, "timm/resnet18", tmp_path / "model")
    method = TimmModel.called("resnet18")(Effort("quick"))
    features = method.encode(np.stack([np.full((4, 4, 3), value, np.uint8) for value in (1, 9)]), Role.ITEM)
    assert features.values.tolist() == [[1, 1, 1], [9, 9, 9]]
    assert asked == {"name": f"local-dir:{method.pretrained[0].folder()}", "pretrained": True, "num_classes": 0}


# -- models in folders ------------------------------------------------------------------------------------


def test_a_folder_is_a_model_keyed_by_what_it_holds_wherever_it_lies(cache, bert, tmp_path, monkeypatch):
    def key(selector):
        (cell,) = plan(scan(), profile("quick"), selector, "sts/lee")
        assert (cell.method.cls.name, cell.skip) == (selector, None)
        return cell.key

    first = key(f"st:{bert}")
    moved = shutil.copytree(bert, tmp_path / "elsewhere" / "bert")
    (moved / "README.md").write_text("about it")
    (moved / ".cache").mkdir()
    (moved / ".cache" / "left.lock").write_text("x")
    assert key(f"st:{moved}") == first
    monkeypatch.chdir(moved.parent)
    assert key("st:./bert") == first
    (moved / "config.json").write_text((moved / "config.json").read_text() + " ")
    assert key("st:./bert") != first


@pytest.mark.parametrize("prefix", ["st", "mteb"])
def test_a_model_in_a_folder_runs_like_the_same_in_the_hub_cache(cache, bert, prefix):
    put(cache, "some/model", bert)
    found = scan().by_name([f"{prefix}:{bert}", "st:some/model"])
    ours, theirs = (
        found[name].cls(Effort("quick")).encode(TEXTS, Role.ITEM) for name in (f"{prefix}:{bert}", "st:some/model")
    )
    np.testing.assert_allclose(ours.values, theirs.values, atol=1e-5)
    weights = found[f"{prefix}:{bert}"].cls.pretrained[0]
    assert weights.size() == (bert / "model.safetensors").stat().st_size


def test_a_folder_that_is_no_model_is_refused_in_one_line(bert, tmp_path):
    def refusal(folder):
        with pytest.raises(SelectorError) as caught:
            SentenceTransformerModel.called(str(folder))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "there is no folder" in refusal(tmp_path / "nowhere")
    (tmp_path / "notes").mkdir()
    assert "is no model: it holds no config.json" in refusal(tmp_path / "notes")
    weights = (bert / "model.safetensors").read_bytes()
    (bert / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    assert "git lfs pull" in refusal(bert)
    (bert / "model.safetensors").unlink()
    assert "holds no weights" in refusal(bert)
    (bert / "model-1.safetensors").write_bytes(weights)
    (bert / "model.safetensors.index.json").write_text(
        '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.st"}}'
    )
    assert "model-2.st is missing" in refusal(bert)

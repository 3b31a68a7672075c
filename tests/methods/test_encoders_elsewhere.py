"""Every encoder on a device that is not the CPU (`tests.stand_in`): the same numbers, and nothing left behind."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from suite import precision
from suite.data import access
from suite.data.types import Passage
from suite.features.store import FeatureStore
from suite.method import Effort, Role
from tests.methods.named.test_named_models import TEXTS, WORDS, bert, cache, configurations, put, tokenizer
from tests.stand_in import stand_in

__all__ = ["bert", "cache"]  # fixtures

QUICK = Effort("quick")
SENTENCES = ["cats sleeps and dogs bark .", "who sleeps", "the word is dogs and the list is a b"]


@pytest.fixture(autouse=True)
def float32(monkeypatch, tmp_path):
    """Both devices in one arithmetic, and nothing from a store."""
    monkeypatch.setattr(precision, "_of", lambda device: "float32")
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))


def both(compute):
    """What is computed on the CPU and on the stand-in, arrays by name."""
    expected = compute()
    with stand_in() as device:
        found = compute()
    assert device.operations > 3
    return expected, found


def assert_close(expected, found, atol=1e-4):
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(np.asarray(found[name], float), np.asarray(value, float), atol=atol, err_msg=name)


def test_packed_bert(tmp_path):
    from methods.kit.text.minilm import ALL_MINILM_L6_V2
    from suite.features.text_encoder import TextEncoder

    def read():
        encoder = TextEncoder(ALL_MINILM_L6_V2, store=FeatureStore(tmp_path / "features"))
        vectors, offsets = encoder.tokens(SENTENCES, 3)
        return {"means": encoder.pooled(SENTENCES), "tokens": vectors, "offsets": offsets}

    assert_close(*both(read), atol=2e-3)


def test_efficientnet(tmp_path):
    from methods.kit.image.efficientnet import EFFICIENTNET_LITE0
    from suite.features.image_encoder import ImageEncoder

    images = access.load("digits").train[:3]

    def read():
        encoder = ImageEncoder(EFFICIENTNET_LITE0, store=FeatureStore(tmp_path / "features"))
        return {"pooled": encoder.pooled(images), "maps": encoder.maps(images, 4)}

    assert_close(*both(read), atol=1e-2)


def test_batches_that_do_not_fit_are_halved(tmp_path, monkeypatch):
    from methods.kit.text.minilm import ALL_MINILM_L6_V2
    from suite.features import packed_bert
    from suite.features.text_encoder import TextEncoder

    class OutOfMemoryError(RuntimeError):
        pass

    whole, sizes = packed_bert.PackedBert.__call__, []

    def small(self, ids, lengths, layers):
        sizes.append(len(lengths))
        if len(lengths) > 1:
            raise OutOfMemoryError("CUDA out of memory")
        return whole(self, ids, lengths, layers)

    expected = TextEncoder(ALL_MINILM_L6_V2, store=FeatureStore(tmp_path / "a")).pooled(SENTENCES)
    monkeypatch.setattr(packed_bert.PackedBert, "__call__", small)
    found = TextEncoder(ALL_MINILM_L6_V2, store=FeatureStore(tmp_path / "b")).pooled(SENTENCES)
    assert sorted(sizes) == [1, 1, 1, 2, 3]
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize("kind", ["dense", "sparse", "late"])
def test_sentence_transformers(kind, cache, bert, tmp_path):
    from sentence_transformers import MultiVectorEncoder, SentenceTransformer, SparseEncoder
    from sentence_transformers.sparse_encoder.modules import MLMTransformer, SpladePooling

    from methods.named.sentence_transformer import SentenceTransformerModel

    made = {
        "dense": lambda: SentenceTransformer(str(bert), device="cpu"),
        "sparse": lambda: SparseEncoder(modules=[MLMTransformer(str(bert)), SpladePooling()], device="cpu"),
        "late": lambda: MultiVectorEncoder(str(bert), device="cpu"),
    }[kind]()
    made.save(str(tmp_path / kind))
    put(cache, f"some/{kind}", tmp_path / kind)

    def read():
        return SentenceTransformerModel.called(f"some/{kind}")(QUICK).encode(TEXTS, Role.DOCUMENT).arrays()

    assert_close(*both(read), atol=2e-3)


@pytest.mark.parametrize("kind", ["llama", "mamba"])
def test_language_models(kind, cache, tmp_path):
    from transformers import AutoModelForCausalLM

    from methods.named.language_model import LanguageModel

    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(configurations()[kind]).save_pretrained(tmp_path / kind)
    tokenizer().save_pretrained(tmp_path / kind)
    put(cache, "some/lm", tmp_path / kind)
    contexts = [Passage(np.empty(0, np.int32), text) for text in SENTENCES]
    questions = [Passage(np.empty(0, np.int32), text) for text in (" the word is", " who sleeps", " dogs")]

    def answers():
        method = LanguageModel.called("some/lm")(QUICK)
        return method.answer(method.encode(contexts, Role.ITEM), questions)

    expected, found = both(answers)
    assert found == expected


@pytest.fixture
def small_smollm2(tmp_path, monkeypatch):
    """A language model of SmolLM2's kind with two layers in its place."""
    from transformers import LlamaConfig, LlamaForCausalLM

    from methods.encoders import smollm2
    from methods.kit.smollm2 import backbone

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS) + 2, hidden_size=36, intermediate_size=32, num_hidden_layers=2, num_attention_heads=9,
        num_key_value_heads=3, head_dim=64, bos_token_id=None, eos_token_id=None, initializer_range=0.3,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path / "small")
    tokenizer().save_pretrained(tmp_path / "small")
    monkeypatch.setattr(backbone, "_dequantised", lambda dtype: tmp_path / "small")
    monkeypatch.setattr(smollm2, "LAYERS", 2)
    for function in (backbone._loaded, backbone.load_tokenizer):
        function.cache_clear()
    yield
    for function in (backbone._loaded, backbone.load_tokenizer):
        function.cache_clear()


def test_smollm2_reads_and_answers(small_smollm2):
    from methods.encoders.smollm2 import SmolLM2
    from methods.internal_consistency.lens import margins
    from methods.kit.smollm2.backbone import load_model
    from methods.kit.smollm2.reading import continuations

    contexts = [Passage(np.empty(0, np.int32), text) for text in SENTENCES]

    def read():
        states = SmolLM2().encode(contexts, Role.ITEM)
        answers = SmolLM2().answer(states, contexts[::-1])
        written = [tokens.tolist() for tokens, _ in continuations(load_model(), states, [[3, 4], [5], [6]], 2)]
        return {"margins": margins([3, 4], [[5], [6, 7]], [(8, 9), (3, 4)]), "kept": states.tensors["length"],
                "written": np.array(written)}, answers  # fmt: skip

    (expected, said), (found, said_there) = both(read)
    assert said == said_there
    np.testing.assert_allclose(found["margins"], expected["margins"], rtol=0.1, atol=0.1)
    np.testing.assert_array_equal(found["written"], expected["written"])


@pytest.mark.parametrize("arm", ["mpo", "svd", "pruning"])
def test_compressed_language_models_are_healed_and_run(small_smollm2, arm):
    from methods.baselines.uncompressed_smollm2 import heal, rest_of
    from methods.compactifai.method import _forms
    from methods.kit.smollm2.backbone import load_model
    from methods.kit.weights.stored_matrices import packed_state, replace_matrices

    names = ["model.layers.0.mlp.up_proj", "model.layers.1.self_attn.q_proj"]
    tokens = torch.arange(24).reshape(4, 6) % 15 + 2

    def healed():
        import copy

        network = copy.deepcopy(load_model("float32", device="cpu"))
        form = _forms()[arm]
        made = replace_matrices(network, names, lambda _, matrix: form.of(matrix, matrix.numel()))
        heal(network, list(made.values()), tokens, batch=2, learning_rate=1e-3)
        return {**packed_state(made), **rest_of(load_model(), names)}

    expected, found = both(healed)
    assert_close(expected, found, atol=3e-3)


def test_compressed_minilm(monkeypatch):
    from methods.lq_lora.method import LqLoraMiniLM

    method = LqLoraMiniLM(QUICK, arm="nf", bits=4)
    method.weights = method.train(None, 0)

    def read():
        other = LqLoraMiniLM(QUICK, arm="nf", bits=4)
        other.weights = method.weights
        return {"vectors": other.encode(SENTENCES, Role.ITEM).values}

    assert_close(*both(read), atol=1e-3)

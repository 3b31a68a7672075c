"""The text encoder: same numbers as one text at a time, right shapes, one pass where one will do."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from methods.kit.text.minilm import ALL_MINILM_L6_V2
from suite.errors import DataMismatch
from suite.features import clock, store, text_encoder
from suite.features.store import FeatureStore
from suite.features.text_encoder import TextEncoder, batches

TEXTS = ["A short one.", "", "The same words in a longer sentence, with more of them than before.", "word " * 400]


@pytest.fixture
def encoder(tmp_path):
    return TextEncoder(ALL_MINILM_L6_V2, precision="float32", store=FeatureStore(tmp_path))


@pytest.fixture
def passes(monkeypatch):
    """How many forward passes over a list of texts were made."""
    made = []
    original = TextEncoder._passes
    monkeypatch.setattr(TextEncoder, "_passes", lambda self, *a: made.append(1) or original(self, *a))
    return made


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 1000))
def test_batches_cover_every_row_once_within_the_budget(lengths, budget):
    cut = list(batches(lengths, budget))
    assert sorted(row for batch in cut for row in batch.tolist()) == list(range(len(lengths)))
    for batch in cut:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget
        assert max(lengths[row] for row in batch) == lengths[batch[-1]]


def test_batches_equal_texts_one_at_a_time(encoder):
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    folder = ALL_MINILM_L6_V2.file().parent
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    model = AutoModel.from_pretrained(folder, local_files_only=True, attn_implementation="eager").eval()
    vectors, offsets = encoder.tokens(TEXTS, layer=4)
    pooled = encoder.pooled_layers(TEXTS, (0, 4, -1))
    for row, text in enumerate(TEXTS):
        ids = tokenizer.encode(text).ids
        ids = ids if len(ids) <= 256 else [*ids[:255], ids[-1]]
        with torch.inference_mode():
            states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states
        assert offsets[row + 1] - offsets[row] == len(ids)
        np.testing.assert_allclose(vectors[offsets[row] : offsets[row + 1]], states[4][0].numpy(), atol=4e-3)
        for place, layer in enumerate((0, 4, 6)):
            np.testing.assert_allclose(pooled[place, row], states[layer][0].mean(0).numpy(), atol=2e-5)


def test_bfloat16_points_the_same_way(encoder):
    exact = encoder.pooled(TEXTS)
    rounded = replace(encoder, precision="bfloat16").pooled(TEXTS)
    cosine = (exact * rounded).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(rounded, axis=1)
    # Eight bits of fraction: about 0.2 % a rounding, some forty of them in six layers.
    assert (cosine > 0.9995).all()
    assert not np.array_equal(exact, rounded)


def test_shapes_and_types(encoder):
    vectors, offsets = encoder.tokens(TEXTS)
    assert (vectors.dtype, offsets.dtype) == (np.float16, np.int64)
    assert offsets.tolist() == [0, 6, 8, 25, 281]
    assert encoder.pooled(TEXTS).shape == (4, encoder.width) == (4, 384)
    assert encoder.pooled(TEXTS).dtype == np.float32
    assert encoder.depth == 6


def test_second_asker_makes_no_pass(encoder, passes):
    first = encoder.pooled(TEXTS)
    np.testing.assert_array_equal(encoder.pooled(TEXTS, layer=6), first)
    assert len(passes) == 1
    encoder.pooled(TEXTS, layer=2)
    encoder.pooled(TEXTS[:2])
    replace(encoder, max_length=16).pooled(TEXTS)
    assert len(passes) == 4


def test_token_vectors_bring_their_means(encoder, passes):
    vectors, offsets = encoder.tokens(TEXTS)
    means = encoder.pooled(TEXTS)
    assert len(passes) == 1
    expected = [vectors[a:b].astype(np.float32).mean(0) for a, b in pairwise(offsets)]
    np.testing.assert_allclose(means, expected, atol=1e-3)


@given(st.integers(1, 5))
@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_windows_change_nothing(encoder, size):
    with clock.cache_disabled():
        means, vectors = encoder.pooled(TEXTS), encoder.tokens(TEXTS)[0]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_encoder, "TEXTS_A_WINDOW", size)
            np.testing.assert_allclose(encoder.pooled(TEXTS), means, atol=1e-5)
            np.testing.assert_allclose(encoder.tokens(TEXTS)[0], vectors, atol=1e-3)


def test_a_pass_in_parts_gives_the_same_bits(encoder, monkeypatch, tmp_path):
    monkeypatch.setattr(text_encoder, "TEXTS_A_WINDOW", 2)
    texts = [text[:90] for text in TEXTS] + ["another", "and one"]
    whole, layers, (vectors, offsets) = (
        encoder.pooled(texts),
        encoder.pooled_layers(texts, (1, 2)),
        encoder.tokens(texts, 2),
    )
    monkeypatch.setattr(store, "ITEMS_A_PART", 3)
    parted = replace(encoder, store=FeatureStore(tmp_path / "parts"))
    np.testing.assert_array_equal(parted.pooled_layers(texts, (1, 2)), layers)
    np.testing.assert_array_equal(parted.pooled(texts), whole)
    again, starts = parted.tokens(texts, 2)
    np.testing.assert_array_equal(again, vectors)
    np.testing.assert_array_equal(starts, offsets)


@pytest.mark.parametrize("output", ["pooled", "tokens"])
def test_killed_pass_goes_on_after_its_last_window(encoder, monkeypatch, output):
    monkeypatch.setattr(text_encoder, "TEXTS_A_WINDOW", 2)
    texts = [f"Text number {number}." for number in range(7)]
    tokenised = TextEncoder._tokenised

    def windows(self, texts, seconds=None):
        """As they are, until the third is asked for."""
        for number, window in enumerate(tokenised(self, texts, seconds)):
            if seconds is not None and number == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            yield window

    def passed(texts):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(TextEncoder, "_tokenised", windows)
            getattr(encoder, output)(texts)

    worker = multiprocessing.get_context("fork").Process(target=passed, args=(texts,))
    worker.start()
    worker.join()
    assert worker.exitcode == -signal.SIGKILL

    seen = []

    def noted(self, texts, seconds=None):
        for window in tokenised(self, texts, seconds):
            seen.extend([window[0]] if seconds is not None else [])
            yield window

    monkeypatch.setattr(TextEncoder, "_tokenised", noted)
    before = clock.backbone_seconds()
    resumed = getattr(encoder, output)(texts)
    assert seen == [range(4, 6), range(6, 7)]
    assert clock.backbone_seconds() > before
    with clock.cache_disabled():
        whole = getattr(encoder, output)(texts)
    for part, expected in zip(resumed, whole, strict=True):
        np.testing.assert_array_equal(part, expected)


@pytest.mark.parametrize("layer", [7, -8])
def test_layer_that_does_not_exist(encoder, layer):
    with pytest.raises(ValueError, match="layers 0 to 6"):
        encoder.pooled(TEXTS, layer)


def test_changed_weights_are_refused(tmp_path, monkeypatch):
    package = tmp_path / "tampered_minilm"
    shutil.copytree(ALL_MINILM_L6_V2.file().parent, package / "model")
    (package / "__init__.py").touch()
    file = package / "model" / "model.safetensors"
    raw = bytearray(file.read_bytes())
    raw[-1] ^= 1
    file.write_bytes(raw)
    monkeypatch.syspath_prepend(str(tmp_path))
    tampered = TextEncoder(replace(ALL_MINILM_L6_V2, package="tampered_minilm"), store=FeatureStore(tmp_path / "kept"))
    with pytest.raises(DataMismatch, match="53aa51172d142c89") as refused:
        tampered.pooled(TEXTS)
    assert "not loaded" in str(refused.value)
    assert str(file) in str(refused.value)


def test_texts_that_mostly_repeat_are_passed_once(encoder, monkeypatch):
    passed = []
    original = TextEncoder._passes
    monkeypatch.setattr(TextEncoder, "_passes", lambda self, t, *a: passed.append(len(t)) or original(self, t, *a))
    order = [2, 0, 1, 1, 0, 2, 0, 0]
    few = sorted(TEXTS[:3])
    many = [few[place] for place in order]
    np.testing.assert_array_equal(encoder.pooled(many), encoder.pooled(few)[order])
    vectors, offsets = encoder.tokens(many, layer=2)
    single, starts = encoder.tokens(few, layer=2)
    assert passed == [3, 3]
    assert (vectors.dtype, offsets.dtype) == (np.float16, np.int64)
    for place, (a, b) in zip(order, pairwise(offsets), strict=True):
        np.testing.assert_array_equal(vectors[a:b], single[starts[place] : starts[place + 1]])

"""Fine-tuning of the upper layers: what is trained, what is kept, and that encoding is the network's own."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from methods.kit.text.finetuning import (
    LOSS_PREFIX,
    Hidden,
    Recipe,
    TunedEncoder,
    distinct_rows,
    finetune,
    in_batch_loss,
    pad,
    warm_linear,
)
from methods.kit.text.minilm import ALL_MINILM_L6_V2
from suite.features import clock
from suite.features.text_encoder import TextEncoder

QUESTIONS = ["what a lion eats", "where rivers end", "what a lion eats", "who wrote the play"]
PASSAGES = [
    "Lions hunt zebra and buffalo at dusk.",
    "A river ends at its mouth, in a lake or in the sea, and leaves its sediment there.",
    "A pride shares what its females have caught.",
    "Hamlet was written by Shakespeare.",
]
TINY = Recipe(steps=2, frozen=5, batch=2, max_length=16, learning_rate=1e-3)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield


class Projected(torch.nn.Module):
    """A loss with a parameter of its own."""

    def __init__(self):
        super().__init__()
        self.projection = torch.nn.Linear(384, 8, bias=False)
        torch.nn.init.eye_(self.projection.weight)

    def forward(self, queries: Hidden, passages: Hidden) -> torch.Tensor:
        return in_batch_loss(self.projection(queries.pooled()), self.projection(passages.pooled()))


@pytest.fixture(scope="module")
def tuned():
    return finetune([QUESTIONS, PASSAGES], Projected(), TINY, 0)


def published():
    return {name: value.numpy() for name, value in TextEncoder(ALL_MINILM_L6_V2, precision="float32").model()
            .state_dict().items()}  # fmt: skip


def test_only_layers_above_the_frozen_ones_change(tuned):
    before = published()
    layers = {name for name in tuned if not name.startswith(LOSS_PREFIX)}
    assert layers == {name for name in before if name.startswith("encoder.layer.5.")}
    # The key's bias shifts all attention scores of a query alike, so that no gradient reaches it.
    moved = {name for name in layers if not name.endswith("key.bias")}
    assert all(np.abs(tuned[name] - before[name]).max() > 0 for name in moved)
    assert tuned["loss.projection.weight"].shape == (8, 384)
    assert np.abs(tuned["loss.projection.weight"] - np.eye(8, 384)).max() > 0


def test_training_repeats_and_follows_its_seed(tuned):
    again, other = (finetune([QUESTIONS, PASSAGES], Projected(), TINY, seed) for seed in (0, 1))
    assert all(np.array_equal(tuned[name], again[name]) for name in tuned)
    assert any(not np.array_equal(tuned[name], other[name]) for name in tuned)


def test_training_lowers_the_loss_on_what_it_sees():
    losses = []

    def loss(queries, passages):
        value = in_batch_loss(queries.pooled(), passages.pooled())
        losses.append(value.item())
        return value

    rows = [0, 1, 3]
    columns = [[texts[row] for row in rows] for texts in (PASSAGES, PASSAGES[::-1])]
    finetune(columns, loss, Recipe(steps=20, frozen=5, batch=3, max_length=16, learning_rate=1e-3), 0)
    assert np.mean(losses[-3:]) < 0.5 * np.mean(losses[:3])


def test_untrained_weights_are_the_published_encoder():
    tuned, published = TunedEncoder({}).pooled(PASSAGES), TextEncoder(ALL_MINILM_L6_V2).pooled(PASSAGES)
    cosines = (tuned * published).sum(1) / np.linalg.norm(tuned, axis=1) / np.linalg.norm(published, axis=1)
    assert cosines.min() >= 0.9999


def test_the_store_and_a_live_pass_agree(tuned):
    encoder = TunedEncoder(tuned, frozen=5, precision="float32")
    from_store = encoder.pooled(PASSAGES)
    with clock.cache_disabled():
        live = encoder.pooled(PASSAGES)
    np.testing.assert_allclose(from_store, live, atol=2e-3)
    assert np.abs(live - TunedEncoder({}, precision="float32").pooled(PASSAGES)).max() > 0.01


def test_token_vectors_have_the_pooled_means(tuned):
    encoder = TunedEncoder(tuned, frozen=5, precision="float32")
    vectors, offsets = encoder.tokens(PASSAGES)
    means = [vectors[a:b].astype(np.float32).mean(0) for a, b in pairwise(offsets)]
    np.testing.assert_allclose(means, encoder.pooled(PASSAGES), atol=2e-3)
    matrix = tuned["loss.projection.weight"].T
    short, same = encoder.tokens(PASSAGES, matrix)
    np.testing.assert_array_equal(same, offsets)
    np.testing.assert_allclose(short, vectors.astype(np.float32) @ matrix, atol=5e-3)


@pytest.mark.parametrize("depth", [1, 3, 6])
def test_removed_layers_are_neither_stored_nor_run(depth):
    encoder = TunedEncoder({}, frozen=0, depth=depth, precision="float32")
    layers = {name.split(".")[2] for name in encoder.stored() if name.startswith("encoder.layer.")}
    assert layers == {str(layer) for layer in range(depth)}
    ran = []
    for layer in encoder.network.encoder.layer:
        layer.register_forward_hook(lambda *_: ran.append(1))
    with clock.cache_disabled():
        vectors = encoder.pooled(PASSAGES[:1])
    assert len(ran) == len(encoder.network.encoder.layer) == depth
    np.testing.assert_allclose(
        vectors, TextEncoder(ALL_MINILM_L6_V2, precision="float32").pooled(PASSAGES[:1], depth), atol=1e-5
    )


def test_the_stored_model_holds_the_tuned_layers(tuned):
    stored = TunedEncoder(tuned, frozen=5).stored()
    assert stored.keys() == published().keys()
    np.testing.assert_array_equal(stored["encoder.layer.5.output.dense.weight"],
                                  tuned["encoder.layer.5.output.dense.weight"])  # fmt: skip
    np.testing.assert_array_equal(stored["encoder.layer.4.output.dense.weight"],
                                  published()["encoder.layer.4.output.dense.weight"])  # fmt: skip


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=20), st.integers(1, 8), st.integers(0, 9))
def test_rows_of_a_batch_differ_in_their_first_text(first, size, seed):
    for rows in distinct_rows(first, size, 3, np.random.default_rng(seed)):
        texts = [first[row] for row in rows]
        assert len(set(texts)) == len(texts) == min(size, len(set(first)))


@given(st.integers(1, 300))
def test_the_rate_rises_to_its_peak_and_falls(steps):
    factors = [warm_linear(step, steps) for step in range(steps)]
    assert max(factors) == pytest.approx(1)
    assert all(0 < factor <= 1 for factor in factors)
    peak = int(np.argmax(factors))
    assert factors[peak:] == sorted(factors[peak:], reverse=True)


def test_padding_is_masked():
    vectors, offsets = np.arange(12, dtype=np.float16).reshape(6, 2), np.array([0, 1, 4, 6])
    hidden, mask = pad(vectors, offsets, np.array([1, 0]))
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    np.testing.assert_array_equal(hidden[0], vectors[1:4])
    assert Hidden((hidden,), mask).pooled()[1].tolist() == [0, 1]


def test_in_batch_loss_is_the_cross_entropy_of_cosines():
    rng = np.random.default_rng(0)
    a, b = (torch.from_numpy(rng.normal(size=(4, 6))) for _ in range(2))
    cosines = 20 * torch.nn.functional.cosine_similarity(a[:, None], b[None], dim=-1)
    wanted = -torch.log_softmax(cosines, dim=1).diagonal().mean()
    assert in_batch_loss(a, b).item() == pytest.approx(wanted.item())

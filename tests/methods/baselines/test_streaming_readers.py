"""Streaming readers keep exactly m bits, and do exactly what their mechanism promises."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.baselines.streaming_readers import BITS, BloomFilter, Guess, LastWindow, Reservoir, filter_places
from methods.kit.sequence.reading import mix, read
from suite.data.types import Passage
from suite.method import Role
from tasks.data.set_disjointness import load_set_disjointness

READERS = (BloomFilter, LastWindow, Reservoir)
QUESTION = Passage(np.array([3], np.int32))


def prepared(cls, seed=0, **params):
    method = cls(**params)
    method.weights = method.train(None, seed)
    return method


def sets(short, long, count=60, vocabulary=None, seed=4):
    vocabulary = vocabulary or 4 + 4 * long
    return load_set_disjointness(None, vocabulary=vocabulary, sizes=[[short, long]], per_size=count, seed=seed)


def accuracy(method, data, presentation):
    states = method.encode(data.contexts[presentation], Role.ITEM)
    found = method.answer(states, data.questions)
    return float(np.mean(found == [answer.tokens[0] for answer in data.answers]))


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("reader", READERS)
def test_memory_is_m_bits_whatever_was_read(reader, bits):
    method, data = prepared(reader, bits=bits), sets(4, 64, count=3)
    for contexts in data.contexts.values():
        state = method.encode(contexts, Role.ITEM)
        assert state.nbytes == len(contexts) * bits // 8
        again = method.encode(contexts, Role.ITEM)
        np.testing.assert_array_equal(state.tensors["memory"], again.tensors["memory"])
    assert Guess(arm="last").bits == 16


@given(st.sets(st.integers(4, 2047), min_size=1, max_size=200), st.integers(0, 2**32), st.sampled_from([32, 96, 4064]))
@settings(deadline=None, max_examples=30)
def test_a_bloom_filter_forgets_no_member(members, salt, bits):
    kept = 0
    for token in members:
        kept |= filter_places(token, salt, 3, bits)
    assert kept < 1 << bits
    for token in members:
        places = filter_places(token, salt, 3, bits)
        assert kept & places == places


def test_bloom_errs_only_by_false_positives_before_the_common_token():
    data = sets(6, 40, count=80)
    method = prepared(BloomFilter, bits=64)
    for presentation in ("long_first_once", "short_first_once"):
        states = method.encode(data.contexts[presentation], Role.ITEM)
        found = method.answer(states, data.questions)
        for context, guess, answer in zip(data.contexts[presentation], found, data.answers, strict=True):
            second = [token for token, inside in read(context.tokens) if inside]
            assert second.index(guess) <= second.index(answer.tokens[0])


def test_bloom_accuracy_is_that_of_its_false_positive_rate():
    data = sets(8, 64, count=1500, vocabulary=260)
    method = prepared(BloomFilter, bits=128)
    hits = 1 - (1 - 1 / 96) ** 64  # one hash function, 96 bits, 64 members
    expected = (1 - (1 - hits) ** 8) / (8 * hits)
    assert abs(accuracy(method, data, "long_first_once") - expected) < 4 * np.sqrt(expected * (1 - expected) / 1500)


def test_a_second_reading_confirms_a_kept_candidate_and_never_hurts_bloom():
    data = sets(8, 64, count=300, vocabulary=260)
    for bits in (64, 128, 256):
        method = prepared(BloomFilter, bits=bits)
        for order in ("long_first", "short_first"):
            assert accuracy(method, data, f"{order}_twice") > accuracy(method, data, f"{order}_once")


def test_the_window_keeps_the_last_tokens_as_they_were_read():
    data = sets(4, 32, count=20)
    method = prepared(LastWindow, bits=128)
    state = method.encode(data.contexts["long_first_once"], Role.ITEM)
    words = np.ascontiguousarray(state.tensors["memory"]).view(np.uint16)
    for row, context in zip(words, data.contexts["long_first_once"], strict=True):
        assert row.tolist() == context.tokens[-8:].tolist()


@given(st.integers(0, 1000))
@settings(deadline=None, max_examples=20)
def test_a_window_over_the_whole_context_knows_the_answer(seed):
    data = sets(3, 9, count=4, seed=seed)
    method = prepared(LastWindow, bits=256)
    for presentation in ("long_first_once", "short_first_once"):
        assert accuracy(method, data, presentation) == 1


def test_a_window_is_right_when_the_common_token_is_in_its_part_of_the_first_set():
    data = sets(4, 32, count=400, vocabulary=132)
    method = prepared(LastWindow, bits=256)
    states = method.encode(data.contexts["long_first_once"], Role.ITEM)
    found = method.answer(states, data.questions)
    for context, guess, answer in zip(data.contexts["long_first_once"], found, data.answers, strict=True):
        if answer.tokens[0] in context.tokens[-16:-5]:
            assert guess == answer.tokens[0]


def test_a_reservoir_that_holds_the_short_set_finds_it_first_or_twice():
    data = sets(6, 40, count=50)
    method = prepared(Reservoir, bits=256)  # 16 words: seven places for each set
    assert accuracy(method, data, "short_first_once") == 1
    assert accuracy(method, data, "long_first_twice") == 1
    assert accuracy(method, data, "long_first_once") < 0.7


def test_a_reservoir_is_a_uniform_sample():
    context = np.array([1, *range(4, 34), 2, 40], np.int32)
    counts = np.zeros(34)
    for seed in range(1500):
        row = prepared(Reservoir, seed, bits=256).memory(context, mix(seed))
        assert len(set(row[2:9].tolist())) == 7
        counts[row[2:9]] += 1
    expected = 1500 * 7 / 30
    assert np.abs(counts[4:] - expected).max() < 4.5 * np.sqrt(expected)


def test_seeds_change_what_is_kept():
    data = sets(4, 64, count=8)
    contexts = data.contexts["long_first_once"]
    for cls in (BloomFilter, Reservoir):
        a, b = (prepared(cls, seed, bits=128).encode(contexts, Role.ITEM).tensors["memory"] for seed in (0, 1))
        assert not np.array_equal(a, b)


def test_marks_separate_the_sets_of_every_reading():
    tokens = np.array([1, 7, 8, 2, 9, 1, 7, 8, 2, 9], np.int32)
    assert list(read(tokens)) == [(7, False), (8, False), (9, True)] * 2

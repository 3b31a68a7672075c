"""Training sets for set disjointness: valid, never the same, shortest first, and members are told truly."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kit.sequence.set_training import batches, overlapped, relabelled
from tasks.data.set_disjointness import load_set_disjointness
from tasks.recall import answer_tokens

VOCABULARY = 28
SIZES = [[2, 4], [4, 8]]


@pytest.fixture(scope="module")
def train():
    return load_set_disjointness(None, vocabulary=VOCABULARY, sizes=SIZES, per_size=40, seed=1, times=[1])


def split(context):
    middle = int(np.flatnonzero(context == 2)[0])
    return set(context[1:middle].tolist()), set(context[middle + 1 :].tolist())


def test_batches_start_short_and_show_the_context_as_often_as_asked(train):
    drawn = list(batches(train, answer_tokens(train), 80, 16, (1, 2), np.random.default_rng(0)))
    assert len(drawn) == 80
    lengths = [batch.contexts.shape[1] for batch in drawn]
    assert set(lengths[:8]) <= {8, 16}
    assert set(lengths) == {8, 16, 14, 28}
    only_once = batches(train, answer_tokens(train), 20, 16, (1,), np.random.default_rng(0))
    assert {batch.contexts.shape[1] for batch in only_once} == {8, 14}


def test_every_example_has_one_token_in_both_sets_and_it_is_the_answer(train):
    seen = set()
    for batch in batches(train, answer_tokens(train), 40, 16, (1,), np.random.default_rng(0)):
        for context, answer in zip(batch.contexts, batch.answers, strict=True):
            first, second = split(context)
            assert first & second == {answer}
            assert len(first) + len(second) + 2 == len(context)
            assert min(first | second) >= 4
            assert max(first | second) < VOCABULARY
            seen.add(tuple(context.tolist()))
    # Sets of two and four tokens out of 24 may coincide; nearly none does, though 80 examples made 640.
    assert len(seen) > 620


def test_relabelling_is_a_permutation_of_the_content_alone(train):
    contexts = np.stack([c.tokens for c in train.contexts["long_first_once"][:40]]).astype(np.int64)
    fresh, answers = relabelled(contexts, answer_tokens(train)[:40], VOCABULARY, np.random.default_rng(3))
    np.testing.assert_array_equal(fresh == 2, contexts == 2)
    np.testing.assert_array_equal(fresh[:, 0], 1)
    assert ((fresh == answers[:, None]).sum(1) == 2).all()
    assert len({tuple(np.sort(row).tolist()) for row in fresh}) > 30


def test_members_are_those_of_the_other_set(train):
    contexts = np.stack([c.tokens for c in train.contexts["short_first_once"][40:]]).astype(np.int64)
    changed, members = overlapped(contexts, np.random.default_rng(0))
    np.testing.assert_array_equal(changed[:, :6], contexts[:, :6])
    for context, told in zip(changed, members, strict=True):
        first, second = split(context)
        truth = [token in first & second for token in context.tolist()]
        np.testing.assert_array_equal(told, truth)
    assert members[:, 6:].mean() == pytest.approx(0.56, abs=0.1)  # half is taken, and one token was common before


def test_membership_is_judged_only_behind_the_other_set(train):
    for batch in batches(train, answer_tokens(train), 20, 4, (1, 2), np.random.default_rng(1)):
        middle = int(np.flatnonzero(batch.contexts[0] == 2)[0])
        assert not batch.judged[: middle + 1].any()
        assert batch.judged[middle + 1 :].all()
        np.testing.assert_array_equal(batch.members.shape, batch.contexts.shape)

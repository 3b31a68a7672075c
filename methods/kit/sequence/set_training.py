"""Training on set disjointness: examples that are never seen twice, and a loss that teaches membership at every token.

With the loss of the answer alone (Arora et al., arXiv:2407.05483) a model of this size needs tens of thousands of steps
to find out that tokens of two sets are to be matched. Membership is what the answer presupposes and no hint to it: on
contexts of their own, in which about half of the second set's tokens are in the first, the first attention layer tells
of every token whether the other set, as far as it was read, holds it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from suite.data.types import RecallSet

SEPARATOR, FIRST_CONTENT = 2, 4
"""Token ids of the sets' construction (`tasks.data.set_disjointness`): what stands between sets, the first member."""
MEMBERSHIP_LAYERS = 2
"""A convolution and the attention behind it."""

Tokens = NDArray[np.int64]


class Batch(NamedTuple):
    """One batch of contexts of one length.

    Attributes:
        contexts: (n, length) token ids, the context once or several times.
        questions: (n, length) token ids.
        answers: (n,) token ids.
        overlapping: (n, length) contexts of the same form whose second set shares about half of its tokens.
        members: (n, length) whether a token of `overlapping` is in its context's other set.
        judged: (length,) whether the other set was read before a token.
    """

    contexts: Tokens
    questions: Tokens
    answers: Tokens
    overlapping: Tokens
    members: NDArray[np.bool_]
    judged: NDArray[np.bool_]


def batches(
    data: RecallSet, answers: Tokens, steps: int, size: int, times: tuple[int, ...], rng: np.random.Generator
) -> Iterator[Batch]:
    """Draw batches of one group and order each, shortest contexts first; all are in play after half of the steps.

    Args:
        data: examples with the context given once; each is relabelled by a permutation of the vocabulary and shuffled
            within its sets before it is seen, so that none is seen twice.
        answers: (n,) token ids of their answers.
        steps: number of batches.
        size: examples of a batch.
        times: how often a context is given, drawn anew for each batch.
        rng: source of randomness.
    """
    groups = np.array(data.groups)
    pools = []
    for contexts in data.contexts.values():
        for group in dict.fromkeys(data.groups):
            rows = np.flatnonzero(groups == group)
            tokens = np.stack([contexts[int(i)].tokens for i in rows]).astype(np.int64)
            questions = np.stack([data.questions[int(i)].tokens for i in rows]).astype(np.int64)
            pools.append((tokens, questions, answers[rows]))
    pools.sort(key=lambda pool: pool[0].shape[1])
    for step in range(steps):
        tokens, questions, truth = pools[rng.integers(math.ceil(len(pools) * min(1.0, 2 * (step + 1) / steps)))]
        chosen = rng.integers(len(tokens), size=size)
        fresh, renamed = relabelled(tokens[chosen], truth[chosen], data.vocabulary, rng)
        overlapping, members = overlapped(fresh, rng)
        repeats = int(rng.choice(times))
        read_before = int(np.flatnonzero(fresh[0] == SEPARATOR)[0])
        yield Batch(
            np.tile(fresh, repeats),
            questions[chosen],
            renamed,
            np.tile(overlapping, repeats),
            np.tile(members, repeats),
            np.arange(fresh.shape[1] * repeats) > read_before,
        )


def relabelled(contexts: Tokens, answers: Tokens, vocabulary: int, rng: np.random.Generator) -> tuple[Tokens, Tokens]:
    """(n, length) contexts and (n,) answers under a permutation of the content tokens each, shuffled within sets."""
    rows = np.arange(len(contexts))[:, None]
    content = rng.random((len(contexts), vocabulary - FIRST_CONTENT), np.float32).argsort(axis=1) + FIRST_CONTENT
    names = np.concatenate([np.broadcast_to(np.arange(FIRST_CONTENT), (len(contexts), FIRST_CONTENT)), content], axis=1)
    fresh = names[rows, contexts]
    for members in _sets(contexts):
        part = fresh[:, members]
        fresh[:, members] = part[rows, rng.random(part.shape, np.float32).argsort(axis=1)]
    return fresh, names[rows[:, 0], answers]


def overlapped(contexts: Tokens, rng: np.random.Generator) -> tuple[Tokens, NDArray[np.bool_]]:
    """(n, length) contexts with half of the second set's places taken by tokens of the first, and who is in both."""
    first, second = _sets(contexts)
    changed, rows = contexts.copy(), np.arange(len(contexts))[:, None]
    a, b = contexts[:, first], contexts[:, second]
    taken = a[rows, rng.integers(a.shape[1], size=b.shape)]
    changed[:, second] = b = np.where(rng.random(b.shape) < 0.5, taken, b)
    members = np.zeros(contexts.shape, bool)
    same = a[:, :, None] == b[:, None, :]
    members[:, first], members[:, second] = same.any(axis=2), same.any(axis=1)
    return changed, members


def _sets(contexts: Tokens) -> tuple[slice, slice]:
    """Where the two sets stand in [1, first, 2, second]; alike in all rows."""
    middle = int(np.flatnonzero(contexts[0] == SEPARATOR)[0])
    return slice(1, middle), slice(middle + 1, contexts.shape[1])

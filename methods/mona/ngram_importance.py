"""Importance weights of hashed n-grams (DSIR; Xie et al., arXiv:2302.03169), without its resampling noise.

A text is the counts of its words and pairs of words in 10,000 buckets. Two bags of buckets are estimated, that of the
target and that of the pool; a text weighs the mean over its words and pairs of log p_target − log p_pool. DSIR takes
their sum, since its texts are chunks of one length; sums would follow the length of the texts here, which differ
tenfold. Its target has thousands of texts, this one a few, so that its bag is smoothed towards the pool's. DSIR draws
the selection with Gumbel noise on the weights so that it keeps the target's variety; here, as for every other score,
the best are taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

BUCKETS = 10_000
WORD = re.compile(r"\w+|[^\w\s]")
SMOOTHING = 1000.0
"""Words and pairs of the pool that are added to those of the target (Dirichlet smoothing)."""


def hashed_ngrams(texts: Sequence[str]) -> csr_array:
    """(n, BUCKETS) float32 counts of words and neighbouring pairs, lower case, punctuation marks being words."""
    from scipy.sparse import csr_array

    rows, columns = [], []
    for row, text in enumerate(texts):
        words = WORD.findall(text.lower())
        grams = [*words, *map(" ".join, pairwise(words))]
        columns += [crc32(gram.encode()) % BUCKETS for gram in grams]
        rows += [row] * len(grams)
    counts = csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=(len(texts), BUCKETS))
    counts.sum_duplicates()
    return counts


def importance(pool: csr_array, target: csr_array) -> NDArray[np.float64]:
    """(n,) mean log importance of each row of the (n, BUCKETS) `pool`, for the (m, BUCKETS) `target`; 0 of no words."""
    in_pool, in_target = (np.asarray(counts.sum(axis=0), np.float64).ravel() for counts in (pool, target))
    share = (in_pool + 1) / (in_pool + 1).sum()
    smoothed = (in_target + SMOOTHING * share) / (in_target.sum() + SMOOTHING)
    lengths = np.asarray(pool.sum(axis=1), np.float64).ravel()
    return np.asarray(pool @ np.log(smoothed / share), np.float64) / np.maximum(lengths, 1)

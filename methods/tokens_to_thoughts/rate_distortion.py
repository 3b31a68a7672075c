"""Hard clustering as lossy coding: L = H(C) + β · distortion, and partitions that lower it greedily.

For a hard partition C of items X the rate I(X; C) equals the entropy H(C), in bits; the distortion is the mean squared
distance to the cluster's mean. This is the objective of entropy-constrained vector quantisation (Chou, Lookabaugh and
Gray, 1989), and the one of Shani et al. (arXiv:2505.17117).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

AGGLOMERATED = 512
"""Items that the bottom-up start looks at; all pairs of them are held."""
SWEEPS = 4
IMPROVES = 1e-9

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]


def objective(vectors: Floats, labels: Labels, beta: float) -> float:
    """L of a partition of (n, d) vectors."""
    counts = np.bincount(labels)
    rate = np.log2(len(labels)) - _n_log_n(counts).sum() / len(labels)
    return float(rate + beta * ((vectors - means(vectors, labels, len(counts))[labels]) ** 2).sum(axis=1).mean())


def means(vectors: Floats, labels: Labels, clusters: int) -> Floats:
    """(clusters, d) means; zeros for an empty cluster."""
    sums = np.zeros((clusters, vectors.shape[1]))
    np.add.at(sums, labels, vectors)
    return np.asarray(sums / np.maximum(np.bincount(labels, minlength=clusters), 1)[:, None])


def greedy_partition(vectors: Floats, clusters: int, beta: float, seed: int) -> Labels:
    """Lower L greedily: merge the two clusters that cost least until `clusters` are left, then move single items.

    The first step starts from items that are each a cluster (512 drawn where there are more; the others then join the
    cluster that costs least), the second goes on for at most four rounds. No cluster is emptied.

    Returns:
        (n,) cluster of each of (n, d) vectors, from 0.
    """
    generator = np.random.default_rng(seed)
    drawn = np.sort(generator.permutation(len(vectors))[: max(AGGLOMERATED, clusters)])
    inside = _agglomerated(vectors[drawn], clusters, beta)
    labels = cheapest(vectors, means(vectors[drawn], inside, clusters), prices(inside, clusters, beta))
    labels[drawn] = inside
    return _moved(vectors, labels, beta)


def prices(labels: Labels, clusters: int, beta: float) -> Floats:
    """(clusters,) bits that a number of each cluster costs, as the squared distance that is worth as much at β."""
    shares = np.bincount(labels, minlength=clusters) / len(labels)
    # An empty cluster costs a bit more than one of a single item.
    return np.asarray(-np.log2(np.maximum(shares, 1 / (2 * len(labels)))) / beta)


def cheapest(vectors: Any, centres: Any, prices: Any) -> Labels:
    """(n,) cluster of least squared distance plus price, for (n, d) vectors."""
    return np.asarray(((centres**2).sum(axis=1) - 2 * vectors @ centres.T + prices).argmin(axis=1), np.int64)


def _n_log_n(counts: Any) -> Any:
    return counts * np.log2(np.maximum(counts, 1))


def _agglomerated(vectors: Floats, clusters: int, beta: float) -> Labels:
    """Merge pairs, each time the one that raises n · L least."""
    n = len(vectors)
    centres, counts, labels = vectors.copy(), np.ones(n), np.arange(n)
    cost = np.full((n, n), np.inf)

    def price(a: int, others: Any) -> Any:
        farther = counts[a] * counts[others] / (counts[a] + counts[others])
        distance = ((centres[others] - centres[a]) ** 2).sum(axis=-1)
        saved = _n_log_n(counts[a] + counts[others]) - _n_log_n(counts[a]) - _n_log_n(counts[others])
        return beta * farther * distance - saved

    for a in range(n - 1):
        cost[a, a + 1 :] = price(a, np.arange(a + 1, n))
    alive = np.ones(n, bool)
    for _ in range(n - clusters):
        a, b = np.unravel_index(cost.argmin(), cost.shape)
        centres[a] = (counts[a] * centres[a] + counts[b] * centres[b]) / (counts[a] + counts[b])
        counts[a] += counts[b]
        labels[labels == b] = a
        alive[b] = False
        cost[b], cost[:, b] = np.inf, np.inf
        others = np.flatnonzero(alive)
        others = others[others != a]
        prices = price(int(a), others)
        cost[np.minimum(a, others), np.maximum(a, others)] = prices
    return np.asarray(np.unique(labels, return_inverse=True)[1], np.int64)


def _moved(vectors: Floats, labels: Labels, beta: float) -> Labels:
    """Move items one by one to where n · L falls most, keeping counts and means exact."""
    labels = labels.copy()
    counts = np.bincount(labels).astype(np.float64)
    centres = means(vectors, labels, len(counts))
    for _ in range(SWEEPS):
        moved = 0
        for row, vector in enumerate(vectors):
            old = labels[row]
            if counts[old] == 1:
                continue
            squares = ((centres - vector) ** 2).sum(axis=1)
            joins = beta * counts / (counts + 1) * squares - _n_log_n(counts + 1) + _n_log_n(counts)
            leaves = -beta * counts[old] / (counts[old] - 1) * squares[old]
            leaves += _n_log_n(counts[old]) - _n_log_n(counts[old] - 1)
            joins[old] = -leaves
            new = int(joins.argmin())
            if joins[new] + leaves < -IMPROVES:
                centres[old] += (centres[old] - vector) / (counts[old] - 1)
                centres[new] += (vector - centres[new]) / (counts[new] + 1)
                counts[old] -= 1
                counts[new] += 1
                labels[row] = new
                moved += 1
        if not moved:
            break
    return labels

"""A dictionary of atoms: its geometry under the metric of the data, its stability, the truth it found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-4
"""Share of the mean variance that is added to every direction before inverting."""
QUANTILES = 1000

Vectors = NDArray[np.float64]


def metric(vectors: NDArray[np.float32]) -> Vectors:
    """(d, d) S = (E[m mᵀ])⁻¹ of (n, d) vectors, uncentred, with a ridge: the inner product that whitens them."""
    moment = vectors.astype(np.float64).T @ vectors / len(vectors)
    return np.asarray(np.linalg.inv(moment + RIDGE * np.trace(moment) / len(moment) * np.eye(len(moment))))


def cosines(atoms: Vectors, others: Vectors, metric: Vectors | None = None) -> Vectors:
    """(m, k) cosines of (m, d) and (k, d) vectors, Euclidean or under `metric`; 0 for a vector of zeros."""
    through = others if metric is None else others @ metric
    lengths = [np.sqrt(np.einsum("md,md->m", a, a if metric is None else a @ metric)) for a in (atoms, others)]
    return np.asarray(atoms @ through.T / np.maximum(np.outer(*lengths), 1e-12))


def between(atoms: Vectors, metric: Vectors | None = None) -> Vectors:
    """(pairs,) cosines of all pairs of different atoms."""
    return np.asarray(cosines(atoms, atoms, metric)[np.triu_indices(len(atoms), 1)])


def deviation_from_orthogonal(pairs: Vectors) -> float:
    """Degrees by which the mean angle of pairs with these cosines differs from 90."""
    return float(abs(np.degrees(np.arccos(np.clip(pairs, -1, 1))).mean() - 90))


def stability(pairs: Vectors, active: NDArray[np.int64]) -> float:
    """q* = sup{q : μ_q < 1 / (2 K_q − 1)}, over quantiles μ_q of coherence and K_q of the number of active atoms.

    Args:
        pairs: cosines of pairs of atoms under the metric.
        active: active atoms of each vector; of vectors that nothing was fitted on.

    Returns:
        The largest share for which a code of K_q atoms is unique (Donoho and Elad, 2003); 0 if there is none.
    """
    shares = np.arange(QUANTILES + 1) / QUANTILES
    coherence = np.quantile(np.abs(pairs), shares)
    counts = np.maximum(np.quantile(active, shares, method="higher"), 1)
    unique = coherence < 1 / (2 * counts - 1)
    return float(shares[unique].max(initial=0.0))


def recovery(truth: Vectors, atoms: Vectors, metric: Vectors) -> Vectors:
    """(true atoms,) best cosine that any of `atoms` has with each true one, under the metric."""
    return np.asarray(cosines(truth, atoms, metric).max(axis=1))


def exact_supports(active: NDArray[np.bool_], support: NDArray[np.int64], likeness: Vectors) -> NDArray[np.bool_]:
    """Whether the atoms in a code are those that its vector is made of, each once.

    Args:
        active: (n, atoms) which atoms a code has.
        support: (n, k) true atoms of each vector, ascending.
        likeness: (true atoms, atoms) cosines; an atom is taken for the true one that it is most like.

    Returns:
        (n,) whether the two sets are the same.
    """
    taken_for = likeness.argmax(axis=0)
    exact = np.zeros(len(active), np.bool_)
    for row in np.flatnonzero(active.sum(axis=1) == support.shape[1]):
        exact[row] = np.array_equal(np.sort(taken_for[active[row]]), support[row])
    return exact


def refitted(vectors: Vectors, active: NDArray[np.bool_], atoms: Vectors) -> Vectors:
    """(n, d) least-squares fits of (n, d) vectors by the atoms that each code has, whatever their coefficients were."""
    fits = np.zeros_like(vectors)
    for row in np.flatnonzero(active.any(axis=1)):
        chosen = atoms[active[row]].T
        fits[row] = chosen @ np.linalg.lstsq(chosen, vectors[row])[0]
    return fits

"""What classifies a frozen representation: a linear probe, and a vote of nearest neighbours."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.representations import Hits

Labels = NDArray[np.int64]

INVERSE_PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
SELECTION_ITEMS = 10_000
HELD_OUT = 0.2
ITERATIONS = 100


class LinearProbe:
    """Multinomial logistic regression (scikit-learn, L-BFGS, L2) on standardised features.

    The inverse penalty C is the one of `INVERSE_PENALTIES` that classifies best a held-out fifth of the training
    items (of at most `SELECTION_ITEMS`, drawn with a fixed seed; ties go to the stronger penalty); the probe is then
    fitted on all of them. L-BFGS runs `ITERATIONS` steps at most. Nothing of the test set is seen. The protocol is
    that of linear probes on frozen features (Radford et al., arXiv:2103.00020, appendix A.3) with a smaller sweep.

    Args:
        features: (n, d) dense array or CSR matrix of the training items.
        labels: (n,) integer classes.
    """

    def __init__(self, features: Any, labels: Labels) -> None:
        """Fit the scaler, choose C, and fit the classifier."""
        from sklearn.preprocessing import StandardScaler

        # Centring would fill a sparse matrix.
        self._scaler = StandardScaler(with_mean=not _is_sparse(features)).fit(features)
        scaled = self._scaler.transform(features)
        self.inverse_penalty = _choose_inverse_penalty(scaled, labels)
        self._classifier = _fit(scaled, labels, self.inverse_penalty)

    def predict(self, features: Any) -> Labels:
        """(n,) classes of the rows of `features`."""
        return np.asarray(self._classifier.predict(self._scaler.transform(features)))


def _is_sparse(features: Any) -> bool:
    from scipy.sparse import issparse

    return bool(issparse(features))


def _choose_inverse_penalty(features: Any, labels: Labels) -> float:
    chosen = np.random.default_rng(0).permutation(len(labels))[:SELECTION_ITEMS]
    cut = max(1, int(len(chosen) * HELD_OUT))
    held, kept = chosen[:cut], chosen[cut:]
    if len(np.unique(labels[kept])) < 2:
        return INVERSE_PENALTIES[0]
    accuracies = [
        np.mean(_fit(features[kept], labels[kept], c).predict(features[held]) == labels[held])
        for c in INVERSE_PENALTIES
    ]
    return INVERSE_PENALTIES[int(np.argmax(accuracies))]


def _fit(features: Any, labels: Labels, inverse_penalty: float) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=inverse_penalty, max_iter=ITERATIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return classifier.fit(features, labels)


def neighbour_vote(hits: Hits, labels: Labels, classes: int) -> Labels:
    """Class of every query by a vote of its nearest neighbours, weighted by similarity.

    The last column is not a voter but the scale: neighbour i weighs (sᵢ − s_last) / (s₁ − s_last), and all weigh 1
    where these are equal (the linear weights of Dudani, 1976). Weights so made do not depend on the similarity's
    unit or origin: cosine, dot product, negative distance and Hamming count alike.

    Args:
        hits: k + 1 neighbours of each query, best first; −1 pads.
        labels: (n,) classes of the indexed items.
        classes: number of classes.

    Returns:
        (queries,) classes; a tie goes to the lower class.
    """
    found = hits.indices >= 0
    scores = hits.scores.astype(np.float64)
    lowest = np.where(found, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    voters = found.copy()
    voters[:, max(1, found.shape[1] - 1) :] = False
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = scores[:, :1] - lowest
        weights = np.where(spread > 0, (scores - lowest) / spread, 1.0)
    votes = np.zeros((len(scores), classes))
    rows, columns = np.nonzero(voters)
    np.add.at(votes, (rows, labels[hits.indices[rows, columns]]), weights[rows, columns])
    return np.asarray(votes.argmax(axis=1))

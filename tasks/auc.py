"""The area under the ROC curve as a mean of per-item terms, so that it is resampled and paired like any mean.

The terms are those of DeLong, DeLong and Clarke-Pearson (1988): an item's term is the AUC plus, scaled, how far its own
placement among the items of the other kind is from it. Their mean is the AUC, and their variance over n is DeLong's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.floating[Any]]


def auc_terms(scores: Numbers, positive: NDArray[np.bool_]) -> Floats:
    """(n,) terms whose mean is the probability that a positive item scores above a negative one, ties counting half.

    Without items of both kinds there is nothing to tell apart: all terms are 1/2.

    Args:
        scores: (n,) higher for what is held to be positive.
        positive: (n,) bool.
    """
    if positive.all() or not positive.any():
        return np.full(len(scores), 0.5)
    above = np.sign(np.asarray(scores, np.float64)[positive][:, None] - scores[~positive][None, :]) / 2 + 0.5
    return contrast_terms(above.mean(axis=1), above.mean(axis=0), positive, float(above.mean()))


def difference_terms(values: Numbers, positive: NDArray[np.bool_]) -> Floats:
    """(n,) terms whose mean is the mean value of positive items less that of negative ones; 0 without both kinds."""
    if positive.all() or not positive.any():
        return np.zeros(len(values))
    right, wrong = (np.asarray(values, np.float64)[rows] for rows in (positive, ~positive))
    terms = contrast_terms(right - right.mean(), wrong.mean() - wrong, positive, 0.0)
    return np.asarray(terms + (right.mean() - wrong.mean()))


def contrast_terms(ofpositive: Floats, ofnegative: Floats, positive: NDArray[np.bool_], mean: float) -> Floats:
    """(n,) terms of mean `mean` that vary as two independent samples of that mean do."""
    terms = np.empty(len(positive))
    for rows, values in ((positive, ofpositive), (~positive, ofnegative)):
        terms[rows] = mean + len(terms) / rows.sum() * (values - mean)
    return terms


def rate_at(scores: Numbers, positive: NDArray[np.bool_], false_positives: float) -> float:
    """True-positive rate at the highest threshold that flags no more than a share of the negative items.

    Args:
        scores: (n,) higher for what is held to be positive.
        positive: (n,) bool; both kinds are there.
        false_positives: share of the negative items that may be flagged.
    """
    negative = np.sort(scores[~positive])[::-1]
    allowed = int(false_positives * len(negative))
    return float((scores[positive] > negative[allowed]).mean())

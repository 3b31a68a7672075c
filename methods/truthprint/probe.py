"""A linear probe on hidden values that says how likely the next thing named is false, and its transfer elsewhere.

The probe is a logistic regression on standardised values of one layer, the layer chosen on validation items. The
transfer is subspace alignment: principal axes of the source (labelled) and of the target (unlabelled) are each taken
about their own mean, and source values go along B_s (B_sᵀ B_t), target values along B_t, before a probe is trained.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

PENALTY = 0.01
"""Inverse strength of the probe's ridge: there are more dimensions than items."""
AXES = 24
FALSE_ALARMS = 0.1

Arrays = Mapping[str, np.ndarray]


def fit_probe(values: np.ndarray, false: np.ndarray) -> dict[str, np.ndarray]:
    """Train a probe.

    Args:
        values: (n, d) hidden values of one layer.
        false: (n,) bool, both kinds present.

    Returns:
        mean and scale, (d,), and coefficients, (d + 1,) with the intercept last.
    """
    from sklearn.linear_model import LogisticRegression

    values = np.asarray(values, np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0) + 1e-6
    model = LogisticRegression(C=PENALTY, max_iter=1000).fit((values - mean) / scale, false)
    return {"mean": mean, "scale": scale, "coefficients": np.append(model.coef_[0], model.intercept_)}


def suspect(probe: Arrays, values: np.ndarray) -> np.ndarray:
    """(n,) log-odds of being false."""
    standard = (np.asarray(values, np.float64) - probe["mean"]) / probe["scale"]
    return np.asarray(standard @ probe["coefficients"][:-1] + probe["coefficients"][-1])


def best_layer(train: np.ndarray, false: np.ndarray, held_out: np.ndarray, held_out_false: np.ndarray) -> int:
    """The layer whose probe has the highest AUC on held-out items.

    Args:
        train: (n, layers, d) values to train on.
        false: (n,) their labels.
        held_out: (m, layers, d) values to choose on.
        held_out_false: (m,) their labels.
    """
    from sklearn.metrics import roc_auc_score

    scores = [
        roc_auc_score(held_out_false, suspect(fit_probe(train[:, layer], false), held_out[:, layer]))
        for layer in range(train.shape[1])
    ]
    return int(np.argmax(scores))


def threshold(suspicion: np.ndarray, false: np.ndarray) -> float:
    """Suspicion that a tenth of the right items exceeds."""
    return float(np.quantile(suspicion[~false], 1 - FALSE_ALARMS))


def principal_axes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(d,) mean and (d, AXES) leading principal axes of (n, d) values."""
    values = np.asarray(values, np.float64)
    mean = values.mean(axis=0)
    axes = np.linalg.svd(values - mean, full_matrices=False)[2]
    return mean, axes[:AXES].T


def align(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Source values as they are in the target's axes.

    Args:
        source: (n, d) values.
        target: (m, d) values.

    Returns:
        (n, AXES) aligned source values; and the target's mean, (d,), and axes, (d, AXES), that its own values go along.
    """
    source_mean, source_axes = principal_axes(source)
    target_mean, target_axes = principal_axes(target)
    return (source - source_mean) @ source_axes @ (source_axes.T @ target_axes), target_mean, target_axes

"""all-MiniLM-L6-v2 along its principal components."""

from __future__ import annotations

from typing import Any

from methods.kit.pca import fit_components, keep, project
from methods.kit.text.minilm import SENTENCE_BERT, OnMiniLM
from suite.method import FitData, Role, Tensors
from suite.representations import Dense


class MiniLMPca(OnMiniLM):
    """MiniLM's unit vectors on the first `dim` principal components of the fit data, not whitened.

    One fit serves all variants. The mean is taken off, so that cosine is that of centred vectors. Fewer fit texts than
    `dim` give as many components as there are texts.
    """

    name = "minilm-pca"
    summary = (
        "MiniLM's vectors projected on the directions in which the fit texts differ most. "
        "The linear projection of least squared error."
    )
    paper = SENTENCE_BERT
    tags = ("dense", "pretrained", "baseline", "linear")
    grid = {"dim": (256, 128, 64, 32, 16)}
    quick = ()
    fit_params = ()
    requires = (*OnMiniLM.requires, "sklearn")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Mean and components, largest variance first."""
        return fit_components(self.unit_vectors(data.items), max(self.grid["dim"]), seed)

    def narrow(self, fitted: Tensors) -> Tensors:
        """Keep the first `dim` components."""
        return keep(fitted, self.dim)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32, compared by cosine."""
        return Dense(project(self.unit_vectors(items), self.fitted))

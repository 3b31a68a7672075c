"""Matryoshka-Adaptor (arXiv:2407.20243), without supervision: a linear head over vectors that are there already.

The head maps d dimensions to d so that every prefix of its output keeps the similarities of the whole vectors: between
all pairs of a batch, and, weighed by themselves, between each vector and its nearest ones in the batch (section 3.2).
It starts as the rotation to the principal components, which is the best linear head for prefixes in the sense of least
squares, so that whatever it gains is gained over PCA. Left out: the paper's supervised stage, which needs queries, and
its non-linear heads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.training import Descent, array, descend, placed
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch

BATCH, RATE, NEAREST, WARM_UP = 192, 1e-4, 10, 0.1
PREFIXES = (16, 32, 64, 128, 256)


class MatryoshkaAdaptor(Compressor):
    """The first `dim` numbers of a linear head that was trained so that every prefix keeps similarities."""

    name = "matryoshka-adaptor"
    summary = (
        "A linear head, started from principal components and trained without labels so that every prefix of its "
        "output keeps the similarities of whole vectors; the first dimensions are kept."
    )
    paper = Paper("Matryoshka-Adaptor: Unsupervised and Supervised Tuning for Smaller Embedding Dimensions", 2024,
                  "2407.20243")  # fmt: skip
    tags = ("dense", "linear", "trained")
    grid = {"dim": (128, 64, 32, 16)}
    usual = {"dim": (64,)}
    seeded = True
    requires = ("torch",)

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Mean, and the (dim, d) head."""
        mean = vectors.mean(axis=0)
        steps = self.effort.pick(quick=100, standard=500)
        head = trained_head(np.ascontiguousarray(vectors - mean), steps, seed)
        return {"mean": mean, "head": np.ascontiguousarray(head[: self.dim])}

    def encode(self, vectors: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        return self.dense(np.asarray((vectors - self.fitted["mean"]) @ self.fitted["head"].T, np.float32))


def trained_head(vectors: np.ndarray, steps: int, seed: int) -> np.ndarray:
    """(d, d) head whose prefixes keep the cosines of (n, d) centred vectors, after `steps` batches."""
    import torch
    from torch.nn.functional import normalize

    covariance = vectors.T.astype(np.float64) @ vectors / len(vectors)
    components = np.linalg.eigh(covariance)[1][:, ::-1].T.astype(np.float32)
    head = placed(torch.tensor(components.copy())).requires_grad_()
    rise = max(1, int(WARM_UP * steps))
    generator = torch.Generator().manual_seed(seed)
    data = torch.from_numpy(np.asarray(vectors, np.float32))
    prefixes = [dim for dim in PREFIXES if dim < len(head)] or [len(head)]

    def loss(step: int) -> torch.Tensor:
        batch = placed(data[torch.randint(len(data), (min(BATCH, len(data)),), generator=generator)])
        whole = normalize(batch, dim=1)
        target = whole @ whole.T
        nearest = torch.topk(target, min(NEAREST + 1, len(batch)), dim=1).indices
        adapted = batch @ head.T
        total = head.new_zeros(())
        for dim in prefixes:
            part = normalize(adapted[:, :dim], dim=1)
            missed = (part @ part.T - target).abs()
            total = total + missed.mean() + missed.gather(1, nearest).mean()
        return total

    def factor(step: int, steps: int) -> float:
        return min((step + 1) / rise, (steps - step) / max(1, steps - rise))

    descend([head], loss, Descent(steps, RATE, "adam", schedule=factor))
    return array(head)

"""Sparse codes: a vector as a few of many learnt atoms, by an autoencoder whose code is top-k or thresholded.

Codes are compared by their own inner products, as learned sparse vectors are, and stored as pairs of a 16-bit index and
a float16 coefficient. The autoencoders are those of two systems of this suite, here on any encoder's vectors.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.threshold_autoencoder import Training as ThresholdTraining
from methods.kit.threshold_autoencoder import activate, train_autoencoder
from methods.kit.topk_autoencoder import Training, codes, train_topk
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Sparse

EXPANSION = 4
"""Atoms a dimension."""


class TopKCodes(Compressor):
    """The `active` largest of 4 d latents of a TopK autoencoder, trained on the fit vectors."""

    name = "topk-codes"
    summary = "A few atoms of a learnt dictionary and their coefficients: the largest latents of a TopK autoencoder."
    paper = Paper("Beyond Matryoshka: Revisiting Sparse Coding for Adaptive Representation", 2025, "2503.01776")
    tags = ("sparse", "trained")
    grid = {"active": (32, 16)}
    usual = {"active": (32,)}
    seeded = True
    requires = ("torch", "scipy")

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Encoder, decoder and bias."""
        steps = self.effort.pick(quick=150, standard=1000)
        training = Training(EXPANSION * vectors.shape[1], min(self.active, vectors.shape[1]), steps, batch=256)
        trained = train_topk(np.asarray(vectors, np.float16), training, seed)
        # What a code is compared by needs the encoder and the bias alone.
        return {"encoder": trained["encoder"], "bias": trained["bias"]}

    def encode(self, vectors: Any, role: Role) -> Sparse:
        """(n, 4 d) with at most `active` coefficients a row."""
        from scipy.sparse import csr_array, vstack

        rows = [csr_array(block) for _, block in codes(np.asarray(vectors), self.fitted, self.active)]
        return Sparse(vstack(rows), value_dtype="float16")


class ThresholdCodes(Compressor):
    """Latents of a threshold (JumpReLU) autoencoder under the metric that whitens the fit vectors."""

    name = "threshold-codes"
    summary = "The atoms of a learnt dictionary whose activation passes a learnt threshold, with their coefficients."
    paper = Paper("Towards Atoms of Large Language Models", 2025, "2509.20784")
    tags = ("sparse", "trained")
    grid = {"active": (24,)}
    seeded = True
    requires = ("torch", "scipy")

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """Encoder and thresholds."""
        steps = self.effort.pick(quick=200, standard=1000)
        training = ThresholdTraining(EXPANSION * vectors.shape[1], self.active, steps, batch=256, rate=1e-3)
        trained = train_autoencoder(np.asarray(vectors, np.float32), "jump", training, seed)
        return {"encoder": trained["encoder"], "threshold": trained["threshold"]}

    def encode(self, vectors: Any, role: Role) -> Sparse:
        """(n, 4 d) with `active` coefficients a row on the mean."""
        from scipy.sparse import csr_array

        pre = np.asarray(vectors) @ self.fitted["encoder"].T
        return Sparse(csr_array(activate(pre, self.fitted["threshold"], "jump")), value_dtype="float16")

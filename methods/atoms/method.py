"""Atoms: a metric that whitens activations, and a threshold autoencoder that finds a unique dictionary under it.

The paper models activations as m = D δ with few active atoms, |δ|₀ ≤ K, that are nearly orthogonal under the metric
⟨u, v⟩_S = uᵀ S v, S = (E[m mᵀ])⁻¹: |⟨d_i, d_j⟩_S| ≤ ε. Sparse codes are unique where the coherence is below
1 / (2K − 1). An autoencoder with one layer and a threshold, y = W_dec σ_τ(W_enc m), σ_τ(x) = x · 1[x ≥ τ], then has the
closed form W_dec = D, W_enc = Dᵀ S, valid where δ_min > ε (2K − 1) δ_max. The threshold unit is the one known as
JumpReLU.

Here: the autoencoder is trained with learnt thresholds on planted vectors (64 dimensions, 256 atoms, three active, as
they are made) and on token vectors of MiniLM (384 dimensions, 1,536 atoms, 24 active): four atoms a dimension.
Even where all atoms of a vector are found, the encoder's coefficients carry the atoms' overlap: with K atoms of
coherence ε, E = Dᵀ S leaves about (K − 1) ε² of the power, 2 % here. Coefficients are therefore also refitted on what
was found. The closed form gets the planted atoms and the one threshold that is best on the fit vectors.
Left out: the paper's large models, and its comparison with published dictionaries of features.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.threshold_autoencoder import Training, Unit, activate, second_moment, train_autoencoder
from suite.method import FitData, Method, Modality, Paper, Pool, Role, Tensors
from suite.representations import Dense, Representation, Sparse

if TYPE_CHECKING:
    from suite.task import Task

EXPANSION = 4
"""Atoms a dimension."""
ACTIVE = {"small": 3, "large": 24}
"""Active atoms that an autoencoder is trained towards, for vectors of at most 128 dimensions and for larger ones."""
THRESHOLDS = 100
CLOSED_FORM_SAMPLE = 1000
EXACT = 1e-4
"""Relative residual at which matching pursuit stops."""
TOLD = ("closed-form", "omp")
"""Arms that are given the planted dictionary."""

PAPER = Paper("Towards Atoms of Large Language Models", 2025, "2509.20784")


class Atoms(Method):
    """Sparse codes of vectors over a dictionary; the arms differ in the dictionary and in how codes are found.

    ``tsae``: the threshold autoencoder, trained. ``relu-l1``: the same with max(x − τ, 0) and a penalty on the sum of
    activations. ``closed-form``: W_dec = D, W_enc = Dᵀ S with the planted D, atoms of length 1 under S. ``omp``:
    orthogonal matching pursuit over the planted D, to the exact code. ``neurons``: the coordinates themselves.
    """

    name = "atoms"
    summary = (
        "Codes an activation by the few atoms of a dictionary whose encoder output passes a threshold (JumpReLU), "
        "trained under the metric that whitens the activations. Claims a unique, stable dictionary."
    )
    modality = Modality.VECTORS
    readouts = ("reconstruct",)
    paper = PAPER
    tags = ("sparse", "trained", "dictionary")
    grid = {"arm": ("tsae", "relu-l1", "closed-form", "omp", "neurons")}
    controls = {"arm": ("relu-l1", "closed-form", "omp", "neurons")}
    quick = ()
    seeded = True
    trains_on = ("planted-dictionary",)
    requires = ("torch", "scipy", "sklearn")

    def skip(self, task: Task[Any]) -> str | None:
        """Two arms need a dictionary that was planted."""
        planted = any(name.startswith("planted") for name in task.datasets())
        return None if planted or self.arm not in TOLD else "the true dictionary is not known"

    def train(self, pool: Pool, seed: int) -> Tensors:
        """The planted atoms, for the arms that are told them."""
        return {"atoms": pool.load("planted-dictionary").atoms} if self.arm in TOLD else {}

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Encoder, thresholds and decoder; nothing for matching pursuit and neurons."""
        vectors = np.asarray(data.items, np.float32)
        if self.arm == "closed-form":
            return closed_form(self.weights["atoms"], vectors)
        if self.arm not in ("tsae", "relu-l1"):
            return {}
        large = vectors.shape[1] > 128
        training = Training(
            latents=EXPANSION * vectors.shape[1],
            active=ACTIVE["large" if large else "small"],
            steps=self.effort.pick(quick=500, standard=1000 if large else 4000),
            batch=256 if large else 512,
            rate=1e-3 if large else 3e-3,
            half=large,
        )
        return train_autoencoder(vectors, self._unit, training, seed)

    @property
    def _unit(self) -> Unit:
        return "relu" if self.arm == "relu-l1" else "jump"

    def encode(self, items: Any, role: Role) -> Representation:
        """(n, atoms) sparse coefficients in float16; ``neurons`` (n, d) float32."""
        from scipy.sparse import csr_array

        vectors = np.asarray(items, np.float32)
        if self.arm == "neurons":
            return Dense(vectors)
        if self.arm == "omp":
            codes = _matching_pursuit(self.weights["atoms"], vectors)
        else:
            pre = vectors @ self.fitted["encoder"].T
            codes = activate(pre, self.fitted["threshold"], self._unit)
        return Sparse(csr_array(codes), value_dtype="float16")

    def decode(self, streams: Representation) -> NDArray[np.float32]:
        """(n, d) sums of atoms."""
        if isinstance(streams, Dense):
            return streams.floats()
        return np.asarray(streams.features() @ self._decoder, np.float32)

    @property
    def _decoder(self) -> NDArray[np.float32]:
        return np.asarray(self.weights["atoms"] if self.arm == "omp" else self.fitted["decoder"])

    def dictionary(self, width: int) -> NDArray[np.float32]:
        """(atoms, width) what the coefficients multiply; the axes for neurons."""
        return np.eye(width, dtype=np.float32) if self.arm == "neurons" else self._decoder


def closed_form(atoms: NDArray[np.float32], vectors: NDArray[np.float32]) -> Tensors:
    """W_enc = Dᵀ S and W_dec = D for (atoms, d) D of length 1 under S, with the one threshold best for the vectors."""
    metric = np.linalg.inv(second_moment(vectors))
    lengths = np.sqrt(np.einsum("md,md->m", atoms @ metric, atoms))
    decoder = atoms / lengths[:, None]
    encoder = decoder @ metric
    sample = vectors[:CLOSED_FORM_SAMPLE]
    pre = sample @ encoder.T
    errors = {}
    for threshold in np.linspace(0, pre.max(), THRESHOLDS, endpoint=False)[1:]:
        errors[threshold] = ((sample - (pre * (pre >= threshold)) @ decoder) ** 2).sum()
    return {
        "encoder": np.asarray(encoder, np.float32),
        "threshold": np.full(len(atoms), min(errors, key=errors.__getitem__), np.float32),
        "decoder": np.asarray(decoder, np.float32),
    }


def _matching_pursuit(atoms: NDArray[np.float32], vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """(n, atoms) codes by orthogonal matching pursuit, to a residual of `EXACT`."""
    from sklearn.linear_model import orthogonal_mp

    lengths = np.linalg.norm(vectors, axis=1)
    lengths[lengths == 0] = 1
    unit = np.linalg.norm(atoms, axis=1)
    codes = orthogonal_mp((atoms / unit[:, None]).T.astype(np.float64), (vectors / lengths[:, None]).T, tol=EXACT**2)
    return np.asarray(codes.reshape(len(atoms), len(vectors)).T * lengths[:, None] / unit)

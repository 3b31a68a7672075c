"""Every compressor against its definition: bytes, error, unbiasedness, and faiss or scikit-learn where they have it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from methods.compressors.binary import BinarySigns, Itq, Lsh
from methods.compressors.codebooks import Opq, Pq
from methods.compressors.linear import Pca, PcaWhitened, RandomProjection, Truncated
from methods.compressors.matryoshka_adaptor import MatryoshkaAdaptor
from methods.compressors.optimised_scalar import OptimisedScalar
from methods.compressors.rabitq import RaBitQ
from methods.compressors.rescored import Rescored
from methods.compressors.scalar import Int4, Int8, TwoBit
from methods.compressors.turboquant import TurboQuant, lloyd_max
from methods.kit.rotations import random_rotation
from suite.compressing import Compressor
from suite.discovery import scan
from suite.errors import ContractError
from suite.method import Role
from suite.representations import Dense
from tests.methods.compressors.fitting import DIM, decoded, fitted, unit

ALL = [
    (found.cls, variant)
    for found in scan().compressors.values()
    if found.cls.reads == "dense"
    for variant in found.cls.variants()
]
SMALL = {"rq": {"m": 4}, "lsq": {"m": 4}, "pq": {"m": 12}, "opq": {"m": 12}, "lsh": {"bits": 40}, "itq": {"bits": 24}}


def small(cls: type[Compressor], variant: dict[str, Any]) -> dict[str, Any]:
    """The variant, at a size that a test can fit."""
    if "dim" in variant:
        return variant | {"dim": min(variant["dim"], 24)}
    return variant | SMALL.get(cls.name, {})


@pytest.mark.parametrize("similarity", ["cosine", "euclidean", "dot"])
@pytest.mark.parametrize(("cls", "variant"), ALL, ids=[f"{c.name}-{'-'.join(map(str, v.values()))}" for c, v in ALL])
def test_every_compressor_stores_what_it_searches(
    cls: type[Compressor], variant: dict[str, Any], similarity: Any, tmp_path: Path
) -> None:
    """Rows, finite numbers, fewer bytes; the same hits after it was stored; the same rows alone as in company."""
    vectors = unit(320) * (1 if similarity == "cosine" else 3)
    documents, queries = vectors[:300], vectors[300:]
    method = fitted(cls, documents, similarity=similarity, **small(cls, variant))
    made, asked = method.encode(documents, Role.DOCUMENT), method.encode(queries, Role.QUERY)
    assert len(made) == 300
    assert made.is_finite()
    assert made.nbytes < documents.nbytes
    hits = made.search(asked, 10)
    assert hits.indices.shape == (20, 10)
    assert np.isfinite(hits.scores).all()
    made.save(tmp_path / "made")
    again = type(made).load(tmp_path / "made")
    np.testing.assert_array_equal(again.search(asked, 10).indices, hits.indices)
    few = method.encode(documents[:3], Role.DOCUMENT)
    for name, array in few.arrays().items():
        np.testing.assert_allclose(
            array.astype(np.float64), made[:3].arrays()[name].astype(np.float64), atol=2e-2, err_msg=name
        )
    exact = Dense(documents, similarity).search(Dense(queries, similarity), 10).indices
    overlap = np.mean([len(set(a) & set(b)) for a, b in zip(hits.indices, exact, strict=True)]) / 10
    # Ten of 300 at random overlap by 3 %.
    assert overlap > 0.15, overlap


@pytest.mark.parametrize(
    ("cls", "params", "expected"),
    [
        (Int8, {}, DIM),
        (Int4, {"clip": 0.005}, DIM / 2),
        (TwoBit, {"ranges": "equal"}, DIM / 4),
        (Truncated, {"dim": 5}, 20),
        (Pca, {"dim": 7}, 28),
        (BinarySigns, {"threshold": "mean", "query": "bits"}, DIM / 8),
        (Lsh, {"bits": 20}, 3),
        (Itq, {"bits": 16}, 2),
        (Pq, {"m": 6}, 6),
        (Opq, {"m": 6}, 6),
        (RaBitQ, {"bits": 1}, DIM / 8 + 4),
        (RaBitQ, {"bits": 3}, DIM * 3 / 8 + 4),
        (TurboQuant, {"bits": 2, "estimate": "mse"}, DIM / 4),
        (TurboQuant, {"bits": 2, "estimate": "product"}, DIM / 4 + 2),
        (OptimisedScalar, {"bits": 1}, DIM / 8 + 12),
        (Rescored, {"first": "binary", "then": "int8", "multiple": 4}, DIM / 8 + DIM),
    ],
)
def test_bytes_are_those_of_the_definition(cls: type[Compressor], params: dict[str, Any], expected: float) -> None:
    vectors = unit(300)
    assert fitted(cls, vectors, **params).encode(vectors, Role.DOCUMENT).nbytes == expected * 300


@pytest.mark.parametrize("cls", [RaBitQ, OptimisedScalar])
def test_error_falls_with_bits(cls: type[Compressor]) -> None:
    vectors = unit(200)
    errors = [
        np.square(decoded(fitted(cls, vectors, bits=bits), vectors) - vectors).sum(1).mean() for bits in range(1, 9)
    ]
    assert all(after < before for before, after in pairwise(errors)), errors
    assert errors[-1] < 1e-3


def _estimates(cls: type[Compressor], vectors: np.ndarray, queries: np.ndarray, rotations: int, **params: Any) -> Any:
    """(rotations, n, q) estimated inner products."""
    return np.stack(
        [decoded(fitted(cls, vectors, seed=seed, **params), vectors) @ queries.T for seed in range(rotations)]
    )


@pytest.mark.parametrize(
    ("cls", "params"),
    [
        (RaBitQ, {"bits": 1}),
        (RaBitQ, {"bits": 3}),
        (TurboQuant, {"bits": 1, "estimate": "product"}),
        (TurboQuant, {"bits": 3, "estimate": "product"}),
    ],
)
def test_estimated_inner_products_are_unbiased(cls: type[Compressor], params: dict[str, Any]) -> None:
    """Means over 200 rotations lie within 5 standard errors of the truth; with a bias of 5 % they would not."""
    vectors, queries = unit(6), unit(5, seed=8)
    estimates = _estimates(cls, vectors, queries, 200, **params)
    truth = vectors @ queries.T
    errors = estimates.std(axis=0) / np.sqrt(len(estimates))
    assert (np.abs(estimates.mean(axis=0) - truth) < 5 * errors + 1e-4).all()


def test_turboquant_without_its_sketch_is_biased() -> None:
    vectors = unit(6)
    estimates = _estimates(TurboQuant, vectors, vectors, 40, bits=1, estimate="mse")
    # Lloyd and Max's 1-bit quantiser shrinks a vector to 2/π of its length in expectation.
    assert np.diagonal(estimates.mean(axis=0)).mean() == pytest.approx(2 / np.pi, abs=0.03)


@pytest.mark.parametrize(("bits", "error"), [(1, 0.3634), (2, 0.1175), (3, 0.03454), (4, 0.009497)])
def test_levels_of_a_random_direction_are_those_of_lloyd_and_max(bits: int, error: float) -> None:
    """Distortions of a standard normal (Max, 1960, table I); coordinates of many dimensions are nearly so."""
    levels = lloyd_max(4096, bits).astype(np.float64) * 64
    x = np.linspace(-6, 6, 200001)
    density = np.exp(-(x**2) / 2)
    nearest = levels[np.searchsorted((levels[1:] + levels[:-1]) / 2, x)]
    assert (density * (x - nearest) ** 2).sum() / density.sum() == pytest.approx(error, rel=0.02)


def test_rotations_are_orthogonal() -> None:
    for rotation in (random_rotation(DIM, 3), fitted(Opq, unit(300), m=6).fitted["rotation"]):
        np.testing.assert_allclose(rotation @ rotation.T, np.eye(DIM), atol=1e-4)


def test_itq_rotates_principal_components() -> None:
    """Its directions are orthonormal, span the leading components, and lie nearer to signs than these do."""
    vectors = unit(400)
    method = fitted(Itq, vectors, bits=16)
    directions = method.fitted["directions"]
    np.testing.assert_allclose(directions @ directions.T, np.eye(16), atol=1e-3)
    components = fitted(Pca, vectors, dim=16).fitted["components"]
    np.testing.assert_allclose(np.linalg.svd(directions @ components.T)[1], 1, atol=1e-3)

    def error(axes: np.ndarray) -> float:
        values = (vectors - vectors.mean(axis=0)) @ axes.T
        return float(np.square(values - np.sign(values) * np.abs(values).mean()).mean())

    assert error(directions) < error(components)


def test_rabitq_estimates_as_faiss_does() -> None:
    import faiss

    vectors, queries = unit(400), unit(30, seed=9)
    method = fitted(RaBitQ, vectors, bits=1, similarity="euclidean")
    made = method.encode(vectors, Role.DOCUMENT)
    rotation, centre = method.fitted["rotation"], method.fitted["centre"]
    quantizer = faiss.RaBitQuantizer(DIM, faiss.METRIC_INNER_PRODUCT, 1)
    theirs = quantizer.decode(quantizer.compute_codes(np.ascontiguousarray((vectors - centre) @ rotation.T)))
    ours = made.decode(slice(0, 400))
    np.testing.assert_allclose(ours @ queries.T, theirs @ queries.T, atol=2e-4)


def test_pca_is_scikit_learns_and_whitens() -> None:
    from sklearn.decomposition import PCA

    vectors = unit(300)
    theirs = PCA(10).fit(vectors).transform(vectors)
    np.testing.assert_allclose(np.abs(decoded(fitted(Pca, vectors, dim=10), vectors)), np.abs(theirs), atol=1e-4)
    white = decoded(fitted(PcaWhitened, vectors, dim=10), vectors)
    np.testing.assert_allclose(white.std(axis=0, ddof=1), 1, atol=1e-2)


def test_random_projection_keeps_squared_lengths_on_average() -> None:
    vectors = unit(50)
    lengths = [np.square(decoded(fitted(RandomProjection, vectors, seed=s, dim=64), vectors)).sum(1) for s in range(60)]
    assert np.mean(lengths) == pytest.approx(1, abs=0.02)


def test_hyperplanes_estimate_the_angle() -> None:
    vectors = unit(20)
    made = fitted(Lsh, vectors, bits=20000).encode(vectors, Role.ITEM)
    angles = np.arccos(np.clip((vectors * vectors[::-1]).sum(1), -1, 1))
    np.testing.assert_allclose(1 - made.compare(made[::-1]), angles / np.pi, atol=0.02)


def test_two_bit_ranges_are_equal_in_width_or_in_number() -> None:
    vectors = unit(1000)
    counts = [
        np.bincount(np.searchsorted(fitted(TwoBit, vectors, ranges=how).fitted["edges"][5], vectors[:, 5]), minlength=4)
        for how in ("percentile", "equal")
    ]
    assert counts[0].tolist() == [250] * 4
    assert counts[1].max() > 300


def test_the_interval_of_a_vector_is_better_than_where_it_starts() -> None:
    from methods.compressors.optimised_scalar import GAUSSIAN, _loss, intervals

    vectors = unit(50) - unit(50).mean(axis=0)
    reach = GAUSSIAN[1] * vectors.std(axis=1)
    mean, squared = vectors.mean(axis=1), (vectors**2).sum(axis=1)
    start = _loss(vectors, mean - reach, mean + reach, squared, 2)
    low, high = intervals(vectors, 2)
    assert (_loss(vectors, low[:, 0], high[:, 0], squared, 2) <= start + 1e-7).all()


def test_the_adaptor_keeps_similarities_at_least_as_well_as_where_it_starts() -> None:
    vectors = unit(600)
    target = vectors - vectors.mean(axis=0)
    target = (target / np.linalg.norm(target, axis=1, keepdims=True)) @ (
        target / np.linalg.norm(target, axis=1, keepdims=True)
    ).T

    def error(method: Any) -> float:
        values = method.encode(vectors, Role.DOCUMENT).comparable()
        return float(np.abs(values @ values.T - target).mean())

    assert error(fitted(MatryoshkaAdaptor, vectors, dim=16)) <= error(fitted(Pca, vectors, dim=16))


@pytest.mark.parametrize(
    ("cls", "params", "message"),
    [
        (Pq, {"m": 7}, "m=7 does not divide 48 dimensions; take one of 1, 2, 3, 4, 6"),
        (RaBitQ, {"bits": 9}, "not one of 1 to 8"),
        (Itq, {"bits": 32}, "fewer than 32 bits"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(cls: type[Compressor], params: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError, match=message) as caught:
        fitted(cls, unit(20), **params)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["pq", "opq", "rq", "two-bit", "int4", "pca", "rabitq", "optimised-scalar", "int8"])
def test_few_and_equal_vectors(name: str) -> None:
    """A handful of fit vectors, all of them equal, end in finite codes."""
    cls = scan().compressors[name].cls
    vectors = np.repeat(unit(1), 5, axis=0)
    variant = small(cls, next(cls.variants()))
    assert fitted(cls, vectors, **variant).encode(vectors, Role.DOCUMENT).is_finite()


def test_int8_is_off_by_half_a_step() -> None:
    vectors = unit(300)
    method = fitted(Int8, vectors)
    assert (np.abs(decoded(method, vectors) - vectors) <= 0.51 * method.fitted["scale"] + 1e-6).all()


def test_binary_ranks_by_signs_and_may_keep_the_query() -> None:
    vectors = unit(100)
    method = fitted(BinarySigns, vectors, threshold="mean", query="float")
    documents, queries = (method.encode(vectors, role) for role in (Role.DOCUMENT, Role.QUERY))
    np.testing.assert_array_equal(documents.signs() > 0, vectors > vectors.mean(0))
    expected = vectors @ documents.signs().T
    np.testing.assert_allclose(documents.search(queries, 1).scores[:, 0], expected.max(1), atol=1e-4)


def test_a_query_side_needs_queries() -> None:
    def task(readout: str) -> Any:
        return type("Task", (), {"readout": readout})

    assert "no query side" in BinarySigns(threshold="mean", query="float").skip(task("compare"))
    assert BinarySigns(threshold="mean", query="float").skip(task("search")) is None
    assert BinarySigns(threshold="mean", query="bits").skip(task("compare")) is None


def ragged(items: int = 40, seed: int = 2) -> Any:
    """Items of 3 to 20 unit vectors each, as a late-interaction encoder returns them."""
    from suite.representations import MultiVector

    lengths = np.random.default_rng(seed).integers(3, 21, items)
    return MultiVector(
        unit(int(lengths.sum()), seed=seed).astype(np.float16), np.concatenate([[0], np.cumsum(lengths)])
    )


@pytest.mark.parametrize("name", ["token-pooled", "token-pq", "fixed-encoding"])
def test_several_vectors_are_made_smaller_and_still_find_themselves(name: str) -> None:
    cls: Any = scan().compressors[name].cls
    tokens = ragged()
    method = cls(**(next(cls.variants()) | ({"vectors": 4} if name == "token-pooled" else {})))
    method.fitted = method.fit(tokens, 0)
    documents = method.encode(tokens, Role.DOCUMENT)
    assert len(documents) == 40
    if name != "fixed-encoding":
        assert documents.nbytes < tokens.nbytes
    hits = method.search(method.index(documents), method.encode(tokens, Role.QUERY), 3)
    found = np.mean([row in best for row, best in enumerate(hits.indices)])
    assert found > 0.8, found


def test_pooled_documents_hold_at_most_as_many_vectors_as_asked() -> None:
    from methods.compressors.several import TokenPooled

    for how in ("hierarchical", "clusters"):
        made = TokenPooled(vectors=5, how=how).encode(ragged(), Role.DOCUMENT)
        assert np.diff(made.offsets.astype(int)).max() <= 5

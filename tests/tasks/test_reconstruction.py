"""The reconstruction family: planted vectors, dictionaries, and what is scored."""

from __future__ import annotations

import numpy as np
import pytest

from methods.kit.text.minilm import ALL_MINILM_L6_V2
from suite.data import access
from suite.data.types import content_hash
from suite.discovery import scan
from suite.errors import ContractError, DeclarationError
from suite.method import Method, Modality
from suite.representations import Dense
from suite.weighing import MeasuredMethod
from tasks import dictionaries
from tasks.data.planted import COHERENCE, VectorSet, load_dictionary, load_vectors, unbiased_atoms
from tasks.reconstruction import BACKBONE, Reconstruction, Spec

DATA = load_vectors(None, fit=600, test=200, active=3, smallest=0.9)


class Rounded(Method):
    """Vectors in float16."""

    name = "rounded"
    modality = Modality.VECTORS
    readouts = ("reconstruct",)

    def encode(self, items, role):
        return Dense(np.asarray(items).astype(np.float16))

    def decode(self, streams):
        return streams.floats()


class Mean(Rounded):
    """The fit vectors' mean, from no bits to speak of."""

    def encode(self, items, role):
        return Dense(np.zeros((len(items), 1), np.float16))

    def decode(self, streams):
        return np.tile(DATA.fit.mean(axis=0), (len(streams), 1))


class Oracle(Rounded):
    """Knows the planted atoms, and which of them each vector to rebuild is made of; finds none in others."""

    def encode(self, items, role):
        codes = np.zeros((len(items), 256), np.float32)
        if np.array_equal(items, DATA.test):
            for code, support, vector in zip(codes, DATA.support, items, strict=True):
                code[support] = np.linalg.lstsq(DATA.dictionary[support].T, vector)[0]
        return Dense(codes)

    def decode(self, streams):
        return streams.floats() @ DATA.dictionary

    def dictionary(self, width):
        return DATA.dictionary


class Halved(Oracle):
    """Finds the right atoms, and gives them the wrong coefficients."""

    def encode(self, items, role):
        return Dense(super().encode(items, role).values / 2)


class Mislabelled(Oracle):
    """Has atoms of another dictionary than the one that its codes are over."""

    def dictionary(self, width):
        return DATA.dictionary[:64]


class Short(Rounded):
    def decode(self, streams):
        return streams.floats()[:, 1:]


def task(**fields):
    return Reconstruction(
        Spec(name="test", title="Test", data="planted-feasible", **{"fit_items": 600, "test_items": 200} | fields)
    )


def outcome(cls):
    return task().evaluate(MeasuredMethod(cls(), seed=0), DATA)


def test_planted_atoms_are_unit_vectors_of_coherence_one_eighth_that_add_up_to_zero():
    atoms = unbiased_atoms()
    products = np.abs(atoms @ atoms.T)
    assert atoms.shape == (256, 64)
    np.testing.assert_array_equal(np.diag(products), 1)
    assert set(np.unique(products[~np.eye(256, dtype=bool)])) == {0, COHERENCE}
    np.testing.assert_array_equal(atoms.sum(axis=0), 0)
    np.testing.assert_array_equal(atoms.T @ atoms, 4 * np.eye(64))


def test_planted_vectors_are_sums_of_different_atoms():
    codes = np.linalg.lstsq(DATA.dictionary[:64].T, DATA.dictionary[64:].T)[0]
    assert np.isfinite(codes).all()
    small = load_vectors(None, fit=3, test=2, active=1, smallest=1.0)
    for vector in (*small.fit, *small.test):
        assert np.abs(small.dictionary - vector).max(axis=1).min() < 1e-6
    assert len(DATA.fit) == 600
    assert not np.isin(DATA.test[:, 0], DATA.fit[:, 0]).any()


def test_the_metric_gives_planted_atoms_their_coherence_back():
    data = access.load("planted-feasible")
    truth = data.dictionary.astype(np.float64)
    euclidean = np.abs(dictionaries.between(truth)).max()
    whitened = np.abs(dictionaries.between(truth, dictionaries.metric(data.fit))).max()
    assert euclidean > 0.2
    assert whitened < COHERENCE + 0.03


@pytest.mark.parametrize("name", ["planted-feasible", "planted-infeasible", "planted-dictionary"])
def test_declared_content(name):
    declaration = access.spec(name)
    data = access.decode(declaration, None)
    items = data.test if isinstance(data, VectorSet) else data.atoms
    assert (content_hash(data), len(items)) == (declaration.sha256, declaration.items)


def test_dictionary_is_that_of_the_vectors():
    np.testing.assert_array_equal(load_dictionary(None).atoms, DATA.dictionary)


def test_stability_is_the_largest_share_with_unique_codes():
    pairs = np.linspace(0, 1, 1001)
    assert dictionaries.stability(pairs, np.full(50, 3)) == pytest.approx(0.199, abs=0.002)
    assert dictionaries.stability(pairs * 0.19, np.full(50, 3)) == 1
    assert dictionaries.stability(np.full(10, 0.5), np.full(50, 3)) == 0
    # Half of the vectors are dense: shares above one half need a coherence that is not there.
    assert dictionaries.stability(np.full(10, 0.1), np.repeat([2, 60], 50)) == pytest.approx(0.5, abs=0.01)


def test_scores_of_exact_mean_and_told_methods():
    exact = outcome(Rounded)
    assert exact.scores["r2"] == pytest.approx(1, abs=1e-5)
    assert exact.scores["rate"] == 16
    assert "q_star" not in exact.scores
    assert outcome(Mean).scores["r2"] == pytest.approx(0, abs=1e-6)
    told, halved = outcome(Oracle).scores, outcome(Halved).scores
    for name in ("r2", "recovery", "exact_supports", "r2_refitted"):
        assert told[name] == pytest.approx(1, abs=1e-5)
    assert told["active_atoms"] == 3
    assert (halved["exact_supports"], halved["r2_refitted"]) == (1, pytest.approx(1, abs=1e-5))
    assert halved["r2"] < 0.8


def test_the_support_is_what_a_vector_is_made_of():
    assert DATA.support.shape == (200, 3)
    assert (np.diff(DATA.support, axis=1) > 0).all()
    for vector, support in zip(DATA.test, DATA.support, strict=True):
        coefficients, error, *_ = np.linalg.lstsq(DATA.dictionary[support].T, vector)
        assert error.sum() < 1e-6
        assert coefficients.min() > 0.9 - 1e-4
        assert coefficients.max() < 1 + 1e-4


def test_uniqueness_allows_as_many_atoms_as_are_planted():
    """One threshold can only find K atoms of coherence ε where δ_min > ε (2K − 1) δ_max."""
    for name, feasible in (("planted-feasible", True), ("planted-infeasible", False)):
        options = access.spec(name).options
        assert (options["smallest"] > COHERENCE * (2 * options["active"] - 1)) is feasible
        # An encoder without refitting leaves (K − 1) ε² · 192/255 of the power: 98 % must be within reach.
        assert 1 - (options["active"] - 1) * COHERENCE**2 * 192 / 255 > 0.975


def test_atoms_are_taken_for_the_true_ones_they_are_most_like():
    likeness = np.array([[0.9, 0.2, 0.8, 0.1], [0.1, 0.7, 0.3, 0.2], [0.0, 0.1, 0.2, 0.6]])
    support = np.array([[0, 1], [0, 1], [0, 1], [0, 1], [0, 2]])
    active = np.array([[1, 1, 0, 0], [0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [1, 0, 0, 1]], np.bool_)
    # The true ones; a double of the first one with the second; the first one twice; one too many; the true ones.
    assert dictionaries.exact_supports(active, support, likeness).tolist() == [True, True, False, False, True]


def test_refitting_undoes_wrong_coefficients_and_not_wrong_atoms():
    atoms, vectors = DATA.dictionary.astype(np.float64), DATA.test.astype(np.float64)
    right = np.zeros((200, 256), np.bool_)
    np.put_along_axis(right, DATA.support, True, axis=1)
    np.testing.assert_allclose(dictionaries.refitted(vectors, right, atoms), vectors, atol=1e-5)
    wrong = np.roll(right, 64, axis=1)
    assert ((dictionaries.refitted(vectors, wrong, atoms) - vectors) ** 2).sum() > 0.5 * (vectors**2).sum()
    np.testing.assert_array_equal(dictionaries.refitted(vectors, right & False, atoms), 0)


def test_in_sample_is_measured_on_fit_vectors():
    columns = outcome(Mean).items
    power = ((DATA.fit[:200] - DATA.fit.mean(axis=0, dtype=np.float64)) ** 2).sum(axis=1)
    np.testing.assert_allclose(columns["power_in_sample"], power)
    assert {len(values) for values in columns.values()} == {200}


def test_wrong_shapes_are_named():
    with pytest.raises(ContractError, match="decode must return"):
        outcome(Short)
    with pytest.raises(ContractError, match="dictionary must return"):
        outcome(Mislabelled)


def test_texts_need_a_layer():
    with pytest.raises(DeclarationError, match="layer"):
        task().fit_data(access.load("wiki-pairs"), access.load)


def test_weights_are_those_of_the_text_methods_and_halves_share_no_article():
    assert (BACKBONE.sha256, BACKBONE.path) == (ALL_MINILM_L6_V2.sha256, ALL_MINILM_L6_V2.path)
    declared = [t.task.spec for t in scan().tasks.values() if t.task.family == "reconstruction"]
    for spec in declared:
        if spec.layer is not None:
            assert (spec.fit, spec.data) == ("wiki-pairs", "wiki-sections-even")
    passages = set(access.load("wiki-pairs").second)
    assert not passages & set(access.load("wiki-sections-even").documents)

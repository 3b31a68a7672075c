"""Image classification: probe, neighbours, a head of the method's own, and what the scores are worth."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from methods.baselines.image_controls import ImageControl
from methods.baselines.raw_pixels import RawPixels
from suite.data import access
from suite.data.types import ImageSet
from suite.method import Method, Modality, Role
from suite.representations import Dense, Hits, Sparse
from suite.results.metrics import METRICS
from suite.weighing import MeasuredMethod
from tasks import probes
from tasks.imagenet import ClassificationSpec, ImageClassification
from tasks.probes import INVERSE_PENALTIES, LinearProbe, neighbour_vote


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def task():
    return ImageClassification(ClassificationSpec(name="digits", title="Digits", data="digits"))


def blobs(n, d, classes, spread, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, n)
    centres = np.random.default_rng(99).normal(size=(classes, d))
    return (centres[labels] + spread * generator.normal(size=(n, d))).astype(np.float32), labels


# -- readouts ------------------------------------------------------------------------------------------


def test_probe_separates_what_is_linear_and_not_what_is_noise():
    train, labels = blobs(300, 20, 4, 0.3)
    test, wanted = blobs(400, 20, 4, 0.3, seed=1)
    assert (LinearProbe(train, labels).predict(test) == wanted).mean() > 0.99
    noise = np.random.default_rng(2).normal(size=train.shape).astype(np.float32)
    unseen = np.random.default_rng(3).normal(size=test.shape).astype(np.float32)
    assert (LinearProbe(noise, labels).predict(unseen) == wanted).mean() < 0.35


def test_probe_does_not_depend_on_scale_or_constant_features():
    train, labels = blobs(400, 12, 3, 1.0)
    test, _ = blobs(300, 12, 3, 1.0, seed=1)
    plain = LinearProbe(train, labels).predict(test)
    stretched = np.hstack([train * 1000 + 7, np.ones((400, 1), np.float32)])
    other = LinearProbe(stretched, labels).predict(np.hstack([test * 1000 + 7, np.ones((300, 1), np.float32)]))
    assert (plain == other).mean() > 0.98


def test_probe_reads_sparse_features_without_filling_them():
    train, labels = blobs(500, 30, 3, 0.5)
    test, wanted = blobs(300, 30, 3, 0.5, seed=1)
    probe = LinearProbe(csr_array(np.maximum(train, 0)), labels)
    assert (probe.predict(csr_array(np.maximum(test, 0))) == wanted).mean() > 0.97


def test_probe_chooses_its_penalty_on_training_items_held_out(monkeypatch):
    labels = np.arange(100) % 2
    seen = []

    class Recorded:
        """Right for one penalty only, and told apart by the items' numbers in the first column."""

        def __init__(self, features, _, inverse_penalty):
            self.right = inverse_penalty == 1e-2
            self.fitted_on = set(features[:, 0])

        def predict(self, features):
            seen.append((self.fitted_on, set(features[:, 0])))
            right = labels[features[:, 0].astype(int)]
            return right if self.right else 1 - right

    monkeypatch.setattr(probes, "_fit", Recorded)
    items = np.arange(100, dtype=np.float32)[:, None]
    assert probes._choose_inverse_penalty(items, labels) == 1e-2
    assert len(seen) == len(INVERSE_PENALTIES)
    for fitted_on, judged_on in seen:
        assert not fitted_on & judged_on
        assert (len(fitted_on), len(judged_on)) == (80, 20)


def test_vote_by_hand():
    hits = Hits(np.array([[0, 1, 2, 3]]), np.array([[9, 5, 5, 1]], np.float32))
    # Weights 1, ½, ½: a tie, which goes to the lower class; the fourth only sets the scale.
    assert neighbour_vote(hits, np.array([0, 1, 1, 2]), 3)[0] == 0
    hits = Hits(np.array([[0, 1, 2, 3]]), np.array([[0.9, 0.6, 0.6, 0.1]], np.float32))
    assert neighbour_vote(hits, np.array([0, 1, 1, 2]), 3)[0] == 1


def test_vote_where_all_are_equally_near_counts_heads():
    hits = Hits(np.array([[0, 1, 2, 3]]), np.full((1, 4), -7, np.float32))
    assert neighbour_vote(hits, np.array([0, 1, 1, 2]), 3)[0] == 1


def test_vote_passes_over_padding():
    hits = Hits(
        np.array([[2, 0, -1, -1], [-1] * 4]), np.array([[0.5, 0.4, -np.inf, -np.inf], [-np.inf] * 4], np.float32)
    )
    assert neighbour_vote(hits, np.array([1, 1, 2]), 3).tolist() == [2, 0]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 4, 1024]), st.sampled_from([-512, 0, 8]))
def test_vote_does_not_depend_on_unit_or_origin(seed, unit, origin):
    generator = np.random.default_rng(seed)
    indices = np.stack([generator.permutation(20)[:6] for _ in range(5)])
    scores = -np.sort(generator.integers(-64, 64, (5, 6)).astype(np.float32), axis=1)
    labels = generator.integers(0, 3, 20)
    moved = neighbour_vote(Hits(indices, scores * unit + origin), labels, 3)
    assert (moved == neighbour_vote(Hits(indices, scores), labels, 3)).all()


# -- the family ----------------------------------------------------------------------------------------


def test_raw_pixels_on_digits(task, digits):
    measured = MeasuredMethod(RawPixels(), seed=0)
    outcome = task.evaluate(measured, digits)
    assert outcome.scores["top1_probe"] >= 0.95
    assert outcome.scores["top1_knn"] >= 0.98
    assert set(outcome.scores) == {"top1_probe", "top1_knn"}
    for name, score in outcome.scores.items():
        (column,) = METRICS[name].item_columns()
        assert outcome.items[column].shape == (797,)
        assert outcome.items[column].mean() == score
    costs = measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=0)
    assert costs.bytes_per_item == 64
    assert costs.query_latency_p50_ms > 0
    again = task.evaluate(MeasuredMethod(RawPixels(), seed=0), digits)
    assert again.scores == outcome.scores


@pytest.mark.parametrize("arm", ["random", "constant", "shuffled"])
def test_controls_know_next_to_nothing(task, digits, arm):
    scores = task.evaluate(MeasuredMethod(ImageControl(arm=arm), seed=0), digits).scores
    # Three standard errors of a guess among ten classes, and what the histogram of 64 pixels may tell.
    assert max(scores.values()) < 0.1 + 3 * (0.09 / 797) ** 0.5 + (0.05 if arm == "shuffled" else 0)


def test_fit_data_are_the_training_images_only(task, digits):
    data = task.fit_data(digits, access.load)
    assert data.items is digits.train
    assert data.labels is digits.train_labels
    assert data.classes == 10


class WithHead(Method):
    """Logits that are right for every image but the last."""

    name = "with-head"
    modality = Modality.IMAGE
    readouts = ("classify",)

    def encode(self, items, role):
        return Dense(np.eye(3, dtype=np.float32)[items[:, 0, 0]])

    def predict(self, items):
        return items.values.argmax(1)

    def search(self, index, queries, k):
        raise AssertionError("a method that does not declare search is not searched")


class AsSparse(WithHead):
    predict = None

    def encode(self, items, role):
        return Sparse(csr_array(super().encode(items, role).values))


@pytest.fixture
def three():
    labels = np.arange(60) % 3
    images = np.zeros((60, 2, 2), np.uint8)
    images[:, 0, 0] = labels
    test_labels = labels[:30].copy()
    test_labels[-1] = 0
    return ImageSet(images, labels, images[:30], test_labels, ("a", "b", "c"))


def test_own_head_is_reported_and_search_is_not_forced(task, three):
    outcome = task.evaluate(MeasuredMethod(WithHead(), seed=0), three)
    assert set(outcome.scores) == {"top1_probe", "top1_knn", "top1_head"}
    assert outcome.items["top1_head"].tolist() == [1.0] * 29 + [0.0]
    assert outcome.scores["top1_knn"] == pytest.approx(29 / 30)


def test_sparse_representation(task, three):
    outcome = task.evaluate(MeasuredMethod(AsSparse(), seed=0), three)
    assert outcome.scores == pytest.approx({"top1_probe": 29 / 30, "top1_knn": 29 / 30})


def test_train_and_test_are_encoded_as_items(task, three):
    roles = []

    class Spy(WithHead):
        def encode(self, items, role):
            roles.append(role)
            return super().encode(items, role)

    task.evaluate(MeasuredMethod(Spy(), seed=0), three)
    assert set(roles) == {Role.ITEM}


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_raw_pixels_on_fashion_mnist():
    if reason := access.unavailable("fashion-mnist"):
        pytest.skip(reason)
    data = access.load("fashion-mnist")
    train, test = (RawPixels().encode(images, Role.ITEM) for images in (data.train, data.test))
    hits = train.search(test, 6)
    # Equal scores give every neighbour one vote: the 5-NN classifier on pixels, whose accuracy is known to be .8554.
    plain = neighbour_vote(Hits(hits.indices, np.zeros_like(hits.scores)), data.train_labels, 10)
    assert (plain == data.test_labels).mean() == pytest.approx(0.8554, abs=5e-4)
    probe = LinearProbe(train.features(), data.train_labels)
    assert (probe.predict(test.features()) == data.test_labels).mean() == pytest.approx(0.845, abs=0.005)

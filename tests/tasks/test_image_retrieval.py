"""Image retrieval: the pictures, what is kept apart, and average precision."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL
import pytest
from sklearn.metrics import average_precision_score

from suite.data import access
from suite.data.types import content_hash
from suite.errors import DataMismatch
from suite.method import Method, Modality, Role
from suite.representations import Dense, Hits
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.data import instances
from tasks.data.instances import InstanceSet, load_glyphs
from tasks.image_retrieval import ImageRetrieval, average_precision

OPTIONS = {"side": 48, "train": 3, "train_views": 4, "test": 4, "gallery_views": 3, "distractors": 4}
FONT = Path(PIL.__path__[0])


@pytest.fixture(scope="module")
def small():
    return load_glyphs(FONT, **OPTIONS)


@pytest.fixture
def task():
    return ImageRetrieval(TaskSpec(name="test", title="Test", data="glyph-landmarks"))


def test_shapes_and_repeatability(small):
    assert small.train.shape == (12, 48, 48, 3)
    assert small.gallery.shape == (12, 48, 48, 3)
    assert small.queries.shape == small.occluded.shape == (4, 48, 48, 3)
    assert small.gallery_labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert content_hash(load_glyphs(FONT, **OPTIONS)) == content_hash(small)
    everything = np.concatenate([small.train, small.gallery, small.queries, small.occluded])
    assert len({image.tobytes() for image in everything}) == len(everything)


def test_splits_share_no_glyph_distractor_or_part_of_a_photograph(monkeypatch):
    used = []

    class Spy(instances._Scene):
        def views(self, glyphs, count, hidden, seed):
            used.append(({id(g) for g in glyphs}, {id(d) for d in self.distractors}, self.photographs))
            return super().views(glyphs, count, hidden, seed)

    monkeypatch.setattr(instances, "_Scene", Spy)
    load_glyphs(FONT, **OPTIONS)
    (train, train_others, left), *rest = used
    for glyphs, others, right in rest:
        assert not (train | train_others) & (glyphs | others)
        assert not glyphs & others
        for a, b in zip(left, right, strict=True):
            assert not np.shares_memory(a, b)


def test_too_few_glyphs_are_named():
    with pytest.raises(DataMismatch, match="61 glyphs, 104 are needed"):
        load_glyphs(FONT, **OPTIONS | {"train": 96})


@pytest.mark.parametrize("name", ["glyph-landmarks", pytest.param("emoji-landmarks", marks=pytest.mark.slow)])
def test_declared_content(name):
    if reason := access.unavailable(name):
        pytest.skip(reason)
    declaration = access.spec(name)
    data = access.load(name)
    assert content_hash(data) == declaration.sha256
    assert sum(len(part) for part in (data.train, data.gallery, data.queries, data.occluded)) == declaration.items


def test_average_precision_is_that_of_scikit_learn():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(5, 30)).astype(np.float32)
    relevant = generator.random((5, 30)) < 0.2
    relevant[:, 0] = True
    order = np.argsort(-scores, axis=1)
    found = average_precision(Hits(order, np.take_along_axis(scores, order, 1)), relevant)
    np.testing.assert_allclose(found, [average_precision_score(r, s) for r, s in zip(relevant, scores, strict=True)])


def test_what_is_not_found_counts_nothing():
    hits = Hits(np.array([[1, -1, -1]]), np.array([[0.5, -np.inf, -np.inf]], np.float32))
    assert average_precision(hits, np.array([[True, True, False]])) == pytest.approx([0.5])


class Told(Method):
    """Reads the instance from the first pixel; occluded queries show another one."""

    name = "told"
    modality = Modality.IMAGE

    def encode(self, items, role):
        return Dense(np.eye(4, dtype=np.float32)[items[:, 0, 0, 0]])


def test_scores_of_a_method_that_knows(task):
    def images(labels):
        made = np.zeros((len(labels), 8, 8, 3), np.uint8)
        made[:, 0, 0, 0] = labels
        return made

    gallery, queries = np.repeat(np.arange(3), 5), np.arange(3)
    data = InstanceSet(
        images(gallery), gallery, images(gallery), gallery, images(queries), images((queries + 1) % 3), queries
    )
    outcome = task.evaluate(MeasuredMethod(Told(), 0), data)
    assert outcome.scores["map"] == outcome.scores["first_hit"] == 1
    assert outcome.scores["map_occluded"] < 0.5
    assert {len(column) for column in outcome.items.values()} == {3}


def test_only_training_instances_are_fitted_on(task, small):
    data = task.fit_data(small, access.load)
    assert data.items is small.train
    assert data.classes == 3


def test_roles(task, small):
    roles = []

    class Spy(Told):
        def encode(self, items, role):
            roles.append(role)
            return Dense(items.reshape(len(items), -1).astype(np.float32))

    task.evaluate(MeasuredMethod(Spy(), 0), small)
    assert set(roles) == {Role.DOCUMENT, Role.QUERY}

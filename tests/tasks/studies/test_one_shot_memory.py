"""The one-shot-memory family: its patterns, and memories whose scores are known."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.data.types import content_hash
from suite.method import Method, Modality
from suite.representations import Codes
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.one_shot_memory.data import load_patterns
from tasks.studies.one_shot_memory.task import OneShotMemory

DATA = load_patterns(None, 30, 30)
TASK = OneShotMemory(TaskSpec(name="t", title="T", data="patterns-20"))


class Copies(Method):
    """The code is the input, bit for bit."""

    name = "copies"
    modality = Modality.VECTORS
    readouts = ("one_shot_memory",)

    def encode(self, items, role):
        codebook = np.broadcast_to(np.eye(2, dtype=np.float32), (items.shape[1], 2, 2))
        return Codes(items.astype(np.uint8), codebook)

    def presented(self, items):
        return self.encode(items, None)

    def stored_codes(self):
        return self.encode(DATA.stored, None)


class Same(Copies):
    """Every input has the same code: complete on recall, and worth nothing."""

    def encode(self, items, role):
        return super().encode(np.zeros_like(items), role)


def scores(cls):
    return TASK.evaluate(MeasuredMethod(cls(), 0), DATA)


def test_probes_share_what_they_should():
    shared = np.einsum("pb,plb->pl", DATA.stored, DATA.probes)
    np.testing.assert_array_equal(shared, np.tile([0, 8, 16, 24, 32, 40], (30, 1)))
    assert (DATA.stored.sum(axis=1) == 40).all()
    assert (DATA.probes.sum(axis=2) == 40).all()
    np.testing.assert_array_equal(DATA.probes[:, -1], DATA.stored)


@pytest.mark.parametrize("name", ["patterns-20", "patterns-50", "patterns-100", "patterns-200"])
def test_declared_content(name):
    declaration = access.spec(name)
    data = access.decode(declaration, None)
    assert (content_hash(data), len(data.stored)) == (declaration.sha256, declaration.items)


def test_a_copy_of_the_input_keeps_everything():
    outcome = scores(Copies).scores
    assert outcome["identification"] == 1
    assert outcome["code_similarity"] == outcome["retrieved_similarity"] == pytest.approx(1)
    assert outcome["overlap_same"] == 1
    assert outcome["overlap_disjoint"] == pytest.approx(1 - 80 / 784)


def test_one_code_for_all_is_found_out():
    outcome = scores(Same).scores
    assert outcome["overlap_same"] == 1
    assert outcome["identification"] == 0, "ties are lost"
    assert outcome["code_similarity"] == outcome["retrieved_similarity"] == 0


def test_scores_are_those_of_the_columns():
    outcome = scores(Copies)
    columns = outcome.items
    assert {len(column) for column in columns.values()} == {180}
    assert columns["identified"].sum() / columns["is_same"].sum() == outcome.scores["identification"]
    assert columns["is_same"].sum() == columns["is_disjoint"].sum() == 30

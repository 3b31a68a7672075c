"""The factor-recovery family: the planted graph, and models whose score is known."""

from __future__ import annotations

import numpy as np
import pytest

from suite.data import access
from suite.data.types import content_hash
from suite.errors import ContractError
from suite.method import Method, Modality
from suite.representations import Binary
from suite.task import TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.factor_recovery.data import load_factors
from tasks.studies.factor_recovery.task import FactorRecovery, edge_f1

DATA = load_factors(None, 500, 500)
TASK = FactorRecovery(TaskSpec(name="t", title="T", data="planted-factors"))


class Coin(Method):
    """Gives every value a half."""

    name = "coin"
    modality = Modality.VECTORS
    readouts = ("factors",)
    value = np.log(0.5)

    def encode(self, items, role):
        return Binary.from_signs(items)

    def log_probability(self, items):
        return np.full(items.shape, self.value)


class Told(Coin):
    """Knows the graph."""

    def attended(self, variables):
        pairs = np.zeros((variables, 2), np.int64)
        pairs[DATA.targets] = DATA.parents
        return pairs


def test_determined_variables_follow_from_their_parents():
    values = DATA.fit.astype(int)
    for target, (first, second) in zip(DATA.targets, DATA.parents, strict=True):
        assert first < second < target
        keys = values[:, first] * 2 + values[:, second]
        majority = sum(max(np.bincount(values[keys == key, target], minlength=2)) for key in range(4))
        assert majority / len(values) == pytest.approx(0.95, abs=0.04)
    assert DATA.fit[:, :5].mean(axis=0) == pytest.approx(0.5, abs=0.1)


def test_declared_content():
    declaration = access.spec("planted-factors")
    data = access.decode(declaration, None)
    assert (content_hash(data), len(data.test)) == (declaration.sha256, declaration.items)


def test_scores_by_hand():
    outcome = TASK.evaluate(MeasuredMethod(Coin(), 0), DATA)
    assert outcome.scores == {"factor_nll": pytest.approx(15 * np.log(2))}
    assert TASK.evaluate(MeasuredMethod(Told(), 0), DATA).scores["edge_f1"] == 1


def test_edges_are_sets():
    true = np.array([[0, 1], [2, 3]])
    assert edge_f1(np.array([[1, 0], [3, 4]]), true) == 0.75
    assert edge_f1(np.array([[0, 0], [2, 2]]), true) == pytest.approx(2 * 2 / (2 + 4))


@pytest.mark.parametrize("value", [0.1, -np.inf, np.nan])
def test_what_is_no_probability_is_refused(value):
    with pytest.raises(ContractError, match="log_probability"):
        TASK.evaluate(MeasuredMethod(type("Made", (Coin,), {"value": value})(), 0), DATA)

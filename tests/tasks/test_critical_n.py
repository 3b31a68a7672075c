"""The search for the critical n, what counts as served, and the table beside the published numbers."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from suite.data.types import content_hash
from suite.discovery import scan
from suite.method import Method, Modality, Role
from suite.representations import Dense
from suite.results.schema import CellResult, Status
from suite.weighing import MeasuredMethod
from tasks.critical_n import CriticalN, first_failure, published_fit, served
from tasks.data.limit import all_pairs


class Told(Method):
    """Unit vectors a document, and queries that know their row: right for as many documents as it has dimensions."""

    name = "told"
    modality = Modality.JUDGEMENTS
    readouts = ("search",)
    grid = {"dim": (5, 16)}

    def encode(self, items, role):
        relevant = items if role is Role.QUERY else items.T
        kept = min(self.dim, relevant.shape[1])
        documents = np.zeros((relevant.shape[1], self.dim), np.float32)
        documents[:kept, :kept] = np.eye(kept)
        return Dense(relevant @ documents if role is Role.QUERY else documents, "dot")


class Blind(Told):
    """The same vector for everything: every document ties with every other."""

    name = "blind"

    def encode(self, items, role):
        return Dense(np.ones((len(items), 2), np.float32), "dot")


def spec():
    return scan().tasks["limit/critical-n"].task


def test_matrix_of_all_pairs_nests():
    whole = all_pairs(documents=9)
    assert whole.shape == (36, 9)
    for n in range(2, 10):
        part = whole[: comb(n, 2), :n]
        assert (part.sum(axis=1) == 2).all()
        assert len(np.unique(part, axis=0)) == comb(n, 2)
    declared = scan().tasks["limit/critical-n"].task
    assert declared.modality is Modality.JUDGEMENTS
    assert content_hash(all_pairs()) == content_hash(all_pairs(None, 64))


@given(first=st.integers(2, 70), holes=st.sets(st.integers(2, 70), max_size=3), largest=st.integers(2, 64))
def test_first_failure(first, holes, largest):
    def serves(n):
        assert 2 <= n <= largest
        return n < first and n not in holes

    found = first_failure(serves, largest)
    assert found == largest + 1 or not serves(found)
    if not holes:
        assert found == min(first, largest + 1)
    if len(holes) <= 1:
        assert all(serves(n) for n in range(max(2, found - 4), found))


def test_evaluate_finds_what_a_method_serves():
    outcome = spec().evaluate(MeasuredMethod(Told(dim=5), 0), all_pairs(documents=16))
    # Of 6 documents the sixth is a zero vector: its 5 pairs tie below their other document.
    assert outcome.scores == {"critical_n": 6.0, "accuracy_at_critical_n": pytest.approx(10 / 15)}
    outcome = spec().evaluate(MeasuredMethod(Told(dim=16), 0), all_pairs(documents=16))
    assert outcome.scores == {"critical_n": 17.0, "accuracy_at_critical_n": 1.0}


def test_a_tie_is_not_served():
    assert served(MeasuredMethod(Blind(), 0), all_pairs(documents=3)) == 0.0


def test_bytes_are_those_of_the_documents():
    measured = MeasuredMethod(Told(dim=5), 0)
    served(measured, all_pairs(documents=8))
    assert measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=0).bytes_per_item == 20


def result(dim, critical, accuracy, **variant):
    return CellResult(
        key="k", method="limit", variant={"dim": dim, **variant}, task="limit/critical-n", family="limit",
        profile="quick", seed=0, status=Status.OK, main_metric="critical_n",
        scores={"critical_n": critical, "accuracy_at_critical_n": accuracy}, costs={"bytes_per_item": 4.0 * dim},
    )  # fmt: skip


def test_table_sets_measured_beside_published():
    (table,) = spec().tables([result(4, 11.0, 0.9, runs=8), result(4, 65.0, 1.0, runs=1), result(2, 4.0, 0.5, runs=8)])
    assert table.columns == ["d", "limit[runs=1]", "limit[runs=8]", "published", "published fit"]
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["4"] == ["≥ 65", "11", "10", ""]
    assert rows["2"] == ["", "4", "", ""]
    assert rows["512"][2] == ""
    assert rows["512"][3] == "512,290"
    assert published_fit(4) < 7
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_published_numbers_and_line():
    rows = {row.bytes_per_item: row.value for row in spec().references()}
    assert rows[16] == 10
    assert rows[180] == 626
    (line,) = spec().theory()
    assert line.points[0] == (16.0, 10.0)
    assert line.points[-1] == (64.0, 79.0)
    assert CriticalN.family_title == "LIMIT"

"""What a method answers is checked once, for every readout, and what is timed is the method alone."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import pytest

from suite.errors import ContractError
from suite.method import Method, Modality, Role
from suite.representations import Dense
from suite.weighing import MeasuredMethod


class Told(Method):
    """Answers what it is given."""

    name = "told"
    modality = Modality.TEXT

    def encode(self, items: Any, role: Role) -> Dense:
        return Dense(np.ones((len(items), 2), np.float32))

    def say(self, what: Any) -> Any:
        return what


class Says(Protocol):
    def say(self, what: Any) -> Any: ...


class Sings(Protocol):
    def sing(self, what: Any) -> Any: ...


@pytest.mark.parametrize(
    ("answer", "shape"),
    [
        (np.ones((3, 2)), (3, 2)),
        (np.ones((3, 7), bool), (3, None)),
        ([1, 2, 3], (3,)),
        ((np.ones((3, 2)), np.ones(3)), [(3, 2), (3,)]),
    ],
)
def test_what_fits_comes_back(answer: Any, shape: Any) -> None:
    measured = MeasuredMethod(Told(), 0)
    found = measured.ask("say", answer, shape=shape)
    for one, given in zip(found if isinstance(shape, list) else [found],
                          answer if isinstance(shape, list) else [answer], strict=True):  # fmt: skip
        np.testing.assert_array_equal(one, given)
    assert measured.seconds["say"] > 0


@pytest.mark.parametrize(
    ("answer", "shape", "problem"),
    [
        (np.ones((3, 2)), (3,), r"told.say must return \(3,\) finite numbers, not \(3, 2\)"),
        (np.ones((2, 2)), (3, None), r"\(3, any\)"),
        (np.array([1.0, np.nan]), (2,), "finite"),
        (["a", "b"], (2,), "finite numbers"),
        (np.ones(3), [(3,), (3,)], "2 arrays"),
        ((np.ones(3), np.array([np.inf] * 3)), [(3,), (3,)], "finite"),
    ],
)
def test_what_does_not_fit_is_the_methods_fault(answer: Any, shape: Any, problem: str) -> None:
    with pytest.raises(ContractError, match=problem):
        MeasuredMethod(Told(), 0).ask("say", answer, shape=shape)


def test_a_wrong_count_and_a_missing_operation_are_named() -> None:
    measured = MeasuredMethod(Told(), 0)
    assert measured.ask("say", ["a"], count=1) == ["a"]
    with pytest.raises(ContractError, match="1 answers, not 2"):
        measured.ask("say", ["a"], count=2)
    with pytest.raises(ContractError, match="told has no sing"):
        measured.ask("sing", "a")
    assert measured.has(Says)
    assert not measured.has(Sings)


def test_timed_queries_are_not_counted() -> None:
    measured = MeasuredMethod(Told(), 0)
    measured.encode(["a", "b"], Role.ITEM)
    before = (measured.encode_seconds, dict(measured.seconds))
    measured.time_queries(lambda i: measured.ask("say", measured.encode(["a"], Role.QUERY), count=5), 3)
    costs = measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=1)
    assert (measured.encode_seconds, measured.seconds) == before
    assert costs.bytes_per_item == 8
    assert costs.query_latency_p50_ms is not None
    measured.encode(["c"], Role.ITEM, weighed=False)
    assert measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=1).bytes_per_item == 8
    with pytest.raises(ContractError, match="not 5"):
        measured.ask("say", ["a"], count=5)

"""The recall family: scores, items in the data's order, memory, and the bound on streaming readers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.baselines.streaming_readers import BloomFilter, Guess, LastWindow, Reservoir
from suite.data.types import Passage, RecallSet
from suite.errors import ContractError
from suite.method import Method, Modality, Role
from suite.representations import State
from suite.weighing import MeasuredMethod
from tasks.data.set_disjointness import load_set_disjointness
from tasks.memory_bound import best_accuracy, bound_curve, divergence
from tasks.recall import Recall, RecallSpec, is_correct

SIZES = [[2, 8], [4, 16]]
SPEC = RecallSpec(name="tiny", title="Tiny", data="tiny", vocabulary=68, sizes=SIZES)


@pytest.fixture(scope="module")
def data() -> RecallSet:
    return load_set_disjointness(None, vocabulary=68, sizes=SIZES, per_size=40, seed=9)


class Oracle(Method):
    """Keeps the whole context, and answers right when the first set is the longer one."""

    name = "oracle"
    modality = Modality.CONTEXT
    readouts = ("answer",)

    def encode(self, items, role):
        return State(tokens=np.stack([context.tokens for context in items]))

    def answer(self, states, questions):
        found = []
        for row in states.tensors["tokens"].tolist():
            middle = row.index(2)
            end = row.index(1, 1) if 1 in row[1:] else len(row)
            first, second = row[1:middle], row[middle + 1 : end]
            found.append(next(iter(set(first) & set(second))) if len(first) > len(second) else 0)
        return np.array(found)


def test_scores_gaps_and_items(data):
    measured = MeasuredMethod(Oracle(), 0)
    outcome = Recall(SPEC).evaluate(measured, data)
    assert outcome.scores["long_first_once"] == outcome.scores["long_first_twice"] == 1
    assert outcome.scores["short_first_once"] == outcome.scores["short_first_twice"] == 0
    assert outcome.scores["order_gap_once"] == outcome.scores["order_gap_twice"] == -1
    assert outcome.scores["twice_gain"] == 0
    assert outcome.scores["guessing_floor"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert set(Recall.metrics) == set(outcome.scores)
    assert {len(column) for column in outcome.items.values()} == {80}
    assert outcome.items["group"].tolist() == [0] * 40 + [1] * 40
    # Token ids are int32: 1 + 2 + 8 + 1 of them in the first group, 1 + 4 + 16 + 1 in the second.
    assert outcome.extra["state_bytes_long_first_once"] == 4 * (12 + 22) / 2
    assert outcome.extra["state_bytes_long_first_twice"] == 8 * (12 + 22) / 2
    assert measured.costs(train_seconds=None, fit_seconds=None, peak_memory_bytes=0).query_latency_p50_ms > 0


def test_answers_in_words_must_start_with_the_truth():
    truths = [Passage(np.array([4]), text) for text in ("apple", "apple", "apple", "New York", "apple")]
    said = [' "Apple".', "pineapple", "the apple", " new york, I think", ""]
    assert is_correct(said, truths).tolist() == [1, 0, 0, 1, 0]


@pytest.mark.parametrize("wrong", [np.array([4]), np.array([[4], [4]]), np.array([4.0, 4.0])])
def test_answers_of_a_wrong_shape_or_kind_break_the_contract(wrong):
    with pytest.raises(ContractError):
        is_correct(wrong, [Passage(np.array([4]))] * 2)


@given(st.integers(1, 4000), st.integers(2, 200), st.integers(2, 20), st.integers(0, 2000))
@settings(deadline=None)
def test_the_bound_rises_with_memory_from_guessing_to_certainty(bits, remembered, asked, spare):
    universe = remembered + asked + spare
    here = best_accuracy(bits, remembered, asked, universe)
    assert 1 / asked <= here <= best_accuracy(bits + 1, remembered, asked, universe) <= 1
    assert best_accuracy(0, remembered, asked, universe) == pytest.approx(1 / asked, abs=1e-6)
    assert best_accuracy(remembered * math.log2(asked) + 1, remembered, asked, universe) == 1


def test_the_bound_solves_its_equation_and_needs_both_sizes():
    accuracy = best_accuracy(40, 64, 4, 256)
    assert divergence(accuracy, 1 / 4) == pytest.approx(40 / 64, abs=1e-9)
    assert best_accuracy(40, 64, 1, 256) == 1
    curve = bound_curve([(4, 16), (4, 64)], 256)
    assert curve[-1][1] == 1
    assert curve[-1][0] == pytest.approx(64 * 2 / 8)


def test_one_bit_about_two_tokens_is_worth_exactly_what_the_bound_allows():
    # |long| = 1 and |short| = 2: one bit names which of the two halves of the universe holds the token, and with
    # two tokens asked the bound lets one bit decide everything.
    assert best_accuracy(1, 1, 2, 10) == 1
    assert best_accuracy(0.5, 1, 2, 10) == pytest.approx(0.889972, abs=1e-5)


@pytest.mark.parametrize("bits", [64, 128, 256])
@pytest.mark.parametrize("reader", [BloomFilter, LastWindow, Reservoir])
def test_no_streaming_reader_beats_the_bound(reader, bits):
    sizes = [[4, 32]]
    data = load_set_disjointness(None, vocabulary=260, sizes=sizes, per_size=400, seed=11, times=[1])
    method = reader(bits=bits)
    method.weights = method.train(None, 0)
    spec = RecallSpec(name="tiny", title="Tiny", data="tiny", vocabulary=260, sizes=sizes)
    outcome = Recall(spec).evaluate(MeasuredMethod(method, 0), data)
    accuracy = outcome.scores["long_first_once"]
    assert accuracy <= best_accuracy(bits, 32, 4, 256) + 3 * math.sqrt(0.25 / 400)


def test_controls_score_what_they_must(data):
    scores = {}
    for arm in ("uniform", "last"):
        method = Guess(arm=arm)
        method.weights = method.train(None, 0)
        scores[arm] = Recall(SPEC).evaluate(MeasuredMethod(method, 0), data)
        assert Guess.is_control_variant({"arm": arm})
    last = [
        answer.tokens[0] == context.tokens[-1]
        for answer, context in zip(data.answers, data.contexts["long_first_once"], strict=True)
    ]
    np.testing.assert_array_equal(scores["last"].items["long_first_once"], last)
    for name in ("long_first_once", "short_first_once"):
        # A uniform token of the context is the common one with 2 / (|A| + |B|): .2 and .1 here.
        assert abs(scores["uniform"].scores[name] - 0.15) < 0.13


def test_theory_line_belongs_to_the_task():
    (line,) = Recall(SPEC).theory()
    assert line.task == "recall/tiny"
    assert line.points == sorted(line.points)
    assert line.points[-1][1] == 1


def test_fit_data_are_the_declared_training_examples(data):
    spec = SPEC.model_copy(update={"fit": "train"})
    fitted_on = Recall(spec).fit_data(None, {"train": data}.__getitem__)
    assert fitted_on.items is data
    assert fitted_on.labels.tolist() == [int(answer.tokens[0]) for answer in data.answers]
    assert fitted_on.classes == 68
    assert Recall(SPEC).fit_data(data, {}.__getitem__) is None


def test_encode_is_asked_for_items(data):
    roles = []

    class Spy(Oracle):
        def encode(self, items, role):
            roles.append(role)
            return super().encode(items, role)

    Recall(SPEC).evaluate(MeasuredMethod(Spy(), 0), data)
    assert set(roles) == {Role.ITEM}

"""Code selection by hand, storing in one step, and what the controls cannot do."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from methods.sparsey.memory import (
    Field,
    awake,
    draw_winners,
    one_hot_codebook,
    present,
    store,
    support,
)
from methods.sparsey.method import EdgeBits, Sparsey, edge_cells, inputs_of, label_weights
from suite.data import access
from suite.method import Effort, FitData, Role
from suite.representations import Codes

FIELD = Field(50, 20)


def patterns(count, bits=784, active=40, seed=0):
    generator = np.random.default_rng(seed)
    chosen = np.zeros((count, 1, bits), bool)
    for pattern in chosen:
        pattern[0, generator.permutation(bits)[:active]] = True
    return chosen


def arm(name, items, labels=None, classes=None):
    method = Sparsey(Effort("quick"), arm=name)
    method.fitted = method.fit(FitData(items, labels, classes), 0)
    return method


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


def test_support_is_the_share_of_active_bits_with_a_set_weight():
    weights = np.zeros((1, 4, 6), np.float32)
    weights[0, [0, 1], 2] = 1
    weights[0, 0, 5] = 1
    values = support(np.array([[[True, True, False, True]], [[False] * 4]]), weights, Field(2, 3))
    np.testing.assert_allclose(values[0, 0], [[0, 0, 2 / 3], [0, 0, 1 / 3]])
    assert not values[1].any()


def test_a_new_input_gets_random_winners_and_a_familiar_one_its_own():
    generator = np.random.default_rng(0)
    unfamiliar = draw_winners(np.zeros((400, 50, 20), np.float32), FIELD, generator)
    np.testing.assert_allclose(np.bincount(unfamiliar.ravel(), minlength=20) / unfamiliar.size, 1 / 20, atol=0.006)
    familiar = np.zeros((400, 50, 20), np.float32)
    familiar[:, :, 7] = 1
    # χK + 1 against nineteen other units of chance 1 + χK / (1 + e^{λc}), that is of 1.002.
    assert (draw_winners(familiar, FIELD, generator) == 7).mean() == pytest.approx(2001 / 2020, abs=0.003)


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_codes_have_one_winner_a_module_and_weights_are_set_where_both_were_active(count, seed):
    inputs = patterns(count, bits=60, active=6, seed=seed)
    field = Field(5, 4)
    weights, codes = store(inputs, field, np.random.default_rng(seed))
    assert codes.shape == (count, 1, 5)
    assert codes.max() < 4
    wanted = np.zeros((60, 5, 4), bool)
    for pattern, code in zip(inputs[:, 0], codes[:, 0], strict=True):
        wanted[np.ix_(pattern, range(5))] |= np.eye(4, dtype=bool)[code]
    np.testing.assert_array_equal(weights[0].reshape(60, 5, 4), wanted)
    # All weights of a stored input to its own code are set, so that its support is whole.
    values = support(inputs, weights, field)
    np.testing.assert_array_equal(np.take_along_axis(values, codes[..., None].astype(int), axis=-1), 1)


def test_storing_more_never_takes_a_weight_away():
    inputs = patterns(40)
    few, many = (store(inputs[:n], FIELD, np.random.default_rng(0))[0] for n in (20, 40))
    assert (many >= few).all()
    assert many.sum() > few.sum()


def test_retrieval_is_repeatable_and_learns_nothing():
    weights, codes = store(patterns(50), FIELD, np.random.default_rng(0))
    before = weights.copy()
    first, second = (present(patterns(50), weights, FIELD) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(weights, before)
    assert (first == codes).mean() > 0.99


def test_always_argmax_gives_every_input_the_same_code():
    weights, codes = store(patterns(20), Field(50, 20, "argmax"), np.random.default_rng(0))
    assert not codes.any()
    assert not present(patterns(20, seed=1), weights, FIELD).any()


def test_macs_outside_their_bounds_are_silent_and_full_ones_learn_nothing():
    field = Field(2, 3, fewest=2, most=0.5, full=0.3)
    inputs = np.zeros((3, 2, 8), bool)
    inputs[0, 0, :1] = inputs[0, 1, :2] = inputs[1, 0, :4] = inputs[1, 1, :5] = True
    np.testing.assert_array_equal(awake(inputs, field), [[False, True], [True, False], [False, False]])
    weights, codes = store(inputs, field, np.random.default_rng(0))
    assert (codes[0, 0] == field.silent).all()
    assert (codes[2] == field.silent).all()
    assert weights[0, :4].any()
    assert not weights[1, 2:].any()
    many, _ = store(patterns(400, bits=20, active=5), Field(2, 3, full=0.3), np.random.default_rng(0))
    unlimited, _ = store(patterns(400, bits=20, active=5), Field(2, 3), np.random.default_rng(0))
    assert 0.3 <= many.mean() < 0.7 < unlimited.mean()


def test_codes_count_shared_winners_and_pass_over_silence():
    codebook = one_hot_codebook(3, 7)
    one, other = (Codes(np.array([row], np.uint8), codebook, bits=3) for row in ([1, 2, 7], [1, 3, 7]))
    assert one.features() @ other.features().T == 1
    assert one.arrays()["codes"].nbytes == 2


def test_similarity_of_what_is_drawn_is_sparseys_own_and_that_of_what_is_retrieved_is_not():
    stored = patterns(20)[:, 0].astype(np.float32)
    half = stored.copy()
    for pattern in half:
        on, off = np.flatnonzero(pattern), np.flatnonzero(pattern == 0)
        pattern[on[:16]], pattern[off[:16]] = 0, 1
    drawn, retrieved = {}, {}
    for name in ("sparsey", "random-winners"):
        method = arm(name, stored)
        own = method.stored_codes().codes
        drawn[name] = (method.presented(half).codes == own).mean()
        retrieved[name] = (method.encode(half, Role.ITEM).codes == own).mean()
    assert drawn["sparsey"] > 0.8
    assert drawn["random-winners"] < 0.1
    assert min(retrieved.values()) > 0.9


def test_what_is_presented_is_not_drawn_with_the_numbers_of_storing():
    stored = patterns(200)[:, 0].astype(np.float32)
    method = arm("random-winners", stored)
    assert (method.presented(stored).codes == method.stored_codes().codes).mean() == pytest.approx(1 / 20, abs=0.01)


def test_edges_by_hand():
    image = np.zeros((1, 4, 4), np.uint8)
    image[0, 1, 1] = 200
    cells = edge_cells(image)[0]
    brighter, darker, brighter_down, darker_down = np.moveaxis(cells, -1, 0)
    assert np.argwhere(brighter).tolist() == np.argwhere(brighter_down).tolist() == [[1, 1]]
    assert np.argwhere(darker).tolist() == [[1, 2]]
    assert np.argwhere(darker_down).tolist() == [[2, 1]]


@pytest.mark.parametrize(("side", "macs"), [(8, 9), (28, 36), (64, 49)])
def test_fields_of_any_image(side, macs):
    images = np.random.default_rng(0).integers(0, 256, (2, side, side), np.uint8)
    assert inputs_of(images).shape == (2, macs, 64)
    colour = np.repeat(images[..., None], 3, axis=3)
    np.testing.assert_array_equal(inputs_of(colour), inputs_of(images))


def test_label_weights_join_what_was_active_together_until_a_mac_is_full():
    codes = np.array([[[0], [2]], [[1], [2]], [[1], [0]]], np.uint8)
    labels = np.array([1, 0, 1])
    weights = label_weights(codes, labels, 2, Field(1, 2))
    first = [[False, True], [True, True]]
    second = [[False, True], [False, False]]
    np.testing.assert_array_equal(weights, first + second)
    weights = label_weights(codes, labels, 2, Field(1, 2, full=0.5))
    np.testing.assert_array_equal(weights[:2], [[False, True], [True, False]])


def test_digits_are_coded_in_bits_and_seen_once(digits):
    method = arm("sparsey", digits.train, digits.train_labels, 10)
    codes = method.encode(digits.test, Role.ITEM)
    assert codes.nbytes == len(digits.test) * 14, "9 macs of 4 modules of 3 bits, to the byte"
    assert method.fitted["weights"].dtype == np.uint8
    right = method.predict(codes) == digits.test_labels
    assert right.mean() > 0.2
    bits = EdgeBits().encode(digits.test, Role.ITEM)
    assert bits.nbytes == len(digits.test) * 32

"""Hidden Chow–Liu trees: structure, likelihood, expectation maximisation, and coding that reaches the likelihood."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest

from methods.probabilistic_circuits.hidden_chow_liu import (
    TOTAL,
    HiddenTree,
    Tree,
    learn,
    mutual_information,
    raster_tree,
    rounded,
    spanning_tree,
)
from methods.probabilistic_circuits.method import ProbabilisticCircuits
from methods.probabilistic_circuits.range_coding import BELIEF, categorical, finish, start, whole
from suite.method import Effort, FitData, Role
from suite.running.fresh import decode_in_fresh_process

torch = pytest.importorskip("torch")
constriction = pytest.importorskip("constriction")


def smooth_images(count: int, side: int = 6, seed: int = 0) -> np.ndarray:
    """Images of a few levels whose neighbours are alike."""
    rng = np.random.default_rng(seed)
    rough = rng.random((count, side + 2, side + 2))
    smooth = (rough[:, :-2, :-2] + rough[:, 1:-1, 1:-1] + rough[:, 2:, 2:] + rough[:, 1:-1, :-2]) / 4
    return (smooth * 12).astype(np.uint8) * 20


@pytest.fixture(scope="module")
def tiny() -> HiddenTree:
    """Five pixels in a tree of depth two, two states, random tables."""
    rng = np.random.default_rng(1)
    tree = Tree(np.array([2, 0, 1, 3, 4], np.int16), np.array([-1, 0, 0, 1, 1], np.int16))
    emissions, transitions = (rng.dirichlet(np.ones(k), (5, 2)) for k in (256, 2))
    transitions[0] = transitions[0, 0]
    return HiddenTree(tree, torch.from_numpy(emissions), torch.from_numpy(transitions))


def joint(model: HiddenTree, values: np.ndarray, states: tuple[int, ...]) -> float:
    """p(values, states) as the definition says it."""
    p = 1.0
    for place, (x, z) in enumerate(zip(values, states, strict=True)):
        above = 0 if place == 0 else states[model.tree.parents[place]]
        p *= float(model.transitions[place, above, z] * model.emissions[place, z, x])
    return p


# -- structure ------------------------------------------------------------------------------------


def test_mutual_information_agrees_with_scikit_learn():
    from sklearn.metrics import mutual_info_score

    images = np.random.default_rng(0).integers(0, 8, (300, 4)).astype(np.uint8)
    images[:, 1] = images[:, 0] // 2
    images[0] = 7
    found = mutual_information(images)
    for a, b in product(range(4), repeat=2):
        assert found[a, b] == pytest.approx(mutual_info_score(images[:, a], images[:, b]), abs=1e-5)


def test_chow_liu_finds_the_tree_that_made_the_data():
    rng = np.random.default_rng(0)
    columns = [rng.integers(0, 8, 4000)]
    parents = [None, 0, 0, 1, 1, 2]
    for parent in parents[1:]:
        kept = rng.random(4000) < 0.8
        columns.append(np.where(kept, columns[parent], rng.integers(0, 8, 4000)))
    tree = spanning_tree(mutual_information(np.stack(columns, 1).astype(np.uint8)))
    found = {frozenset((int(tree.pixels[v]), int(tree.pixels[p]))) for v, p in enumerate(tree.parents) if p >= 0}
    assert found == {frozenset((v, p)) for v, p in enumerate(parents) if p is not None}
    assert int(tree.pixels[0]) in {0, 1}  # a centre: no leaf is more than two edges away from 0, three from 1


def test_levels_and_siblings_cover_a_raster_tree():
    tree = raster_tree(4, 5)
    assert sorted(tree.pixels) == list(range(20))
    assert sorted(place for level in tree.siblings for places in level for place in places) == list(range(1, 20))
    for level, ranks in zip(tree.levels[1:], tree.siblings, strict=True):
        assert sorted(np.concatenate(ranks)) == list(range(level.start, level.stop))
        for places in ranks:
            assert len(set(tree.parents[places])) == len(places)


# -- likelihood and learning ----------------------------------------------------------------------


def test_upward_pass_sums_over_all_states(tiny):
    values = np.array([3, 250, 0, 17, 99])
    total = sum(joint(tiny, values, states) for states in product(range(2), repeat=5))
    log = tiny.upward(torch.from_numpy(values)[:, None])[2]
    assert float(log[0]) == pytest.approx(np.log2(total), abs=1e-9)


def test_flows_are_expected_counts(tiny):
    values = np.array([3, 250, 0, 17, 99])
    emitted, moved = tiny.flows(torch.from_numpy(values)[:, None])
    weights = {states: joint(tiny, values, states) for states in product(range(2), repeat=5)}
    total = sum(weights.values())
    for place, z in product(range(5), range(2)):
        expected = sum(w for s, w in weights.items() if s[place] == z) / total
        assert float(emitted[place, z, values[place]]) == pytest.approx(expected, abs=1e-9)
    for place, above, z in product(range(1, 5), range(2), range(2)):
        expected = sum(w for s, w in weights.items() if (s[tiny.tree.parents[place]], s[place]) == (above, z)) / total
        assert float(moved[place, above, z]) == pytest.approx(expected, abs=1e-9)
    assert float(emitted.sum()) == pytest.approx(5)


def test_a_full_pass_never_lowers_the_likelihood():
    images = smooth_images(300).reshape(300, -1)
    tree = spanning_tree(mutual_information(images))
    model = HiddenTree.initial(tree, images, 4, np.random.default_rng(0))
    values = torch.from_numpy(images[:, tree.pixels].T.astype(np.int64))
    found = []
    for _ in range(5):
        found.append(model.bits(images))
        model.step(*model.flows(values), torch.zeros(36, 256) + 1e-6, share=1e-6)
    assert all(later <= earlier * (1 + 1e-6) for earlier, later in pairwise(found))
    assert found[-1] < found[0]


def test_one_state_is_a_histogram_of_each_pixel():
    images = smooth_images(400).reshape(400, -1)
    model = learn(raster_tree(6, 6), images, 1, steps=3, batch=50, rng=np.random.default_rng(0))
    for place, pixel in enumerate(model.tree.pixels):
        shares = np.bincount(images[:, pixel], minlength=256) / 400
        assert np.abs(model.emissions[place, 0].numpy() - shares).max() < 0.02


def test_rounded_rows_sum_to_the_total_without_zeros():
    table = np.random.default_rng(0).dirichlet(np.full(256, 0.01), (3, 4))
    units = rounded(table)
    assert units.min() >= 1
    assert (units.astype(int).sum(-1) == TOTAL).all()
    np.testing.assert_array_equal(rounded(np.ones((2, 1))), np.full((2, 1), TOTAL))


# -- coding ---------------------------------------------------------------------------------------


def test_finished_streams_are_read_back_and_waste_less_than_nine_bits():
    rng = np.random.default_rng(0)
    wasted = []
    for _ in range(300):
        tables = rng.random((int(rng.integers(1, 30)), 256)) ** int(rng.choice([1, 8, 40])) + 1e-4
        tables /= tables.sum(1, keepdims=True)
        values = np.array([row.argmax() if rng.random() < 0.5 else rng.integers(256) for row in tables], np.int32)
        encoder = constriction.stream.queue.RangeEncoder()
        encoder.encode(values, categorical(), tables)
        stream = finish(encoder)
        np.testing.assert_array_equal(start(stream).decode(categorical(), tables), values)
        information = -np.log2(tables[np.arange(len(values)), values]).sum()
        wasted.append(8 * len(stream) - information)
    # An interval may by chance hold a shorter string than its width promises, but not on the mean.
    assert max(wasted) < 9.2
    assert np.mean(wasted) > 0


def test_beliefs_in_whole_numbers_lose_no_state_and_sum_exactly():
    belief = np.array([[1e-30, 0.25, 0.75]])
    found = whole(belief, belief.sum(1, keepdims=True))
    np.testing.assert_array_equal(found, [[1, BELIEF / 4, BELIEF * 3 / 4]])
    assert BELIEF * 2**16 * 2**10 < 2**53


@pytest.fixture(scope="module")
def fitted():
    """A fitted method, by layout and arm."""
    train = smooth_images(500)

    def make(layout: str = "stream", arm: str = "chow-liu", m: int = 4) -> ProbabilisticCircuits:
        method = ProbabilisticCircuits(Effort("quick"), arm=arm, m=m, layout=layout)
        method.fitted = method.fit(FitData(train), 0)
        return method

    return make


CASES = [("stream", "raster-tree", 4), ("item", "random-tree", 4), ("item", "independent", 1)]


@pytest.mark.parametrize(("layout", "arm", "m"), CASES)
def test_streams_decode_exactly_and_agree_with_the_likelihood(fitted, layout, arm, m):
    method, images = fitted(layout, arm, m), smooth_images(40, seed=1)
    images[0] = 255  # never seen in training
    images[1, 0, 0] = 1
    streams = method.encode(images, Role.ITEM)
    np.testing.assert_array_equal(method.decode(streams), images)
    bits = 8 * streams.nbytes
    assert streams.theoretical_bits - 1 <= bits <= streams.theoretical_bits + 9 * len(streams.streams)


def test_the_batch_and_the_number_of_threads_change_no_stream(fitted):
    method, images = fitted("item"), smooth_images(30, seed=2)
    together = method.encode(images, Role.ITEM)
    apart = [method.encode(images[i : i + 1], Role.ITEM).streams[0] for i in range(len(images))]
    assert list(together.streams) == apart
    np.testing.assert_array_equal(decode_in_fresh_process(method, together, threads=2).items, images)


def test_a_learnt_tree_does_not_care_where_pixels_lie(fitted):
    order = np.random.default_rng(5).permutation(36)
    train, test = smooth_images(500), smooth_images(60, seed=3)
    bits = []
    for change in (np.arange(36), order):
        method = ProbabilisticCircuits(Effort("quick"), arm="chow-liu", m=4, layout="stream")
        method.fitted = method.fit(FitData(train.reshape(-1, 36)[:, change].reshape(-1, 6, 6)), 0)
        bits.append(8 * method.encode(test.reshape(-1, 36)[:, change].reshape(-1, 6, 6), Role.ITEM).nbytes / test.size)
    assert bits[0] == pytest.approx(bits[1], abs=0.03)


def test_a_step_down_the_tree_evaluates_a_small_part_of_the_circuit(fitted):
    method = fitted()
    method.encode(smooth_images(3), Role.ITEM)
    # Each table is used once to code a pixel; each transition below the root twice, on the way down and up.
    d, m = 36, 4
    expected = (d * m * 256 + 2 * (d - 1) * m * m) / d / (d * m * 256 + d * m * m)
    assert method.extra_costs["share_of_circuit_a_pixel"] == pytest.approx(expected)

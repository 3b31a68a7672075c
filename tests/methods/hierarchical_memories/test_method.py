"""Hierarchical memories: which blocks are fetched, what they add, what is counted, and that values do not leak."""

from __future__ import annotations

import numpy as np
import pytest

from methods.hierarchical_memories import method as hm
from methods.hierarchical_memories.method import BLOCKS, CLUSTERS, HierarchicalMemories
from suite.method import Effort, FitData, Role
from suite.task import TaskSpec
from tasks.studies.long_tail_recall.data import generate
from tasks.studies.long_tail_recall.task import LongTailRecall

torch = pytest.importorskip("torch")

SENTENCES = ("opera means stone", "opera means rope", "trains means lamp", "trains means coin")


@pytest.fixture(autouse=True)
def one_thread():
    """Tensors this small only lose by being shared between cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def facts():
    return generate(None, topics=8, entities=16, bounds=[16, 40, 64, 96], questions=8, occurrences=400, seed=0)


@pytest.fixture
def fitted(facts, monkeypatch):
    """A method's maker, with vectors that tell topics apart in place of the backbone's, and what was embedded."""
    monkeypatch.setattr(Effort, "pick", lambda self, quick, standard: 4)
    embedded: list[str] = []

    def unit_vectors(self, texts):
        embedded.extend(texts)
        rows = [np.random.default_rng(sum(map(ord, text))).standard_normal(16) for text in texts]
        return np.array(rows, np.float32)

    monkeypatch.setattr(HierarchicalMemories, "unit_vectors", unit_vectors)
    data = LongTailRecall(TaskSpec(name="facts", title="Facts", data="facts")).fit_data(facts, dict)

    def make(trained="memories", asked="own", seed=0):
        method = HierarchicalMemories(Effort("quick"), trained=trained, asked=asked)
        method.fitted = method.narrow(method.fit(FitData(data.items), seed))
        return method

    return make, embedded


def network(blocks=BLOCKS):
    from methods.hierarchical_memories.memory_bank import MemoryModel

    torch.manual_seed(0)
    model = MemoryModel(20, 12, 5, blocks, 3, 2).double()
    with torch.no_grad():
        for layer in model.layers:
            layer.bank_down.normal_()
    return model


def test_a_layer_is_its_formula():
    layer = network().layers[0]
    x, path = torch.randn(4, 12, dtype=torch.float64), torch.tensor([[0, 8], [1, 17], [7, 70], [2, 24]])
    u = layer.norm(x)
    expected = x + layer.down(torch.nn.functional.silu(layer.gate(u)) * layer.up(u))
    for row in range(4):
        for block in path[row]:
            hidden = torch.nn.functional.silu(layer.bank_gate[block] @ u[row]) * (layer.bank_up[block] @ u[row])
            expected[row] = expected[row] + hidden @ layer.bank_down[block]
    torch.testing.assert_close(layer(x, path), expected)


def test_blocks_that_say_nothing_leave_the_anchor():
    model, read = network(), torch.tensor([[1, 2, 3], [4, 5, 20]])
    anchor = model(read, None)
    assert not torch.allclose(model(read, torch.tensor([[0, 8], [1, 16]])), anchor)
    with torch.no_grad():
        for layer in model.layers:
            layer.bank_down.zero_()
    torch.testing.assert_close(model(read, torch.tensor([[0, 8], [1, 16]])), anchor)


def test_only_fetched_blocks_receive_gradient():
    model = network()
    model.logits(model(torch.tensor([[1, 2, 3], [4, 5, 20]]), torch.tensor([[0, 8], [3, 39]]))).logsumexp(
        1
    ).sum().backward()
    for layer in model.layers:
        for bank in (layer.bank_gate, layer.bank_up, layer.bank_down):
            assert set(torch.nonzero(bank.grad.abs().sum((1, 2))).flatten().tolist()) == {0, 3, 8, 39}


def test_what_is_filled_up_behind_is_not_read():
    model, path = network(), torch.tensor([[0, 8]])
    torch.testing.assert_close(model(torch.tensor([[3, 1]]), path), model(torch.tensor([[3, 1, 20, 20]]), path))
    assert not torch.allclose(model(torch.tensor([[3, 1]]), path), model(torch.tensor([[1, 3]]), path))


def test_a_route_is_the_nearest_root_and_its_nearest_leaf():
    rng = np.random.default_rng(0)
    vectors, roots = rng.standard_normal((50, 6), np.float32), rng.standard_normal((CLUSTERS, 6), np.float32)
    leaves = rng.standard_normal((CLUSTERS, CLUSTERS, 6), np.float32)
    for vector, (root, leaf) in zip(vectors, hm.route(vectors, roots, leaves), strict=True):
        assert root == np.linalg.norm(roots - vector, axis=1).argmin()
        assert leaf == CLUSTERS * (1 + root) + np.linalg.norm(leaves[root] - vector, axis=1).argmin()


def test_a_wrong_path_has_no_block_of_the_right_one():
    paths = hm.path_of(np.arange(64) % CLUSTERS, np.arange(64) // CLUSTERS)
    assert len(np.unique(paths[:, 1])) == 64
    assert paths.max() == BLOCKS - 1
    wrong = hm.sibling(paths)
    assert (wrong != paths).all()
    np.testing.assert_array_equal((wrong[:, 1] - CLUSTERS) // CLUSTERS, wrong[:, 0])


def test_batches_hold_no_word_from_behind_the_cut():
    words = sorted({word for sentence in SENTENCES for word in sentence.split()})
    read = hm.word_numbers([sentence.split() for sentence in SENTENCES], words)
    for chosen, before, target in hm.batches(read, np.array([8, 4, 1, 1]), len(words), 5, np.random.default_rng(0)):
        lengths = (before != len(words)).sum(1)
        assert set(lengths) <= {1, 2}
        for row, length in enumerate(lengths):
            np.testing.assert_array_equal(before[row, :length], read[chosen[row], :length])
        np.testing.assert_array_equal(target, read[chosen, lengths])
        shares = np.bincount(chosen, minlength=4) / len(chosen)
        assert shares[0] > shares[1] > shares[2:].max()


def test_values_are_not_in_what_is_routed(fitted, facts):
    make, embedded = fitted
    make().encode([sentence.rpartition(" ")[0] for sentence in facts.sentences[:5]], Role.QUERY)
    values = {sentence.rpartition(" ")[2] for sentence in facts.sentences}
    assert embedded
    assert not [text for text in embedded if text.split()[-1] in values]


def test_a_context_is_routed_alike_when_learnt_and_when_asked(fitted, facts, monkeypatch):
    """By the words that were read, not by the sentence that they come from."""
    make, _ = fitted
    learnt, drawn = [], []
    whole = HierarchicalMemories.training_paths
    monkeypatch.setattr(
        HierarchicalMemories, "training_paths", lambda self, p, rng: learnt.append(p) or whole(self, p, rng)
    )
    cut_up = hm.batches
    monkeypatch.setattr(hm, "batches", lambda *given: (drawn.append(batch[1]) or batch for batch in cut_up(*given)))
    method = make()
    assert len(learnt) == len(drawn) == 4
    nothing = len(method.vocabulary)
    for paths, before in zip(learnt, drawn, strict=True):
        texts = [" ".join(method.vocabulary[word] for word in row if word != nothing) for row in before]
        assert len({len(text.split()) for text in texts}) > 3
        np.testing.assert_array_equal(method.paths(texts), paths)


def test_a_fifth_of_the_steps_fetches_nothing():
    rng, paths = np.random.default_rng(0), hm.path_of(np.arange(8), np.arange(8))
    for trained in ("memories", "random"):
        method = HierarchicalMemories(Effort("quick"), trained=trained, asked="own")
        fetched = [method.training_paths(paths, rng) for _ in range(1000)]
        assert np.mean([path is None for path in fetched]) == pytest.approx(0.2, abs=0.04)
        if trained == "memories":
            assert all(path is paths for path in fetched if path is not None)
    assert HierarchicalMemories(Effort("quick"), trained="dense-twice", asked="own").training_paths(paths, rng) is None


def test_parameters_are_those_of_one_context_and_of_all(fitted, facts):
    make, _ = fitted
    texts = [sentence.rpartition(" ")[0] for sentence in facts.sentences[:3]]
    counted = {}
    dense = [(name, "own") for name in ("dense-runtime", "dense-twice", "dense-total")]
    for trained, asked in (("memories", "own"), ("memories", "off"), *dense):
        method = make(trained, asked)
        method.encode(texts, Role.QUERY)
        counted[trained, asked] = method.extra_costs
        stored = sum(v.size for k, v in method.fitted.items() if k.startswith(hm.NETWORK))
        assert method.extra_costs["total_parameters"] == stored
        assert (method.stored_model() is None) == ((trained, asked) == ("memories", "own"))
    ours, off = counted["memories", "own"], counted["memories", "off"]
    assert ours["fetched_parameters"] == counted["dense-runtime", "own"]["fetched_parameters"]
    assert ours["total_parameters"] == counted["dense-total", "own"]["total_parameters"]
    unit = 3 * hm.WIDTH * hm.LAYERS
    twice = counted["dense-twice", "own"]["total_parameters"]
    assert twice == pytest.approx(2 * ours["fetched_parameters"], abs=unit / 2)
    block = 3 * hm.WIDTH * hm.UNITS
    assert ours["fetched_parameters"] - off["fetched_parameters"] == hm.LAYERS * hm.LEVELS * block
    assert ours["total_parameters"] - off["total_parameters"] == hm.LAYERS * BLOCKS * block


def test_fit_depends_on_the_seed_alone(fitted):
    make, _ = fitted
    first, again, other = make(), make(), make(seed=1)
    assert first.fitted.keys() == again.fitted.keys()
    assert all(np.array_equal(value, again.fitted[name]) for name, value in first.fitted.items())
    assert any(not np.array_equal(value, other.fitted[name]) for name, value in first.fitted.items())

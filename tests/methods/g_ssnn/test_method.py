"""G-SSNN: the language and its invariants, search without repeats, abstractions that keep meaning, and the networks."""

from __future__ import annotations

from itertools import combinations, islice

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.g_ssnn import method as g_ssnn
from methods.g_ssnn.method import DIAGNOSIS, GSSNN, Scale, diagnosis, rows
from methods.g_ssnn.networks import WIDTH, GraphNetwork, _chunks, _code
from methods.g_ssnn.program_search import Compressed, Grammar, compress, discoveries
from methods.g_ssnn.programs import (
    ARGUMENTS,
    ELEMENTS,
    IDENTITY,
    Edge,
    Graph,
    State,
    expanded,
    filled,
    read,
    run,
    written,
)
from suite.method import Effort, FitData, Role

PAIR = "(push (add (connect identity)))"


def built(text):
    return run(read(text), State()).graph


def drawn(graph):
    network = nx.MultiGraph()
    network.add_nodes_from(graph.nodes)
    network.add_edges_from((edge.a, edge.b, edge.port) for edge in graph.edges)
    return network


terms = st.recursive(
    st.just(IDENTITY),
    lambda inner: st.one_of(
        *(st.tuples(st.just(name), *[inner] * arguments) for name, arguments in ARGUMENTS.items() if arguments)
    ),
    max_leaves=25,
)


@settings(max_examples=100, deadline=None)
@given(terms)
def test_every_program_keeps_the_invariants_of_graphs(term):
    graph = run(term, State()).graph
    ends = [(node, edge.port) for edge in graph.edges for node in (edge.a, edge.b)]
    assert len(ends) == len(set(ends)), "one edge a port"
    assert sorted((*graph.nodes, *(edge.order for edge in graph.edges))) == list(range(graph.elements))
    assert graph.elements <= ELEMENTS
    assert nx.number_connected_components(nx.Graph(drawn(graph))) == 1 + graph.isolated
    assert read(written(term)) == term


def test_primitives_by_example():
    assert built(PAIR).edges == (Edge(2, 0, 1, 0),)
    assert built("(add (connect identity))") == Graph(), "nothing to connect to is on the stack"
    assert len(built("(push (add (connect (connect identity))))").edges) == 1, "the port is taken"
    triangle = "(push (add (connect (next_port (push (add (connect (pop (next_port (connect identity))))))))))"
    assert sorted(d for _, d in drawn(built(triangle)).degree()) == [2, 2, 2]
    func = f"(func {PAIR} (push (next_port (add (connect identity)))))"
    # The position is restored: the second node is connected to the first again, not to the one that was added.
    assert [(edge.a, edge.b) for edge in built(func).edges] == [(1, 0), (3, 0)]
    assert built("(func (push (add identity)) identity)") == Graph(), "a graph that falls apart is dropped"
    same = "(if_positions_equal identity {} (push (add (connect identity))) identity identity)"
    assert built(same.format("identity")) != Graph()
    moved = "(push (add (connect (if_positions_equal identity (move identity) identity {} identity))))"
    assert built(moved.format("(next_port (connect identity))")).elements == 4


def test_unknown_symbols_and_broken_text_are_named():
    with pytest.raises(KeyError, match="fly"):
        run(read("(fly identity)"), State())
    for text in ("(push identity", "push identity", "((push) identity)"[:9], "("):
        with pytest.raises(ValueError, match=r"term|parenthes"):
            read(text)


@pytest.fixture(scope="module")
def first():
    return list(discoveries(Grammar.fitted((), {}), (), 3000))


def test_search_finds_connected_graphs_none_twice_and_repeats(first):
    assert len(first) >= 5
    for program, graph in first:
        assert run(program, State()).graph == graph
        assert len(graph.nodes) > 1
        assert not graph.isolated
    for (_, a), (_, b) in combinations(first, 2):
        assert not nx.is_isomorphic(drawn(a), drawn(b))
    assert list(islice(discoveries(Grammar.fitted((), {}), (), 3000), 3)) == first[:3]


def test_search_goes_by_probability_and_leaves_out_what_is_known(first):
    grammar = Grammar.fitted((), {})
    costs = [grammar.cost(program) for program, _ in first]
    assert costs == sorted(costs)
    known = [graph for _, graph in first[:2]]
    later = [graph for _, graph in islice(discoveries(grammar, known, 1500), 1)]
    assert not any(nx.is_isomorphic(drawn(graph), drawn(old)) for graph in later for old in known)


def test_abstractions_shorten_programs_and_keep_their_meaning(first):
    programs = [program for program, _ in first]
    shared = compress(programs)
    assert len(shared.library) >= 1
    assert shared.after < shared.before
    assert tuple(expanded(term, shared.library) for term in shared.programs) == tuple(programs)


def test_a_library_reaches_larger_graphs(first):
    shared = compress([program for program, _ in first[-5:]])
    grammar = Grammar.fitted(shared.programs, shared.library)
    found = list(islice(discoveries(grammar, [graph for _, graph in first], 3000), 4))
    assert max(graph.elements for _, graph in found) > max(graph.elements for _, graph in first)
    for program, graph in found:
        assert run(expanded(program, shared.library), State()).graph == graph


def test_holes_are_filled_in_their_places():
    library = {"fn_0": read("(func #1 (push #0))")}
    term = read("(fn_0 (move identity) (pop identity))")
    assert written(expanded(term, library)) == "(func (pop identity) (push (move identity)))"
    assert filled(("#0",), {"#0": IDENTITY}) == IDENTITY


def test_chunks_cover_the_vector_and_codes_tell_elements_apart():
    chunks = _chunks(5)
    read_by = [set(row.tolist()) for row in chunks]
    assert set.union(*read_by) == set(range(WIDTH))
    assert sum(map(len, read_by)) == WIDTH
    assert len(read_by[0]) == 16, "the first takes what does not divide"
    assert chunks[1, :12].tolist() == chunks[1, 12:24].tolist()
    codes = torch.stack([_code(order, port) for order in range(ELEMENTS) for port in range(5)])
    assert torch.pdist(codes).min() > 0.1


def test_graph_layer_is_the_sum_over_neighbours_whatever_their_order():
    graph = built("(push (add (connect (next_port (add (connect identity))))))")
    networks = []
    for edges in (rows(graph), [[order, port, b, a] for order, port, a, b in rows(graph)]):
        torch.manual_seed(0)
        networks.append(GraphNetwork((8, 8), 3, list(graph.nodes), edges).eval())
    pixels = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(networks[0](pixels), networks[1](pixels))
        network = networks[0]
        vector = network.encoder(pixels)
        nodes = vector[:, network.read_by_nodes] + network.node_codes
        edges = vector[:, network.read_by_edges] + network.edge_codes
        place = {node: row for row, node in enumerate(graph.nodes)}
        for layer in network.layers:
            heard = torch.zeros_like(nodes)
            for (_, _, a, b), edge in zip(rows(graph), edges.unbind(1), strict=True):
                heard[:, place[a]] += torch.relu(nodes[:, place[b]] + edge)
                heard[:, place[b]] += torch.relu(nodes[:, place[a]] + edge)
            nodes = layer(nodes + heard)
        torch.testing.assert_close(network.features(pixels), nodes.mean(1))


def test_diagnosis_of_planted_accuracies():
    accuracies = np.array([[[0.5, 0.5]] * 3, [[0.6, 0.56]] * 3, [[0.9, 0.9]] * 3]) + np.array([0, 0.01, 0.02])[:, None]
    fits = np.array([[0.95] * 3, [0.94] * 3, [0.5] * 3])
    found = diagnosis(accuracies, fits, Compressed((), {"fn_0": IDENTITY}, 40, 30))
    assert found.keys() == set(DIAGNOSIS)
    assert found["modulation"] == pytest.approx(0.06), "the third does not fit as well"
    assert found["anova_p"] < 1e-6
    assert found["abstractions"] == 1
    opposite = accuracies[:2] * np.array([1, -1])
    assert diagnosis(opposite, fits[:2], Compressed((), {}, 0, 0))["modulation"] == 0
    assert diagnosis(accuracies[:1], fits[:1], Compressed((), {}, 0, 0))["anova_p"] == 1


@pytest.mark.parametrize("arm", ["g-ssnn", "baseline"])
def test_fit_selects_by_training_images_alone(arm, monkeypatch):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (60, 8, 8), np.uint8), rng.integers(0, 3, 60)
    monkeypatch.setattr(g_ssnn, "TRAINED", 20)
    monkeypatch.setattr(g_ssnn, "HELD_OUT", 20)
    seen = []
    original = g_ssnn.train
    monkeypatch.setattr(g_ssnn, "train", lambda *args: seen.append(args[1].items) or original(*args))
    method = GSSNN(Effort("quick"), arm=arm)
    method.effort = type("Tiny", (), {"pick": lambda *_, **__: Scale(2, 1, 1, 2, 2, 1, 800)})()
    method.fitted = method.fit(FitData(images, labels, 3), 0)
    assert all(np.array_equal(items, seen[0]) for items in seen)
    assert len(seen[0]) == 20
    features = method.encode(images, Role.ITEM)
    assert method.predict(features).shape == (60,)
    assert (len(method.fitted["graph.nodes"]) > 1) is (arm == "g-ssnn")
    assert set(DIAGNOSIS) < set(method.extra_costs)

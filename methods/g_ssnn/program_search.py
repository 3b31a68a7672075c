"""Search for programs that build new graphs, and a language that grows by what good programs share.

Programs come in the order of their probability under a grammar whose symbols are drawn independently. A program whose
last step ends in a state that a more probable one has reached is not extended: all that follows depends on the state
alone. Graphs that are isomorphic to one already found, whatever their ports, are left out. Abstractions are learnt by
stitch (Bowers et al., arXiv:2211.16605).
"""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count, product
from typing import Any

from methods.g_ssnn.programs import (
    ARGUMENTS,
    IDENTITY,
    Graph,
    State,
    Term,
    expanded,
    filled,
    read,
    run,
    size,
    symbols,
    written,
)

LARGEST = 150
"""Primitives a program may have."""
FILLINGS = 64
"""Ways in which the arguments of a symbol, other than the term that goes on, are filled."""
ABSTRACTIONS, ARITY = 3, 2
TAIL: Term = ("#tail",)


@dataclass(frozen=True)
class Grammar:
    """Symbols, their probabilities, and the bodies of those that are abstractions.

    Attributes:
        arguments: symbol → how many terms it takes.
        costs: symbol → −log of its probability.
        library: abstraction → its body.
    """

    arguments: Mapping[str, int]
    costs: Mapping[str, float]
    library: Mapping[str, Term]

    @classmethod
    def fitted(cls, programs: Sequence[Term], library: Mapping[str, Term]) -> Grammar:
        """Relative frequencies in `programs`, one added to each count; uniform without programs."""
        arguments = dict(ARGUMENTS) | {name: holes(body) for name, body in library.items()}
        counts = Counter(symbol for program in programs for symbol in symbols(program))
        total = sum(counts[symbol] + 1 for symbol in arguments)
        costs = {symbol: -math.log((counts[symbol] + 1) / total) for symbol in arguments}
        return cls(arguments, costs, library)

    def cost(self, term: Term) -> float:
        """−log of a term's probability, but for the term that goes on."""
        return sum(self.costs[symbol] for symbol in symbols(term) if symbol != TAIL[0])


def holes(body: Term) -> int:
    """How many arguments an abstraction takes."""
    return len({symbol for symbol in symbols(body) if symbol.startswith("#")})


def discoveries(grammar: Grammar, known: Iterable[Graph], states: int) -> Iterator[tuple[Term, Graph]]:
    """Programs, most probable first, that end in a connected graph of two nodes or more that is not known yet.

    Args:
        grammar: what programs are made of.
        known: graphs that are not looked for.
        states: how many states are extended before the search gives up.

    Yields:
        (program in the grammar's symbols, graph).
    """
    steps = _steps(grammar)
    found: dict[str, list[Any]] = {}
    for graph in known:
        _is_new(graph, found)
    number = count()
    waiting: list[tuple[float, int, State, Term]] = [(0.0, next(number), State(), TAIL)]
    reached = {State()}
    for _ in range(states):
        if not waiting:
            return
        cost, _, state, prefix = heapq.heappop(waiting)
        graph = state.graph
        if len(graph.nodes) > 1 and not graph.isolated and _is_new(graph, found):
            yield filled(prefix, {TAIL[0]: IDENTITY}), graph
        for price, step, primitive in steps:
            after = run(filled(primitive, {TAIL[0]: IDENTITY}), state)
            if after in reached:
                continue
            program = filled(prefix, {TAIL[0]: step})
            if size(expanded(program, grammar.library)) > LARGEST:
                continue
            reached.add(after)
            heapq.heappush(waiting, (cost + price, next(number), after, program))


def _steps(grammar: Grammar) -> list[tuple[float, Term, Term]]:
    """(cost, term, the same in primitives) of all steps: symbols with all arguments filled but the one that goes on."""
    singles = [(name, TAIL) for name, arguments in grammar.arguments.items() if arguments == 1]
    closed = [IDENTITY, *(filled(term, {TAIL[0]: IDENTITY}) for term in singles)]
    closed = sorted(closed, key=grammar.cost)
    steps = []
    for name, arguments in grammar.arguments.items():
        last = _last(name, grammar)
        if last is None:
            continue
        others = arguments - 1
        choices = closed[: int(FILLINGS ** (1 / others) + 1e-9)] if others else []
        for chosen in product(choices, repeat=others):
            step = (name, *chosen[:last], TAIL, *chosen[last:])
            steps.append((grammar.cost(step), step, expanded(step, grammar.library)))
    return steps


def _last(name: str, grammar: Grammar) -> int | None:
    """Which argument of a symbol goes on after it; None where none does, or one that is used elsewhere as well."""
    if name not in grammar.library:
        return grammar.arguments[name] - 1 if grammar.arguments[name] else None
    term = body = grammar.library[name]
    while len(term) > 1:
        term = term[-1]
    tail = term[0]
    return int(tail[1:]) if tail.startswith("#") and symbols(body).count(tail) == 1 else None


def _is_new(graph: Graph, found: dict[str, list[Any]]) -> bool:
    """Whether no graph of `found` is isomorphic; it is added if so."""
    import networkx as nx

    drawn = nx.Graph()
    drawn.add_nodes_from(graph.nodes)
    parallel = Counter((min(edge.a, edge.b), max(edge.a, edge.b)) for edge in graph.edges)
    drawn.add_edges_from((a, b, {"edges": str(edges)}) for (a, b), edges in parallel.items())
    key = nx.weisfeiler_lehman_graph_hash(drawn, edge_attr="edges")
    same = nx.algorithms.isomorphism.categorical_edge_match("edges", None)
    alike = found.setdefault(key, [])
    if any(nx.is_isomorphic(drawn, other, edge_match=same) for other in alike):
        return False
    alike.append(drawn)
    return True


@dataclass(frozen=True)
class Compressed:
    """What stitch made of programs.

    Attributes:
        programs: rewritten with the abstractions.
        library: abstraction → body.
        before: symbols of all programs.
        after: symbols of all rewritten programs and of the library.
    """

    programs: tuple[Term, ...]
    library: Mapping[str, Term]
    before: int
    after: int


def compress(programs: Sequence[Term]) -> Compressed:
    """Learn at most `ABSTRACTIONS` abstractions of at most `ARITY` arguments from programs in primitives."""
    import stitch_core

    learnt = stitch_core.compress(
        [written(program) for program in programs],
        iterations=ABSTRACTIONS,
        max_arity=ARITY,
        no_curried_bodies=True,
        no_curried_metavars=True,
    )
    library = {abstraction.name: read(abstraction.body) for abstraction in learnt.abstractions}
    rewritten = tuple(read(text) for text in learnt.rewritten)
    before = sum(size(program) for program in programs)
    after = sum(size(term) for term in (*rewritten, *library.values()))
    return Compressed(rewritten, library, before, after)

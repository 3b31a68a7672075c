"""Programs that build graphs: the language of graph-based symbolically synthesised networks, and what runs it.

A program is a term, a tuple of a symbol and its arguments, every argument again a term; it turns a state into a state.
All primitives but ``identity`` end with the term that goes on from there. A state is a connected graph (or one with a
single node that is yet to be connected), the node and port that are pointed at, and a stack of nodes. Nodes and edges
are numbered together in the order in which they are made. Abstractions are terms with holes ``#0``, ``#1`` ….
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

PORTS = 4
ELEMENTS = 16
"""Nodes and edges a graph may have."""
ARGUMENTS = {
    "identity": 0, "move": 1, "next_port": 1, "prev_port": 1, "push": 1, "add": 1, "connect": 1, "pop": 1,
    "func": 2, "if_positions_equal": 5,
}  # fmt: skip
"""Primitives and how many terms each takes."""

Term = tuple[Any, ...]
IDENTITY: Term = ("identity",)


@dataclass(frozen=True)
class Edge:
    """Edge number `order` between nodes `a` and `b`, on port `port` of both."""

    order: int
    port: int
    a: int
    b: int


@dataclass(frozen=True)
class Graph:
    """Nodes, as the numbers they were made under, and edges; `isolated` is a node that is not connected yet."""

    nodes: tuple[int, ...] = (0,)
    edges: tuple[Edge, ...] = ()
    isolated: bool = False

    def neighbour(self, node: int, port: int) -> int | None:
        """Where the edge on a node's port leads, if there is one."""
        for edge in self.edges:
            if edge.port == port and node in (edge.a, edge.b):
                return edge.b if node == edge.a else edge.a
        return None

    @property
    def elements(self) -> int:
        """Number of nodes and edges: the next number."""
        return len(self.nodes) + len(self.edges)

    def connected(self, node: int, other: int, port: int) -> Graph:
        """With an edge more, unless it is a loop, either port is taken, or the graph is full."""
        taken = self.neighbour(node, port) is not None or self.neighbour(other, port) is not None
        if node == other or taken or self.elements >= ELEMENTS:
            return self
        return Graph(self.nodes, (*self.edges, Edge(self.elements, port, node, other)))


@dataclass(frozen=True)
class State:
    """What a program works on."""

    graph: Graph = Graph()
    node: int = 0
    port: int = 0
    stack: tuple[int, ...] = ()


def run(term: Term, state: State) -> State:
    """The state that a term of primitives makes of `state`.

    Raises:
        KeyError: an unknown symbol; abstractions must be expanded first.
    """
    while term[0] != "identity":
        state = _step(term[0], term[1:-1], state)
        term = term[-1]
    return state


def _step(symbol: str, closed: Term, state: State) -> State:
    graph = state.graph
    match symbol:
        case "next_port":
            return replace(state, port=(state.port + 1) % PORTS)
        case "prev_port":
            return replace(state, port=(state.port - 1) % PORTS)
        case "move":
            neighbour = graph.neighbour(state.node, state.port)
            return state if neighbour is None else replace(state, node=neighbour)
        case "push":
            return replace(state, stack=(state.node, *state.stack))
        case "pop":
            rest = state.stack[1:]
            # What a node that is not connected may be connected to must stay on the stack.
            keep = graph.isolated and not any(node != state.node for node in rest)
            return state if keep else replace(state, stack=rest)
        case "add":
            if not state.stack or graph.isolated or graph.elements >= ELEMENTS - 1:
                return state
            node = graph.elements
            return replace(state, graph=Graph((*graph.nodes, node), graph.edges, isolated=True), node=node)
        case "connect":
            if not state.stack or graph.neighbour(state.node, state.port) is not None:
                return state
            return replace(state, graph=graph.connected(state.node, state.stack[0], state.port))
        case "func":
            made = run(closed[0], state).graph
            return state if made.isolated else replace(state, graph=made)
        case "if_positions_equal":
            first, second, then, otherwise = closed
            same = run(first, state).node == run(second, state).node
            return run(then if same else otherwise, state)
    raise KeyError(f"{symbol!r} is no primitive")


# -- terms --------------------------------------------------------------------------------------------


def size(term: Term) -> int:
    """Number of symbols."""
    return 1 + sum(size(argument) for argument in term[1:])


def symbols(term: Term) -> list[str]:
    """All symbols of a term, holes included."""
    return [term[0], *(symbol for argument in term[1:] for symbol in symbols(argument))]


def filled(term: Term, arguments: Mapping[str, Term]) -> Term:
    """The term with its holes replaced."""
    if term[0] in arguments:
        return arguments[term[0]]
    return (term[0], *(filled(argument, arguments) for argument in term[1:]))


def expanded(term: Term, library: Mapping[str, Term]) -> Term:
    """The term in primitives: abstractions of `library` are replaced by their bodies."""
    arguments = [expanded(argument, library) for argument in term[1:]]
    if term[0] not in library:
        return (term[0], *arguments)
    body = filled(library[term[0]], {f"#{i}": argument for i, argument in enumerate(arguments)})
    return expanded(body, library)


def written(term: Term) -> str:
    """``(connect (add identity))``; a symbol without arguments has no parentheses."""
    return term[0] if len(term) == 1 else f"({term[0]} {' '.join(written(argument) for argument in term[1:])})"


def read(text: str) -> Term:
    """Undo `written`; raises ValueError where parentheses do not match."""
    tokens = text.replace("(", " ( ").replace(")", " ) ").split()
    term, rest = _read(tokens)
    if rest:
        raise ValueError(f"{text!r} goes on after its term")
    return term


def _read(tokens: list[str]) -> tuple[Term, list[str]]:
    if not tokens:
        raise ValueError("a term ends too early")
    first, *rest = tokens
    if first != "(":
        return (first,), rest
    (symbol, *more), rest = _read(rest)
    if more:
        raise ValueError("a symbol is expected after a parenthesis")
    arguments = []
    while rest and rest[0] != ")":
        argument, rest = _read(rest)
        arguments.append(argument)
    if not rest:
        raise ValueError("a parenthesis is not closed")
    return (symbol, *arguments), rest[1:]

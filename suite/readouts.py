"""Readouts: what tasks ask of methods, as protocols that methods are checked against when they are found.

A task names a readout and the `typing.Protocol` that a method needs for it (`Task.readout`, `Task.protocol`); a method
lists the readouts that it has (`Method.readouts`). Those that several families share are here, the others beside their
task. A readout's name is in snake_case, and stands for one protocol.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from types import FunctionType
from typing import Any, Protocol


class Searches(Protocol):
    """Readout ``search``: the best documents of every query."""

    def index(self, documents: Any) -> Any:
        """What `search` runs on."""

    def search(self, index: Any, queries: Any, k: int) -> Any:
        """`Hits`: the `k` best documents of every query, best first."""


class Compares(Protocol):
    """Readout ``compare``: the similarity of pairs."""

    def compare(self, a: Any, b: Any) -> Any:
        """(n,) similarities of aligned rows."""


class HasFeatures(Protocol):
    """Readout ``classify``: a matrix that a probe reads."""

    def features(self, items: Any) -> Any:
        """(n, d), dense or CSR."""


class Decodes(Protocol):
    """Readouts ``decode`` and ``reconstruct``: the items again, exactly or nearly."""

    def decode(self, streams: Any) -> Any:
        """The items that were encoded."""


class Answers(Protocol):
    """Readouts ``answer`` and ``complete``: questions about remembered contexts."""

    def answer(self, states: Any, questions: Any) -> Any:
        """One answer to one question about each context: (n,) token ids or n strings."""


class Samples(Protocol):
    """Readout ``sample``: new items."""

    def sample(self, n: int, seed: int) -> Any:
        """`n` generated items."""


SHARED: Mapping[str, type[Any]] = {
    "search": Searches,
    "indexed_search": Searches,
    "compare": Compares,
    "classify": HasFeatures,
    "neighbours": Searches,
    "decode": Decodes,
    "reconstruct": Decodes,
    "answer": Answers,
    "complete": Answers,
    "sample": Samples,
}
"""Protocols of readouts that no single family owns."""


def operations(protocol: type[Any]) -> dict[str, Any]:
    """Public functions and properties that a protocol names."""
    return {name: member for name, member in vars(protocol).items() if not name.startswith("_")}


def lacking(cls: type[Any], protocol: type[Any]) -> str | None:
    """What a class lacks of a protocol, in one phrase; None if it has everything."""
    for name, wanted in operations(protocol).items():
        if isinstance(wanted, property):
            if not hasattr(cls, name):
                return f"has no {name}"
            continue
        found = getattr(cls, name, None)
        problem = _not_called_like(found, wanted) if isinstance(found, FunctionType) else _differs(found, wanted)
        if problem is not None:
            return problem
    return None


def _differs(found: Any, wanted: FunctionType) -> str | None:
    """Why what a class has cannot be called as a protocol's function is; None if it can."""
    name = wanted.__name__
    given = list(inspect.signature(wanted).parameters)
    form = f"{name}({', '.join(given[1:])})"
    if not callable(found):
        return f"has no {form}"
    try:
        inspect.signature(found).bind(*given)
    except TypeError:
        return f"has {name}{inspect.signature(found)}, which cannot be called as {form}"
    return None


_not_called_like = cache(_differs)
"""The same of a function, which most classes share with their base."""

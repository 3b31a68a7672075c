"""The compressor interface: what makes vectors smaller, whatever encoder they come from.

    class Half(Compressor):
        name = "half"
        summary = "Half of the numbers."

        def encode(self, vectors, role):
            return self.dense(vectors[:, ::2])

or, where nothing is fitted and queries are treated like documents::

    @compressor("half", "Half of the numbers.")
    def half(vectors):
        return vectors[:, ::2]

A compressor works at any dimension. It reads float32 vectors of which `similarity` says how they are compared; vectors
that are compared by cosine arrive at length 1, so that their dot product is their cosine. `suite.composition` puts it
behind an encoder, `suite.vectors` before a file of vectors.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from suite.errors import ContractError
from suite.method import Method, Modality, Role, Tensors
from suite.representations.base import Representation
from suite.representations.dense import Dense, Similarity

Vectors = NDArray[np.float32]


class Compressor(Method):
    """Base class of compressors: `fit` on vectors, `encode` vectors.

    Class attributes are those of `Method`, and:
        reads: ``dense``, or ``multivector`` for what compresses several vectors per item.
        at_most_dimensions: parameters that say how many of the vectors' dimensions are kept, and can be no more.
        usual: values of parameters that are weighed on a user's vectors unless others are asked for; no values for
            what is weighed only when it is named.

    Attributes:
        similarity: how the vectors are compared, set before `fit` and `encode` are called.
    """

    modality = Modality.VECTORS
    reads: ClassVar[str] = "dense"
    usual: ClassVar[Mapping[str, Sequence[Any]]] = {}
    at_most_dimensions: ClassVar[tuple[str, ...]] = ("dim",)
    similarity: Similarity = "cosine"

    # A compressor is fitted on vectors alone, which is all that it needs to know of a task's `FitData`.
    def fit(self, vectors: Any, seed: int) -> Tensors:  # type: ignore[override]
        """Learn from (n, d) float32 vectors of the fit data; return named arrays, which become ``self.fitted``."""
        return {}

    @abstractmethod
    def encode(self, vectors: Any, role: Role) -> Representation:
        """Turn (n, d) float32 vectors into a representation of as many rows."""

    def dense(self, values: NDArray[Any], **codes: Any) -> Dense:
        """`Dense` rows that are compared as the vectors are."""
        return Dense(np.ascontiguousarray(values), self.similarity, **codes)

    def refuse_unless(self, truth: bool, reason: str) -> None:
        """Say in one line why these vectors cannot be compressed so."""
        if not truth:
            raise ContractError(f"{self.name}: {reason}")


def compressor(name: str, summary: str, **declared: Any) -> Callable[[Callable[[Vectors], Any]], type[Compressor]]:
    """Make a compressor of a function from (n, d) vectors to an array of as many rows, or a representation.

    Args:
        name: selector.
        summary: the mechanism in two sentences.
        **declared: other class attributes of `Method` (``paper``, ``tags``, ``requires`` …).
    """

    def decorate(function: Callable[[Vectors], Any]) -> type[Compressor]:
        def encode(self: Compressor, vectors: Vectors, role: Role) -> Representation:
            made = function(vectors)
            return made if isinstance(made, Representation) else self.dense(made)

        attributes = {
            "name": name,
            "summary": summary,
            "encode": encode,
            "__module__": function.__module__,
            "__doc__": function.__doc__ or summary,
            **declared,
        }
        return type(function.__name__, (Compressor,), attributes)

    return decorate


def divisors(dim: int) -> str:
    """The numbers that divide `dim`, for a message."""
    return ", ".join(str(n) for n in range(1, dim + 1) if dim % n == 0)


def check_divides(owner: Compressor, name: str, parts: int, dim: int) -> None:
    """Say in one line that `parts` parts do not divide `dim` dimensions, and which numbers do."""
    owner.refuse_unless(
        parts > 0 and dim % parts == 0, f"{name}={parts} does not divide {dim} dimensions; take one of {divisors(dim)}"
    )


def off_grid(cls: type[Method], asked: Mapping[str, str]) -> dict[str, Any]:
    """Values of parameters as text, in the types that the grid's values have.

    Raises:
        ContractError: no such parameter, or a text that is no such value.
    """
    values: dict[str, Any] = {}
    for name, text in asked.items():
        known = [value for grid in cls.grids() for value in grid.get(name, ())]
        if not known:
            there = ", ".join(cls.parameter_names()) or "none"
            raise ContractError(f"{cls.name} has no parameter {name!r}; it has: {there}")
        values[name] = _like(text, known, f"{cls.name}[{name}={text}]")
    return values


def _like(text: str, known: list[Any], where: str) -> Any:
    for value in known:
        if text == str(value):
            return value
    kind = type(known[0])
    if kind is str:
        raise ContractError(f"{where}: it is one of {', '.join(dict.fromkeys(map(str, known)))}")
    try:
        if kind is bool:
            return {"True": True, "False": False}[text]
        return kind(text)
    except (ValueError, KeyError):
        raise ContractError(f"{where}: {text!r} is no {kind.__name__}") from None

"""What a reader of sequences remembers of each context."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Representation


class State(Representation):
    """Tensors whose first axis is the context: a KV cache, a recurrent state, a filter's bits.

    Args:
        tensors: name → (n, …) array in the dtype in which it is kept between reading and answering.
    """

    kind: ClassVar[str] = "state"

    def __init__(self, **tensors: Array) -> None:
        """Hold the tensors; raises ValueError if they disagree on the number of contexts."""
        if len({len(t) for t in tensors.values()}) != 1:
            raise ValueError("every tensor of a state must have one row per context")
        self.tensors = tensors

    def __len__(self) -> int:
        """Number of contexts."""
        return len(next(iter(self.tensors.values())))

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """The states of some contexts."""
        return type(self)(**{name: tensor[rows] for name, tensor in self.tensors.items()})

    def arrays(self) -> dict[str, Array]:
        """The tensors."""
        return dict(self.tensors)

    @classmethod
    def rebuild(cls, arrays: dict[str, Array], settings: dict[str, Any]) -> Self:
        """Make the state again."""
        return cls(**arrays)

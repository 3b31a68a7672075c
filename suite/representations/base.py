"""What every representation has: rows, bytes, and a form on disk that loses nothing."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.exact_search import Array, Hits, best_of, cuts, nearest, top_k

__all__ = ["Array", "Hits", "Representation", "best_of", "nearest", "top_k"]

ROWS_AT_ONCE = 2**14


class Representation(ABC):
    """Rows that a method made of items.

    A subclass lists its state in `arrays` and `settings`; both are all that `save` writes, so that `nbytes`
    is what is stored and nothing a readout uses can be left out of the weighing.
    """

    kind: ClassVar[str]

    @abstractmethod
    def __len__(self) -> int:
        """Number of items."""

    @abstractmethod
    def arrays(self) -> dict[str, Array]:
        """Every array stored for the items, each in the dtype in which it is stored."""

    def side_arrays(self) -> dict[str, Array]:
        """Arrays a readout needs that belong to the fit and not to items (codebooks, scales)."""
        return {}

    def settings(self) -> dict[str, Any]:
        """JSON values needed to rebuild the object."""
        return {}

    @property
    def nbytes(self) -> int:
        """Bytes stored for all items together, without `side_arrays`."""
        return sum(array.nbytes for array in self.arrays().values())

    @abstractmethod
    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """The same representation of some of the items."""

    def search(self, queries: Any, k: int) -> Hits:
        """Best `k` of these rows for every query row."""
        raise TypeError(f"{self.kind} cannot search {type(queries).__name__}")

    def compare(self, other: Any) -> NDArray[np.float32]:
        """(n,) similarity of each row with the same row of `other`."""
        raise TypeError(f"{self.kind} cannot be compared with {type(other).__name__}")

    def features(self) -> Any:
        """(n, d) matrix, dense or CSR, for a linear probe or a nearest-neighbour vote."""
        raise TypeError(f"{self.kind} has no features")

    def is_finite(self) -> bool:
        """Whether no stored number is NaN or infinite."""
        stored = (*self.arrays().values(), *self.side_arrays().values())
        return all(_is_finite(array) for array in stored if array.dtype.kind == "f")

    def save(self, path: Path) -> None:
        """Write arrays and settings to one file that `load` reads back."""
        payload = {f"item.{name}": array for name, array in self.arrays().items()}
        payload |= {f"side.{name}": array for name, array in self.side_arrays().items()}
        header = np.frombuffer(json.dumps({"kind": self.kind, **self.settings()}).encode(), dtype=np.uint8)
        with open(path, "wb") as file:
            np.savez(file, header=header, **payload)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; raises ValueError if it is another type's file."""
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(stored["header"].tobytes())
            if (kind := header.pop("kind")) != cls.kind:
                raise ValueError(f"{path} holds {kind}, not {cls.kind}")
            arrays = {name.split(".", 1)[1]: stored[name] for name in stored.files if name != "header"}
        return cls.rebuild(arrays, header)

    @classmethod
    def rebuild(cls, arrays: dict[str, Array], settings: dict[str, Any]) -> Self:
        """Make the object from what `arrays`, `side_arrays` and `settings` returned."""
        return cls(**arrays, **settings)


def _is_finite(array: Array) -> bool:
    blocks = (array[rows] for rows in cuts(len(array), ROWS_AT_ONCE)) if array.ndim else iter([array])
    if array.dtype == np.float16:  # numpy converts each; all ones in the exponent are NaN and infinity
        return all(bool(((block.view(np.uint16) & 0x7C00) != 0x7C00).all()) for block in blocks)
    return all(bool(np.isfinite(block).all()) for block in blocks)

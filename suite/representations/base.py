"""What every representation has: rows, bytes, and a form on disk that loses nothing."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
BLOCK_BYTES = 256 * 2**20


@dataclass(frozen=True)
class Hits:
    """The best documents of every query, best first.

    Attributes:
        indices: (queries, k) int64 rows of the corpus; −1 pads a query with fewer than k candidates.
        scores: (queries, k) float32, non-increasing along a row; −inf where the index is −1.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Reject shapes that do not agree."""
        if self.indices.shape != self.scores.shape or self.indices.ndim != 2:
            raise ValueError(
                f"indices {self.indices.shape} and scores {self.scores.shape} must be the same (queries, k)"
            )


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
        return all(np.isfinite(array).all() for array in stored if array.dtype.kind == "f")

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


def query_blocks(queries: int, documents: int, bytes_per_score: int = 4) -> Iterator[slice]:
    """Cut queries so that a block of scores against all documents stays within `BLOCK_BYTES`."""
    step = max(1, BLOCK_BYTES // max(1, documents * bytes_per_score))
    return (slice(start, min(start + step, queries)) for start in range(0, queries, step))


def best_of(score: Callable[[slice], Array], queries: int, documents: int, k: int) -> Hits:
    """Exact top `k` by blocks of queries.

    Args:
        score: returns the (block, documents) scores of a block of queries, higher is better.
        queries: number of queries.
        documents: number of documents.
        k: how many to keep; fewer documents than `k` give `documents` columns.

    Ties are broken by document row, lowest first, so that a run is the same on every machine.
    """
    k = min(k, documents)
    indices = np.empty((queries, k), np.int64)
    scores = np.empty((queries, k), np.float32)
    for block in query_blocks(queries, documents):
        values = np.asarray(score(block), np.float32)
        indices[block], scores[block] = top_k(values, k)
    return Hits(indices, scores)


def top_k(values: NDArray[np.float32], k: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Columns of the `k` largest values of each row, best first, ties by lowest column."""
    rows, columns = values.shape
    if k == 0:
        return np.empty((rows, 0), np.int64), np.empty((rows, 0), np.float32)
    if k < columns:
        threshold = -np.partition(-values, k - 1, axis=1)[:, k - 1 : k]
        above = values > threshold
        # Of the documents that tie with the k-th, the lowest columns fill the places that are left.
        tied = values == threshold
        keep = above | (tied & (np.cumsum(tied, axis=1) <= k - above.sum(axis=1, keepdims=True)))
        chosen = np.nonzero(keep)[1].reshape(rows, k)
    else:
        chosen = np.broadcast_to(np.arange(columns), (rows, columns))
    picked = np.take_along_axis(values, chosen, axis=1)
    order = np.argsort(-picked, axis=1, kind="stable")
    return np.take_along_axis(chosen, order, axis=1).astype(np.int64), np.take_along_axis(picked, order, axis=1)

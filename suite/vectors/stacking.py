"""Codes of blocks of documents, put together as they come, so that no more than one block is held twice."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.errors import ContractError
from suite.representations import MultiVector, Representation, Sparse


class Stack:
    """Representations of one kind, one below the other.

    Args:
        rows: how many rows there will be.
    """

    def __init__(self, rows: int) -> None:
        """Nothing is allocated before the first block."""
        self._rows = rows
        self._filled = 0
        self._first: Representation | None = None
        self._arrays: dict[str, Any] = {}
        self._parts: list[Any] = []

    def add(self, part: Representation) -> None:
        """Append the rows of `part`."""
        arrays = part.arrays()
        if isinstance(part, Sparse | MultiVector):
            self._parts.append(part)
        elif any(len(array) != len(part) for array in arrays.values()):
            raise ContractError(f"{type(part).__name__} cannot be made block by block: its arrays have no row an item")
        if self._first is None:
            self._first = part
        if not self._parts:
            for name, array in arrays.items():
                if name not in self._arrays:
                    self._arrays[name] = np.empty((self._rows, *array.shape[1:]), array.dtype)
                self._arrays[name][self._filled : self._filled + len(part)] = array
        self._filled += len(part)

    def whole(self) -> Representation:
        """All rows; ContractError if there are fewer or more than were announced."""
        if self._first is None or self._filled != self._rows:
            raise ContractError(f"{self._filled} rows were encoded of {self._rows}")
        if self._parts and isinstance(self._first, Sparse):
            from scipy.sparse import vstack

            return Sparse(vstack([part.matrix for part in self._parts]), self._first.value_dtype)
        if self._parts:
            lengths = np.concatenate([np.diff(part.offsets.astype(np.int64)) for part in self._parts])
            vectors = np.concatenate([part.vectors for part in self._parts])
            return MultiVector(vectors, np.concatenate([[0], np.cumsum(lengths)]))
        return type(self._first).rebuild(self._arrays | self._first.side_arrays(), self._first.settings())

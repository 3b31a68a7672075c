"""Sparse vectors: pairs of an index and a value."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Hits, Representation, nearest
from suite.representations.exact_search import cuts

if TYPE_CHECKING:
    from scipy.sparse import csr_array


DOCUMENTS_AT_ONCE = 2**16


class Sparse(Representation):
    """CSR rows, stored as value/index pairs and one offset per item.

    Args:
        matrix: (n, vocabulary) `scipy.sparse.csr_array`; stored in the smallest index type that fits.
        value_dtype: dtype in which values are stored and used.
    """

    kind: ClassVar[str] = "sparse"

    def __init__(self, matrix: csr_array, value_dtype: str = "float32") -> None:
        """Hold the rows with values rounded to `value_dtype`."""
        from scipy.sparse import csr_array

        matrix = csr_array(matrix)
        matrix.sum_duplicates()
        self.matrix = csr_array(
            (matrix.data.astype(value_dtype).astype(np.float32), matrix.indices, matrix.indptr), shape=matrix.shape
        )
        self.value_dtype = value_dtype

    def __len__(self) -> int:
        """Number of rows."""
        return int(self.matrix.shape[0])

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the rows."""
        return type(self)(self.matrix[rows], self.value_dtype)

    def arrays(self) -> dict[str, Array]:
        """Values, column indices and row offsets."""
        index = np.uint16 if self.matrix.shape[1] <= 2**16 else np.uint32
        return {
            "values": self.matrix.data.astype(self.value_dtype),
            "columns": self.matrix.indices.astype(index),
            "offsets": self.matrix.indptr.astype(np.uint32),
        }

    def settings(self) -> dict[str, Any]:
        """Width of the rows and dtype of the values."""
        return {"width": int(self.matrix.shape[1]), "value_dtype": self.value_dtype}

    @classmethod
    def rebuild(cls, arrays: dict[str, Array], settings: dict[str, Any]) -> Self:
        """Make the CSR matrix again."""
        from scipy.sparse import csr_array

        shape = (len(arrays["offsets"]) - 1, settings["width"])
        parts = (
            arrays["values"].astype(np.float32),
            arrays["columns"].astype(np.int32),
            arrays["offsets"].astype(np.int32),
        )
        return cls(csr_array(parts, shape=shape), settings["value_dtype"])

    def search(self, queries: Any, k: int) -> Hits:
        """Exact inner-product search by sparse products of blocks of queries and documents."""
        if not isinstance(queries, Sparse):
            return super().search(queries, k)
        inverted = self._inverted

        def scorer(rows: slice) -> Callable[[slice], Array]:
            asked = queries.matrix[rows]
            return lambda columns: (asked @ inverted[columns.start // DOCUMENTS_AT_ONCE]).toarray()

        return nearest(scorer, len(queries), len(self), k, documents_at_once=DOCUMENTS_AT_ONCE)

    @cached_property
    def _inverted(self) -> list[csr_array]:
        """The lists of each term's documents, (vocabulary, documents) a block of documents."""
        return [self.matrix[rows].T.tocsr() for rows in cuts(len(self), DOCUMENTS_AT_ONCE)]

    def compare(self, other: Any) -> NDArray[np.float32]:
        """Cosine of aligned rows; 0 where a row is empty."""
        if not isinstance(other, Sparse):
            return super().compare(other)
        dots: Array = np.asarray(self.matrix.multiply(other.matrix).sum(axis=1)).ravel()
        norms = [np.sqrt(np.asarray(m.multiply(m).sum(axis=1)).ravel()) for m in (self.matrix, other.matrix)]
        return np.asarray(dots / np.maximum(norms[0] * norms[1], 1e-12), np.float32)

    def features(self) -> csr_array:
        """The CSR matrix."""
        return self.matrix

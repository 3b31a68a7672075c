"""Product-quantisation-like codes: small integers that point into a codebook."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Hits, nearest
from suite.representations.decoded import DecodedVectors
from suite.representations.dense import Dense, Similarity
from suite.representations.packing import pack, unpack

TABLE_QUERIES = 8
"""Queries up to which scores are read from tables; of more, the decoded vectors are multiplied, which is faster."""


class Codes(DecodedVectors):
    """(n, m) codes into m codebooks of the same size.

    Args:
        codes: (n, m) unsigned integers; 4-bit codes arrive unpacked and are stored two to a byte.
        codebook: (m, values, d/m) float32 centroids of the parts of a vector, or (m, values, d) of vectors that are
            added up; part of the fit.
        rotation: (d, d) orthogonal matrix applied to vectors before coding (OPQ), part of the fit.
        bits: bits a code is stored in; 8 by default.
        additive: whether a vector is the sum of its centroids (residual and additive quantisation).
        similarity: ``dot`` for an inner product with the decoded vector, which for unit vectors estimates the cosine;
            or euclidean.
    """

    kind: ClassVar[str] = "codes"

    def __init__(
        self,
        codes: Array,
        codebook: Array,
        rotation: Array | None = None,
        bits: int = 8,
        additive: bool = False,
        similarity: Similarity = "dot",
    ) -> None:
        """Hold codes; raises ValueError if they do not fit the codebook."""
        if codes.ndim != 2 or codes.shape[1] != codebook.shape[0] or codebook.shape[1] > 2**bits:
            raise ValueError(f"codes {codes.shape} in {bits} bits do not fit codebook {codebook.shape}")
        self.codes = codes
        self.codebook = codebook
        self.rotation = rotation
        self.bits = bits
        self.additive = additive
        self.similarity = similarity

    def __len__(self) -> int:
        """Number of codes."""
        return len(self.codes)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """The codes of some rows."""
        return type(self)(self.codes[rows], self.codebook, self.rotation, self.bits, self.additive, self.similarity)

    def arrays(self) -> dict[str, Array]:
        """The codes as stored, packed to `bits` bits each, every item starting on a byte."""
        if self.bits == 16:
            return {"codes": self.codes.astype(np.uint16)}
        return {"codes": pack(self.codes, self.bits)}

    def side_arrays(self) -> dict[str, Array]:
        """Codebook and rotation."""
        return {"codebook": self.codebook} | ({} if self.rotation is None else {"rotation": self.rotation})

    def settings(self) -> dict[str, Any]:
        """Bits a code, and what the centroids are."""
        return {"bits": self.bits, "additive": self.additive, "similarity": self.similarity}

    @classmethod
    def rebuild(cls, arrays: dict[str, Array], settings: dict[str, Any]) -> Self:
        """Unpack the stored codes."""
        bits, m = settings["bits"], arrays["codebook"].shape[0]
        codes = arrays["codes"] if bits == 16 else unpack(arrays["codes"], m, bits)
        return cls(codes, arrays["codebook"], arrays.get("rotation"), **settings)

    def decode(self, rows: slice) -> NDArray[np.float32]:
        """(rows, d) sums or rows of centroids, before they are rotated back."""
        codes, (m, _, width) = self.codes[rows], self.codebook.shape
        if self.additive:
            values = np.zeros((len(codes), width), np.float32)
            for part in range(m):
                values += self.codebook[part, codes[:, part]]
            return values
        values = np.empty((len(codes), m, width), np.float32)
        for part in range(m):
            values[:, part] = self.codebook[part, codes[:, part]]
        return values.reshape(len(codes), m * width)

    def project(self, vectors: NDArray[np.float32], *, centred: bool) -> NDArray[np.float32]:
        """Rotated as vectors were before coding."""
        return vectors if self.rotation is None else np.asarray(vectors @ self.rotation.T, np.float32)

    def restore(self, decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rotated back."""
        return decoded if self.rotation is None else np.asarray(decoded @ self.rotation, np.float32)

    def search(self, queries: Any, k: int) -> Hits:
        """Search by inner product or distance; a few dense queries by lookup tables (asymmetric), without decoding."""
        if not isinstance(queries, Dense | DecodedVectors):
            return super().search(queries, k)
        if self.additive or self.similarity != "dot" or len(queries) > TABLE_QUERIES:
            return super().search(queries, k)
        by_part = self.project(queries.floats(), centred=False).reshape(len(queries), len(self.codebook), -1)
        columns = self._columns

        def scorer(rows: slice) -> Callable[[slice], Array]:
            tables = np.einsum("qmd,mvd->mqv", by_part[rows], self.codebook, optimize=True)

            def score(block: slice) -> Array:
                total = np.zeros((tables.shape[1], len(range(*block.indices(len(self))))), np.float32)
                for part, table in enumerate(tables):
                    total += table[:, columns[part, block]]
                return total

            return score

        return nearest(scorer, len(queries), len(self), k)

    @cached_property
    def _columns(self) -> Array:
        return np.ascontiguousarray(self.codes.T)

    def compare(self, other: Any) -> NDArray[np.float32]:
        """Similarity of the reconstructions of aligned rows; the cosine, where search goes by inner product."""
        if not isinstance(other, Dense | DecodedVectors):
            return super().compare(other)
        similarity: Similarity = "euclidean" if self.similarity == "euclidean" else "cosine"
        return Dense(self.floats(), similarity).compare(Dense(other.floats(), similarity))

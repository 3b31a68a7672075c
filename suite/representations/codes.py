"""Product-quantisation-like codes: small integers that point into a codebook."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations.base import Array, Hits, Representation, nearest
from suite.representations.dense import Dense
from suite.representations.packing import pack, unpack


class Codes(Representation):
    """(n, m) codes into m codebooks of the same size.

    Args:
        codes: (n, m) unsigned integers; 4-bit codes arrive unpacked and are stored two to a byte.
        codebook: (m, values, d/m) float32 centroids, part of the fit.
        rotation: (d, d) orthogonal matrix applied to vectors before coding (OPQ), part of the fit.
        bits: bits a code is stored in; 8 by default.
    """

    kind: ClassVar[str] = "codes"

    def __init__(self, codes: Array, codebook: Array, rotation: Array | None = None, bits: int = 8) -> None:
        """Hold codes; raises ValueError if they do not fit the codebook."""
        if codes.ndim != 2 or codes.shape[1] != codebook.shape[0] or codebook.shape[1] > 2**bits:
            raise ValueError(f"codes {codes.shape} in {bits} bits do not fit codebook {codebook.shape}")
        self.codes = codes
        self.codebook = codebook
        self.rotation = rotation
        self.bits = bits

    def __len__(self) -> int:
        """Number of codes."""
        return len(self.codes)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """The codes of some rows."""
        return type(self)(self.codes[rows], self.codebook, self.rotation, self.bits)

    def arrays(self) -> dict[str, Array]:
        """The codes as stored, packed to `bits` bits each, every item starting on a byte."""
        if self.bits == 16:
            return {"codes": self.codes.astype(np.uint16)}
        return {"codes": pack(self.codes, self.bits)}

    def side_arrays(self) -> dict[str, Array]:
        """Codebook and rotation."""
        return {"codebook": self.codebook} | ({} if self.rotation is None else {"rotation": self.rotation})

    def settings(self) -> dict[str, Any]:
        """Bits a code."""
        return {"bits": self.bits}

    @classmethod
    def rebuild(cls, arrays: dict[str, Array], settings: dict[str, Any]) -> Self:
        """Unpack the stored codes."""
        bits, m = settings["bits"], arrays["codebook"].shape[0]
        codes = arrays["codes"] if bits == 16 else unpack(arrays["codes"], m, bits)
        return cls(codes, arrays["codebook"], arrays.get("rotation"), bits)

    def floats(self) -> NDArray[np.float32]:
        """(n, d) reconstruction from the centroids, rotated back."""
        parts = self.codebook[np.arange(self.codes.shape[1]), self.codes]
        flat = parts.reshape(len(self.codes), self.codebook.shape[0] * self.codebook.shape[2])
        return np.asarray(flat if self.rotation is None else flat @ self.rotation, np.float32)

    def search(self, queries: Any, k: int) -> Hits:
        """Inner-product search: dense queries by lookup tables (asymmetric), coded queries reconstructed first."""
        if not isinstance(queries, Dense | Codes):
            return super().search(queries, k)
        asked = queries.floats()
        if self.rotation is not None:
            asked = asked @ self.rotation.T
        m, _, width = self.codebook.shape
        by_part = asked.reshape(len(asked), m, width)
        columns = self._columns

        def scorer(rows: slice) -> Callable[[slice], Array]:
            tables = np.einsum("qmd,mvd->mqv", by_part[rows], self.codebook, optimize=True)

            def score(block: slice) -> Array:
                total = np.zeros((tables.shape[1], len(range(*block.indices(len(self))))), np.float32)
                for part in range(m):
                    total += tables[part][:, columns[part, block]]
                return total

            return score

        return nearest(scorer, len(asked), len(self), k)

    @cached_property
    def _columns(self) -> Array:
        return np.ascontiguousarray(self.codes.T)

    def compare(self, other: Any) -> NDArray[np.float32]:
        """Cosine of the reconstructions of aligned rows."""
        if not isinstance(other, Dense | Codes):
            return super().compare(other)
        return Dense(self.floats()).compare(Dense(other.floats()))

    def features(self) -> NDArray[np.float32]:
        """Reconstructed vectors."""
        return self.floats()

"""Lexical search whose first documents are ranked again by vectors."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations import Hits, Representation, Sparse


class LexicalAndDense(Representation):
    """What a two-stage search keeps of a text; both parts are weighed.

    Args:
        lexical: (n, words), compared by dot product.
        vectors: (n, d) unit vectors in the dtype in which they are stored.
    """

    kind: ClassVar[str] = "lexical-and-dense"

    def __init__(self, lexical: Sparse, vectors: NDArray) -> None:
        """Hold both; raises ValueError if they are not of the same texts."""
        if len(lexical) != len(vectors):
            raise ValueError(f"{len(vectors)} vectors for {len(lexical)} texts")
        self.lexical = lexical
        self.vectors = vectors

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.vectors)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the texts."""
        return type(self)(self.lexical[rows], self.vectors[rows])

    def arrays(self) -> dict[str, NDArray]:
        """Vectors, and the weights of words as pairs."""
        return {"vectors": self.vectors, **self.lexical.arrays()}

    def settings(self) -> dict[str, Any]:
        """What the pairs need to be read again."""
        return self.lexical.settings()

    @classmethod
    def rebuild(cls, arrays: dict[str, NDArray], settings: dict[str, Any]) -> Self:
        """Take both parts apart again."""
        pairs = {name: array for name, array in arrays.items() if name != "vectors"}
        return cls(Sparse.rebuild(pairs, settings), arrays["vectors"])

    def rerank(self, queries: LexicalAndDense, k: int, candidates: int) -> Hits:
        """The best `k` by words, of which the first `candidates` are put in the order of their cosines.

        Returns:
            Scores say the order and nothing else: cosine + 2 of what was ranked again, then falling from 0.
        """
        found = self.lexical.search(queries.lexical, k).indices
        first = found[:, :candidates]
        documents = self.vectors.astype(np.float32)
        cosines = np.einsum("qd,qkd->qk", queries.vectors.astype(np.float32), documents[first])
        order = np.lexsort((first, -cosines))
        indices, scores = (
            found.copy(),
            np.broadcast_to(-np.arange(found.shape[1], dtype=np.float32), found.shape).copy(),
        )
        indices[:, :candidates] = np.take_along_axis(first, order, axis=1)
        scores[:, :candidates] = np.take_along_axis(cosines, order, axis=1) + 2
        return Hits(indices, scores)

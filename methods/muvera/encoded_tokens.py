"""Token vectors with a fixed dimensional encoding beside them: candidates by the one, re-scoring by the other."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from suite.representations import Dense, Hits, MultiVector, Representation


class EncodedTokens(Representation):
    """What a two-stage search keeps of a text; both parts are weighed.

    Args:
        encodings: (n, d) float32, compared by dot product.
        vectors: (total tokens, width), compared by Chamfer similarity.
        offsets: (n + 1,) where the tokens of each text start.
    """

    kind: ClassVar[str] = "encoded-tokens"

    def __init__(self, encodings: NDArray, vectors: NDArray, offsets: NDArray) -> None:
        """Hold both; raises ValueError if they are not of the same texts."""
        self.encodings = encodings
        self.tokens = MultiVector(vectors, offsets)
        if len(encodings) != len(self.tokens):
            raise ValueError(f"{len(encodings)} encodings for {len(self.tokens)} texts")

    def __len__(self) -> int:
        """Number of texts."""
        return len(self.encodings)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the texts."""
        tokens = self.tokens[rows]
        return type(self)(self.encodings[rows], tokens.vectors, tokens.offsets)

    def arrays(self) -> dict[str, NDArray]:
        """Encodings, token vectors and their offsets."""
        return {"encodings": self.encodings, **self.tokens.arrays()}

    def rerank(self, queries: Any, k: int, candidates: int) -> Hits:
        """The best `k` by Chamfer similarity of the `candidates` best by encoding; the rest is not returned."""
        if not isinstance(queries, EncodedTokens):
            return super().search(queries, k)
        found = Dense(self.encodings, "dot").search(Dense(queries.encodings, "dot"), candidates).indices
        k = min(k, found.shape[1])
        indices, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        for row, documents in enumerate(np.sort(found, axis=1)):
            hits = self.tokens[documents].search(queries.tokens[row : row + 1], k)
            indices[row], scores[row] = documents[hits.indices[0]], hits.scores[0]
        return Hits(indices, scores)

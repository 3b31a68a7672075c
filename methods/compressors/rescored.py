"""Rescoring: a shortlist by small codes, put in order by larger ones. Both stores are counted."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from methods.compressors.binary import BinarySigns
from methods.compressors.codebooks import Pq
from methods.compressors.floats import float16
from methods.compressors.scalar import Int8
from suite.compressing import Compressor
from suite.method import Paper, Role, Tensors
from suite.representations import Dense, Hits, Representation
from suite.representations.base import top_k

BYTES_A_PART = 8
"""Dimensions of a part of product quantisation, where they divide the vector."""
MOST_WANTED = 100
"""Results for which a shortlist is made: an engine ranks again for pages that are read, however deep it is asked."""


class Rescored(Compressor):
    """The `multiple` × k best by ``first``, ranked by ``then``; queries keep their numbers for the second ranking.

    Of more than 100 results that are asked for, no more than `multiple` × 100 are ranked and returned.

    ``first=binary`` compares bits with bits, ``first=pq`` numbers with codes of one byte for 8 dimensions.
    """

    name = "rescored"
    summary = (
        "Finds a shortlist with small codes and puts it in order with larger ones. The bytes are those of both stores."
    )
    paper = Paper("Binary and Scalar Embedding Quantization for Significantly Faster & Cheaper Retrieval", 2024,
                  url="https://huggingface.co/blog/embedding-quantization")  # fmt: skip
    readouts = ("search",)
    tags = ("quantised", "two stages")
    grid = {"first": ("binary", "pq"), "then": ("int8", "float16"), "multiple": (4,)}
    usual = {"first": ("binary",)}
    seeded = True
    requires = ("faiss",)

    def _stages(self, dim: int) -> dict[str, Compressor]:
        parts = dim // BYTES_A_PART if dim % BYTES_A_PART == 0 else dim
        first = Pq(self.effort, m=parts) if self.first == "pq" else BinarySigns(threshold="mean", query="bits")
        stages = {"first": first, "then": Int8() if self.then == "int8" else float16()}
        for name, stage in stages.items():
            stage.similarity = self.similarity
            stage.fitted = {k.partition(".")[2]: v for k, v in self.fitted.items() if k.startswith(f"{name}.")}
        return stages

    def fit(self, vectors: Any, seed: int) -> Tensors:
        """What both fit."""
        stages = self._stages(vectors.shape[1])
        return {f"{name}.{k}": v for name, stage in stages.items() for k, v in stage.fit(vectors, seed).items()}

    def encode(self, vectors: Any, role: Role) -> TwoStage:
        """Both codes of documents; of queries the small code, and the numbers."""
        stages = self._stages(vectors.shape[1])
        then = self.dense(vectors) if role is Role.QUERY else stages["then"].encode(vectors, role)
        return TwoStage(stages["first"].encode(vectors, role), then, self.multiple)


class TwoStage(Representation):
    """Small codes and larger ones of the same items.

    Args:
        first: what finds the shortlist.
        then: dense vectors that put it in order.
        multiple: length of the shortlist in results asked for, of which at most 100 count.
    """

    kind: ClassVar[str] = "two-stage"

    def __init__(self, first: Representation, then: Dense, multiple: int) -> None:
        """Hold both; raises ValueError if they are not of as many items."""
        if len(first) != len(then):
            raise ValueError(f"{len(first)} small codes and {len(then)} large ones")
        self.first, self.then, self.multiple = first, then, multiple

    def __len__(self) -> int:
        """Number of items."""
        return len(self.then)

    def __getitem__(self, rows: slice | NDArray[np.int64]) -> Self:
        """Some of the items."""
        return type(self)(self.first[rows], self.then[rows], self.multiple)

    def arrays(self) -> dict[str, Any]:
        """Those of both."""
        return {f"{name}.{k}": v for name, part in self._parts.items() for k, v in part.arrays().items()}

    def side_arrays(self) -> dict[str, Any]:
        """Those of both."""
        return {f"{name}.{k}": v for name, part in self._parts.items() for k, v in part.side_arrays().items()}

    def settings(self) -> dict[str, Any]:
        """Those of both, and their kinds."""
        kinds = {name: {"kind": part.kind, "settings": part.settings()} for name, part in self._parts.items()}
        return {**kinds, "multiple": self.multiple}

    @property
    def _parts(self) -> dict[str, Representation]:
        return {"first": self.first, "then": self.then}

    @classmethod
    def rebuild(cls, arrays: dict[str, Any], settings: dict[str, Any]) -> Self:
        """Put both together again."""
        from suite.representations import Binary, Codes

        kinds = {kind.kind: kind for kind in (Binary, Codes, Dense)}
        parts = [
            kinds[settings[name]["kind"]].rebuild(
                {k.partition(".")[2]: v for k, v in arrays.items() if k.startswith(f"{name}.")},
                settings[name]["settings"],
            )
            for name in ("first", "then")
        ]
        return cls(*parts, settings["multiple"])

    def search(self, queries: Any, k: int) -> Hits:
        """The shortlist of every query, put in order by the larger codes."""
        if not isinstance(queries, TwoStage):
            return super().search(queries, k)
        shortlists = self.first.search(queries.first, self.multiple * min(k, MOST_WANTED)).indices
        k = min(k, shortlists.shape[1])
        indices, scores = np.empty((len(queries), k), np.int64), np.empty((len(queries), k), np.float32)
        asked = queries.then.comparable()
        for row, found in enumerate(np.sort(shortlists, axis=1)):
            held = self.then[found].comparable()
            if self.then.similarity == "euclidean":
                exact = -((held - asked[row]) ** 2).sum(axis=1)
            else:
                exact = held @ asked[row]
            places, best = top_k(exact[None], k)
            indices[row], scores[row] = found[places[0]], best[0]
        return Hits(indices, scores)

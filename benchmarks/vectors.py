"""Vectors of the benchmarks: clusters on a decaying spectrum, turned at random, at length 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CLUSTERS, ROWS_AT_ONCE = 200, 50_000


def made(rows: int, width: int, queries: int, folder: Path | None = None) -> tuple[Any, Any]:
    """(rows, width) documents, memory-mapped from `folder` if there is one, and (queries, width) queries, float32."""
    import numpy as np

    random = np.random.default_rng(11)
    spread = np.arange(1, width + 1, dtype=np.float32) ** -0.5
    centres = random.standard_normal((CLUSTERS, width), np.float32) * spread
    rotation = np.linalg.qr(random.standard_normal((width, width)))[0].astype(np.float32)

    def draw(count: int) -> Any:
        values = (
            centres[random.integers(0, CLUSTERS, count)] + random.standard_normal((count, width), np.float32) * spread
        )
        values @= rotation
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    shape = (rows, width)
    if folder is None:
        documents: Any = np.empty(shape, np.float32)
    else:
        documents = np.lib.format.open_memmap(folder / "documents.npy", mode="w+", dtype=np.float32, shape=shape)
    for start in range(0, rows, ROWS_AT_ONCE):
        documents[start : start + ROWS_AT_ONCE] = draw(min(ROWS_AT_ONCE, rows - start))
    return documents, draw(queries)

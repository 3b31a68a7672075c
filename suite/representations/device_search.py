"""Exact search on an accelerator: blocks of documents are scored there, and of each the best k are kept there.

Ties go to the lowest row, as on the CPU (`suite.representations.exact_search`): devices differ by rounding alone.
Products are float32: reduced precision (TF32) is off in torch unless somebody switches it on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from suite import devices
from suite.representations.exact_search import Hits, cuts

if TYPE_CHECKING:
    import torch

SCORES_AT_ONCE = 2**24
"""Scores of a block; with what is needed to choose among them a quarter of a gigabyte."""
QUERIES_AT_ONCE = 1024


def nearest_on_device(
    vectors: torch.Tensor | Callable[[slice], NDArray[np.float32]],
    asked: NDArray[np.float32],
    documents: int,
    k: int,
    *,
    euclidean: bool = False,
) -> Hits:
    """Exact search by inner product, or by negative squared distance, on the device of this process.

    Args:
        vectors: (documents, d) float32 on the device, or what makes those of a block of rows on the CPU.
        asked: (queries, d) float32.
        documents: number of rows.
        k: how many to keep.
        euclidean: whether scores are negative squared distances.
    """
    import torch

    k = min(k, documents)
    if not len(asked) or not k:
        return Hits(np.empty((len(asked), k), np.int64), np.empty((len(asked), k), np.float32))
    queries = torch.from_numpy(np.ascontiguousarray(asked)).to(devices.current())
    lengths = (queries**2).sum(1, keepdim=True)

    def search(scores_at_once: int) -> Hits:
        held: list[tuple[Any, Any]] = []
        groups = list(cuts(len(queries), QUERIES_AT_ONCE))
        width = max(k, scores_at_once // min(len(queries), QUERIES_AT_ONCE))
        for columns in cuts(documents, width):
            block = vectors[columns] if not callable(vectors) else _placed(vectors(columns))
            squares = (block**2).sum(1) if euclidean else None
            for place, rows in enumerate(groups):
                scores = queries[rows] @ block.T
                if squares is not None:
                    scores = 2 * scores - squares - lengths[rows]
                chosen, best = top_k(scores, min(k, scores.shape[1]))
                chosen = chosen + columns.start
                if columns.start == 0:
                    held.append((chosen, best))
                    continue
                # What was held stands first, so that ties stay in the order of rows.
                indices, values = (torch.cat(pair, dim=1) for pair in zip(held[place], (chosen, best), strict=True))
                kept, values = top_k(values, min(k, values.shape[1]))
                held[place] = indices.gather(1, kept), values
        indices, values = (torch.cat(parts).cpu().numpy() for parts in zip(*held, strict=True))
        return Hits(indices, values)

    with torch.inference_mode():
        return devices.fitting(search, SCORES_AT_ONCE)


def top_k(values: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Columns and the `k` largest values of each row, best first, ties by lowest column."""
    threshold = values.topk(k, dim=1).values[:, -1:]
    above, tied = values > threshold, values == threshold
    # Of the documents that tie with the k-th, the lowest columns fill the places that are left.
    keep = above | (tied & (tied.cumsum(1) <= k - above.sum(1, keepdim=True)))
    chosen = keep.nonzero()[:, 1].view(len(values), k)
    best, order = values.gather(1, chosen).sort(dim=1, descending=True, stable=True)
    return chosen.gather(1, order), best


def _placed(block: NDArray[np.float32]) -> torch.Tensor:
    import torch

    return torch.from_numpy(block).to(devices.current())

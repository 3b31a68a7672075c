"""Fewer vectors for a text: clusters of its tokens, its last tokens, or tokens at even distances.

Each of `POOLINGS` takes (batch, length, d) vectors of unit length, the (batch, length) mask of real tokens and how many
to keep, and returns (batch, k, d) vectors of unit length with their (batch, k) boolean mask. Texts with fewer tokens
than `k` keep all of them. Gradients flow to the vectors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from suite.features.text_encoder import batches
from suite.representations import MultiVector

if TYPE_CHECKING:
    import torch

LLOYD_ITERATIONS = 10

Pooling = Callable[["torch.Tensor", "torch.Tensor", int], "tuple[torch.Tensor, torch.Tensor]"]


def clusters(vectors: torch.Tensor, mask: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Centroids of k-means within each text (CRISP, arXiv:2505.11471).

    Lloyd's algorithm from tokens at even distances, so that a text has the same clusters in any company. Assignments
    are constants of the gradient, which flows through the means. Centroids are brought back to unit length, so that
    a text's vectors are compared as cosines whether they are tokens or centroids. A cluster that lost all of its
    members is left out.
    """
    import torch
    from torch.nn.functional import normalize, one_hot

    mask = mask.to(vectors.dtype)
    with torch.no_grad():
        fixed = vectors.detach()
        centroids, alive = every(fixed, mask, k)
        for _ in range(LLOYD_ITERATIONS):
            nearness = fixed @ centroids.mT - (centroids**2).sum(-1)[:, None] / 2
            nearest = nearness.masked_fill(~alive[:, None], -torch.inf).argmax(-1)
            members = one_hot(nearest, k).to(vectors.dtype) * mask[..., None]
            sizes = members.sum(1)[..., None]
            centroids = torch.where(sizes > 0, members.mT @ fixed / sizes.clamp(min=1), centroids)
    return normalize(members.mT @ vectors, dim=-1), sizes[..., 0] > 0


def last(vectors: torch.Tensor, mask: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The last tokens of each text."""
    lengths = mask.sum(1).long()
    return _taken(vectors, (lengths - lengths.clamp(max=k))[:, None] + _first(k, lengths), lengths, k)


def every(vectors: torch.Tensor, mask: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Tokens at even distances, the first of each text among them."""
    lengths = mask.sum(1).long()
    return _taken(vectors, _first(k, lengths) * lengths[:, None] // lengths.clamp(max=k)[:, None], lengths, k)


def _taken(
    vectors: torch.Tensor, places: torch.Tensor, lengths: torch.Tensor, k: int
) -> tuple[torch.Tensor, torch.Tensor]:
    within = places.clamp(max=vectors.shape[1] - 1)[..., None].expand(-1, -1, vectors.shape[2])
    return vectors.gather(1, within), _first(k, lengths) < lengths[:, None]


def _first(k: int, beside: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.arange(k, device=beside.device)


POOLINGS: dict[str, Pooling] = {"clusters": clusters, "last": last, "every": every}


def pooled(texts: MultiVector, pooling: Pooling, k: int) -> MultiVector:
    """What `pooling` keeps of each of `texts`, in their dtype."""
    import torch

    lengths = np.diff(texts.offsets.astype(np.int64))
    kept: list[np.ndarray] = [np.empty(0)] * len(texts)
    for rows in batches(lengths.tolist()):
        some = texts[rows]
        mask = torch.arange(int(lengths[rows].max())) < torch.from_numpy(lengths[rows])[:, None]
        padded = torch.zeros(*mask.shape, texts.vectors.shape[1])
        padded[mask] = torch.from_numpy(some.vectors.astype(np.float32))
        vectors, real = pooling(padded, mask.float(), k)
        for row, found, which in zip(rows, vectors.numpy(), real.numpy(), strict=True):
            kept[row] = found[which].astype(texts.vectors.dtype)
    return MultiVector(np.concatenate(kept), np.cumsum([0, *map(len, kept)]))


def hierarchical(texts: MultiVector, k: int) -> MultiVector:
    """Unit-length means of `k` clusters of each text, by Ward's method (scipy); the usual pooling afterwards."""
    from scipy.cluster.hierarchy import fcluster, linkage

    kept = []
    for row in range(len(texts)):
        vectors = texts[row : row + 1].vectors.astype(np.float32)
        if len(vectors) > k:
            cluster_of = fcluster(linkage(vectors, "ward"), k, "maxclust")
            vectors = np.array([vectors[cluster_of == c].mean(axis=0) for c in np.unique(cluster_of)])
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        kept.append(vectors.astype(texts.vectors.dtype))
    return MultiVector(np.concatenate(kept), np.cumsum([0, *map(len, kept)]))

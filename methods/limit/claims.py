"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from methods.limit.method import DIMENSIONS
from suite.claims import Claim, Quantity, Results, Verdict, mean, minimum

SOURCE = "arXiv:2508.21038"

PUBLISHED = {4: 10, 5: 14, 6: 19, 7: 24}


def _critical(r: Results, dim: int, runs: int) -> Quantity:
    """The critical n that was found. Vectors that return all pairs prove that they exist: it is counted, not drawn."""
    return r[f"limit[documents=free,runs={runs},dim={dim}]"].counted()


def _near_published(runs: int, dimensions: Sequence[int]) -> Claim:
    def predicate(r: Results) -> Verdict:
        first, *others = (_critical(r, d, runs) - PUBLISHED[d] for d in dimensions)
        return minimum(first, *others) >= 0

    return Claim(
        f"With {runs} {'run' if runs == 1 else 'runs'} a size, free embeddings represent all pairs of at least as many "
        f"documents as the paper's for d = {', '.join(map(str, dimensions))} (an optimiser finds a lower bound)",
        predicate,
        source=f"{SOURCE}, critical-n table",
        task="limit/critical-n",
    )


def _cubic(r: Results) -> Verdict:
    """R² of the least-squares cubic in d."""
    powers = np.vander(np.array(DIMENSIONS, float), 4)
    residual = np.eye(len(DIMENSIONS)) - powers @ np.linalg.pinv(powers)
    measured = [_critical(r, d, 8) for d in DIMENSIONS]
    average = sum(measured[1:], measured[0]) / len(measured)
    left = [sum((w * n for w, n in zip(row[1:], measured[1:], strict=True)), row[0] * measured[0]) for row in residual]
    unexplained = sum((error * error for error in left[1:]), left[0] * left[0])
    spread = [n - average for n in measured]
    return 1 - unexplained / sum((d * d for d in spread[1:]), spread[0] * spread[0]) >= 0.99


def _truncation(r: Results) -> Verdict:
    """Smallest loss of Recall@2 between neighbouring truncations, mean over both data sets."""
    rows = ["minilm", *(f"minilm+truncated[dim={d}]" for d in (256, 128, 64, 32))]
    recalls = [mean(*(r[row, f"limit/{task}"].main for task in ("small", "official-small"))) for row in rows]
    first, *others = (more - fewer for more, fewer in pairwise(recalls))
    verdict = first >= 0
    for loss in others:
        verdict &= loss >= 0
    return verdict


CLAIMS = {
    "limit": (
        _near_published(8, (4, 5, 6)),
        _near_published(8, (7,)),
        _near_published(1, (4, 5, 6)),
        _near_published(1, (7,)),
        Claim(
            "Critical n grows as a cubic in d: R² of the least-squares cubic is at least .99 for d = 2 to 8",
            _cubic,
            source=f"{SOURCE}, section 4.2 (R² .999)",
            task="limit/critical-n",
        ),
        Claim(
            "LIMIT small: MiniLM's Recall@2 is 50 points below BM25's, which finds what a single vector cannot hold",
            lambda r: r["bm25[k1=0.9,b=0.4]"].main - r["minilm"].main >= 0.5,
            source=f"{SOURCE}, LIMIT small",
            task="limit/small",
        ),
        Claim(
            "LIMIT full: MiniLM's Recall@100 is 70 points below BM25's",
            lambda r: r["bm25[k1=0.9,b=0.4]"].main - r["minilm"].main >= 0.7,
            source=f"{SOURCE}, LIMIT full",
            task="limit/full",
        ),
        Claim(
            "LIMIT small: late interaction lies between a single vector and BM25",
            lambda r: (
                (r["minilm-maxsim"].main >= r["minilm"].main)
                & (r["minilm-maxsim"].main <= r["bm25[k1=0.9,b=0.4]"].main)
            ),
            source=f"{SOURCE}, LIMIT small",
            task="limit/small",
        ),
        Claim(
            "LIMIT small, own words and the authors': truncating a vector lowers Recall@2 at every step from 384 to 32 "
            "dimensions",
            _truncation,
            source=SOURCE,
            task="limit/small",
        ),
    ),
}

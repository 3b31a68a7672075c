"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from methods.limit.method import DIMENSIONS
from suite.claims import Claim, Results, Verdict, maximum

SOURCE = "arXiv:2508.21038"

PUBLISHED = {4: 10, 5: 14, 6: 19, 7: 24}


def _near_published(runs: int, dimensions: Sequence[int]) -> Claim:
    def predicate(r: Results) -> Verdict:
        first, *others = (abs(r[f"limit[documents=free,runs={runs},dim={d}]"].main - PUBLISHED[d]) for d in dimensions)
        return maximum(first, *others) <= 1

    return Claim(
        f"With {runs} {'run' if runs == 1 else 'runs'} a size, the first n that fails is within 1 of the paper's "
        f"for d = {', '.join(map(str, dimensions))}",
        predicate,
        source=f"{SOURCE}, critical-n table",
        task="limit/critical-n",
    )


def _cubic(r: Results) -> Verdict:
    """Largest distance of a critical n from the least-squares cubic in d."""
    powers = np.vander(np.array(DIMENSIONS, float), 4)
    residual = np.eye(len(DIMENSIONS)) - powers @ np.linalg.pinv(powers)
    measured = [r[f"limit[documents=free,runs=8,dim={d}]"].main for d in DIMENSIONS]
    first, *others = (abs(sum(w * n for w, n in zip(row, measured, strict=True))) for row in residual)
    return maximum(first, *others) <= 1


def _truncation(r: Results) -> Verdict:
    """Smallest loss of Recall@2 between neighbouring truncations."""
    recalls = [r["minilm"].main, *(r[f"minilm-truncated[dim={d}]"].main for d in (256, 128, 64, 32))]
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
            "Critical n grows as a cubic in d: the least-squares cubic is within 1 for d = 2 to 8",
            _cubic,
            source=f"{SOURCE}, section 4.2",
            task="limit/critical-n",
        ),
        Claim(
            "LIMIT small: MiniLM's Recall@2 is at most .35",
            lambda r: r["minilm"].main <= 0.35,
            source=f"{SOURCE}, LIMIT small",
            task="limit/small",
        ),
        Claim(
            "LIMIT small: BM25's Recall@2 is at least .90",
            lambda r: r["bm25[k1=0.9,b=0.4]"].main >= 0.90,
            source=f"{SOURCE}, LIMIT small",
            task="limit/small",
        ),
        Claim(
            "LIMIT full: a single vector's Recall@100 is at most .20",
            lambda r: r["minilm"].main <= 0.20,
            source=f"{SOURCE}, LIMIT full",
            task="limit/full",
        ),
        Claim(
            "LIMIT full: BM25's Recall@100 is at least .90",
            lambda r: r["bm25[k1=0.9,b=0.4]"].main >= 0.90,
            source=f"{SOURCE}, LIMIT full",
            task="limit/full",
        ),
        Claim(
            "LIMIT full: late interaction lies between a single vector and BM25",
            lambda r: (
                (r["minilm-maxsim"].main >= r["minilm"].main)
                & (r["minilm-maxsim"].main <= r["bm25[k1=0.9,b=0.4]"].main)
            ),
            source=f"{SOURCE}, LIMIT full",
            task="limit/full",
        ),
        Claim(
            "LIMIT small: truncating a vector lowers Recall@2 at every step from 384 to 32 dimensions",
            _truncation,
            source=SOURCE,
            task="limit/small",
        ),
    ),
}

"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

_TASK = "image-retrieval/emoji"

SPREAD = "A few hundred steps: the interval over seeds and queries is ± 2 points wide, for a claim of 1 point or less"


CLAIMS = {
    "dolg": (
        Claim(
            "Local features raise mAP by 1 point over the global vector alone, at the same 512 dimensions",
            lambda r: r["dolg[arm=orthogonal]"].main - r["dolg[arm=global]"].main >= 0.010,
            source="arXiv:2108.02927, section 4; threshold set for this scale",
            task=_TASK,
            why=SPREAD,
        ),
        Claim(
            "Orthogonal fusion is not more than 0.3 points of mAP below plain concatenation with the same parameters",
            lambda r: r["dolg[arm=orthogonal]"].main - r["dolg[arm=concat]"].main >= -0.003,
            source="arXiv:2108.02927, section 4; threshold set for this scale",
            task=_TASK,
            why=SPREAD,
        ),
    ),
}

"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim, Quantity, Results

TASK = "imagenet/tiny-imagenet-20"

SOURCE = "arXiv:2205.13147, section 4; threshold set here before it was measured"


def _probe(r: Results, arm: str, dim: int, **more: str) -> Quantity:
    inside = {"arm": arm, "dim": dim, **more}
    return r[f"matryoshka-features[{','.join(f'{name}={value}' for name, value in inside.items())}]"].main


CLAIMS = {
    "matryoshka-features": (
        Claim(
            "A linear probe on 8 dimensions: 10 points above truncation",
            lambda r: _probe(r, "mrl", 8) - _probe(r, "plain", 8) >= 0.1, SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 8 dimensions: 2 points above principal components of the plain map",
            lambda r: _probe(r, "mrl", 8) - _probe(r, "plain", 8, projection="pca") >= 0.02, SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 16 dimensions: 2 points above 16 principal components of the frozen features",
            lambda r: _probe(r, "mrl", 16) - r["efficientnet-lite0-pca[dim=16]"].main >= 0.02, SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 4 dimensions: at most 2 points below a map trained for 4",
            lambda r: _probe(r, "mrl", 4) - _probe(r, "only-4", 4) >= -0.02, SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 8 dimensions: at most 2 points below a map trained for 8",
            lambda r: _probe(r, "mrl", 8) - _probe(r, "only-8", 8) >= -0.02, SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 64 dimensions: at most 1.5 points below the plain loss",
            lambda r: _probe(r, "mrl", 64) - _probe(r, "plain", 64) >= -0.015, SOURCE, TASK,
        ),
    ),
}  # fmt: skip

"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import Any

from suite.claims import Claim, Results

TASK = "imagenet/fashion-mnist"

SOURCE = "arXiv:2205.13147, section 4; threshold set here"


def _row(arm: str, dim: int, **more: str) -> str:
    inside = {"arm": arm, "dim": dim, **more}
    return f"matryoshka-images[{','.join(f'{name}={value}' for name, value in inside.items())}]"


def _gain(metric: str, dim: int, arm: str, other: int | None = None, **more: str) -> Any:
    """Difference, as a function of results, of mrl at `dim` and another arm, at `dim` unless said otherwise."""

    def difference(r: Results) -> Any:
        return r[_row("mrl", dim)].score(metric) - r[_row(arm, other or dim, **more)].score(metric)

    return difference


def _at_least(difference: Any, threshold: float) -> Any:
    return lambda r: difference(r) >= threshold


CLAIMS = {
    "matryoshka-images": (
        Claim(
            "A linear probe on 4 dimensions: 12 points above truncation",
            _at_least(_gain("top1_probe", 4, "plain"), 0.12), SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 4 dimensions: 8 points above principal components",
            _at_least(_gain("top1_probe", 4, "plain", projection="pca"), 0.08), SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 4 dimensions: at most 2 points below a model trained for 4",
            _at_least(_gain("top1_probe", 4, "only-4"), -0.02), SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 2 dimensions: 20 points above principal components",
            _at_least(_gain("top1_probe", 2, "plain", projection="pca"), 0.2), SOURCE, TASK,
        ),
        Claim(
            "A linear probe on 2 dimensions: at least a model trained for 2",
            _at_least(_gain("top1_probe", 2, "only-2"), 0.0), SOURCE, TASK,
            why=(
                "A finding: all lengths share one network, and one that is trained for two dimensions alone uses them"
                " better, by 1.8 points"
            ),
        ),
        Claim(
            "A linear probe on 256 dimensions: at most 1.5 points below the plain loss",
            _at_least(_gain("top1_probe", 256, "plain"), -0.015), SOURCE, TASK,
        ),
        Claim(
            "Nearest neighbours on 4 dimensions: 12 points above truncation",
            _at_least(_gain("top1_knn", 4, "plain"), 0.12), SOURCE, TASK,
        ),
    ),
}  # fmt: skip

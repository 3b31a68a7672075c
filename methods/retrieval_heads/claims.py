"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from typing import Any

from methods.retrieval_heads.method import DRAWS
from suite.claims import Claim, Results, Verdict, mean

TASK = "needle-recall/wiki"

WHOLE = "retrieval-heads[heads=all]"

TOP = "retrieval-heads[heads=without-top]"

RANDOM = tuple(f"retrieval-heads[heads=without-random,draw={draw}]" for draw in DRAWS)


def _sparse(cost: str, share: float) -> Any:
    return lambda r: r[WHOLE].cost(cost) <= share


def _top_matters(r: Results) -> Verdict:
    return r[WHOLE].main - r[TOP].main >= 0.4


def _random_does_not(r: Results) -> Verdict:
    return r[WHOLE].main - mean(*(r[arm].main for arm in RANDOM)) <= 0.15


def _stable(r: Results) -> Verdict:
    return (r[WHOLE].cost("heads_spearman") >= 0.6) & (r[WHOLE].cost("heads_top_10_shared") >= 6)


def _prose_stays(r: Results) -> Verdict:
    return r[TOP].score("log_perplexity") - r[WHOLE].score("log_perplexity") <= 0.15


CLAIMS = {
    "retrieval-heads": (
        Claim(
            "At most 10 % of the heads score 0.1 or more",
            _sparse("heads_from_0.1", 0.1),
            "arXiv:2404.15574, section 3; threshold from a trial of SmolLM2",
            TASK,
        ),
        Claim(
            "Fewer than 5 % of the heads are retrieval heads (0.1 or more)",
            _sparse("heads_from_0.1", 0.05),
            "arXiv:2404.15574, abstract",
            TASK,
            why=(
                "SmolLM2-135M has 270 heads, the paper's models four times as many and more; a small model may copy "
                "with a larger share of them (inferred)"
            ),
        ),
        Claim(
            "At most 4 % of the heads score 0.5 or more",
            _sparse("heads_from_0.5", 0.04),
            "arXiv:2404.15574, section 3; threshold from a trial of SmolLM2",
            TASK,
        ),
        Claim(
            "Without the five best heads recall falls by 40 points",
            _top_matters,
            "arXiv:2404.15574, section 4.1; threshold from a trial of SmolLM2",
            TASK,
        ),
        Claim(
            "Without five random other heads recall falls by at most 15 points, on the mean of three draws",
            _random_does_not,
            "arXiv:2404.15574, section 4.1; threshold from a trial of SmolLM2",
            TASK,
        ),
        Claim(
            "Two disjoint sets of needles rank heads alike: Spearman 0.6, six of the ten best shared",
            _stable,
            "arXiv:2404.15574, section 3; threshold set here before it was measured",
            TASK,
        ),
        Claim(
            "Without the five best heads log-perplexity of plain prose rises by at most 0.15",
            _prose_stays,
            "arXiv:2404.15574, section 4; threshold set here before it was measured",
            TASK,
        ),
    ),
}

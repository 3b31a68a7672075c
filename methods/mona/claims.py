"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from collections.abc import Callable

from suite.claims import Claim, Results, Verdict, minimum

TASK = "data-selection/mixed"

SOURCE = "arXiv:2503.15573"

MONA = "mona[arm=mona,distance=jaccard]"


def _precision_over(other: str, points: float) -> Callable[[Results], Verdict]:
    return lambda r: r[MONA].main - r[other].main >= points


def _downstream_over(arm: str, points: float) -> Callable[[Results], Verdict]:
    return lambda r: r[MONA].score("downstream") - r[f"mona[arm={arm}]"].score("downstream") >= points


def _over_other_distances(r: Results) -> Verdict:
    others = (f"mona[arm=mona,distance={name}]" for name in ("cosine", "euclidean"))
    return minimum(*(r[MONA].main - r[row].main for row in others)) >= 0


def _independent_of_length(r: Results) -> Verdict:
    summed = r["mona[arm=mona,distance=jaccard,pooling=sum]"].score("length_correlation")
    return (summed >= 0.3) & (r[MONA].score("length_correlation") <= 0.15)


def _head_learns(r: Results) -> Verdict:
    """Training the head on anything at all helps: else whatever it is trained on ties."""
    everything = r["mona[arm=everything]"]
    return everything.score("downstream") - everything.score("downstream_untrained") >= 0.01


CLAIMS = {
    "mona": (
        Claim(
            "Among the best 5 % the wanted kind is 5 times as frequent as in the pool",
            lambda r: r[MONA].score("lift") >= 5, f"{SOURCE}; threshold set here before it was measured", TASK,
        ),
        Claim(
            "Precision is 5 points above cosine of the raw activations",
            _precision_over("mona[arm=raw]", 0.05), f"{SOURCE}, section 3; threshold set here before it was measured",
            TASK,
            why=(
                "MiniLM's vectors are trained for mean pooling: the raw ones have .81 already, and the trained units "
                "no room above them"
            ),
        ),
        Claim(
            "In the same space, generalised Jaccard similarity is no worse than cosine and Euclidean distance",
            _over_other_distances, f"{SOURCE}, section 3", TASK,
        ),
        Claim(
            "A head trained on the selection is 1 point above one trained on a random 5 %",
            _downstream_over("random", 0.01), f"{SOURCE}, results on OpenHermes", TASK, given=_head_learns,
            why="MiniLM's mean pool is trained already: a head behind it has no range to gain in",
        ),
        Claim(
            "A head trained on the selection is at most half a point below one trained on the whole pool",
            _downstream_over("everything", -0.005), f"{SOURCE}, results on OpenHermes", TASK, given=_head_learns,
            why="An untrained head is as good as one trained on the whole pool",
        ),
        Claim(
            "Sums over tokens follow a text's length (|corr.| above .3), means do not (below .15)",
            _independent_of_length, f"{SOURCE}, section 3; thresholds set here before they were measured", TASK,
            why="Means follow a text's length almost as sums do (.51 and .56); why was not looked into",
        ),
    ),
}  # fmt: skip

"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from collections.abc import Callable

from methods.well_read_students.method import TEACHER
from suite.claims import Claim, Results, Verdict

TASK = "beir/wiki-sections-even"

SOURCE = "arXiv:1908.08962"


def _row(arm: str) -> str:
    return f"well-read-students[arm={arm}]"


def _more(arm: str, other: str, points: float) -> Callable[[Results], Verdict]:
    return lambda r: r[_row(arm)].main - r[_row(other)].main >= points


def _compound(r: Results) -> Verdict:
    read, untrained = r[_row("pd")].main - r[_row("d")].main, r[_row("pf")].main - r[_row("scratch")].main
    return read - 0.5 * untrained >= 0


def _keeps(r: Results) -> Verdict:
    student, teacher, lexical = r[_row("pd")], r[_row(TEACHER)], r["bm25[k1=0.9,b=0.4]"]
    smaller = student.cost("model_bytes") / teacher.cost("model_bytes") <= 1 / 5
    gains = student.main - lexical.main - 0.85 * (teacher.main - lexical.main) >= 0
    return smaller & (teacher.main - lexical.main >= 0) & gains


SHORT = (
    "A few hundred steps of pre-training on one small corpus: students stay below BM25 (.20 against .45), whatever "
    "they learn from"
)


CLAIMS = {
    "well-read-students": (
        Claim(
            "Pre-training and distillation gain 1 point of nDCG@10 over pre-training and labels",
            _more("pd", "pf", 0.01), f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
            why=SHORT,
        ),
        Claim(
            "Pre-training gains 2 points for a student that is distilled",
            _more("pd", "d", 0.02), f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
            why=SHORT,
        ),
        Claim(
            "Pre-training gains 2 points for a student that learns from labels",
            _more("pf", "scratch", 0.02), f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
            why=SHORT,
        ),
        Claim(
            "Both compound: under distillation, pre-training gains at least half of what it gains under labels",
            _compound, f"{SOURCE}, section 6", TASK,
            why=SHORT,
        ),
        Claim(
            "The student keeps 85 % of its teacher's gain over BM25 in a fifth of the bytes",
            _keeps, f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
            why=SHORT,
        ),
    ),
}  # fmt: skip

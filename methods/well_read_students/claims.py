"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from collections.abc import Callable

from methods.well_read_students.method import TEACHER
from suite.claims import Claim, Results, Verdict

TASK = "few-shot-topics/wiki"

SOURCE = "arXiv:1908.08962"

_HARDLY_READ = (
    "0.2 million words are hardly reading: a hidden piece costs .4 nats less than guessing by frequency, and the mean "
    "vectors of texts come out nearly alike, from which a few labels start worse than from nothing"
)


def _row(arm: str) -> str:
    return f"well-read-students[arm={arm}]"


def _more(arm: str, other: str, points: float) -> Callable[[Results], Verdict]:
    return lambda r: r[_row(arm)].main - r[_row(other)].main >= points


def _compound(r: Results) -> Verdict:
    read, untrained = r[_row("pd")].main - r[_row("d")].main, r[_row("pf")].main - r[_row("scratch")].main
    return read - 0.5 * untrained >= 0


def _keeps(r: Results) -> Verdict:
    student, teacher = r[_row("pd")], r[_row(TEACHER)]
    bytes_of = [row.cost("model_bytes") + row.cost("fitted_bytes") for row in (student, teacher)]
    return (bytes_of[0] / bytes_of[1] <= 1 / 5) & (student.main - 0.85 * teacher.main >= 0)


def _has_read(r: Results) -> Verdict:
    """Pre-training is past what a model knows that knows how common each piece is."""
    row = r[_row("pd")]
    return row.cost("guessed_piece_nats") - row.cost("hidden_piece_nats") >= 0.5


CLAIMS = {
    "well-read-students": (
        Claim(
            "Pre-training and distillation gain 1 point of accuracy over pre-training and labels",
            _more("pd", "pf", 0.01), f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
        ),
        Claim(
            "Without pre-training, distillation gains 2 points over labels",
            _more("d", "scratch", 0.02), f"{SOURCE}, section 4; the threshold is that of pre-training", TASK,
        ),
        Claim(
            "Pre-training gains 2 points for a student that is distilled",
            _more("pd", "d", 0.02), f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
            given=_has_read, why=_HARDLY_READ,
        ),
        Claim(
            "Pre-training gains 2 points for a student that learns from labels",
            _more("pf", "scratch", 0.02), f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
            given=_has_read, why=_HARDLY_READ,
        ),
        Claim(
            "Both compound: under distillation, pre-training gains at least half of what it gains under labels",
            _compound, f"{SOURCE}, section 6", TASK, given=_has_read, why=_HARDLY_READ,
        ),
        Claim(
            "The student keeps 85 % of its teacher's accuracy in a fifth of the bytes",
            _keeps, f"{SOURCE}, section 4; threshold set here before it was measured", TASK,
        ),
    ),
}  # fmt: skip

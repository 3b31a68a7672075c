"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim, Results, Verdict

TASK = "answer-calibration/facts"

OURS = "internal-consistency[trust=agreement]"

SHUFFLED = "internal-consistency[trust=shuffled]"


def _chance(r: Results) -> Verdict:
    return (r[SHUFFLED].main >= 0.45) & (r[SHUFFLED].main <= 0.55)


FEW = "Few questions: the interval is as wide as the effect that the paper reports"


CLAIMS = {
    "internal-consistency": (
        Claim(
            "Internal consistency is higher by 0.05 where the answer is right",
            lambda r: r[OURS].score("confidence_gap") >= 0.05,
            "arXiv:2405.18711, section 3; threshold from a trial of SmolLM2",
            TASK,
            why=FEW,
        ),
        Claim(
            "Internal consistency tells right answers from wrong ones: AUC 0.56",
            lambda r: r[OURS].main >= 0.56,
            "arXiv:2405.18711, section 3; threshold from a trial of SmolLM2",
            TASK,
            why=FEW,
        ),
        Claim(
            "Internal consistency tells right answers from wrong ones better than chance",
            lambda r: r[OURS].main >= 0.5,
            "arXiv:2405.18711, section 3",
            TASK,
        ),
        Claim(
            "With layers shuffled over questions AUC is between 0.45 and 0.55",
            _chance,
            "a control of this project; threshold set here before it was measured",
            TASK,
        ),
        Claim(
            "A vote weighted by internal consistency is at most half a point below the plain vote",
            lambda r: r[OURS].score("weighted_vote_accuracy") - r[OURS].score("vote_accuracy") >= -0.005,
            "arXiv:2405.18711, table 1 (2 to 5 points above); threshold set here before it was measured",
            TASK,
            why=FEW,
        ),
    ),
}

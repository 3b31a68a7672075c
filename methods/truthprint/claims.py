"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim, Results, Verdict

TASK, TARGET = "grounded-hallucination/animals", "grounded-hallucination/tools"

OURS, NONE, CONFIDENCE, RANDOM, ALIGNED = (
    f"truthprint[doubt={doubt}]" for doubt in ("hidden", "none", "confidence", "random", "aligned")
)


def _detects(r: Results) -> Verdict:
    auc = r[OURS].score("detector_auc") - r[CONFIDENCE].score("detector_auc")
    rate = r[OURS].score("detector_rate") / r[CONFIDENCE].score("detector_rate")
    return (auc >= 0.05) & (rate >= 1.5)


def _cuts(r: Results) -> Verdict:
    fewer = 1 - r[OURS].score("hallucination") / r[NONE].score("hallucination")
    kept = r[OURS].score("named_recall") / r[NONE].score("named_recall")
    return (fewer >= 0.2) & (kept >= 0.95)


def _transfers(r: Results) -> Verdict:
    aligned, unaligned = (r[arm].score("detector_auc") for arm in (ALIGNED, OURS))
    return (aligned - unaligned >= 0) & (aligned >= 0.55) & (unaligned >= 0.55)


FEW = "Few prompts: the interval of an AUC is ± .06 to .1 wide"


CLAIMS = {
    "truthprint": (
        Claim(
            "The probe is above confidence by 0.05 of AUC, and finds 1.5 times as many at 10 % false alarms",
            _detects,
            "arXiv:2503.10602, section 3; threshold set here before it was measured",
            TASK,
            why=FEW,
        ),
        Claim(
            "Intervention cuts hallucinations by 20 % and keeps 95 % of the recall",
            _cuts,
            "arXiv:2503.10602, section 5; threshold set here before it was measured",
            TASK,
            why=FEW,
        ),
        Claim(
            "Intervention leaves no more hallucinations than as many interventions at random",
            lambda r: r[RANDOM].score("hallucination") - r[OURS].score("hallucination") >= 0,
            "a control of this project",
            TASK,
        ),
        Claim(
            "On another domain the aligned detector is no worse than the unaligned one, and both are above 0.55",
            _transfers,
            "arXiv:2503.10602, section 4 (ComnHallu); threshold set here before it was measured",
            TARGET,
            why=FEW,
        ),
    ),
}

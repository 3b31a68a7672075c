"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim, Results, Verdict, maximum

SOURCE = "arXiv:2509.20784"

PLANTED, WIDE = "reconstruction/planted", "reconstruction/planted-wide"

REAL, MATCHED = "reconstruction/minilm", "reconstruction/minilm-matched"

CLOSED, TRAINED, RELU, NEURONS = (f"atoms[arm={arm}]" for arm in ("closed-form", "tsae", "relu-l1", "neurons"))

PLANTED_ATOMS = 3


def _equally_sparse(r: Results) -> Verdict:
    """Both autoencoders reached the number of atoms that they were trained towards, within a tenth."""
    return (
        maximum(*(abs(r[row].score("active_atoms") - PLANTED_ATOMS) for row in (TRAINED, RELU))) <= 0.1 * PLANTED_ATOMS
    )


def _oracle_works(r: Results) -> Verdict:
    """Matching pursuit over the true atoms finds them: the supports are what the vectors are made of."""
    return r["atoms[arm=omp]"].score("exact_supports") >= 0.99


CLAIMS = {
    "atoms": (
        Claim(
            "Inside the feasible region one threshold of the closed form finds the atoms of 99.9 % of the vectors, "
            "exactly, and refitted on them R² is at least .999",
            lambda r: (r[CLOSED].score("exact_supports") >= 0.999) & (r[CLOSED].score("r2_refitted") >= 0.999),
            f"{SOURCE}, threshold theorem", PLANTED, given=_oracle_works,
        ),
        Claim(
            "Outside of it none does: at least one vector in ten has other atoms",
            lambda r: r[CLOSED].score("exact_supports") <= 0.9, f"{SOURCE}, threshold theorem", WIDE,
            threshold_by="project", given=_oracle_works,
        ),
        Claim(
            "On the atoms that the trained autoencoder finds in held-out planted vectors, three of 256, refitted R² is "
            "at least .98",
            lambda r: r[TRAINED].score("r2_refitted") >= 0.98, SOURCE, PLANTED, threshold_by="project",
            given=_equally_sparse,
        ),
        Claim(
            "It finds the atoms of 90 % of the vectors exactly",
            lambda r: r[TRAINED].score("exact_supports") >= 0.9, SOURCE, PLANTED, threshold_by="project",
            given=_oracle_works,
        ),
        Claim(
            "Its dictionary is stable: q* of at least .95",
            lambda r: r[TRAINED].score("q_star") >= 0.95, SOURCE, PLANTED, threshold_by="project",
        ),
        Claim(
            "Its atoms are the planted ones: mean cosine of at least .9 under the metric",
            lambda r: r[TRAINED].score("recovery") >= 0.9, SOURCE, PLANTED, threshold_by="project",
        ),
        Claim(
            "Refitted, it explains .05 of R² more than ReLU with an L1 penalty at equal sparsity",
            lambda r: r[TRAINED].score("r2_refitted") - r[RELU].score("r2_refitted") >= 0.05, SOURCE, PLANTED,
            threshold_by="project", given=_equally_sparse,
        ),
        Claim(
            "Neurons rebuild everything and are not unique: R² of 1 with a q* of at most .05",
            lambda r: (r[NEURONS].score("r2") >= 1) & (r[NEURONS].score("q_star") <= 0.05), SOURCE, PLANTED,
            threshold_by="project",
        ),
        Claim(
            "Atoms of real activations are orthogonal under the metric (mean angle within 2° of 90°) and not without "
            "it (8° off or more); random directions, whitened alike, are the control to compare with",
            lambda r: (r[TRAINED].score("angle_metric") <= 2) & (r[TRAINED].score("angle_euclidean") >= 8),
            SOURCE, REAL, threshold_by="project",
            why="The trained atoms are spread so evenly that their plain angles average within 2° of 90° too",
        ),
        Claim(
            "Held out, R² is .1 higher where there are as many atoms as activations",
            lambda r: r[TRAINED, MATCHED].score("r2") - r[TRAINED, REAL].score("r2") >= 0.1, SOURCE,
            threshold_by="project",
            why="With as many atoms as vectors an autoencoder learns them by heart (R² of .96 in sample); held out it "
            "fires more than three times as many atoms as asked for and does worse than the mean",
        ),
    ),
}  # fmt: skip

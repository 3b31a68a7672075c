"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

SECTION = "arXiv:2509.20784"

PLANTED, WIDE = "reconstruction/planted", "reconstruction/planted-wide"

REAL, MATCHED = "reconstruction/minilm", "reconstruction/minilm-matched"


CLAIMS = {
    "atoms": (
        Claim(
            "Inside the feasible region the closed form rebuilds vectors: R² of at least .999",
            lambda r: r["atoms[arm=closed-form]"].score("r2") >= 0.999, f"{SECTION}, threshold theorem", PLANTED,
        ),
        Claim(
            "Outside of it the closed form does not: R² below .95",
            lambda r: r["atoms[arm=closed-form]"].score("r2") <= 0.95, f"{SECTION}, threshold theorem", WIDE,
        ),
        Claim(
            "The trained autoencoder rebuilds held-out planted vectors: R² of at least .98",
            lambda r: r["atoms[arm=tsae]"].score("r2") >= 0.98, SECTION, PLANTED,
        ),
        Claim(
            "Its dictionary is stable: q* of at least .95",
            lambda r: r["atoms[arm=tsae]"].score("q_star") >= 0.95, SECTION, PLANTED,
        ),
        Claim(
            "Its atoms are the planted ones: mean cosine of at least .9 under the metric",
            lambda r: r["atoms[arm=tsae]"].score("recovery") >= 0.9, SECTION, PLANTED,
        ),
        Claim(
            "It explains .05 of R² more than ReLU with an L1 penalty at equal sparsity",
            lambda r: r["atoms[arm=tsae]"].score("r2") - r["atoms[arm=relu-l1]"].score("r2") >= 0.05, SECTION, PLANTED,
        ),
        Claim(
            "Neurons rebuild everything and are not unique: R² of 1 with a q* of at most .05",
            lambda r: (r["atoms[arm=neurons]"].score("r2") >= 1) & (r["atoms[arm=neurons]"].score("q_star") <= 0.05),
            SECTION, PLANTED,
        ),
        Claim(
            "Atoms of real activations are orthogonal under the metric (mean angle within 2° of 90°) and not without "
            "it (8° off or more); random directions, whitened alike, are the control to compare with",
            lambda r: (r["atoms[arm=tsae]"].score("angle_metric") <= 2)
            & (r["atoms[arm=tsae]"].score("angle_euclidean") >= 8),
            SECTION, REAL,
        ),
        Claim(
            "R² in sample is .1 higher where there are as many atoms as activations",
            lambda r: r["atoms[arm=tsae]", MATCHED].score("r2_in_sample")
            - r["atoms[arm=tsae]", REAL].score("r2_in_sample") >= 0.1,
            SECTION,
        ),
    ),
}  # fmt: skip

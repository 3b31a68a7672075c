"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

N50 = "one-shot-memory/n50"

SOURCE = "arXiv:1710.07829; threshold set here"

IMAGES = "imagenet/fashion-mnist"


CLAIMS = {
    "sparsey": (
        Claim(
            "Presented again, one of 50 stored inputs would get 90 % of its code, and a disjoint input at most 20 %",
            lambda r: (r["sparsey[arm=sparsey]"].score("overlap_same") >= 0.9)
            & (r["sparsey[arm=sparsey]"].score("overlap_disjoint") <= 0.2),
            SOURCE, N50,
        ),
        Claim(
            "Overlap of codes follows overlap of inputs: Spearman of at least .75 at 50 inputs",
            lambda r: r["sparsey[arm=sparsey]"].score("code_similarity") >= 0.75, SOURCE, N50,
        ),
        Claim(
            "With winners drawn blindly it does not: at most .1 either way",
            lambda r: abs(r["sparsey[arm=random-winners]"].score("code_similarity")) <= 0.1, SOURCE, N50,
        ),
        Claim(
            "What is retrieved follows overlap of inputs better than with winners drawn blindly",
            lambda r: r["sparsey[arm=sparsey]"].score("retrieved_similarity")
            - r["sparsey[arm=random-winners]"].score("retrieved_similarity") >= 0, SOURCE, N50,
        ),
        Claim(
            "Presented again, 98 % of 50 inputs are identified",
            lambda r: r["sparsey[arm=sparsey]"].score("identification") >= 0.98, SOURCE, N50,
        ),
        Claim(
            "Retrieving from 2,000 stored inputs takes at most 20 % longer than from 200",
            lambda r: r["sparsey[arm=sparsey]", "one-shot-memory/n200"].cost("query_latency_p50_ms") * 1.2
            - r["sparsey[arm=sparsey]", "one-shot-memory/n2000"].cost("query_latency_p50_ms") >= 0, SOURCE,
        ),
        Claim(
            "On images its codes classify better, by nearest neighbours, than codes with winners drawn blindly",
            lambda r: r["sparsey[arm=sparsey]"].score("top1_knn")
            - r["sparsey[arm=random-winners]"].score("top1_knn") >= 0, SOURCE, IMAGES,
            why=(
                "Codes with winners drawn by familiarity and blindly classify alike, both below the bits that they "
                "are made of"
            ),
        ),
        Claim(
            "On images its codes classify as well, by nearest neighbours, as the bits that they are made of",
            lambda r: r["sparsey[arm=sparsey]"].score("top1_knn") - r["edge-bits"].score("top1_knn") >= 0,
            SOURCE, IMAGES,
            why=(
                "A negative result: the codes keep less of what tells the classes apart than the bits that they are "
                "made of, whether winners are drawn by familiarity or blindly"
            ),
        ),
    ),
}  # fmt: skip

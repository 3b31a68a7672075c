"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

FASHION = "imagenet/fashion-mnist-8k"

SECTION = "arXiv:2104.05704, Table 2"

CCT, CVT, VIT = (f"compact-transformers[arm={arm}]" for arm in ("cct", "cvt", "vit-lite"))

SPREAD = "Few epochs on few images: the interval over seeds and items is ± 2 points wide"


CLAIMS = {
    "compact-transformers": (
        Claim(
            "A convolutional tokenizer with sequence pooling is worth 2.5 points of accuracy over a ViT of its size",
            lambda r: r[CCT].score("top1_head") - r[VIT].score("top1_head") >= 0.025, SECTION, FASHION,
            why=SPREAD,
        ),
        Claim(
            "Sequence pooling is at most 1 point worse than a class token",
            lambda r: r[CVT].score("top1_head") - r[VIT].score("top1_head") >= -0.01, SECTION, FASHION,
            why=SPREAD,
        ),
        Claim(
            "CCT has at most 10 % more parameters than ViT-Lite",
            lambda r: r[CCT].cost("parameters") / r[VIT].cost("parameters") <= 1.1, SECTION, FASHION,
        ),
    ),
}  # fmt: skip

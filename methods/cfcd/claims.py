"""What the paper claims, as inequalities over stored results."""

from __future__ import annotations

from suite.claims import Claim

_TASK, _LIGHT = "image-retrieval/emoji", "image-retrieval/emoji-light"

_SOURCE = "arXiv:2308.04008, sections 3 and 4; threshold set for this scale"


CLAIMS = {
    "cfcd": (
        Claim(
            "Scale and margin rise while training goes on: last tenth of the steps over the first",
            lambda r: (
                (r["cfcd[arm=madacos]"].cost("scale_last") - r["cfcd[arm=madacos]"].cost("scale_first") >= 1e-6)
                & (r["cfcd[arm=madacos]"].cost("margin_last") - r["cfcd[arm=madacos]"].cost("margin_first") >= 1e-6)
                & (r["cfcd[arm=madacos]"].cost("scale_first") >= 32)
            ),
            source=_SOURCE,
            task=_TASK,
        ),
        Claim(
            "The margin that tunes itself is not more than 0.5 points of mAP below ArcFace with s = 30, m = .15",
            lambda r: r["cfcd[arm=madacos]"].main - r["cfcd[arm=arcface]"].main >= -0.005,
            source=_SOURCE,
            task=_TASK,
        ),
        Claim(
            "The second stage raises mAP on occluded queries by 0.5 points over as many more steps of the first",
            lambda r: (
                r["cfcd[arm=coarse-to-fine]"].score("map_occluded") - r["cfcd[arm=madacos]"].score("map_occluded")
                >= 0.005
            ),
            source=_SOURCE,
            task=_TASK,
            why="Local features are matched on maps of 4 × 4 cells, too coarse for what is hidden (inferred)",
        ),
        Claim(
            "The same on queries that are lightly occluded, by 20 to 40 %",
            lambda r: (
                r["cfcd[arm=coarse-to-fine]"].score("map_occluded") - r["cfcd[arm=madacos]"].score("map_occluded")
                >= 0.005
            ),
            source=_SOURCE,
            task=_LIGHT,
            why="On maps of 4 × 4 cells, above frozen blocks, the second stage brings nothing here either way",
        ),
    ),
}

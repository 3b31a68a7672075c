"""Late interaction over MiniLM's token vectors, exact."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.text.minilm import OnMiniLM
from suite.accepts import Accepts
from suite.method import Paper, Role
from suite.representations import MultiVector

LARGEST_CORPUS = 10_000
BLOCK = 2**16


class LateInteraction(OnMiniLM):
    """ColBERT's MaxSim on a backbone that was not trained for it: every token keeps its vector.

    Queries and documents are the unit-length last-layer vectors of all their tokens, [CLS] and [SEP] included, in
    float16. A document scores the sum over query tokens of the largest cosine with one of its tokens (products in
    bfloat16); there is no approximation and no compression. Left out of ColBERT: its training, its 128-d projection,
    query augmentation by [MASK], the filter on punctuation. What training adds is another method's row.
    """

    name = "minilm-maxsim"
    summary = (
        "Keeps one vector per token. Every query token looks for its nearest token in a document, "
        "and their similarities add up."
    )
    paper = Paper(
        "ColBERT: Efficient and Effective Passage Search via Contextualized Late Interaction over BERT",
        2020,
        "2004.12832",
        authors=("Omar Khattab", "Matei Zaharia"),
    )
    readouts = ("search", "compare")
    tags = ("multi-vector", "late-interaction", "pretrained", "baseline")
    accepts = Accepts(max_items=LARGEST_CORPUS)

    def encode(self, items: Any, role: Role) -> MultiVector:
        """Ragged (tokens, 384) float16 unit vectors."""
        vectors, offsets = self.encoder.tokens(items)
        unit = np.empty(vectors.shape, np.float16)
        for start in range(0, len(vectors), BLOCK):
            block = vectors[start : start + BLOCK].astype(np.float32)
            unit[start : start + BLOCK] = block / np.maximum(np.linalg.norm(block, axis=1, keepdims=True), 1e-12)
        return MultiVector(unit, offsets)

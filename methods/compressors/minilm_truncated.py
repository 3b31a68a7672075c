"""all-MiniLM-L6-v2 cut off: what shortening costs a vector that was not trained for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from methods.kit.text.minilm import SENTENCE_BERT, OnMiniLM
from suite.method import Role
from suite.representations import Dense


class MiniLMTruncated(OnMiniLM):
    """The first `dim` of MiniLM's 384 dimensions, in the order they happen to have, compared by cosine.

    The plain control of Matryoshka training (arXiv:2205.13147), which orders dimensions so that this costs little.
    """

    name = "minilm-truncated"
    summary = "The first dimensions of MiniLM's vector and nothing else, in the order they happen to have."
    paper = SENTENCE_BERT
    tags = ("dense", "pretrained", "baseline", "truncated")
    grid = {"dim": (256, 128, 64, 32, 16)}
    quick = ()

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, dim) float32."""
        return Dense(np.ascontiguousarray(self.encoder.pooled(items)[:, : self.dim]))

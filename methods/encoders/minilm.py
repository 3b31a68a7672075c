"""all-MiniLM-L6-v2 as it is used: one vector of 384 numbers per text."""

from __future__ import annotations

from typing import Any

from methods.kit.text.minilm import SENTENCE_BERT, OnMiniLM
from suite.method import Role
from suite.representations import Dense


class MiniLM(OnMiniLM):
    """A six-block encoder trained on a billion pairs; the mean of its last layer, compared by cosine.

    Sentence-BERT's recipe (mean pooling, contrastive training) on MiniLM, as published by its authors. Computed in the
    arithmetic that the machine is fastest at (`suite.precision`), and stored as float32: that bfloat16 and float32 give
    the same scores is a test (``make truth``), not a row.
    """

    name = "minilm"
    summary = (
        "The mean of a small transformer's token vectors, trained so that texts of like meaning point the same way. "
        "Everything else on this backbone is compared with it."
    )
    paper = SENTENCE_BERT
    tags = ("dense", "pretrained", "baseline")

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 384) float32."""
        return Dense(self.encoder.pooled(items))

"""all-MiniLM-L6-v2 as it is used: one vector of 384 numbers per text."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from methods.kit.text.minilm import ALL_MINILM_L6_V2, SENTENCE_BERT, OnMiniLM
from suite.features.text_encoder import TextEncoder
from suite.method import Role
from suite.representations import Dense

if TYPE_CHECKING:
    from suite.task import Task


class MiniLM(OnMiniLM):
    """A six-block encoder trained on a billion pairs; the mean of its last layer, compared by cosine.

    Sentence-BERT's recipe (mean pooling, contrastive training) on MiniLM, as published by its authors. Computed in
    bfloat16 on CPUs that have it; ``precision=float32`` is the check that this changes no score.
    """

    name = "minilm"
    summary = (
        "The mean of a small transformer's token vectors, trained so that texts of like meaning point the same way. "
        "Everything else on this backbone is compared with it."
    )
    paper = SENTENCE_BERT
    tags = ("dense", "pretrained", "baseline")
    grid = {"precision": ("bfloat16", "float32")}

    @cached_property
    def encoder(self) -> TextEncoder:
        """The backbone in the variant's precision."""
        return TextEncoder(ALL_MINILM_L6_V2, precision=self.precision)

    def skip(self, task: Task) -> str | None:
        """The check runs where there is time for it."""
        if self.precision == "float32" and self.effort.name == "quick":
            return "float32 is the check on bfloat16; it takes three times as long and runs in the standard profile"
        return None

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 384) float32."""
        return Dense(self.encoder.pooled(items))

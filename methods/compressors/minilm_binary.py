"""all-MiniLM-L6-v2 in one bit a dimension."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from methods.kit.text.minilm import SENTENCE_BERT, OnMiniLM
from suite.method import FitData, Role, Tensors
from suite.representations import Binary, Dense

if TYPE_CHECKING:
    from suite.task import Task


class MiniLMBinary(OnMiniLM):
    """One bit a dimension: above or below its mean over the fit texts.

    ``query=binary`` compares bits by Hamming distance. ``query=float`` keeps the query's numbers and sums them with the
    document's signs: since a document is about mean ± spread, that ranks documents by an estimate of the dot product.
    """

    name = "minilm-binary"
    summary = (
        "One bit for each of MiniLM's dimensions: above or below the mean of the fit texts. "
        "Queries are bits too, or keep their numbers."
    )
    paper = SENTENCE_BERT
    tags = ("binary", "pretrained", "baseline", "quantised")
    grid = {"query": ("binary", "float")}
    quick = ()
    fit_params = ()

    def skip(self, task: Task) -> str | None:
        """Only search tells queries from documents."""
        if self.query == "float" and task.readout != "search":
            return "there is no query side to keep in floating point"
        return None

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Mean of every dimension."""
        return {"mean": self.unit_vectors(data.items).mean(axis=0)}

    def encode(self, items: Any, role: Role) -> Binary | Dense:
        """(n, 48) packed bits; queries of ``query=float`` (n, 384) float32."""
        vectors = self.unit_vectors(items)
        if role is Role.QUERY and self.query == "float":
            return Dense(vectors, similarity="dot")
        return Binary.from_signs(vectors - self.fitted["mean"])

"""BM25, the baseline of lexical retrieval."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from methods.kit.text.words import UNKNOWN, counts, packed, unpacked
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Sparse


class BM25(Method):
    """Lucene's BM25: weights of words in documents, counts of words in queries.

    A word that occurs f times in a document of length L weighs idf · f / (f + k1 (1 − b + b L / avgL)) with
    idf = ln(1 + (N − n + ½) / (n + ½)); the score is the sum over the query's words. The weights are those of bm25s's
    ``lucene`` method, and its tokens; they are held as sparse rows. The fit counts the corpus once for all k1 and b.
    k1 = 0.9, b = 0.4 are Anserini's defaults, k1 = 1.2, b = 0.75 Lucene's. Texts compared with each other are both
    weighed as documents, by cosine; words that the fit has not seen count as rarer than any it has.
    """

    name = "bm25"
    summary = (
        "Scores a document by the query's words in it: rare words count more, repeated ones ever less, long documents "
        "less. No training; the corpus gives document frequencies and the mean length."
    )
    modality = Modality.TEXT
    readouts = ("search", "compare")
    paper = Paper(
        "The Probabilistic Relevance Framework: BM25 and Beyond",
        2009,
        url="https://doi.org/10.1561/1500000019",
        authors=("Stephen Robertson", "Hugo Zaragoza"),
    )
    tags = ("sparse", "lexical", "baseline")
    grid = {"k1": (0.9,), "b": (0.4,)}, {"k1": (1.2,), "b": (0.75,)}
    quick = ("[k1=0.9]",)
    fit_params = ()
    requires = ("bm25s", "Stemmer", "scipy")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Vocabulary, idf of its words with that of an unseen one last, and mean document length."""
        matrix, columns = counts(data.items)
        words = len(columns)
        documents = matrix.shape[0]
        holding = np.bincount(matrix.indices, minlength=words + 1)[: words + 1]
        idf = np.log1p((documents - holding + 0.5) / (holding + 0.5))
        mean_length = matrix.sum() / documents
        return {
            "vocabulary": packed(columns),
            "idf": idf.astype(np.float32),
            "mean_length": np.array([mean_length], np.float32),
        }

    @cached_property
    def _columns(self) -> dict[str, int]:
        return unpacked(self.fitted["vocabulary"])

    def encode(self, items: Any, role: Role) -> Sparse:
        """(n, words) sparse float32: counts of a query, weights of anything else."""
        matrix = counts(items, self._columns)[0]
        if role is not Role.QUERY:
            idf = np.concatenate([self.fitted["idf"], np.repeat(self.fitted["idf"][-1:], UNKNOWN - 1)])
            lengths = np.asarray(matrix.sum(axis=1)).ravel() / max(float(self.fitted["mean_length"][0]), 1e-12)
            damping = np.repeat(self.k1 * (1 - self.b + self.b * lengths), np.diff(matrix.indptr))
            matrix.data = (idf[matrix.indices] * matrix.data / (matrix.data + damping)).astype(np.float32)
        return Sparse(matrix)

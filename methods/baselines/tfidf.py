"""TF-IDF, the oldest baseline."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np

from methods.kit.text.words import packed, unpacked
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Sparse


class TfIdf(Method):
    """scikit-learn's TF-IDF: (1 + ln f) · (1 + ln((1 + N) / (1 + n))), rows of length 1, compared by cosine.

    Words are scikit-learn's default tokens, lower case, neither stemmed nor stopped; words that the fit has not seen
    are left out, as the library does.
    """

    name = "tfidf"
    summary = (
        "Word counts, damped by a logarithm and weighed by how rare a word is in the corpus; cosine similarity. "
        "What BM25 adds is saturation and document length."
    )
    modality = Modality.TEXT
    readouts = ("search", "compare")
    paper = Paper(
        "A statistical interpretation of term specificity and its application in retrieval",
        1972,
        url="https://doi.org/10.1108/eb026526",
        authors=("Karen Spärck Jones",),
    )
    tags = ("sparse", "lexical", "baseline")
    requires = ("sklearn", "scipy")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Vocabulary in order of columns, and idf."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        vectorizer = TfidfVectorizer(sublinear_tf=True).fit(data.items)
        return {
            "vocabulary": packed(vectorizer.get_feature_names_out().tolist()),
            "idf": vectorizer.idf_.astype(np.float32),
        }

    def encode(self, items: Any, role: Role) -> Sparse:
        """(n, words) sparse float32 rows of length 1; a row without known words is empty."""
        return Sparse(self._vectorizer.transform(items))

    @cached_property
    def _vectorizer(self) -> Any:
        from sklearn.feature_extraction.text import TfidfVectorizer

        columns = unpacked(self.fitted["vocabulary"])
        vectorizer = TfidfVectorizer(sublinear_tf=True, vocabulary=columns, dtype=np.float32)
        vectorizer.idf_ = self.fitted["idf"]
        return vectorizer

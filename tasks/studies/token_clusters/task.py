"""How tightly the token vectors of a text cluster: what pruning by clusters loses, before any retrieval.

Every text is clustered by scikit-learn's k-means, whatever the method's own clustering is.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import RetrievalSet
from suite.errors import ContractError
from suite.method import FitData, Modality, Role
from suite.representations import MultiVector
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod

RESTARTS = 3


class TokenClustersSpec(TaskSpec):
    """An instance of the family.

    Attributes:
        documents: how many of the corpus are clustered, evenly spaced.
        clusters: number of clusters per document.
    """

    documents: int = Field(gt=0)
    clusters: int = Field(default=8, gt=0)


class HasTokenVectors(Protocol):
    """Readout ``token_clusters``: the vectors behind a multi-vector representation."""

    def token_vectors(self, items: Any, role: Role) -> MultiVector:
        """Those of all tokens, before any was pruned."""


class TokenClusters(Task[TokenClustersSpec]):
    """Variance within clusters of a text's token vectors, over all of their variance."""

    family = "token-clusters"
    family_title = "Clusters of token vectors"
    description = (
        "Clusters the token vectors of each document and asks how much of their variance is left within clusters. "
        "The less there is, the better a few centroids stand for the text."
    )
    study = True
    readout = "token_clusters"
    protocol = HasTokenVectors
    modality = Modality.TEXT
    metrics = ("variance_within",)
    Spec = TokenClustersSpec

    def fit_data(self, data: RetrievalSet, load: Load) -> FitData:
        """The corpus."""
        return FitData(data.documents)

    def evaluate(self, measured: MeasuredMethod, data: RetrievalSet) -> Outcome:
        """Cluster documents that have more tokens than there are clusters."""
        rows = np.linspace(0, len(data.documents) - 1, min(self.spec.documents, len(data.documents))).astype(int)
        texts = [data.documents[row] for row in rows]
        measured.encode(texts, Role.DOCUMENT)
        tokens = measured.ask("token_vectors", texts, Role.DOCUMENT, count=len(texts))
        each = (tokens[row : row + 1].vectors for row in range(len(tokens)))
        shares = np.array([variance_within(v, self.spec.clusters) for v in each if len(v) > self.spec.clusters])
        if not len(shares):
            raise ContractError(f"no document has more than {self.spec.clusters} tokens: there is nothing to cluster")
        return Outcome({"variance_within": float(shares.mean())}, {"variance_within": shares})


def variance_within(vectors: NDArray[np.floating[Any]], clusters: int) -> float:
    """Share of the variance of (n, d) vectors that is left within k-means clusters; 0 where there is none at all."""
    from sklearn.cluster import KMeans

    values = vectors.astype(np.float64)
    total = float(((values - values.mean(axis=0)) ** 2).sum())
    if total == 0:
        return 0.0
    return float(KMeans(clusters, n_init=RESTARTS, random_state=0).fit(values).inertia_) / total


declare(
    Metric(
        "variance_within",
        "variance within clusters",
        "lower",
        about="Share of the variance of a document's token vectors that k-means leaves within its clusters.",
    )
)

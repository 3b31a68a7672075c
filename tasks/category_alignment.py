"""Category alignment: do clusters of a representation agree with the categories of people, and at what rate?

After Shani et al., From Tokens to Thoughts (arXiv:2505.17117). Clusters are those of k-means with as many clusters as
there are categories. Three questions: the agreement of both partitions; whether an item's similarity to the name of its
category follows its typicality; and the two sides of L(X, C; β) = I(X; C) + β · distortion for both partitions. For a
hard partition I(X; C) = log₂ |X| − Σ_c |C_c| log₂ |C_c| / |X| is the entropy H(C). k-means minimises the distortion
that it is scored by, so that its lower L is no proof that people are less efficient.

Vectors have length 1 here; distortions of two models are still of two geometries and are compared within a model only.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.data.categories import CategorySet

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

declare(
    Metric(
        "ami", "AMI", statistic="ratio", columns=("shared", "possible"),
        about="Adjusted mutual information of clusters and human categories: 0 by chance, 1 for the same partition.",
    ),
    Metric("nmi", "NMI", statistic="point", about="Normalised mutual information; not corrected for chance."),
    Metric("ari", "ARI", statistic="point", about="Adjusted Rand index of clusters and human categories."),
    Metric("ami_random", "AMI, random", "lower", statistic="point", about="AMI of the human categories, shuffled."),
    Metric(
        "typicality", "typicality", statistic="pearson", columns=("name_similarity", "human_typicality"),
        about="Rank correlation, within categories, of similarity to the category's name and human typicality.",
    ),
    Metric("rate_bits", "H(C)", "lower", "bit", about="Entropy of the clusters, which is I(X; C)."),
    Metric("rate_bits_human", "H(C), human", "lower", "bit", about="Entropy of the human categories."),
    Metric("distortion", "distortion", "lower", about="Mean squared distance of a unit vector to its cluster's mean."),
    Metric("distortion_human", "distortion, human", "lower", about="The same for human categories."),
    Metric("distortion_random", "distortion, random", "lower", about="The same for a random partition."),
)  # fmt: skip


class Clustered(Protocol):
    """A method whose representation is a clustering."""

    def uncoded(self, items: Any) -> Floats:
        """(n, d) what was clustered."""


class Spec(TaskSpec):
    """A set of items in categories.

    Attributes:
        starts: starts of k-means, of which the best is kept.
    """

    starts: int = Field(default=100, ge=1)


class CategoryAlignment(Task[Spec]):
    """Items encoded, clustered and set beside the categories of people.

    Where a representation is itself a clustering (`Clustered`), its distortion is measured on what was clustered.
    """

    family = "category-alignment"
    family_title = "Category alignment"
    description = (
        "Do clusters of a representation agree with human categories, and does closeness to a category's name follow "
        "typicality? Beside the agreement stand the rate and the distortion of both partitions."
    )
    extra = True
    readout = "classify"
    modality = Modality.TEXT
    metrics: ClassVar[tuple[str, ...]] = (
        "ami", "nmi", "ari", "ami_random", "typicality",
        "rate_bits", "rate_bits_human", "distortion", "distortion_human", "distortion_random",
    )  # fmt: skip
    Spec = Spec

    def fit_data(self, data: CategorySet, load: Load) -> FitData | None:
        """The items and the number of categories, without labels: what k-means is told too."""
        return FitData(list(data.items), classes=len(data.categories))

    def evaluate(self, measured: MeasuredMethod, data: CategorySet) -> Outcome:
        """Cluster, compare with people, correlate with typicality, and weigh both partitions."""
        row_of = {text: row for row, text in enumerate(dict.fromkeys(data.items))}
        rows = np.array([row_of[item] for item in data.items])
        encoded = measured.encode(list(row_of), Role.ITEM)
        vectors = unit_rows(measured.features(encoded))[rows]
        clusters = _cluster(vectors, len(data.categories), self.spec.starts, measured.seed)
        if measured.has(Clustered):
            vectors = unit_rows(measured.ask("uncoded", list(row_of), shape=(len(row_of), None)))[rows]
        random = np.random.default_rng(measured.seed).permutation(data.labels)
        columns = {
            **dict(zip(("shared", "possible"), adjusted_information(data.labels, clusters), strict=True)),
            "rate_bits": rates(clusters),
            "rate_bits_human": rates(data.labels),
            "distortion": distortions(vectors, clusters),
            "distortion_human": distortions(vectors, data.labels),
            "distortion_random": distortions(vectors, random),
        }
        scores = {name: float(values.mean()) for name, values in columns.items() if name in self.metrics}
        scores |= _agreement(data.labels, clusters, random)
        if len(data.ratings):
            names = measured.encode(list(data.categories), Role.ITEM, weighed=False)
            similarity = measured.compare(encoded[rows], names[data.labels])
            columns["name_similarity"] = standard_ranks(np.asarray(similarity, np.float64), data.labels)
            columns["human_typicality"] = standard_ranks(-data.ratings, data.labels)
            spread = np.ptp(columns["name_similarity"]) > 0
            pair = columns["name_similarity"], columns["human_typicality"]
            scores["typicality"] = float(np.corrcoef(*pair)[0, 1]) if spread else 0.0
        return Outcome(scores, columns)


def unit_rows(vectors: Any) -> Floats:
    """(n, d) rows at length 1, dense; a row of zeros stays."""
    dense = np.asarray(vectors.toarray() if hasattr(vectors, "toarray") else vectors, np.float64)
    return np.asarray(dense / np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-12))


def rates(labels: Labels) -> Floats:
    """(n,) −log₂ of the share of each item's cluster; their mean is H(C) = I(X; C)."""
    return np.asarray(np.log2(len(labels) / np.bincount(labels)[labels]))


def distortions(vectors: Floats, labels: Labels) -> Floats:
    """(n,) squared distance of (n, d) vectors to the mean of their cluster."""
    members = np.eye(labels.max() + 1)[labels]
    means = members.T @ vectors / np.maximum(members.sum(axis=0), 1)[:, None]
    return np.asarray(((vectors - means[labels]) ** 2).sum(axis=1))


def adjusted_information(first: Labels, second: Labels) -> tuple[Floats, Floats]:
    """Per-item parts of AMI (Vinh, Epps and Bailey, 2010; arithmetic mean of the entropies), in nats.

    Returns:
        (n,) pointwise mutual information and (n,) mean of both surprisals, each less the mutual information that is
        expected by chance. AMI is the ratio of their sums.
    """
    from sklearn.metrics.cluster import contingency_matrix, expected_mutual_information

    n = len(first)
    table = contingency_matrix(first, second)
    joint = np.unique(first, return_inverse=True)[1], np.unique(second, return_inverse=True)[1]
    a, b = table.sum(axis=1)[joint[0]], table.sum(axis=0)[joint[1]]
    by_chance = expected_mutual_information(contingency_matrix(first, second, sparse=True), n)
    shared = np.log(n * table[joint] / (a * b))
    possible = (np.log(n / a) + np.log(n / b)) / 2
    return shared - by_chance, possible - by_chance


def standard_ranks(values: Floats, groups: Labels) -> Floats:
    """(n,) mid-ranks within groups at mean 0 and variance 1; 0 in a group of equal values.

    The correlation of two such columns is the mean over groups, weighted by size, of Spearman's.
    """
    from scipy.stats import rankdata

    ranks = np.zeros(len(values))
    for group in np.unique(groups):
        inside = rankdata(values[groups == group])
        ranks[groups == group] = (inside - inside.mean()) / (inside.std() or 1)
    return ranks


def _cluster(vectors: Floats, count: int, starts: int, seed: int) -> Labels:
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # A representation with fewer different vectors than categories has fewer clusters.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(KMeans(count, n_init=starts, random_state=seed).fit_predict(vectors), np.int64)


def _agreement(human: Labels, clusters: Labels, random: Labels) -> dict[str, float]:
    from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score

    return {
        "ami": adjusted_mutual_info_score(human, clusters),
        "nmi": normalized_mutual_info_score(human, clusters),
        "ari": adjusted_rand_score(human, clusters),
        "ami_random": adjusted_mutual_info_score(human, random),
    }

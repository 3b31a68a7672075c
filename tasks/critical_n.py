"""LIMIT's critical n: up to how many documents a representation returns every pair as a top 2.

The judgements are all there is (Weller et al., arXiv:2508.21038, section 4): items have no content, a query is its row
of the relevance matrix and a document its column, so that a method may fit both to the answers. For n documents there
are n (n − 1) / 2 queries, one per pair; n is served if the two best documents of every query are its pair and score
strictly more than the third. The critical n is the first that is not served: gallop by doubling, bisect, then try the
four sizes below the failure that was found, since being served is not quite monotone in n.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import comb

import numpy as np
from numpy.typing import NDArray

from suite.method import Modality, Role, label
from suite.results.catalog import ReferenceRow, TableCard, TheoryLine
from suite.results.metrics import Metric, declare
from suite.results.schema import CellResult
from suite.task import Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.limit import CRITICAL_N, FLOAT32_BYTES, SOURCE, Limit

SWEEP = 4
DRAWN = 16
"""Largest dimension of the table that is drawn: beyond it nothing is measured here."""
EXTRAPOLATED = (64, 128, 256, 384, 512, 768, 1024, 3072, 4096)


class CriticalN(Task[TaskSpec]):
    """Retrieval of all pairs of ever more documents from their judgements alone."""

    family = Limit.family
    family_title = Limit.family_title
    description = (
        "Gives a method nothing but the judgements, every pair of n documents being the answer to one query, and asks "
        "from which n on it no longer returns all pairs. What fails here cannot be blamed on text or training data."
    )
    readout = "search"
    modality = Modality.JUDGEMENTS
    metrics = ("critical_n", "accuracy_at_critical_n")

    def evaluate(self, measured: MeasuredMethod, data: NDArray[np.bool_]) -> Outcome:
        """Find the first n that fails.

        Args:
            measured: the method on the scale.
            data: (pairs, documents) relevance matrix, of which the first n (n − 1) / 2 rows and n columns are all
                pairs of n documents.
        """

        @cache
        def accuracy(n: int) -> float:
            return served(measured, data[: comb(n, 2), :n])

        largest = data.shape[1]
        critical = first_failure(lambda n: accuracy(n) == 1.0, largest)
        at_critical = accuracy(critical) if critical <= largest else 1.0
        return Outcome({"critical_n": float(critical), "accuracy_at_critical_n": at_critical})

    def references(self) -> Sequence[ReferenceRow]:
        """The paper's table."""
        return [
            ReferenceRow(
                task=self.name,
                label=f"Free embeddings, {dimension} dimensions (published)",
                metric="critical_n",
                value=critical,
                source=f"{SOURCE}, critical-n table",
                bytes_per_item=FLOAT32_BYTES * dimension,
            )
            for dimension, critical in CRITICAL_N.items()
        ]

    def theory(self) -> Sequence[TheoryLine]:
        """The paper's table as a line over the bytes of a float32 vector."""
        points = [(float(FLOAT32_BYTES * d), float(n)) for d, n in CRITICAL_N.items() if d <= DRAWN]
        text = "Free embeddings, published critical n"
        source = f"{SOURCE}, critical-n table"
        return [TheoryLine(task=self.name, label=text, x="bytes_per_item", points=points, source=source)]

    def tables(self, results: Sequence[CellResult]) -> Sequence[TableCard]:
        """Measured critical n by dimension beside the published one, and the paper's fit beyond its table."""
        measured: dict[str, dict[float, str]] = {}
        named = [(label(r.method, {k: v for k, v in r.variant.items() if k != "dim"}), r) for r in results]
        for column, result in sorted(named, key=lambda pair: (pair[1].control, pair[0])):
            size = result.costs.bytes_per_item or 0.0
            all_served = result.scores["accuracy_at_critical_n"] == 1.0
            measured.setdefault(column, {})[size / FLOAT32_BYTES] = (
                f"{'≥ ' if all_served else ''}{result.scores['critical_n']:g}"
            )
        dimensions = sorted({*CRITICAL_N, *EXTRAPOLATED, *(d for column in measured.values() for d in column)})
        rows = [
            [
                f"{d:g}",
                *(column.get(d, "") for column in measured.values()),
                str(CRITICAL_N.get(int(d), "")),
                f"{published_fit(d):,.0f}" if d > max(CRITICAL_N) else "",
            ]
            for d in dimensions
        ]
        return [
            TableCard(
                title="Critical n: the first number of documents of which d float32 dimensions do not return all pairs",
                columns=["d", *measured, "published", "published fit"],
                rows=rows,
                note=(
                    "Measured: first n at which optimisation fails; ≥ where all documents there are were served. "
                    f"Published: {SOURCE}. Its cubic fit is too low for small d and is given beyond the table only, "
                    "where it is an extrapolation."
                ),
            )
        ]


def served(measured: MeasuredMethod, relevant: NDArray[np.bool_]) -> float:
    """Share of queries whose relevant documents, two each, score strictly more than all others.

    Args:
        measured: the method on the scale; queries are rows of `relevant`, documents its columns.
        relevant: (queries, n) bool.
    """
    documents = measured.encode(relevant.T, Role.DOCUMENT)
    queries = measured.encode(relevant, Role.QUERY)
    hits = measured.search(measured.index(documents), queries, min(3, relevant.shape[1]))
    found = np.take_along_axis(relevant, hits.indices[:, :2], axis=1).all(axis=1)
    if hits.scores.shape[1] > 2:
        found &= hits.scores[:, 1] > hits.scores[:, 2]
    return float(found.mean())


def first_failure(serves: Callable[[int], bool], largest: int) -> int:
    """The first n from 2 on that is not served, or ``largest + 1``."""
    low, high = 1, 2
    while high <= largest and serves(high):
        low, high = high, largest + 1 if high == largest else min(2 * high, largest)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if serves(middle) else (low, middle)
    return next((n for n in range(max(2, high - SWEEP), high) if not serves(n)), high)


def published_fit(dimension: float) -> float:
    """The paper's cubic fit of critical n."""
    return -10.5322 + 4.0309 * dimension + 0.0520 * dimension**2 + 0.0037 * dimension**3


declare(
    Metric(
        "critical_n",
        "Critical n",
        unit="documents",
        format=",.1f",
        statistic="point",
        about="First number of documents of which not every pair is returned; one more than there are, if none.",
    ),
    Metric(
        "accuracy_at_critical_n",
        "Accuracy at critical n",
        statistic="point",
        about="Share of pairs that are still returned at the critical n.",
    ),
)

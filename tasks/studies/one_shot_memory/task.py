"""One-shot memory: patterns are stored once each; is what is presented again recognised, and is similarity kept?

A method is fitted on the patterns, in their order; its `encode` retrieves. The overlap of two codes is the share of
equal symbols.

The share of patterns whose code is complete on retrieval (the "recall fraction") is not reported: a memory that gives
every input the same code has it at 1.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from suite.method import FitData, Modality, Role
from suite.representations import Codes
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.studies.one_shot_memory.data import PatternSet

declare(
    Metric(
        "identification", "identification", statistic="ratio", columns=("identified", "is_same"),
        about="Share of patterns, presented again, whose retrieved code is nearer to their own stored code than to "
        "any other; ties are lost.",
    ),
    Metric(
        "code_similarity", "similarity kept", statistic="spearman", columns=("input_overlap", "code_overlap"),
        about="Spearman correlation of a probe's overlap with a stored pattern and of the code that it would be "
        "stored under with that pattern's code.",
    ),
    Metric(
        "retrieved_similarity", "similarity, retrieved", statistic="spearman",
        columns=("input_overlap", "retrieved_overlap"),
        about="The same with the code that is retrieved for the probe.",
    ),
    Metric(
        "overlap_same", "overlap, same input", statistic="ratio", columns=("code_overlap_same", "is_same"),
        about="Overlap of the code that a stored pattern would be given now with the one it was given.",
    ),
    Metric(
        "overlap_disjoint", "overlap, disjoint input", "lower", statistic="ratio",
        columns=("code_overlap_disjoint", "is_disjoint"),
        about="The same for an input that shares nothing with the stored pattern.",
    ),
)  # fmt: skip


class Remembers(Protocol):
    """Readout ``one_shot_memory``: the codes under which patterns are stored."""

    def stored_codes(self) -> Codes:
        """Those that the patterns were given when they were stored."""

    def presented(self, items: Any) -> Codes:
        """Those that items would be given now, if they were stored."""


class OneShotMemory(Task[TaskSpec]):
    """Store random patterns, present probes of known similarity, and compare codes."""

    family = "one-shot-memory"
    family_title = "One-shot memory"
    description = (
        "Random binary patterns are stored once each. Is a pattern that is presented again identified, and does the "
        "overlap of codes follow the overlap of inputs?"
    )
    study = True
    readout = "one_shot_memory"
    protocol = Remembers
    modality = Modality.VECTORS
    metrics: ClassVar[tuple[str, ...]] = (
        "identification", "code_similarity", "retrieved_similarity", "overlap_same", "overlap_disjoint",
    )  # fmt: skip

    def fit_data(self, data: PatternSet, load: Load) -> FitData:
        """The patterns to store."""
        return FitData(data.stored)

    def evaluate(self, measured: MeasuredMethod, data: PatternSet) -> Outcome:
        """Present the probes twice, to be retrieved and as if to be stored."""
        probed, levels, bits = data.probes.shape
        probes = data.probes.reshape(-1, bits)
        stored = _symbols(measured.ask("stored_codes", count=len(data.stored)))
        retrieved = _symbols(cast(Codes, measured.encode(probes, Role.ITEM)))
        given = _symbols(measured.ask("presented", probes, count=len(probes)))
        own = np.repeat(np.arange(probed), levels)
        overlap = np.tile(data.overlaps, probed)
        columns = {
            "input_overlap": overlap,
            "code_overlap": (given == stored[own]).mean(axis=1),
            "retrieved_overlap": (retrieved == stored[own]).mean(axis=1),
            "is_same": overlap == 1,
            "is_disjoint": overlap == 0,
        }
        columns["code_overlap_same"] = columns["code_overlap"] * columns["is_same"]
        columns["code_overlap_disjoint"] = columns["code_overlap"] * columns["is_disjoint"]
        columns["identified"] = columns["is_same"] & _is_nearest(retrieved, stored, own)
        columns = {name: np.asarray(column, np.float64) for name, column in columns.items()}
        measured.time_queries(lambda i: measured.encode(probes[i : i + 1], Role.ITEM), len(probes))
        scores = {
            "identification": columns["identified"].sum() / columns["is_same"].sum(),
            "code_similarity": _spearman(overlap, columns["code_overlap"]),
            "retrieved_similarity": _spearman(overlap, columns["retrieved_overlap"]),
            "overlap_same": columns["code_overlap_same"].sum() / columns["is_same"].sum(),
            "overlap_disjoint": columns["code_overlap_disjoint"].sum() / columns["is_disjoint"].sum(),
        }
        return Outcome({name: float(score) for name, score in scores.items()}, columns)


def _symbols(codes: Codes) -> NDArray[np.uint8]:
    return np.asarray(codes.codes, np.uint8)


def _is_nearest(codes: NDArray[np.uint8], stored: NDArray[np.uint8], own: NDArray[Any]) -> NDArray[np.bool_]:
    """(n,) whether `stored[own]` shares more symbols with a code than any other stored code does."""
    shared = np.stack([(stored == code).sum(axis=1) for code in codes])
    rows = np.arange(len(codes))
    mine = shared[rows, own].copy()
    shared[rows, own] = -1
    return np.asarray(mine > shared.max(axis=1))


def _spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(first, second).statistic) if np.ptp(second) > 0 else 0.0

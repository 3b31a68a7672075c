"""Weighbridge: what a representation still knows, and what it cost.

Names are loaded on first use, so that importing the package costs nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from suite import results
    from suite.accepts import Accepts
    from suite.api import run
    from suite.claims import Claim
    from suite.compressing import Compressor, compressor
    from suite.exchange.mteb_adapter import as_mteb_model
    from suite.method import Effort, FitData, Method, Modality, Paper, Pool, Role, Tensors
    from suite.plotting import plot
    from suite.representations import (
        Binary,
        Bitstream,
        Codes,
        DecodedVectors,
        Dense,
        Hits,
        MultiVector,
        Quantised,
        Representation,
        Sparse,
        State,
    )
    from suite.task import Outcome, Task, TaskSpec
    from suite.vectors import weigh
    from suite.weights import PretrainedWeights

_HOMES = {
    "suite.accepts": ("Accepts",),
    "suite.api": ("run",),
    "suite.claims": ("Claim",),
    "suite.compressing": ("Compressor", "compressor"),
    "suite.exchange.mteb_adapter": ("as_mteb_model",),
    "suite.method": ("Effort", "FitData", "Method", "Modality", "Paper", "Pool", "Role", "Tensors"),
    "suite.plotting": ("plot",),
    "suite.representations": (
        "Binary", "Bitstream", "Codes", "DecodedVectors", "Dense", "Hits", "MultiVector", "Quantised", "Representation",
        "Sparse", "State",
    ),
    "suite.task": ("Outcome", "Task", "TaskSpec"),
    "suite.vectors": ("weigh",),
    "suite.weights": ("PretrainedWeights",),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Accepts", "Binary", "Bitstream", "Claim", "Codes", "Compressor", "DecodedVectors", "Dense", "Effort", "FitData",
    "Hits", "Method", "Modality", "MultiVector", "Outcome", "Paper", "Pool", "PretrainedWeights", "Quantised",
    "Representation", "Role", "Sparse", "State", "Task", "TaskSpec", "Tensors", "as_mteb_model", "compressor",
    "plot", "results", "run", "weigh",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'suite' has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)

"""Trained and fitted states: made once under their key, kept with a checksum, shared by variants and tasks."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from suite import devices, files, stored
from suite.errors import ContractError
from suite.features import shared_work
from suite.method import Tensors
from suite.paths import cache_root
from suite.results.layout import component

_ACTIONS = {"train": "training for", "fit": "fitting to"}


@dataclass(frozen=True)
class CachedState:
    """A state and the seconds it took to make, whoever made it."""

    tensors: Tensors
    seconds: float


def load_or_compute(method: str, stage: str, key: str, make: Callable[[], Tensors]) -> CachedState:
    """Return the state kept under `key`, or make and keep it; a second process waits for the first.

    Raises:
        ContractError: `make` returned something else than finite named arrays.
    """
    file = cache_root() / "states" / component(method) / f"{stage}-{key[:32]}.state"
    if (kept := _read(file, key)) is not None:
        return kept
    with locked(file.with_suffix(".lock"), f"it makes what {method} needs here too ({stage})"):
        if (kept := _read(file, key)) is not None:
            return kept
        start = time.perf_counter()
        with shared_work.working(_ACTIONS[stage], method):
            tensors = _checked(make(), f"{method}.{stage}")
            devices.synchronise()
        state = CachedState(tensors, time.perf_counter() - start)
        if tensors:
            stored.write(file, key, {"seconds": state.seconds, "tensors": dict(tensors)})
        return state


@contextmanager
def locked(file: Path, what: str) -> Iterator[None]:
    """Hold an exclusive lock; it is released with the process, however that ends. `what` says what its holder does."""
    with files.lock_file(file) as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with shared_work.waiting(what):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _checked(tensors: Any, where: str) -> Tensors:
    try:
        arrays = {str(name): np.ascontiguousarray(value) for name, value in dict(tensors).items()}
    except (TypeError, ValueError) as error:
        raise ContractError(f"{where} must return named arrays, not {type(tensors).__name__}: {error}") from error
    for name, array in arrays.items():
        if array.dtype.kind not in "biufc":
            raise ContractError(f"{where} returned {array.dtype} under {name!r}; only numbers can be stored")
        if array.dtype.kind in "fc" and not np.isfinite(array).all():
            raise ContractError(f"{where} returned NaN or infinite values under {name!r}")
    return arrays


def _read(file: Path, key: str) -> CachedState | None:
    kept = stored.read(file, key)
    return None if kept is None else CachedState(kept["tensors"], kept["seconds"])

"""Trained and fitted states: made once under their key, kept as safetensors, shared by variants and tasks."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from suite import shared_work
from suite.errors import ContractError
from suite.method import Tensors
from suite.paths import cache_root

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
    file = cache_root() / "states" / method / f"{stage}-{key[:32]}.safetensors"
    if (kept := _read(file)) is not None:
        return kept
    with locked(file.with_suffix(".lock"), f"it makes what {method} needs here too ({stage})"):
        if (kept := _read(file)) is not None:
            return kept
        start = time.perf_counter()
        with shared_work.working(_ACTIONS[stage], method):
            tensors = _checked(make(), f"{method}.{stage}")
        state = CachedState(tensors, time.perf_counter() - start)
        if tensors:
            _write(file, state)
        return state


@contextmanager
def locked(file: Path, what: str) -> Iterator[None]:
    """Hold an exclusive lock; it is released with the process, however that ends. `what` says what its holder does."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w") as handle:
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
        if array.dtype.kind == "O":
            raise ContractError(f"{where} returned objects under {name!r}; only numbers can be stored")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ContractError(f"{where} returned NaN or infinite values under {name!r}")
    return arrays


def _read(file: Path) -> CachedState | None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="numpy") as stored:
            seconds = float(json.loads(stored.metadata()["seconds"]))
            return CachedState({name: stored.get_tensor(name) for name in stored.keys()}, seconds)  # noqa: SIM118
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None


def _write(file: Path, state: CachedState) -> None:
    from safetensors.numpy import save_file

    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    try:
        save_file(dict(state.tensors), temporary, metadata={"seconds": json.dumps(state.seconds)})
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)

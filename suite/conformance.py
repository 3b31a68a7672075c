"""Conformance: what every method must do, tried on real data of the tasks it applies to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from suite.data import access
from suite.data.types import RecallSet
from suite.discovery import FoundMethod
from suite.errors import ContractError
from suite.features.clock import cache_disabled
from suite.guarded import one_line
from suite.method import FitData, Method, Modality, Role
from suite.paths import python_path
from suite.planning import Cell
from suite.representations import Bitstream, Representation
from suite.running.execute import Request, prepare

HEAVY = ("torch", "transformers", "datasets", "mteb")
SAMPLE = 8
TIME_LIMIT = 120.0
"""Seconds that a check may take: it looks at a handful of items."""
FITTING = 5
_TOLERANCE = 2e-2
"""Batches of another shape round differently in bfloat16."""


@dataclass(frozen=True)
class Check:
    """One check and what came of it; `problem` is None where it passed."""

    name: str
    problem: str | None


def check(method: FoundMethod, cells: list[Cell], limit: float = TIME_LIMIT) -> Iterator[Check]:
    """Yield the checks of a method: its declaration, and its behaviour on one task of each readout.

    Args:
        method: the method.
        cells: its planned cells in the quick profile; one per (variant-independent) readout is tried.
        limit: seconds that a check may take; training and fitting may take `FITTING` times as long.
    """
    for part in method.parts or (method,):
        yield _try(f"{part.cls.name} imports nothing heavy", partial(_imports_light, part))
    yield _try("declares a summary", lambda: _summary(method.cls))
    yield _try("has unique variants", lambda: _variants(method.cls))
    if not cells:
        yield Check("applies to a task of the quick profile", "no task of the profile has its readout and modality")
    tried: set[tuple[str, str]] = set()
    for cell in cells:
        kind = (cell.task.task.readout, str(cell.task.task.modality))
        if cell.skip is None and kind not in tried:
            tried.add(kind)
            yield from _on_task(cell, limit)


def _try(name: str, test: Callable[[], None], limit: float | None = None) -> Check:
    try:
        with _limited(limit):
            test()
    except _TookTooLong:
        return Check(name, f"took longer than {limit:.0f} s; --time-limit gives it longer")
    except Exception as error:
        return Check(name, one_line(error) if not isinstance(error, ContractError) else str(error))
    return Check(name, None)


class _TookTooLong(BaseException):
    """Raised in the middle of a check, where no method catches it by mistake."""


@contextmanager
def _limited(seconds: float | None) -> Iterator[None]:
    """End the body after so many seconds, where signals can be handled."""
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        raise _TookTooLong

    before = signal.signal(signal.SIGALRM, end)
    # Should the first be caught, or come while compiled code runs, another one follows.
    signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _expect(truth: bool, problem: str) -> None:
    if not truth:
        raise ContractError(problem)


def _imports_light(method: FoundMethod) -> None:
    code = (
        "import sys; from suite.discovery import load_class; from pathlib import Path; "
        f"load_class(Path({str(method.file)!r}), {method.cls.__name__!r}, Path({method.origin.root!r}) if "
        f"{method.origin.root!r} else None); print(*[m for m in {HEAVY!r} if m in sys.modules])"
    )
    command, environment = [sys.executable, "-c", code], os.environ | {"PYTHONPATH": python_path()}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    _expect(done.returncode == 0, f"the module does not import: {done.stderr.strip().splitlines()[-1:]}")
    heavy = done.stdout.split()
    _expect(not heavy, f"importing it loads {', '.join(heavy)}: import them inside functions")


def _summary(cls: type[Method]) -> None:
    _expect(bool(cls.summary.strip()), "summary is empty: say the mechanism in two sentences")


def _variants(cls: type[Method]) -> None:
    variants = list(cls.variants())
    _expect(len(variants) > 0, "the grid gives no variant")
    for name, values in cls.controls.items():
        missing = [v for v in values if not any(variant.get(name) == v for variant in variants)]
        _expect(not missing, f"controls name {name}={missing}, which no variant has")


def _on_task(cell: Cell, limit: float) -> Iterator[Check]:
    task = cell.task.task
    where = f"{cell.label} on {task.name}"
    data = access.load(task.spec.data)
    prepared: list[Method] = []
    yield _try(
        f"{where}: trains and fits",
        lambda: prepared.append(prepare(Request.of(cell, threads=1), task, data)[0]),
        FITTING * limit,
    )
    if not prepared:
        return
    method = prepared[0]
    fit_data = task.fit_data(data, access.load)
    if fit_data is None:
        return
    items = sample_items(fit_data, task.modality)
    role = Role.DOCUMENT if task.readout == "search" else Role.ITEM
    made: list[Representation] = []
    with cache_disabled():
        yield _try(f"{where}: encodes one row per item", lambda: made.append(_encoded(method, items, role)), limit)
        if not made:
            return
        whole = made[0]
        yield _try(
            f"{where}: gives the same answer twice", lambda: _same(whole, method.encode(items, role), 1e-5), limit
        )
        if not isinstance(whole, Bitstream):
            yield _try(
                f"{where}: encodes an item the same in any company",
                lambda: _same(whole[:2], method.encode(items[:2], role), _TOLERANCE),
                limit,
            )
        yield _try(f"{where}: survives being stored", lambda: _stored(whole), limit)
        if task.readout in ("search", "compare", "classify"):
            yield _try(f"{where}: answers {task.readout}", lambda: _answers(method, whole, items, task.readout), limit)


def sample_items(data: FitData, modality: Modality) -> Any:
    """A few real items; for text also an empty and a non-Latin one; of contexts, those of one presentation."""
    if isinstance(data.items, RecallSet):
        return next(iter(data.items.contexts.values()))[:SAMPLE]
    items = data.items[:SAMPLE]
    return [*items, "", "Ελληνικά 中文 <b>&amp;"] if modality is Modality.TEXT else items


def _encoded(method: Method, items: Any, role: Role) -> Representation:
    representation = method.encode(items, role)
    _expect(isinstance(representation, Representation), f"encode returned {type(representation).__name__}")
    _expect(len(representation) == len(items), f"{len(representation)} rows for {len(items)} items")
    _expect(representation.is_finite(), "NaN or infinite values (an empty text, perhaps)")
    return representation


def _same(a: Representation, b: Representation, tolerance: float) -> None:
    for name, array in a.arrays().items():
        other = b.arrays()[name]
        _expect(array.shape == other.shape, f"{name} has shape {array.shape} and then {other.shape}")
        scale = max(1.0, float(np.abs(array.astype(np.float64)).max(initial=0)))
        if array.dtype.kind in "fc":
            worst = float(np.abs(array.astype(np.float64) - other.astype(np.float64)).max(initial=0)) / scale
            _expect(worst <= tolerance, f"{name} differs by {worst:.2g}")
        else:
            equal = float((array == other).mean()) if array.size else 1.0
            _expect(equal >= 1 - tolerance, f"{name} differs in {1 - equal:.0%} of its values")


def _stored(representation: Representation) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "representation.npz"
        representation.save(file)
        again = type(representation).load(file)
        _expect(len(again) == len(representation), "rows are lost when it is stored and read again")
        _same(representation, again, 0.0)
        stored = sum(array.nbytes for array in representation.arrays().values())
        _expect(file.stat().st_size >= stored, "the file is smaller than the bytes it is weighed by")


def _answers(method: Method, documents: Representation, items: Any, readout: str) -> None:
    if readout == "search":
        hits = method.search(method.index(documents), method.encode(items, Role.QUERY), 5)
        _expect(hits.indices.shape[0] == len(items), "search returned another number of rows than queries")
        _expect(bool((hits.scores[:, 1:] <= hits.scores[:, :-1] + 1e-6).all()), "scores are not sorted, best first")
    elif readout == "compare":
        scores = method.compare(documents, documents)
        _expect(scores.shape == (len(items),), f"compare returned {scores.shape}")
        _expect(bool(np.isfinite(scores).all()), "compare returned NaN or infinite values")
    else:
        features = method.features(documents)
        _expect(features.shape[0] == len(items), f"features have shape {features.shape}")

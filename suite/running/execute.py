"""One cell, from a request to an outcome: load, train, fit, evaluate, weigh. Runs in a worker process."""

from __future__ import annotations

import errno
import os
import random
import resource
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from suite import devices
from suite.data import access
from suite.data.types import content_hash
from suite.discovery import Origin
from suite.errors import ContractError, MachineError
from suite.features import shared_work
from suite.guarded import place
from suite.keys import state_key
from suite.method import Effort, FitData, Method, Pool, Role, Scalar
from suite.planning import Cell, chosen
from suite.representations import Representation
from suite.results import sheets
from suite.results.schema import MOST_SCORES, Status
from suite.running.fresh import decode_in_fresh_process
from suite.running.outcome import LONGEST_REASON, LONGEST_TRACEBACK, CellOutcome
from suite.running.states import CachedState, load_or_compute
from suite.running.troubles import trouble
from suite.task import Task
from suite.weighing import MeasuredMethod


@dataclass(frozen=True)
class Request:
    """What a worker needs to run one cell."""

    method: Origin
    variant: Mapping[str, Scalar]
    task: Origin
    spec: Any
    seed: int
    effort: str
    threads: int
    memory_limit: int
    hashes: Mapping[str, Any]
    label: str = ""
    device: str = devices.CPU
    pictured: bool = False
    assists: bool = False
    """Whether it only helps another process with the passes of this cell, and has no scores."""

    @classmethod
    def of(cls, cell: Cell, threads: int, device: str = devices.CPU) -> Request:
        """The request of a planned cell."""
        return cls(
            cell.method.origin,
            cell.variant,
            cell.task.origin,
            cell.task.task.spec,
            cell.seed,
            cell.profile.effort,
            threads,
            cell.memory_limit,
            cell.hashes,
            cell.label,
            device,
            pictured=cell.seed == cell.profile.seeds[0],
        )


def execute(request: Request) -> CellOutcome:
    """Run one cell; whatever it raises becomes its status."""
    start = time.perf_counter()
    try:
        devices.use(request.device)
        if request.assists:
            shared_work.assist()
        if devices.is_cpu():
            # A driver maps far more than it uses; what is resident is watched from outside all the same.
            _limit_memory(request.memory_limit)
        seed_everything(request.seed, request.threads)
        devices.reset_peak()
        ended = replace(evaluate(request), device=devices.describe())
    except shared_work.Assisted as done:
        ended = CellOutcome(Status.SKIPPED, 0.0, str(done))
    except BaseException as error:
        ended = replace(_failure(error, request), device=request.device)
    shared = shared_work.seconds()
    seconds = time.perf_counter() - start - shared
    return replace(ended, seconds=seconds, shared_seconds=shared, versions=_versions())


def _failure(error: BaseException, request: Request) -> CellOutcome:
    text = traceback.format_exc()[-LONGEST_TRACEBACK:]
    if (line := trouble(error)) is not None:
        return CellOutcome(Status.FAILED, 0.0, line, text, trouble=True)
    if not devices.is_cpu() and devices.is_out_of_memory(error):
        reason = f"{devices.describe()} has too little memory: {_text(error).splitlines()[0]} {devices.ADVICE}"
        return CellOutcome(Status.OUT_OF_MEMORY, 0.0, reason[:LONGEST_REASON], text)
    if _is_out_of_memory(error):
        reason = f"needed more than its limit of {request.memory_limit / 2**30:.1f} GiB"
        return CellOutcome(Status.OUT_OF_MEMORY, 0.0, reason, text)
    return CellOutcome(Status.FAILED, 0.0, f"{type(error).__name__}: {_text(error)[:LONGEST_REASON]}", text)


def _text(error: BaseException) -> str:
    try:
        return str(error).strip() or place(error)
    except Exception:
        return "(it has no text)"


def _load(name: str) -> Any:
    """A decoded data set; what cannot be read any more is the machine's affair."""
    try:
        return access.load(name)
    except OSError as error:
        raise MachineError(
            f"data set {name} cannot be read: {error.strerror or error} ({error.filename}). "
            f"`weighbridge data verify {name}` looks at it"
        ) from error


def evaluate(request: Request) -> CellOutcome:
    """Scores, costs, per-item arrays, run and pictures of a cell; whatever goes wrong is raised."""
    access.add_folder(Path(request.task.root))
    task: Task[Any] = request.task.load()(request.spec)
    data = _load(task.spec.data)
    method, train_seconds, fit_seconds = prepare(request, task, data)
    weighed_by = _Assistant if request.assists else MeasuredMethod
    measured = weighed_by(method, request.seed, decode_in_fresh_process)
    outcome = task.evaluate(measured, data)
    measured.extra.update({name: float(value) for name, value in outcome.extra.items()})
    scores = {name: float(value) for name, value in outcome.scores.items()}
    _check_scores(scores, task)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    costs = measured.costs(train_seconds=train_seconds, fit_seconds=fit_seconds, peak_memory_bytes=peak)
    return CellOutcome(
        Status.OK,
        0.0,
        scores=scores,
        costs=costs,
        items=outcome.items,
        run=outcome.run,
        sheet=_sheet(request, method, task, data) if request.pictured else None,
    )


def _sheet(request: Request, method: Method, task: Task[Any], data: Any) -> bytes | None:
    """The task's pictures of the method; drawn last, and of a method that nothing else was asked of."""
    afresh = type(method)(method.effort, **request.variant)
    afresh.weights, afresh.fitted = method.weights, method.fitted
    rows = task.pictures(afresh, data, request.seed)
    return sheets.drawn(rows) if rows else None


class _Assistant(MeasuredMethod):
    """Ends with the encoding of the task's items: a pass that is shared out has ended the process by then."""

    def encode(self, items: Any, role: Role, *, weighed: bool = True) -> Representation:
        super().encode(items, role, weighed=weighed)
        raise shared_work.Assisted("there was nothing to help with")


def prepare(request: Request, task: Task[Any], data: Any) -> tuple[Method, float | None, float | None]:
    """The method of a request, trained and fitted, and the seconds both took."""
    cls: type[Method] = request.method.load()
    effort = Effort(request.effort)
    trained = trained_weights(cls, request, effort)
    fitted = _fitted(cls, request, effort, trained, task, data)
    method = cls(effort, **request.variant)
    method.weights = trained.tensors if trained else {}
    method.fitted = method.narrow(fitted.tensors) if fitted else {}
    return method, trained.seconds if trained else None, fitted.seconds if fitted else None


def _stage_key(stage: str, request: Request, params: Mapping[str, Scalar], **more: Any) -> str:
    return state_key(
        stage,
        code=request.hashes["code"],
        weights=request.hashes["weights"],
        params=dict(params),
        seed=request.seed,
        effort=request.effort,
        **more,
    )


def trained_weights(cls: type[Method], request: Request, effort: Effort) -> CachedState | None:
    """What the method's `train` makes, from the cache where it was made before; None if it has no training."""
    if cls.train is Method.train:
        return None
    params = chosen(request.variant, cls.train_params)
    hashes = {name: access.data_hash(name) for name in cls.trains_on}

    def train() -> Any:
        return cls(effort, **params).train(Pool(cls.trains_on, _load), request.seed)

    return load_or_compute(cls.name, "train", _stage_key("train", request, params, data=hashes), train)


def _fitted(
    cls: type[Method], request: Request, effort: Effort, trained: CachedState | None, task: Task[Any], data: Any
) -> CachedState | None:
    if cls.fit is Method.fit:
        return None
    fit_data = task.fit_data(data, _load)
    if fit_data is None:
        raise ContractError(f"{cls.name} must be fitted, and task {task.name} has nothing to fit on")
    fit_data = replace(fit_data, role=Role.DOCUMENT if task.readout in ("search", "neighbours") else Role.ITEM)
    params = chosen(request.variant, cls.fit_params)
    train_params = chosen(request.variant, cls.train_params) if trained else {}

    def fit() -> Any:
        method = cls(effort, **(dict(train_params) | dict(params)))
        method.weights = trained.tensors if trained else {}
        return method.fit(fit_data, request.seed)

    key = _stage_key("fit", request, params, train_params=train_params, data=_fit_hash(fit_data))
    return load_or_compute(cls.name, "fit", key, fit)


def _fit_hash(data: FitData) -> str:
    return content_hash([data.items, data.labels, data.classes, str(data.role)])


def _check_scores(scores: Mapping[str, float], task: Task[Any]) -> None:
    if task.main_metric not in scores:
        raise ContractError(f"task {task.name} did not report its main metric {task.main_metric}")
    if len(scores) > MOST_SCORES:
        raise ContractError(f"{len(scores):,} scores are too many: a row has at most {MOST_SCORES:,}")
    bad = [name for name, value in scores.items() if not abs(value) < float("inf")]
    if bad:
        raise ContractError(f"scores are not finite: {', '.join(bad)}")


def _limit_memory(limit: int) -> None:
    # RLIMIT_DATA counts private writable memory, inherited pages included; address space is left alone,
    # because memory-mapped features and libraries take far more of it than they use.
    with open("/proc/self/statm") as statm:
        inherited = int(statm.read().split()[5]) * os.sysconf("SC_PAGE_SIZE")
    resource.setrlimit(resource.RLIMIT_DATA, (inherited + limit, inherited + limit))


def seed_everything(seed: int, threads: int) -> None:
    """Seed every generator that methods may draw from, and let torch use `threads` threads."""
    import sys

    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    if (torch := sys.modules.get("torch")) is not None:
        torch.manual_seed(seed)
        torch.set_num_threads(threads)


def _is_out_of_memory(error: BaseException) -> bool:
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    # torch's allocator, and C++ below other libraries, say it in words.
    text = _text(error)
    return isinstance(error, RuntimeError) and ("DefaultCPUAllocator" in text or "bad_alloc" in text)


def _versions() -> dict[str, str]:
    import sys

    names = (
        *("numpy", "scipy", "torch", "transformers", "sklearn", "faiss", "bm25s", "imagecodecs"),
        *("sentence_transformers", "mteb", "timm"),
    )
    return {n: str(sys.modules[n].__version__) for n in names if hasattr(sys.modules.get(n), "__version__")}

"""The suite from Python: ``from suite import Method, run, results``; see also `suite.results.frame`."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite import own_data
from suite.declared import wrong
from suite.discovery import Catalogue, FoundMethod, Origin, add_own_tasks, scan
from suite.errors import WeighbridgeError
from suite.interrupts import interruptible
from suite.method import Method
from suite.paths import results_root
from suite.planning import plan
from suite.profiles import profile as profile_named
from suite.results.frames import to_frame
from suite.results.store import ResultStore
from suite.running.bar import Bar
from suite.running.due import Overwrite
from suite.running.reporting import Reporter
from suite.running.runner import run_cells
from suite.selectors import split

if TYPE_CHECKING:
    import pandas as pd

    from suite.running.cluster import ClusterResources


def run(
    methods: str | Iterable[str | type[Method]] | None = None,
    tasks: str | Iterable[str] | None = None,
    profile: str = "quick",
    *,
    seeds: Sequence[int] | None = None,
    jobs: int | None = None,
    threads: int = 1,
    device: str = "auto",
    overwrite: str = "only-missing",
    methods_dirs: Sequence[Path | str] = (),
    tasks_dirs: Sequence[Path | str] = (),
    results: Path | str | None = None,
    trust_remote_code: bool = False,
    reporter: Reporter | None = None,
    resources: ClusterResources | None = None,
) -> pd.DataFrame:
    """Run cells and return their rows, one per cell, as a pandas frame.

    Args:
        methods: selectors (``"minilm*"``, ``"muvera[dim=2560]"``, ``"st:NAME"``), classes, or both; all if None.
        tasks: globs of task names (``"sts/*"``), or data of your own (``"beir:/folder"``, ``"sts:/pairs.csv"``,
            ``"images:/folder"``, ``"bytes:/folder"``); the profile's tasks if None.
        profile: quick, standard or full.
        seeds: seeds instead of the profile's.
        jobs: cells at a time; as many as cores and memory allow if None.
        threads: threads per cell.
        device: auto (an accelerator where torch finds one), cpu, cuda, cuda:N or mps; recorded in the rows, in no key.
        overwrite: always, never, only-missing or only-cache.
        methods_dirs: folders with more methods.
        tasks_dirs: folders with more tasks.
        results: folder of results; the project's if None.
        trust_remote_code: whether models that are named may run code of their repositories.
        reporter: is told how the run goes; a progress bar in a notebook or at a terminal if None.
        resources: what is asked of a Ray cluster (`suite.running.cluster.ClusterResources`); None runs on this machine.
    """
    catalogue = scan([Path(folder) for folder in methods_dirs], [Path(folder) for folder in tasks_dirs])
    selectors = _register(catalogue, methods)
    cells = plan(
        catalogue,
        profile_named(profile),
        selectors,
        with_own_data(catalogue, tasks),
        seeds,
        trust_remote_code=trust_remote_code,
    )
    store = ResultStore(Path(results) if results is not None else results_root())
    bar = Bar()
    try:
        with interruptible():
            report = run_cells(
                cells,
                store,
                jobs=jobs or default_jobs(threads),
                threads=threads,
                device=device,
                overwrite=Overwrite(overwrite),
                reporter=reporter or bar,
                resources=resources,
            )
    finally:
        bar.stop()
    frame: pd.DataFrame = to_frame(report.rows())
    return frame


def with_own_data(catalogue: Catalogue, tasks: str | Iterable[str] | None) -> list[str] | None:
    """Selectors of tasks, where data named by their path became tasks of the catalogue.

    Raises:
        WeighbridgeError: a path is not there, or holds no such data; the message says what is expected.
    """
    if tasks is None:
        return None
    named = own_data.named(split(tasks), catalogue.declared_tasks())
    add_own_tasks(catalogue)
    return named


def default_jobs(threads: int, bytes_a_cell: int = 3 * 2**30) -> int:
    """Cells at a time that cores and free memory allow, at least one."""
    import os

    import psutil

    by_cores = len(os.sched_getaffinity(0)) // max(1, threads)
    by_memory = int(psutil.virtual_memory().available // bytes_a_cell)
    return max(1, min(by_cores, by_memory))


def _register(catalogue: Catalogue, methods: str | Iterable[str | type[Method]] | None) -> str | list[str] | None:
    """Add the classes among `methods` to the catalogue, and return selectors for all of them."""
    if methods is None or isinstance(methods, str):
        return methods
    selectors = []
    for method in methods:
        if isinstance(method, str):
            selectors.append(method)
            continue
        if not (isinstance(method, type) and issubclass(method, Method)):
            raise WeighbridgeError(f"methods takes selectors and Method classes, not {method!r}")
        if (problem := wrong(method)) is not None:
            raise WeighbridgeError(f"class {method.__name__}: {problem}")
        catalogue.methods[method.name] = _found(method)
        selectors.append(method.name)
    return selectors


def _found(cls: type[Method]) -> FoundMethod:
    """A class handed over in Python travels to the workers by value: it may live in a notebook."""
    import cloudpickle

    origin = Origin(cls.__module__, cls.__name__, pickled=_by_value(cls, cloudpickle))
    try:
        file = Path(inspect.getfile(cls))
    except (TypeError, OSError):
        file = Path(f"<{cls.__module__}>")
    return FoundMethod(cls, file, origin)


def _by_value(cls: type[Any], cloudpickle: Any) -> bytes:
    import sys

    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__ == "__main__":
        return bytes(cloudpickle.dumps(cls))
    cloudpickle.register_pickle_by_value(module)
    try:
        return bytes(cloudpickle.dumps(cls))
    finally:
        cloudpickle.unregister_pickle_by_value(module)

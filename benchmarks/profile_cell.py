"""Where the time of one cell goes: a profile of MiniLM on the embedded retrieval task, from nothing."""

from __future__ import annotations

import os
import tempfile
import time
from functools import partial

from benchmarks.beside_mteb import BACKBONE
from benchmarks.fresh import Numbers, cores, measured
from benchmarks.recording import Piece
from suite.running.zygote_link import RESTING_THREADS

TASK = "beir/wiki-sections-mini"
STAGES = {
    "reading the data": ("access.py", "load"),
    "encoding": ("weighing.py", "encode"),
    "searching": ("weighing.py", "search"),
    "metrics": ("ranking.py", "score_hits"),
    "timing single queries": ("weighing.py", "time_queries"),
}


def profile() -> Numbers:
    """Seconds of each stage, of scanning and planning, of imports, and of the cell as a whole."""
    import cProfile
    import importlib
    import pstats

    with tempfile.TemporaryDirectory() as folder:
        os.environ["WEIGHBRIDGE_CACHE"] = folder
        start = time.perf_counter()
        from suite.discovery import scan
        from suite.planning import plan
        from suite.profiles import profile as profile_named
        from suite.running.execute import Request, execute
        from suite.running.preload import preload

        (cell,) = plan(scan(), profile_named("quick"), BACKBONE, TASK)
        planned = time.perf_counter()
        for name in preload([cell]):
            importlib.import_module(name)
        imported = time.perf_counter()
        profiler = cProfile.Profile()
        ended = profiler.runcall(execute, Request.of(cell, cores()))
        done = time.perf_counter()
    if ended.reason:
        raise RuntimeError(ended.reason)
    stages = dict.fromkeys(STAGES, 0.0)
    for (file, _, name), (*_, cumulative, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
        for stage, (wanted_file, wanted_name) in STAGES.items():
            if file.endswith(f"/{wanted_file}") and name == wanted_name:
                stages[stage] = max(stages[stage], cumulative)
    within = done - imported
    rest = {"scanning and planning": planned - start, "imports": imported - planned}
    return rest | stages | {"the rest of the cell": within - sum(stages.values())}


PROFILE = Piece("profile", {"profile": partial(measured, profile, **RESTING_THREADS)}, repeats=1)

"""(d) What the runner adds to a cell, and how long listing, planning and importing another suite take."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.fresh import Numbers, run
from benchmarks.methods.constant import VARIANTS
from benchmarks.recording import Piece
from suite.results.store import ResultStore

METHODS = Path(__file__).parent / "methods"
TASK = "sts/wordsim353"


def cells() -> Numbers:
    """Seconds a cell beyond those within it, one cell at a time; seconds of the same run with nothing left to do."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        places = {"WEIGHBRIDGE_CACHE": str(root / "cache"), "WEIGHBRIDGE_RESULTS": str(root / "results")}
        command = _suite("run", "-m", "constant", "-t", TASK, "--methods-dir", str(METHODS), "--jobs", "1")
        seconds = run(command, **places)[0]
        nothing = run(command, **places)[0]
        within = [
            row.result.provenance.seconds + row.result.provenance.shared_seconds
            for row in ResultStore(root / "results").read("quick").rows
        ]
        if len(within) != VARIANTS:
            raise RuntimeError(f"{len(within)} cells of {VARIANTS} ran")
    return {
        "run": seconds,
        "nothing_to_do": nothing,
        "within_a_cell": sum(within) / VARIANTS,
        "overhead_a_cell": (seconds - nothing - sum(within)) / VARIANTS,
    }


def commands() -> Numbers:
    """Seconds of commands that only look, on the project as it is."""
    import_mteb = run([sys.executable, "-c", "import mteb"])[0]
    return {
        "list_tasks": run(_suite("ls", "tasks"))[0],
        "list_methods": run(_suite("ls", "methods"))[0],
        "dry_run": run(_suite("run", "--dry-run"))[0],
        "import_mteb": import_mteb,
    }


def _suite(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cli", *arguments]


RUNNER = Piece("runner", {"cells": cells, "commands": commands})

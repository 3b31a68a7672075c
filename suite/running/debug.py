"""One row in this very process, with a debugger where it fails."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from suite import devices
from suite.errors import SelectorError, WeighbridgeError
from suite.planning import Cell
from suite.running.execute import Request, evaluate, seed_everything


def debug(cells: Sequence[Cell], threads: int, device: str = "auto") -> Mapping[str, float]:
    """Run one cell without limits, store nothing, and return its scores; an error opens `pdb`, and there are none.

    Raises:
        WeighbridgeError: `cells` are not one, or it cannot run here.
    """
    if len(cells) != 1:
        raise SelectorError(
            f"--pdb runs one row, and {len(cells)} are selected: name a variant with --methods and a task with --tasks"
        )
    (cell,) = cells
    if cell.skip is not None:
        raise WeighbridgeError(f"{cell.label} × {cell.task.task.name} is skipped: {cell.skip}")
    devices.use(devices.choose(device)[0])
    request: Any = Request.of(cell, threads, devices.name())
    try:
        seed_everything(request.seed, threads)
        scores = evaluate(request).scores
    except Exception:
        import pdb
        import traceback

        traceback.print_exc()
        pdb.post_mortem(sys.exc_info()[2])
        return {}
    return scores or {}

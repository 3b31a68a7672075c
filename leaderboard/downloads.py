"""The numbers behind the pages, as JSON, CSV and Parquet: one row a stored cell, nothing joined or dropped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard.board import Board
from suite.results.metrics import COSTS

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


Columns = Mapping[str, Sequence[Any]]


def columns(board: Board) -> Columns:
    """A value a cell: facts, main score, ``score.*``, costs, ``extra.*`` and where it was measured."""
    cells = board.stored.rows
    scores = dict.fromkeys(name for cell in cells for name in cell.scores)
    extra = dict.fromkeys(name for cell in cells for name in cell.extra)
    return {
        "profile": [cell.profile for cell in cells],
        "family": [cell.family for cell in cells],
        "task": [cell.task for cell in cells],
        "method": [cell.method for cell in cells],
        "variant": [cell.label for cell in cells],
        "control": [cell.control for cell in cells],
        "seed": [cell.seed for cell in cells],
        "status": [cell.status.value for cell in cells],
        "stale": [board.is_stale(cell) for cell in cells],
        "reason": [cell.reason for cell in cells],
        "main_metric": [cell.main_metric for cell in cells],
        "main": [cell.main for cell in cells],
        **{f"score.{name}": [cell.scores.get(name) for cell in cells] for name in scores},
        **{cost.name: [cell.costs.get(cost.name) for cell in cells] for cost in COSTS},
        **{f"extra.{name}": [cell.extra.get(name) for cell in cells] for name in extra},
        "started": [cell.started for cell in cells],
        "cpu": [str(cell.origin.machine.get("cpu", "")) for cell in cells],
        "git_revision": [cell.origin.git_revision for cell in cells],
        "key": [cell.key for cell in cells],
    }


def as_json(values: Columns) -> bytes:
    """Column names and rows, as `pandas.read_json(orient="split")` reads them."""
    value = {"columns": list(values), "data": list(zip(*values.values(), strict=True))}
    return json.dumps(value, separators=(",", ":")).encode()


def as_csv(values: Columns) -> bytes:
    """Comma-separated; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([_inert(name) for name in values])
    inert = [[_inert(one) for one in column] if _type(column) is str else column for column in values.values()]
    writer.writerows(zip(*inert, strict=True))
    return stream.getvalue().encode("utf-8", "backslashreplace")


def as_parquet(values: Columns) -> bytes:
    """Parquet with one typed column a field."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    arrays = {}
    for name, column in values.items():
        kind = _type(column)
        arrays[name] = pa.array([_unicode(one) for one in column] if kind is str else column, type=types[kind])
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return sink.getvalue()


def _type(column: Sequence[Any]) -> type:
    """What a column's values are: booleans, whole numbers, numbers; text for all else."""
    found = set(map(type, column)) - {type(None)}
    if found in ({bool}, {int}):
        return next(iter(found))
    return float if found and found <= {int, float} else str


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _unicode(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value

"""The numbers behind the pages, as JSON, CSV and Parquet: one row a stored cell, nothing joined or dropped."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from leaderboard.board import Board
from leaderboard.text import number
from suite.results.metrics import COSTS

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def records(board: Board) -> list[dict[str, Any]]:
    """One flat record a cell: facts, main score, ``score.*``, costs, ``extra.*`` and where it was measured."""
    found = []
    for row in board.stored.rows:
        cell = row.result
        costs = {cost.name: number(getattr(cell.costs, cost.name)) for cost in COSTS}
        found.append(
            {
                "profile": cell.profile,
                "family": cell.family,
                "task": cell.task,
                "method": cell.method,
                "variant": cell.label,
                "control": cell.control,
                "seed": cell.seed,
                "status": cell.status.value,
                "stale": board.is_stale(cell),
                "reason": cell.reason,
                "main_metric": cell.main_metric,
                "main": cell.main,
                **{f"score.{name}": value for name, value in cell.scores.items()},
                **costs,
                **{f"extra.{name}": value for name, value in cell.costs.extra.items()},
                "started": cell.provenance.started,
                "cpu": str(cell.provenance.machine.get("cpu", "")),
                "git_revision": cell.provenance.git_revision,
                "key": cell.key,
            }
        )
    return found


def as_json(rows: Sequence[dict[str, Any]]) -> bytes:
    """Column names and rows, as `pandas.read_json(orient="split")` reads them."""
    names = _names(rows)
    value = {"columns": names, "data": [[row.get(name) for name in names] for row in rows]}
    return json.dumps(value, separators=(",", ":")).encode()


def as_csv(rows: Sequence[dict[str, Any]]) -> bytes:
    """Comma-separated; a text that a spreadsheet would take for a formula gets an apostrophe before it."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, _names(rows), restval="", lineterminator="\r\n")
    writer.writerow({name: _inert(name) for name in _names(rows)})
    writer.writerows({name: _inert(value) for name, value in row.items()} for row in rows)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def as_parquet(rows: Sequence[dict[str, Any]]) -> bytes:
    """Parquet with one typed column a field."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {name: [_unicode(row.get(name)) for row in rows] for name in _names(rows)}
    arrays = {name: pa.array(values, type=_type(pa, values)) for name, values in columns.items()}
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink, compression="zstd")
    return sink.getvalue()


def _type(pa: Any, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return pa.bool_()
    if known and all(isinstance(value, int) and not isinstance(value, bool) for value in known):
        return pa.int64()
    return pa.float64() if known and all(isinstance(value, float | int) for value in known) else pa.string()


def _names(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name in row))


def _inert(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _unicode(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value

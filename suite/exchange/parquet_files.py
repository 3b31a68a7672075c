"""All cells, and all per-item scores, as Parquet: for pandas, polars, DuckDB and R."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from suite import files
from suite.results.frames import to_frame
from suite.results.store import Row


def export(rows: Sequence[Row], place: Path) -> tuple[Path, Path]:
    """Write a file with one row per cell, and one with a row per (cell, item).

    In the folder `place` these are ``cells.parquet`` and ``items.parquet``. A `place` that ends in ``.parquet`` is the
    first itself, and the second is beside it, ``NAME-items.parquet``.

    A cell's columns are its facts, scores, costs and provenance; ``variant``, ``machine``, ``packages`` and ``weights``
    are JSON. An item's are ``profile, task, label, seed, item`` and one column a per-item score, empty where the task
    has no such score.

    Raises:
        WeighbridgeError: a file cannot be written; what was there before is then still whole.
    """
    if place.suffix == ".parquet" and not place.is_dir():
        cells, items = place, place.with_name(f"{place.stem}-items.parquet")
    else:
        cells, items = place / "cells.parquet", place / "items.parquet"
    files.make_folder(cells.parent)
    try:
        for path, write in ((cells, _write_cells), (items, _write_items)):
            temporary = path.with_suffix(".parquet.tmp")
            try:
                write(rows, temporary)
                temporary.replace(path)
            finally:
                files.remove(temporary)
    except OSError as error:
        raise files.unwritable(cells.parent, error) from None
    return cells, items


def _write_cells(rows: Sequence[Row], path: Path) -> None:
    frame = to_frame(rows)
    provenance = [row.result.provenance.model_dump() for row in rows]
    for name in (
        "code_hash",
        "task_hash",
        "data_hash",
        "engine",
        "git_revision",
        "threads",
        "jobs",
        "started",
        "seconds",
    ):
        frame[name] = [p[name] for p in provenance]
    for name in ("machine", "packages", "weights"):
        frame[name] = [json.dumps(p[name], sort_keys=True) for p in provenance]
    frame["variant"] = [json.dumps(row.result.variant) for row in rows]
    frame["key"] = [row.result.key for row in rows]
    frame.to_parquet(path, index=False)


def _write_items(rows: Sequence[Row], path: Path) -> None:
    """One row group a cell: a set of a million cells is never in memory at once."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    loaded = [row for row in rows if row.result.items_sha256 is not None]
    scores = sorted({name for row in loaded for name in row.items()})
    text = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [("profile", text), ("task", text), ("label", text), ("seed", pa.int64()), ("item", pa.int64())]
        + [(name, pa.float32()) for name in scores]
    )
    with pq.ParquetWriter(path, schema) as writer:
        for row in loaded:
            writer.write_table(pa.table(_item_columns(row, scores, pa, text), schema=schema))


def _item_columns(row: Row, scores: Iterable[str], pa: Any, text: Any) -> dict[str, Any]:
    result, items = row.result, row.items()
    count = len(next(iter(items.values()), ()))
    facts = {"profile": result.profile, "task": result.task, "label": result.label}
    columns = {name: pa.array([value] * count).cast(text) for name, value in facts.items()}
    columns["seed"] = pa.array([result.seed] * count, pa.int64())
    columns["item"] = pa.array(range(count), pa.int64())
    return columns | {
        name: pa.array(items[name], pa.float32()) if name in items else pa.nulls(count, pa.float32()) for name in scores
    }

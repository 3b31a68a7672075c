"""Files of vectors: read without loading them where the format allows it, and checked row by row.

`.npy` and `.fvecs` are memory-mapped; `.npz` (stored uncompressed or not), `.safetensors`, `.parquet` and `.jsonl` are
read. Whatever is wrong with a file is said in one line that names it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from suite.errors import WeighbridgeError
from suite.representations.exact_search import cuts

ROWS_AT_ONCE = 2**15
NAMES = ("vectors", "embeddings", "embedding", "vector", "emb", "values")
"""What an array, a column or a field of vectors is usually called."""
IDS = ("id", "_id", "docid", "corpus-id", "query-id")


class VectorFileError(WeighbridgeError):
    """A file of vectors that cannot be used; one line says which and why."""


@dataclass(frozen=True)
class VectorFile:
    """Vectors of a file.

    Attributes:
        name: what messages call it.
        values: (n, d) numbers; memory-mapped where the format allows it.
        ids: identifiers of the rows, where the file has any.
    """

    name: str
    values: NDArray[Any]
    ids: tuple[str, ...] | None = None

    def __len__(self) -> int:
        """Number of vectors."""
        return len(self.values)

    @property
    def dim(self) -> int:
        """Numbers of a vector."""
        return int(self.values.shape[1])

    def floats(self, rows: slice | NDArray[np.int64]) -> NDArray[np.float32]:
        """(rows, d) float32 of some rows."""
        with np.errstate(over="ignore"):  # what is too large is named by `check`
            return np.asarray(self.values[rows], np.float32)


def read(path: Path) -> VectorFile:
    """The vectors of a file, by its suffix.

    Raises:
        VectorFileError: there is no such file, no such format, or no (n, d) array of floats in it.
    """
    if path.suffix.lower() not in _READERS:
        raise VectorFileError(f"{path}: no format of vectors has the suffix {path.suffix or '(none)'!r}; {_formats()}")
    if not path.is_file():
        raise VectorFileError(f"{path}: there is no such file")
    if path.stat().st_size == 0:
        raise VectorFileError(f"{path}: the file is empty")
    try:
        values, ids = _READERS[path.suffix.lower()](path)
    except VectorFileError:
        raise
    except Exception as error:
        text = " ".join(str(error).split())[:200]
        if "pickle" in text:
            text = "it holds no array of numbers"
        raise VectorFileError(f"{path}: cannot be read as {path.suffix}: {text}") from None
    return of(values, str(path), ids)


def of(values: Any, name: str = "vectors", ids: tuple[str, ...] | None = None) -> VectorFile:
    """Vectors of an array; VectorFileError unless it is (n, d) floats with at least one row and one column."""
    values = values if isinstance(values, np.ndarray) else np.asarray(values)
    if values.dtype.kind not in "fV" or values.dtype.names:
        raise VectorFileError(
            f"{name}: holds {values.dtype}, not floating point numbers; give the vectors that codes stand for"
        )
    if values.dtype.kind == "V":  # bfloat16 is one such type, and raw bytes are another
        try:
            values[:1].astype(np.float32)
        except ValueError:
            raise VectorFileError(f"{name}: holds {values.dtype}, which are no numbers") from None
    if ids is not None and len(ids) != len(values):
        raise VectorFileError(f"{name}: {len(ids)} ids for {len(values)} vectors")
    if values.ndim != 2 or 0 in values.shape:
        raise VectorFileError(f"{name}: an array of shape {values.shape}; expected (vectors, dimensions)")
    return VectorFile(name, values, ids)


def check(file: VectorFile, *, zeros: bool, progress: Callable[[int], None] | None = None) -> None:
    """Look at every row once.

    Args:
        file: the vectors.
        zeros: whether a vector of zeros is an error (it has no direction, and no cosine).
        progress: told how many rows were looked at.

    Raises:
        VectorFileError: rows that are not finite, or zero; the first few are named.
    """
    bad: list[int] = []
    empty: list[int] = []
    for rows in cuts(len(file), ROWS_AT_ONCE):
        block = file.floats(rows)
        # A sum is finite only where every number is: one pass without a mask of the block.
        sums = np.einsum("nd,nd->n", block, block)
        bad.extend((np.flatnonzero(~np.isfinite(sums)) + rows.start).tolist())
        if zeros:
            empty.extend((np.flatnonzero(sums == 0) + rows.start).tolist())
        if progress is not None:
            progress(rows.stop - rows.start)
    if bad:
        raise VectorFileError(f"{file.name}: {_rows(bad)} NaN, infinite or too large for float32")
    if empty:
        raise VectorFileError(
            f"{file.name}: {_rows(empty)} all zeros, which has no cosine; drop it or use --similarity dot"
        )


def _rows(rows: list[int]) -> str:
    named = ", ".join(map(str, rows[:5])) + (f" and {len(rows) - 5} more" if len(rows) > 5 else "")
    return f"row {named} is" if len(rows) == 1 else f"rows {named} are"


# -- formats ------------------------------------------------------------------------------------------------

Content = tuple[NDArray[Any], tuple[str, ...] | None]


def _npy(path: Path) -> Content:
    return np.load(path, mmap_mode="r", allow_pickle=False), None


def _npz(path: Path) -> Content:
    with np.load(path, allow_pickle=False) as stored:
        name = _one_of(path, "array", [n for n in stored.files if stored[n].ndim == 2])
        ids = next((tuple(map(str, stored[n])) for n in IDS if n in stored.files), None)
        return stored[name], ids


def _safetensors(path: Path) -> Content:
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as stored:
        names = [n for n in stored.keys() if len(stored.get_slice(n).get_shape()) == 2]  # noqa: SIM118
        return stored.get_tensor(_one_of(path, "tensor", names)), None


def _parquet(path: Path) -> Content:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path)
    kinds = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    lists = [f.name for f in table.schema_arrow if any(is_kind(f.type) for is_kind in kinds)]
    name = _one_of(path, "column of lists", lists)
    parts, dim = [], None
    for batch in table.iter_batches(columns=[name]):
        column = batch.column(0)
        if column.null_count:
            raise VectorFileError(f"{path}: column {name!r} has empty rows")
        lengths = np.unique([len(row) for row in column[:1]]) if pa.types.is_fixed_size_list(column.type) else None
        flat = np.asarray(column.flatten())
        if lengths is None:
            lengths = np.unique(np.diff(np.asarray(column.offsets)))
        if len(lengths) != 1 or (dim is not None and dim != lengths[0]):
            raise VectorFileError(f"{path}: vectors of different dimensions in column {name!r}: {lengths[:3].tolist()}")
        dim = int(lengths[0])
        parts.append(flat.reshape(-1, dim))
    ids = next((n for n in IDS if n in table.schema_arrow.names), None)
    named = None if ids is None else tuple(map(str, pq.read_table(path, columns=[ids]).column(0).to_pylist()))
    return np.concatenate(parts), named


def _fvecs(path: Path) -> Content:
    raw = np.memmap(path, np.int32, "r")
    dim = int(raw[0])
    if dim < 1 or len(raw) % (dim + 1) or (raw[:: dim + 1] != dim).any():
        raise VectorFileError(f"{path}: not .fvecs: every vector is its dimension as int32, then that many float32")
    return raw.view(np.float32).reshape(-1, dim + 1)[:, 1:], None


def _jsonl(path: Path) -> Content:
    rows: list[NDArray[np.float32]] = []
    ids: list[str] = []
    for number, entry in enumerate(_lines(path), 1):
        vector = entry
        if isinstance(entry, dict):
            name = next((n for n in NAMES if isinstance(entry.get(n), list)), None)
            if name is None:
                raise VectorFileError(f"{path}: line {number} has no list under one of {', '.join(NAMES)}")
            vector = entry[name]
            ids.extend(str(entry[n]) for n in IDS[:2] if n in entry)
        try:
            rows.append(np.asarray(vector, np.float32))
        except (TypeError, ValueError):
            raise VectorFileError(f"{path}: line {number} is no list of numbers") from None
        if rows[-1].shape != rows[0].shape:
            raise VectorFileError(f"{path}: line {number} has {rows[-1].size} numbers, line 1 has {rows[0].size}")
    if not rows:
        raise VectorFileError(f"{path}: there are no vectors")
    return np.stack(rows), tuple(ids) if len(ids) == len(rows) else None


def _lines(path: Path) -> Iterator[Any]:
    with open(path, encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                try:
                    yield json.loads(line)
                except (ValueError, RecursionError):
                    raise VectorFileError(f"{path}: line {number} is not JSON") from None


def _one_of(path: Path, what: str, names: list[str]) -> str:
    """The one name, or the one that vectors are usually called by."""
    usual = [name for name in NAMES if name in names]
    if len(names) == 1 or usual:
        return usual[0] if usual else names[0]
    if not names:
        raise VectorFileError(f"{path}: holds no {what} that could be vectors")
    raise VectorFileError(f"{path}: several could be meant ({', '.join(names[:6])}); name one {NAMES[0]!r}")


_READERS: dict[str, Callable[[Path], Content]] = {
    ".npy": _npy,
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".parquet": _parquet,
    ".fvecs": _fvecs,
    ".jsonl": _jsonl,
}


def _formats() -> str:
    return f"known: {', '.join(_READERS)}"

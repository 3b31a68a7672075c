"""Per-item scores as bytes: named 1-d arrays in a compressed npz."""

from __future__ import annotations

import ast
import io
import json
import zlib
from collections.abc import Mapping
from functools import lru_cache
from zipfile import BadZipFile, ZipFile

import numpy as np

from suite.errors import ContractError

Columns = dict[str, np.ndarray]


def pack(columns: Mapping[str, np.ndarray]) -> bytes:
    """Return the bytes of a compressed npz; equal arrays give equal bytes.

    Args:
        columns: 1-d arrays of booleans, integers or finite floats, all of one length; floats are stored as float32.

    Raises:
        ContractError: for anything else; the message names the column.
    """
    arrays: Columns = {}
    for name, column in columns.items():
        array = np.asarray(column)
        if array.ndim != 1 or array.dtype.kind not in "biuf":
            raise ContractError(
                f"per-item column {name!r} must be 1-d numbers, not {array.dtype} of shape {array.shape}"
            )
        if array.dtype.kind == "f":
            with np.errstate(over="ignore"):
                array = array.astype(np.float32)
            if not np.isfinite(array).all():
                raise ContractError(f"per-item column {name!r} holds NaN or infinite values")
        arrays[name] = array
    if len({len(array) for array in arrays.values()}) > 1:
        lengths = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise ContractError(f"per-item columns must have one length: {lengths}")
    # A column's name is data, not the name of a member of the archive: any text is safe there.
    members = [np.frombuffer(json.dumps(list(arrays)).encode(), np.uint8), *arrays.values()]
    buffer = io.BytesIO()
    np.savez_compressed(buffer, *members)
    return buffer.getvalue()


def unpack(content: bytes) -> Columns:
    """Return the arrays that `pack` was given.

    Raises:
        ValueError: if `content` is not the bytes of such a file.
    """
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            names = json.loads(_array(archive.read("arr_0.npy")).tobytes())
            return {name: _array(archive.read(f"arr_{place}.npy")) for place, name in enumerate(names, start=1)}
    except (KeyError, TypeError, BadZipFile, zlib.error, EOFError, OSError) as error:
        raise ValueError(f"not a file of per-item scores: {error}") from error


def _array(member: bytes) -> np.ndarray:
    """The 1-d array of an npy file of version 1.0."""
    if member[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("not an npy file of version 1.0")
    start = 10 + int.from_bytes(member[8:10], "little")
    dtype, length = _header(member[10:start])
    return np.frombuffer(member, dtype, length, start)


@lru_cache(maxsize=1024)
def _header(header: bytes) -> tuple[np.dtype, int]:
    """Type and length; thousands of files have the same few headers, and reading one is dear."""
    described = ast.literal_eval(header.decode("latin1"))
    (length,) = described["shape"]
    dtype = np.dtype(described["descr"])
    if dtype.kind not in "biuf":
        raise ValueError(f"an array of {dtype}")
    return dtype, int(length)

"""Per-item scores as bytes: named 1-d arrays in a compressed npz."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from zipfile import BadZipFile

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
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            names = json.loads(archive["arr_0"].tobytes())
            return {name: archive[f"arr_{position}"] for position, name in enumerate(names, start=1)}
    except (KeyError, BadZipFile, EOFError, OSError) as error:
        raise ValueError(f"not a file of per-item scores: {error}") from error

"""Per-item scores as bytes: named 1-d arrays in a compressed npz."""

from __future__ import annotations

import io
import json
import re
import zlib
from collections.abc import Mapping
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import numpy as np

from suite.errors import ContractError

Columns = dict[str, np.ndarray]
LARGEST = 1 << 28
"""Bytes of all columns of a row, unpacked."""

_HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<|][biuf][1248])', 'fortran_order': False, 'shape': \((?P<length>\d{1,12}),\), \} *\n"
)


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


def unpack(content: bytes | bytearray) -> Columns:
    """Return the arrays that `pack` was given.

    Raises:
        ValueError: if `content` is not the bytes of such a file.
    """
    try:
        with ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > LARGEST:
                raise ValueError(f"it unpacks to more than {LARGEST:,} bytes")
            names = json.loads(_array(_member(content, members[0])).tobytes())
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise ValueError("its columns have no names")
            expected = [f"arr_{place}.npy" for place in range(len(names) + 1)]
            if [member.filename for member in members] != expected or len(set(names)) != len(names):
                raise ValueError("its members are not those of its columns")
            columns = {name: _array(_member(content, one)) for name, one in zip(names, members[1:], strict=True)}
    except Exception as error:  # hostile archives raise whatever their decoders come upon
        raise ValueError(f"not a file of per-item scores: {type(error).__name__}: {error}") from error
    if len({len(column) for column in columns.values()}) > 1:
        raise ValueError("not a file of per-item scores: its columns differ in length")
    if not all(np.isfinite(column).all() for column in columns.values()):
        raise ValueError("not a file of per-item scores: it holds NaN or infinite values")
    return columns


def _member(content: bytes | bytearray, info: ZipInfo) -> bytes:
    """A member's bytes, by the archive's directory; `ZipFile.read` says the same at twice the time.

    Raises:
        ValueError: if it is not what the directory says.
    """
    head = content[info.header_offset : info.header_offset + 30]
    if len(head) < 30 or head[:4] != b"PK\x03\x04" or info.compress_type != ZIP_DEFLATED or info.flag_bits & 1:
        raise ValueError(f"{info.filename} is no deflated member")
    start = info.header_offset + 30 + int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little")
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    # One byte more than announced is asked for, so that a longer stream is noticed and never unpacked.
    found = stream.decompress(content[start : start + info.compress_size], info.file_size + 1)
    if not stream.eof or len(found) != info.file_size or zlib.crc32(found) != info.CRC:
        raise ValueError(f"{info.filename} is damaged")
    return found


def _array(member: bytes) -> np.ndarray:
    """The 1-d array of an npy file of version 1.0."""
    if member[:8] != b"\x93NUMPY\x01\x00":
        raise ValueError("not an npy file of version 1.0")
    start = 10 + int.from_bytes(member[8:10], "little")
    described = _HEADER.fullmatch(member[10:start])
    if described is None:
        raise ValueError("not the header of a 1-d array of numbers")
    dtype, length = np.dtype(described["dtype"].decode()), int(described["length"])
    if len(member) - start != length * dtype.itemsize:
        raise ValueError(f"{len(member) - start} bytes, not {length} values of {dtype}")
    return np.frombuffer(member, dtype, length, start)

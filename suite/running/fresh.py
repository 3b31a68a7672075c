"""Decoding where nothing is known of the items: a new process that has the stored model and the bytes alone.

The process is a new interpreter, never a fork of the one that saw the items. It is handed a temporary folder with
the place of the method's class, its parameters, its arrays (safetensors) and the streams with their number and
shape, and an environment from which the suite's folders of data and caches are taken away.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from suite import devices
from suite.discovery import load_class
from suite.errors import WeighbridgeError
from suite.method import Effort, Method, Tensors, label
from suite.paths import project_root, python_path
from suite.representations import Bitstream

DECODING_THREADS = 2
TIMEOUT_SECONDS = 600.0
WARM_SECONDS = 1.0
"""A decoding that took less is made a second time, so that its time is not that of importing libraries."""

_KEPT_VARIABLES = (
    *("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV", "PYTHONPATH"),
    "CUDA_VISIBLE_DEVICES",
)
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_LAST_LINES = 4


class Decoded(NamedTuple):
    """What a fresh process gave back.

    Attributes:
        items: (n, …) array, or a tuple of byte strings.
        seconds: time that decoding took in it, without starting the process and importing libraries.
    """

    items: Any
    seconds: float


def decode_in_fresh_process(
    method: Method, streams: Bitstream, *, threads: int = DECODING_THREADS, timeout: float = TIMEOUT_SECONDS
) -> Decoded:
    """Decode `streams` in a new process that never saw the items.

    Args:
        method: the fitted method; of it only the class's place, the parameters, the effort and the arrays
            `weights` and `fitted` are handed over.
        streams: what it wrote; only the bytes, their number and the items' shape are handed over.
        threads: threads the process may use. Cells encode on one by default: decoding on two finds arithmetic
            that depends on how the work was divided.
        timeout: seconds after which the process is killed.

    Raises:
        WeighbridgeError: the class lies in no file, or the process failed, was killed, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="weighbridge-decode-") as name:
        folder = Path(name)
        _write_request(folder, method, streams)
        who = label(method.name, method.params)
        try:
            ended = subprocess.run(
                [sys.executable, "-m", "suite.running.fresh", str(folder)],
                cwd=folder,
                env=_environment(folder, threads),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise WeighbridgeError(f"{who}: decoding in a fresh process took more than {timeout:g} s") from None
        if ended.returncode != 0:
            last = " | ".join(ended.stderr.decode(errors="replace").strip().splitlines()[-_LAST_LINES:])
            raise WeighbridgeError(
                f"{who}: decoding in a fresh process failed (exit code {ended.returncode}): {last or 'no message'}"
            )
        return _read_answer(folder)


def _write_request(folder: Path, method: Method, streams: Bitstream) -> None:
    cls = type(method)
    try:
        file = Path(inspect.getfile(cls))
    except (TypeError, OSError):
        file = Path()
    if not file.is_file():
        raise WeighbridgeError(f"{method.name} lies in no file: a codec must, so that a fresh process can decode")
    package = sys.modules.get(cls.__module__.partition(".")[0])
    root = next(iter(getattr(package, "__path__", ())), str(file.parent))
    request = {
        "file": str(file.resolve()),
        "root": str(root),
        "name": cls.__name__,
        "effort": method.effort.name,
        "params": method.params,
        "device": devices.name(),
    }
    (folder / "request.json").write_text(json.dumps(request))
    _write_arrays(folder / "weights.safetensors", method.weights)
    _write_arrays(folder / "fitted.safetensors", method.fitted)
    Bitstream(streams.streams, streams.count, streams.shape).save(folder / "streams.npz")


def _environment(folder: Path, threads: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    return {
        **kept,
        **dict.fromkeys(_THREAD_VARIABLES, str(threads)),
        "PYTHONPATH": python_path(),
        "WEIGHBRIDGE_ROOT": str(project_root()),
        "WEIGHBRIDGE_CACHE": str(folder / "cache"),
        "TMPDIR": str(folder),
        "HF_HUB_OFFLINE": "1",
    }


def _write_arrays(file: Path, arrays: Tensors) -> None:
    from safetensors.numpy import save_file

    if arrays:
        save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)


def _read_arrays(file: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(file) if file.exists() else {}


def _write_answer(folder: Path, items: Any, seconds: float) -> None:
    if isinstance(items, np.ndarray):
        np.save(folder / "items.npy", items, allow_pickle=False)
    elif all(isinstance(item, bytes) for item in items):
        Bitstream(items, len(items)).save(folder / "items.npz")
    else:
        raise TypeError("decode must return an array or byte strings")
    (folder / "answer.json").write_text(json.dumps({"seconds": seconds}))


def _read_answer(folder: Path) -> Decoded:
    seconds = json.loads((folder / "answer.json").read_text())["seconds"]
    if (folder / "items.npy").exists():
        return Decoded(np.load(folder / "items.npy", allow_pickle=False), seconds)
    return Decoded(Bitstream.load(folder / "items.npz").streams, seconds)


def _decode(folder: Path) -> None:
    """What the new process does: build the method from the request, decode, write the items."""
    request: Mapping[str, Any] = json.loads((folder / "request.json").read_text())
    devices.use(request["device"])
    cls = load_class(Path(request["file"]), request["name"], Path(request["root"]))
    method: Any = cls(Effort(request["effort"]), **request["params"])
    method.weights = _read_arrays(folder / "weights.safetensors")
    method.fitted = _read_arrays(folder / "fitted.safetensors")
    streams = Bitstream.load(folder / "streams.npz")
    start = time.perf_counter()
    items = method.decode(streams)
    seconds = time.perf_counter() - start
    if seconds < WARM_SECONDS:
        start = time.perf_counter()
        method.decode(streams)
        seconds = min(seconds, time.perf_counter() - start)
    _write_answer(folder, items, seconds)


if __name__ == "__main__":
    _decode(Path(sys.argv[1]))

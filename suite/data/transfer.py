"""One file, downloaded or copied: resumed where it stopped, and named once its checksum is right."""

from __future__ import annotations

import shutil
import socket
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import IO

from suite.data.hub import file_digest
from suite.errors import DataMismatch, DataUnavailable

_CHUNK = 1 << 20
_TIMEOUT_SECONDS = 30
_PARTIAL_CONTENT = 206
_RANGE_NOT_SATISFIABLE = 416


class NetworkMissing(DataUnavailable):
    """A host cannot be reached, or the connection was lost: nothing is wrong with the data set.

    Attributes:
        host: which one.
    """

    def __init__(self, message: str, host: str) -> None:
        """Hold both."""
        super().__init__(message)
        self.host = host


def download(url: str, target: Path, size: int | None, digest: str) -> Path:
    """Download `url` to `target`, going on from ``<target>.part`` if it is there.

    Args:
        url: an http or https address.
        target: file to write.
        size: bytes it must have; None for as many as the host says.
        digest: SHA-256 or MD5 it must have.

    Raises:
        NetworkMissing: the host cannot be reached, or the connection was lost; what came is kept.
        DataUnavailable: the host refused.
        DataMismatch: the whole file came, and is another one; it is removed.
    """
    reach(url)
    part = _part(target)
    start = _resumable(part, size)
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310
    try:
        if start != size:
            with closing(urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)) as answer:  # noqa: S310
                start = start if answer.status == _PARTIAL_CONTENT else 0
                size = size or start + int(answer.headers["Content-Length"] or 0) or None
                _append(answer, part, start)
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_NOT_SATISFIABLE:
            raise DataUnavailable(f"{url}: the host answered {error.code} {error.reason}") from None
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise NetworkMissing(f"no network: {url} cannot be reached ({reason})", host_of(url)) from None
    return _finish(part, target, size, digest, url)


def copy(source: Path, target: Path, digest: str) -> Path:
    """Copy `source` to `target` in the same way.

    Raises:
        DataMismatch: the source is not the file it should be.
    """
    size = source.stat().st_size
    if target.is_file() and target.stat().st_size == size:
        return target
    part = _part(target)
    start = _resumable(part, size)
    with open(source, "rb") as stream:
        stream.seek(start)
        _append(stream, part, start)
    return _finish(part, target, size, digest, str(source))


def host_of(url: str) -> str:
    """The host that an address names."""
    return urllib.parse.urlsplit(url).netloc


def reach(url: str) -> None:
    """Raise NetworkMissing at once if the host of an address takes no connection; behind a proxy, nothing is tried."""
    parts = urllib.parse.urlsplit(url)
    if urllib.request.getproxies() and not urllib.request.proxy_bypass(parts.hostname or ""):
        return
    try:
        port = parts.port or (80 if parts.scheme == "http" else 443)
        socket.create_connection((parts.hostname or "", port), timeout=_TIMEOUT_SECONDS).close()
    except OSError as error:
        reason = error.strerror or error
        raise NetworkMissing(f"no network: {parts.netloc} cannot be reached ({reason})", parts.netloc) from None


def _part(target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(f"{target.name}.part")


def _resumable(part: Path, size: int | None) -> int:
    """Bytes of an interrupted transfer that can be gone on from."""
    start = part.stat().st_size if part.is_file() else 0
    return start if size is None or start <= size else 0


def _append(stream: IO[bytes], part: Path, start: int) -> None:
    with open(part, "r+b" if start else "wb") as file:
        file.truncate(start)
        file.seek(start)
        shutil.copyfileobj(stream, file, _CHUNK)


def _finish(part: Path, target: Path, size: int | None, digest: str, origin: str) -> Path:
    found = part.stat().st_size
    if size is not None and found < size:
        raise NetworkMissing(
            f"the transfer of {origin} ended after {found:,} of {size:,} bytes; fetch again to go on", origin
        )
    if (actual := file_digest(part, digest)) != digest:
        part.unlink()
        raise DataMismatch(
            f"{origin} is not the declared file: its {found:,} bytes have the digest {actual}, declared is {digest}; "
            "they were removed"
        )
    part.replace(target)
    return target

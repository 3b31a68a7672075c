"""Bringing data sets to this machine, on request only: `weighbridge data fetch`.

Whatever was interrupted is taken up where it stopped. A file gets its name once its checksum is right, so that nothing
half-written is ever read. A mirror folder, a copy of what another machine fetched, is checked before any network.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Set as AbstractSet
from pathlib import Path

from suite.data.declaration import DataSpec, DebianSource, HubSource, Source, UrlSource
from suite.data.hub import Snapshot, cache_folder
from suite.data.transfer import NetworkMissing, copy, download, host_of, reach
from suite.errors import DataMismatch, DataUnavailable

_TERMS = (
    "its owners ask readers to accept terms: log in at https://huggingface.co/datasets/{0}, accept them, make an "
    "access token, run `hf auth login`, and fetch again"
)


def fetch(spec: DataSpec, mirror: Path | None = None, dead: AbstractSet[str] = frozenset()) -> Path:
    """Fetch `spec` from the first of its sources that can be fetched, and return where it lies.

    Args:
        spec: the declaration.
        mirror: a folder with copies: of a Hub cache (``datasets--…``), of files by their name, of Debian packages.
        dead: hosts that are known to be out of reach, and not tried again.

    Raises:
        NetworkMissing: a host could not be reached, and nothing else had the data.
        DataUnavailable: no source can be fetched, or all failed; the message says why, source by source.
        DataMismatch: what a mirror holds is not what was declared.
    """
    if (found := spec.locate()) is not None:
        return found[1]
    problems: list[str] = []
    unreachable: NetworkMissing | None = None
    for source in spec.sources:
        try:
            if mirror is not None and (path := _from_mirror(source, mirror)) is not None:
                return path
            if (path := _from_network(source, dead)) is not None:
                return path
            problems.append(f"{source}: not there, and nothing that can be downloaded")
        except NetworkMissing as error:
            unreachable = error
        except (OSError, DataUnavailable, subprocess.SubprocessError) as error:
            problems.append(f"{source}: {' '.join(str(error).split())[:300]}")
    if unreachable is not None:
        raise unreachable
    raise DataUnavailable(f"data set {spec.name} could not be fetched: {'; '.join(problems)}")


def _from_network(source: Source, dead: AbstractSet[str]) -> Path | None:
    if isinstance(source, DebianSource):
        return _from_debian(source)
    if not isinstance(source, HubSource | UrlSource):
        return None
    host = host_of(hub_url()) if isinstance(source, HubSource) else host_of(source.url)
    if host in dead:
        raise NetworkMissing(f"no network: {host} was out of reach before", host)
    if isinstance(source, HubSource):
        return _from_hub(source)
    return download(source.url, source.file(), source.bytes, source.digest)


def hub_url() -> str:
    """What the Hub's library asks: $HF_ENDPOINT, or the public one."""
    return os.environ.get("HF_ENDPOINT") or "https://huggingface.co"


def _from_hub(source: HubSource) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import (
            GatedRepoError,
            HfHubHTTPError,
            LocalEntryNotFoundError,
            RevisionNotFoundError,
        )
        from huggingface_hub.utils import logging
    except ImportError:
        raise DataUnavailable("needs huggingface_hub: pip install 'weighbridge[hub]'") from None
    host = host_of(hub_url())
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        raise NetworkMissing("the Hub is not asked, because HF_HUB_OFFLINE is set", host)
    reach(hub_url())  # the library would try again and again, for half a minute a set
    logging.set_verbosity_error()
    try:
        snapshot_download(
            source.hub,
            repo_type="dataset",
            revision=source.revision,
            allow_patterns=list(source.files) or None,
            cache_dir=cache_folder(),
        )
    except RevisionNotFoundError:
        raise DataUnavailable(
            f"{source.hub} has no revision {source.revision} any more: its owners rewrote it. Look at its history on "
            "the Hub, and pin a revision whose content hash is the declared one"
        ) from None
    except GatedRepoError:
        raise DataUnavailable(_TERMS.format(source.hub)) from None
    except LocalEntryNotFoundError as error:
        if isinstance(error.__cause__, HfHubHTTPError):
            raise DataUnavailable(f"the Hub refused: {error.__cause__}") from None
        raise NetworkMissing(f"no network: {host} cannot be reached", host) from None
    except HfHubHTTPError as error:
        terms = f" ({_TERMS.format(source.hub)})" if source.gated else ""
        raise DataUnavailable(f"the Hub refused: {error}{terms}") from None
    except Exception as error:
        # The errors of the library's HTTP client, which is another package in every major version of it.
        if not any(base.__name__ == "TransportError" for base in type(error).__mro__):
            raise
        raise NetworkMissing(f"no network: {host} was lost ({error}); what came is kept", host) from None
    return _whole(source)


def _whole(source: HubSource) -> Path:
    snapshot = source.snapshot()
    if damaged := [damage for file in snapshot.files() if (damage := file.damage()) is not None]:
        raise DataMismatch(f"{source} is damaged: {'; '.join(damaged[:3])}; remove {snapshot.root} and fetch again")
    if (path := snapshot.find()) is None:
        raise DataUnavailable(f"{source} is {snapshot.state()}: its files {', '.join(source.files)} are not there")
    return path


def _from_debian(source: DebianSource) -> Path:
    """Download a package and unpack it into the cache; neither step needs root."""
    if shutil.which("apt-get") is None:
        raise DataUnavailable("apt-get is not on this machine")
    target = source.folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        done = subprocess.run(
            ["apt-get", "download", source.debian], cwd=scratch, capture_output=True, text=True, timeout=1800
        )
        packages = list(Path(scratch).glob("*.deb"))
        if done.returncode or not packages:
            hint = "; a list of packages may be missing: `apt-get update` needs root"
            raise DataUnavailable((done.stderr.strip() or "apt-get download brought nothing") + hint)
        return _unpack(packages[0], source)


def _unpack(package: Path, source: DebianSource) -> Path:
    if shutil.which("dpkg") is None:
        raise DataUnavailable("dpkg is not on this machine")
    target = source.folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        unpacked = Path(scratch) / "unpacked"
        subprocess.run(["dpkg", "-x", str(package), str(unpacked)], check=True, timeout=600)
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return target / source.path


def _from_mirror(source: Source, mirror: Path) -> Path | None:
    """What the mirror folder has of a source, copied to where it belongs; None if it has nothing."""
    if isinstance(source, UrlSource):
        file = mirror / source.url.rpartition("/")[2]
        return copy(file, source.file(), source.digest) if file.is_file() else None
    if isinstance(source, DebianSource):
        packages = sorted(mirror.glob(f"{source.debian}_*.deb"))
        return _unpack(packages[-1], source) if packages else None
    if isinstance(source, HubSource) and source.snapshot(mirror).find() is not None:
        _copy_snapshot(source.snapshot(mirror), source.snapshot())
        return _whole(source)
    return None


def _copy_snapshot(theirs: Snapshot, ours: Snapshot) -> None:
    """Copy a snapshot into this machine's cache, file by file, in the layout that the Hub's library reads."""
    commit = theirs.commit()
    for file in theirs.files():
        if file.digest is None:
            raise DataUnavailable(
                f"{theirs.folder} cannot be verified: it has neither the links nor the list of files of a Hub cache"
            )
        blob = ours.root / "blobs" / file.digest
        copy(file.path, blob, file.digest)
        link = ours.root / "snapshots" / str(commit) / file.name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(os.path.relpath(blob, link.parent))
    for kept in (f"trees/{commit}.json", f"refs/{ours.revision}"):
        if (theirs.root / kept).is_file():
            (ours.root / kept).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(theirs.root / kept, ours.root / kept)


def mirror_folder(named: Path | None) -> Path | None:
    """The mirror folder to use: the one named, or $WEIGHBRIDGE_MIRROR.

    Raises:
        DataUnavailable: the folder does not exist, or is this machine's own cache.
    """
    folder = named or (Path(text) if (text := os.environ.get("WEIGHBRIDGE_MIRROR")) else None)
    if folder is None:
        return None
    if not folder.is_dir():
        raise DataUnavailable(f"the mirror folder {folder} does not exist")
    if folder.resolve() == cache_folder().resolve():
        raise DataUnavailable(f"{folder} is this machine's own Hub cache, not a mirror of it")
    return folder

"""Bringing data sets to this machine, on request only: `weighbridge data fetch`."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from suite.data.declaration import DataSpec, DebianSource, HubSource
from suite.errors import DataUnavailable


def fetch(spec: DataSpec) -> Path:
    """Fetch `spec` from the first of its sources that can be fetched, and return where it lies.

    Raises:
        DataUnavailable: no source can be fetched, or all failed; the message says why, source by source.
    """
    if (found := spec.locate()) is not None:
        return found[1]
    problems = []
    for source in spec.sources:
        try:
            if isinstance(source, DebianSource):
                return _from_debian(source)
            if isinstance(source, HubSource):
                return _from_hub(source)
            problems.append(f"{source}: not there, and nothing that can be downloaded")
        except (OSError, DataUnavailable, subprocess.SubprocessError) as error:
            problems.append(f"{source}: {' '.join(str(error).split())[:300]}")
    raise DataUnavailable(f"data set {spec.name} could not be fetched: {'; '.join(problems)}")


def _from_debian(source: DebianSource) -> Path:
    """Download a package and unpack it into the cache; neither step needs root."""
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise DataUnavailable(f"{tool} is not on this machine")
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
        unpacked = Path(scratch) / "unpacked"
        subprocess.run(["dpkg", "-x", str(packages[0]), str(unpacked)], check=True, timeout=600)
        shutil.rmtree(target, ignore_errors=True)
        unpacked.rename(target)
    return target / source.path


def _from_hub(source: HubSource) -> Path:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ImportError:
        raise DataUnavailable("needs huggingface_hub: pip install 'weighbridge[hub]'") from None
    try:
        return Path(snapshot_download(source.hub, repo_type="dataset", revision=source.revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise DataUnavailable(f"the Hub could not be reached or refused: {error}") from None

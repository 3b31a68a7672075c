"""What a number was measured on: machine, packages, revision of the code."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import cache

from suite.cpu import cpu_precision
from suite.paths import project_root


@cache
def machine() -> dict[str, str | int]:
    """CPU model, cores, memory, operating system, Python and the precision of products; no host name."""
    import psutil

    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "precision": cpu_precision(),
    }


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo") as info:
            names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or "unknown"


@cache
def git_revision() -> str | None:
    """Commit of the project's checkout, with ``+dirty`` if code was changed since; None outside a checkout."""
    root = project_root()
    try:
        revision = _git("rev-parse", "HEAD", cwd=root)
        changed = _git("status", "--porcelain", "--", "cli", "suite", "methods", "tasks", cwd=root)
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{revision}+dirty" if changed else revision


def _git(*arguments: str, cwd: object) -> str:
    done = subprocess.run(["git", *arguments], cwd=str(cwd), capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()

"""Weighbridge as it is installed: the one package that a wheel brings, and the names of `suite` for users.

    from weighbridge import Dense, Method, Modality, run

In a checkout the folders `suite/`, `methods/`, `tasks/`, `leaderboard/` and `cli/` lie beside this one; a wheel holds
them inside it, so that nothing called ``tasks`` or ``cli`` comes into anybody's site-packages. Importing this package
lets Python find them under the names by which they know each other.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_here = Path(__file__).resolve().parent
_home = str(_here if (_here / "suite").is_dir() else _here.parent)
if _home not in sys.path:
    sys.path.insert(0, _home)

__all__ = import_module("suite").__all__


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'weighbridge' has no attribute {name!r}")
    return import_module("suite.results") if name == "results" else getattr(import_module("suite"), name)


def __dir__() -> list[str]:
    return sorted(__all__)

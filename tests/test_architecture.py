"""The picture of who imports whom is that of the code."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DRAWING = runpy.run_path(str(ROOT / "docs" / "imports.py"))


def test_the_picture_in_the_architecture_is_current() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert DRAWING["redrawn"](text) == text, "imports have changed: `make architecture` draws them again"


def test_what_a_longer_path_implies_is_not_drawn() -> None:
    edges = {"a": {"b", "c", "d"}, "b": {"c"}, "c": {"d"}, "d": set()}
    assert DRAWING["reduced"](edges) == [("a", "b"), ("b", "c"), ("c", "d")]


def test_a_file_without_a_place_for_the_picture_is_named() -> None:
    with pytest.raises(SystemExit, match="lacks the line"):
        DRAWING["redrawn"]("# Architecture\n")

"""Keys change with what decides numbers, and with nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.keys import code_hash
from suite.sources import Sources

METHOD = '''
"""A method."""

from __future__ import annotations

from suite import Dense, Method, Modality
from .parts import halved


class Mine(Method):
    """Halves."""

    name = "mine"
    summary = "Halves. Really."
    tags = ("dense",)
    modality = Modality.TEXT
    grid = {"dim": (2, 4)}
    quick = ("mine[dim=2]",)

    def skip(self, task):
        return None

    def encode(self, items, role):
        """(n, dim) float32."""
        steps = self.effort.pick(quick=3, standard=30)
        return Dense(halved(items, self.dim, steps))
'''
PARTS = "def halved(items, dim, steps):\n    return items[:, :dim] / 2\n"


@pytest.fixture
def hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The hash of a method of two files, written anew with some texts replaced."""
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path / "cache"))
    folders = iter(range(100))

    def of(*replaced: tuple[str, str], effort: str = "standard", method: str = "mine.py", within: str = "") -> str:
        root = tmp_path / f"methods-{next(folders)}"
        file = root / within / method
        file.parent.mkdir(parents=True)
        texts = {file: METHOD, file.parent / "parts.py": PARTS}
        for old, new in replaced:
            assert any(old in text for text in texts.values())
            texts = {path: text.replace(old, new) for path, text in texts.items()}
        for path, text in texts.items():
            path.write_text(text)
        return code_hash(Sources(), file, root, effort)

    return of


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Halves. Really.", "Cuts in two. Truly."),
        ('tags = ("dense",)', 'tags = ("dense", "short")'),
        ('"""Halves."""', '"""Divides."""'),
        ('"""(n, dim) float32."""', ""),
        ("    def skip(self, task):\n        return None\n", ""),
        ('quick = ("mine[dim=2]",)', "quick = ()"),
        ("from suite import Dense, Method, Modality", "from suite import Method, Modality, Dense\nimport json"),
        ("quick=3", "quick=5"),
        ("return items[:, :dim] / 2", "# a comment\n    return (items[:, :dim] / 2)"),
    ],
)
def test_what_decides_no_number_is_in_no_key(hashed, old, new):
    assert hashed((old, new)) == hashed()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("standard=30", "standard=31"),
        ("/ 2", "/ 3"),
        ("self.dim, steps", "self.dim, steps + 1"),
        ('grid = {"dim": (2, 4)}', 'grid = {"dim": (2, 8)}'),
    ],
)
def test_what_decides_numbers_is(hashed, old, new):
    assert hashed((old, new)) != hashed()


def test_an_effort_has_its_own_budgets_alone(hashed):
    assert hashed(("quick=3", "quick=5"), effort="quick") != hashed(effort="quick")
    assert hashed(("standard=30", "standard=31"), effort="quick") == hashed(effort="quick")


def test_a_file_may_be_moved_and_renamed(hashed):
    assert hashed(method="method.py", within="halves") == hashed()

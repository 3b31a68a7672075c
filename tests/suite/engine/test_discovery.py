"""Scanning folders of methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from suite.discovery import scan

METHOD = '''
"""A method of somebody's."""
from suite import Dense, Method, Modality

class Mine(Method):
    """Nothing."""
    name = "mine"
    summary = "Nothing. Really."
    modality = Modality.TEXT

    def encode(self, items, role):
        raise NotImplementedError
'''


@pytest.mark.parametrize("relative", [True, False])
def test_a_folder_may_be_named_from_where_one_is(tmp_path, monkeypatch, relative):
    folder = tmp_path / ("near" if relative else "far") / "methods"
    folder.mkdir(parents=True)
    (folder / "mine.py").write_text(METHOD)
    monkeypatch.chdir(tmp_path)
    found = scan([folder.relative_to(tmp_path) if relative else folder])
    assert not found.broken
    assert found.methods["mine"].file == folder / "mine.py"
    assert Path(found.methods["mine"].origin.root) == folder

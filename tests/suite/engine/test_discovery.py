"""Scanning folders of methods."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from suite.discovery import scan
from suite.readouts import SHARED

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


SILENT = METHOD.replace("modality = Modality.TEXT", "modality = Modality.IMAGE; readouts = ('regress',)")
REGRESSES = "    def regress(self, {arguments}):\n        return items, items\n"


@pytest.mark.parametrize(
    ("defined", "problem"),
    [
        ("", "has no regress(items)"),
        (REGRESSES.format(arguments="items, classes"), "cannot be called as regress(items)"),
        (REGRESSES.format(arguments="items"), None),
    ],
)
def test_a_method_has_what_its_readouts_need(tmp_path, defined, problem):
    (tmp_path / "mine.py").write_text(SILENT + "\n" + defined)
    found = scan([tmp_path])
    if problem is None:
        assert not found.broken
        assert "mine" in found.methods
    else:
        assert "mine" not in found.methods
        (broken,) = found.broken
        assert "'regress' of label-regression" in broken.reason
        assert problem in broken.reason


def test_a_readout_is_named_in_snake_case_and_stands_for_one_protocol():
    tasks = [found.task for found in scan().tasks.values()]
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", task.readout) for task in tasks)
    protocols = {}
    for task in tasks:
        protocol = task.protocol or SHARED.get(task.readout)
        assert protocol is not None, f"{task.family} has readout {task.readout} without a protocol"
        assert protocols.setdefault(task.readout, protocol) is protocol
    for method in scan().methods.values():
        assert set(method.cls.readouts) <= set(protocols), method.cls.name

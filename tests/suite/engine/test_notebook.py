"""The suite in a notebook, in a real kernel: a class of a cell is run, keyed by what it does, and drawn."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
RECIPE = '''
import numpy as np
from suite import Dense, Method, Modality, plot, results, run

SCALE = 1.0

def letters(text):
    return [SCALE * text.lower().count(chr(97 + i)) + 0.01 for i in range(26)]

class Mine(Method):
    """Counts letters."""
    name = "mine"
    summary = "Counts letters. Nothing else."
    modality = Modality.TEXT
    grid = {"dim": (4, 26)}

    def encode(self, items, role):
        # the first letters
        return Dense(np.array([letters(text)[: self.dim] for text in items], np.float32))

frame = run(methods=[Mine], tasks="sts/wordsim353")
'''
SAID = "print(sorted(frame['status']), sorted(frame['dim']), len(frame))"
AGAIN = '''
class Mine(Method):
    """Counts letters, said otherwise."""
    name = "mine"
    summary = "The same with another comment."
    modality = Modality.TEXT
    grid = {"dim": (4, 26)}

    def encode(self, items, role):
        return Dense(np.array([letters(text)[: self.dim] for text in items], np.float32))

from suite.api import _register
from suite.discovery import scan
from suite.planning import plan
from suite.profiles import profile

def keys():
    catalogue = scan()
    return [cell.key for cell in plan(catalogue, profile("quick"), _register(catalogue, [Mine]), "sts/wordsim353")]

stored = sorted(row.result.key for row in ResultStore(results_root()).read("quick").rows)
before = keys()
print(sorted(before) == stored)
SCALE = 2.0
print(set(keys()) & set(before))
'''


@pytest.fixture
def notebook(tmp_path, monkeypatch):
    """Runs cells in a kernel; returns what each printed and showed."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv("WEIGHBRIDGE_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))

    def run(*cells: str) -> list[list[dict]]:
        book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        NotebookClient(
            book, timeout=240, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
        ).execute()
        return [cell.outputs for cell in book.cells]

    return run


def text(outputs) -> str:
    return "".join(output.get("text", "") for output in outputs if output.get("name") != "stderr")


def test_the_recipe_of_the_readme_runs_in_a_kernel(notebook):
    ran, said, drawn, read, again = notebook(
        RECIPE,
        SAID,
        'plot(frame, x="bytes_per_item", y="spearman")',
        "print(list(results.readable(results.frame(tasks='sts/*')).columns))",
        "from suite.paths import results_root\nfrom suite.results.store import ResultStore\n" + AGAIN,
    )
    assert "2/2" in "".join(output["text"] for output in ran if output.get("name") == "stderr")
    assert text(said).split("\n")[0] == "['ok', 'ok'] [4, 26] 2"
    assert "<svg" in drawn[0]["data"]["image/svg+xml"]
    assert {"configuration", "task", "score", "bytes/item"} <= set(__import__("ast").literal_eval(text(read)))
    # Another comment and docstring change no key; a constant of another cell does.
    assert text(again).split("\n")[:2] == ["True", "set()"]


def test_a_class_that_is_no_method_says_so_in_one_line(notebook):
    outputs = notebook(
        "from suite import Method, Modality, run\n"
        "class Half(Method):\n    name = 'half'\n    modality = Modality.TEXT\n"
        "try:\n    run(methods=[Half], tasks='sts/*')\nexcept Exception as error:\n    print(error)"
    )
    assert text(outputs[0]).strip() == "class Half: does not define encode()"

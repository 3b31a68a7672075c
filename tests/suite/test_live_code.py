"""Hashes of classes that live in no file: equal for what does the same, and only for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import cloudpickle
import numpy as np
import pytest

from suite.live_code import live_hash

CLASS = """
FACTOR = 2
HELD = {"a": [1, 2], "b": (3.5, None)}

def helper(x):
    return x * FACTOR

class Base:
    weight = 3

    def common(self, x):
        return x + self.weight

class Mine(Base):
    '''A docstring.'''
    name = "mine"
    summary = "One."
    table = np.arange(3)

    def encode(self, items, role):
        '''What it does.'''
        chosen = {"x", "y", "z"}
        return [helper(self.common(len(item))) for item in items if item not in {"p", "q"}], chosen, HELD

    @staticmethod
    def fixed():
        return 7

    @property
    def size(self):
        return (lambda x: x + 1)(1)
"""


def made(text: str):
    namespace = {"np": np, "__name__": "__main__"}
    exec(compile(dedent(text), "<cell>", "exec"), namespace)
    return namespace["Mine"]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("'''A docstring.'''", "'''Another.'''", True),
        ("'''What it does.'''", "# a comment", True),
        ('summary = "One."', 'summary = "Two."', True),
        ("\n\ndef helper", "\n\n\n\n\nUNUSED = 1\ndef helper", True),
        ("weight = 3", "weight = 4", False),
        ("FACTOR = 2", "FACTOR = 3", False),
        ("x * FACTOR", "x + FACTOR", False),
        ("(3.5, None)", "(3.6, None)", False),
        ("np.arange(3)", "np.arange(4)", False),
        ("return 7", "return 8", False),
        ("x + 1)(1)", "x + 2)(1)", False),
        ('{"p", "q"}', '{"p", "r"}', False),
    ],
)
def test_what_changes_a_hash(old, new, same):
    assert old in CLASS
    assert (live_hash(made(CLASS)) == live_hash(made(CLASS.replace(old, new)))) is same


def test_a_class_of_a_factory_is_told_apart_by_what_it_was_made_with():
    def factory(number):
        class Made:
            name = "made"

            def encode(self, items):
                return [number for _ in items]

        return Made

    assert live_hash(factory(1)) == live_hash(factory(1))
    assert live_hash(factory(1)) != live_hash(factory(2))


def test_the_hash_is_the_same_in_another_process(tmp_path):
    """Sets are in another order there, and the class arrived pickled by value."""
    cls = made(CLASS)
    (tmp_path / "class").write_bytes(cloudpickle.dumps(cls))
    code = (
        "import sys, pickle; from suite.live_code import live_hash; "
        "print(live_hash(pickle.load(open(sys.argv[1], 'rb'))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "class")],
        cwd=Path(__file__).resolve().parents[2], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == live_hash(cls), done.stderr

"""The engine's own code is in no key: whoever changes what makes numbers says so, by a version or a reason."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from suite.keys import ENGINE_VERSION, digest
from suite.sources import tree_hash

SUITE = Path(__file__).parents[2] / "suite"
LOCK = SUITE / "engine.lock"
PARTS = (
    "representations/*.py",
    "features/*.py",
    "precision.py",
    "results/metrics.py",
    "results/moments.py",
    "weighing.py",
)


def locked():
    """The lines of the lock: engine version, digest of the code, why no number changed."""
    lines = [line for line in LOCK.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    return [line.split(maxsplit=2) for line in lines]


def code(replace=None):
    files = sorted({file for pattern in PARTS for file in SUITE.glob(pattern)})
    texts = {file: file.read_text(encoding="utf-8") for file in files} | (replace or {})
    return digest(sorted(tree_hash(ast.parse(text)) for text in texts.values()))[:16]


def test_a_change_of_what_makes_numbers_is_accounted_for():
    version, known, _ = locked()[-1]
    assert (version, known) == (ENGINE_VERSION, code()), (
        "code that makes numbers has changed. If numbers change, raise ENGINE_VERSION in suite/keys.py; either way "
        f"add a line to suite/engine.lock:\n{ENGINE_VERSION} {code()} why no number changes, or what does"
    )


def test_every_line_gives_a_reason():
    assert all(len(line) == 3 and len(line[2]) > 20 for line in locked())


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("LATENCY_SAMPLE = 32", "LATENCY_SAMPLE = 33", False),
        ('"""All that was measured."""', '"""All costs."""', True),
    ],
)
def test_numbers_are_told_from_words(old, new, same):
    file = SUITE / "weighing.py"
    text = file.read_text(encoding="utf-8")
    assert old in text
    assert (code({file: text.replace(old, new)}) == code()) is same

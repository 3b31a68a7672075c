"""What is imported before cells are forked."""

from __future__ import annotations

from suite.discovery import scan
from suite.planning import plan
from suite.profiles import profile
from suite.running.preload import preload


def modules(method: str, task: str) -> list[str]:
    return preload(plan(scan(), profile("quick"), method, task))


def test_modules_are_those_of_the_code():
    lexical, static = modules("bm25", "beir/wiki-sections-mini"), modules("wordllama", "sts/wordsim353")
    assert "bm25s" in lexical
    assert "scipy.stats" not in lexical
    assert "scipy.stats" in static
    assert "torch" not in lexical + static
    assert "torch" in modules("minilm", "sts/wordsim353")

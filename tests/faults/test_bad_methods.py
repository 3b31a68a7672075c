"""One bad thing stops nothing else: odd declarations, files that end the process, sets that cannot be read."""

from __future__ import annotations

import json
import os
import signal
import threading
import time

import pytest

from suite import guarded
from suite.declared import wrong
from suite.discovery import scan
from suite.method import Method, Modality, Paper
from tests.suite.engine.project import make_project

SAYS = {
    "grid = 5": {"grid": 5},
    "values that are no tuple": {"grid": {"a": 5}},
    "values as one text": {"grid": {"a": "xyz"}},
    "no values": {"grid": {"a": ()}},
    "a surrogate": {"grid": {"a": ("\ud800",)}},
    "a NUL": {"grid": {"a": ("x\0y",)}},
    "right to left": {"grid": {"a": ("\u202ex",)}},
    "a megabyte": {"grid": {"a": ("x" * 2**20,)}},
    "NaN": {"grid": {"a": (float("nan"),)}},
    "infinity": {"grid": {"a": (float("inf"),)}},
    "5,000 digits": {"grid": {"a": (10**5000,)}},
    "None": {"grid": {"a": (None,)}},
    "a list": {"grid": {"a": ([1],)}},
    "a selector's signs": {"grid": {"a": ("1,b=2]",)}},
    "text that reads as a number": {"grid": {"a": ("1",)}},
    "text that reads as true": {"grid": {"a": (True, "True")}},
    "the same twice": {
        "grid": [{"a": (1,)}, {"a": (1, 2)}, {"b": (1,), "a": (3,)}, {"a": (3,), "c": ("",), "b": (1,)}]
    },
    "the name of a method": {"grid": {"encode": (1,)}},
    "a name with signs": {"grid": {"<script>": (1,)}},
    "100,000 values": {"grid": {"a": tuple(range(100_000))}},
    "a product of millions": {"grid": {letter: tuple(range(50)) for letter in "abcde"}},
    "no readouts": {"readouts": None},
    "a smell": {"modality": "smell"},
    "no modality": {"modality": ()},
    "a number required": {"requires": (5,)},
    "weights as text": {"pretrained": ("x",)},
    "claims as numbers": {"claims": [1]},
    "no summary": {"summary": None},
    "a surrogate as summary": {"summary": "\ud800"},
    "a long summary": {"summary": "x" * 2**20},
    "tags as a number": {"tags": 5},
    "tags as one text": {"tags": "dense"},
    "a paper as text": {"paper": "x"},
    "a paper of no year": {"paper": Paper("t", "2020")},
    "an address as a number": {"paper": Paper("t", 2020, None, 5)},
    "controls as a number": {"controls": 3},
    "parameters as a number": {"fit_params": 5},
    **{
        f"the name {name!r:.20}": {"name": name}
        for name in (
            *("\ud800", "a\0b", "\u202ex", "n" * 2**20, "<a b>", "../x", "/etc/passwd", "", " ", "letters[dim=4]"),
            *("a,b", "st:x", "*", "a\nb", "x[", "a+b", "..", 5, None),
        )
    },
}


def method(**attributes) -> type[Method]:
    return type("Made", (Method,), {"name": "made", "modality": Modality.TEXT, "encode": lambda *_: None} | attributes)


@pytest.mark.parametrize("says", [name for name in SAYS if name != "the same twice"])
def test_an_odd_declaration_is_one_short_line(says):
    problem = wrong(method(**SAYS[says]))
    assert problem is not None
    assert problem.isprintable()
    assert len(problem) < 300


def test_honest_declarations_are_well():
    honest = {"grid": [{"dim": (4, 2.5, "fde", True, "")}, {"dim": (8,)}], "controls": {"dim": (4,)}, "tags": ("a b",)}
    assert wrong(method(**honest)) is None
    assert not [broken for broken in scan().broken if "class " in broken.reason]


IMPORTS = {
    "raises": "raise RuntimeError('no [/red] luck\\ud800')",
    "exits": "import sys; sys.exit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "ends": "import os; os._exit(0)",
    "generator": "raise GeneratorExit",
    "memory": "raise MemoryError",
    "recursion": "def f(): f()\nf()",
    "nul": "x = '\0'",
    "nameless": "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E",
}
HONEST = {("letters[dim=4]", "pairs/toy", 0), ("letters[dim=26]", "pairs/toy", 0)}
HEAD = "import os, sys\nimport numpy as np\nfrom suite import Dense, Method, Modality\n"
CLASS = """
class Bad(Method):
    name = "{name}"
    summary = "A method of a test. It misbehaves."
    modality = Modality.TEXT

    def encode(self, items, role):
        return Dense(np.ones((len(items), 2), np.float32) + np.arange(len(items))[:, None])
"""
SKIPS = {
    "raises": "raise RuntimeError('no')",
    "exits": "sys.exit(0)",
    "ends": "os._exit(0)",
    "interrupts": "raise KeyboardInterrupt",
    "number": "return 5",
    "hostile": "return '\\ud800\\x1b[31m\\n' + 'x' * 2**20",
}


def test_one_run_with_everything_that_can_go_wrong_before_it(tmp_path):
    project = make_project(tmp_path)
    for name, code in IMPORTS.items():
        project.write(f"methods/text/import_{name}.py", f"{HEAD}{code}\n{CLASS.format(name=name)}")
    for name, code in SKIPS.items():
        body = CLASS.format(name=f"skip-{name}") + f"\n    def skip(self, task):\n        {code}\n"
        project.write(f"methods/text/skip_{name}.py", HEAD + body)
    project.write("methods/text/odd.py", HEAD + CLASS.format(name="odd").replace('"odd"', "None"))
    done = project.run("run", "--jobs", "2", code=None)
    assert "Traceback" not in done.stderr + done.stdout
    rows = project.rows()
    assert {key for key, row in rows.items() if row["status"] == "ok"} >= HONEST
    for name in SKIPS:
        row = rows[f"skip-{name}", "pairs/toy", 0]
        assert row["status"] == "skipped"
        assert len(row["reason"]) <= 300
        assert row["reason"].isprintable()
    lines = done.stderr.splitlines()
    for name in (*(f"import_{name}.py" for name in IMPORTS), "odd.py"):
        assert sum("not used" in line and name in line for line in lines) == 1, name
    assert sum("skip-raises on pairs/toy: cannot be asked" in line for line in lines) == 1
    assert "0 of" in project.run("run", "--dry-run").stdout
    assert "Traceback" not in project.run("site").stderr


@pytest.mark.parametrize("bad", ["raise KeyError('x')", "raise UnicodeDecodeError('utf-8', b'', 0, 1, 'bad')", "1 / 0"])
def test_a_set_that_cannot_be_read_is_skipped_by_name_and_stops_nothing(tmp_path, bad):
    project = make_project(tmp_path)
    project.write("tasks/data/broken.py", f"def load(path):\n    {bad}\n")
    declared = (
        "- {name: broken, title: B, licence: CC0, loader: 'tasks.data.broken:load', sources: [{generated: true}]}\n"
    )
    project.write("tasks/data/broken.yaml", declared)
    text = (project.root / "tasks/pairs.yaml").read_text()
    project.write("tasks/pairs.yaml", text + "  - {name: other, title: O, data: broken, profiles: [quick]}\n")
    done = project.run("run", "-m", "letters")
    rows = project.rows()
    assert {key for key, row in rows.items() if row["status"] == "ok"} == HONEST
    skipped = rows["letters[dim=4]", "pairs/other", 0]
    assert skipped["status"] == "skipped"
    assert "data set broken" in skipped["reason"]
    assert done.stderr.splitlines()[0].startswith("data set broken: cannot be read: ")
    for command in (("run", "--dry-run"), ("claims", "-p", "quick"), ("site",), ("ls", "tasks")):
        assert "Traceback" not in project.run(*command).stderr
    assert "broken" in project.run("data", "verify", code=1).stderr


def test_a_real_ctrl_c_is_not_taken_for_the_codes_own():
    def slow():
        threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
        time.sleep(20)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell's children ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            guarded.call(slow)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(guarded.Misbehaved, match="KeyboardInterrupt"):
        guarded.call(lambda: (_ for _ in ()).throw(KeyboardInterrupt()))
    assert guarded.call(lambda: 5) == 5
    assert os._exit.__module__ != "suite.guarded"


def test_what_a_file_prints_while_it_is_scanned_is_no_output_of_the_command(tmp_path):
    project = make_project(tmp_path)
    project.write("methods/text/chatty.py", f"{HEAD}print('hello')\n{CLASS.format(name='chatty')}")
    listed = json.loads(project.run("ls", "methods", "--json").stdout)
    assert "chatty" in {entry["name"] for entry in listed}

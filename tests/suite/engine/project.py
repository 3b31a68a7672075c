"""A whole small project in a temporary folder: two methods, one family, one data set, real commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import Any

FILES = {
    "methods/__init__.py": "",
    "methods/text/__init__.py": "",
    "methods/text/letters.py": '''
        """Letter counts."""
        import numpy as np
        from suite import Dense, Method, Modality

        class Letters(Method):
            """Counts letters."""
            name = "letters"
            summary = "Counts letters. Nothing else."
            modality = Modality.TEXT
            grid = {"dim": (4, 26)}

            def encode(self, items, role):
                counts = [[text.lower().count(chr(97 + i)) for i in range(self.dim)] for text in items]
                return Dense(np.array(counts, np.float32) + 0.01)
        ''',
    "methods/text/learned.py": '''
        """A fitted mean, shared by its variants."""
        import numpy as np
        from suite import Dense, Method, Modality

        class Learned(Method):
            """Lengths against the mean length."""
            name = "learned"
            summary = "Lengths against the mean. It is fitted."
            modality = Modality.TEXT
            grid = {"keep": (1, 2)}
            fit_params = ()
            seeded = True

            def fit(self, data, seed):
                return {"mean": np.array([np.mean([len(t) for t in data.items]) + seed, 1.0], np.float32)}

            def narrow(self, fitted):
                return {"mean": fitted["mean"][: self.keep]}

            def encode(self, items, role):
                lengths = np.array([[len(t)] for t in items], np.float32)
                return Dense(np.concatenate([lengths - self.fitted["mean"][0], np.ones_like(lengths)], 1))
        ''',
    "tasks/__init__.py": "",
    "tasks/data/__init__.py": "",
    "tasks/data/toy.py": """
        import numpy as np
        from suite.data.types import PairSet

        def load(path, n):
            words = ["alpha", "beta", "gamma", "delta", "<script>", "naïve 日本"] * (n // 6 + 1)
            first, second = words[:n], words[1 : n + 1]
            return PairSet(first, second, np.array([float(len(set(a) & set(b))) for a, b in zip(first, second)]))
        """,
    "tasks/data/toy.yaml": """
        - name: toy
          title: Toy pairs
          licence: CC0
          loader: "tasks.data.toy:load"
          options: {n: 24}
          items: 24
          sources: [{generated: true}]
        """,
    "tasks/pairs.py": '''
        """Toy similarity."""
        import numpy as np
        from suite.method import FitData, Modality, Role
        from suite.results.metrics import Metric, declare
        from suite.task import Outcome, Task

        declare(Metric("agreement", "Agreement"))

        class Pairs(Task):
            """Toy similarity."""
            family = "pairs"
            family_title = "Pairs"
            readout = "compare"
            modality = Modality.TEXT
            metrics = ("agreement",)

            def fit_data(self, data, load):
                return FitData(list(data.first))

            def evaluate(self, measured, data):
                a = measured.encode(data.first, Role.ITEM)
                b = measured.encode(data.second, Role.ITEM)
                scores = measured.compare(a, b)
                right = ((scores > np.median(scores)) == (data.gold > np.median(data.gold))).astype(np.float32)
                first = data.first
                measured.time_queries(lambda i: measured.method.encode(first[i : i + 1], Role.ITEM), len(first))
                return Outcome({"agreement": float(right.mean())}, {"agreement": right})
        ''',
    "tasks/pairs.yaml": """
        tasks:
          - {name: toy, title: Toy pairs, data: toy, profiles: [quick, standard]}
        """,
}


@dataclass
class Project:
    """A project folder and the commands run in it."""

    root: Path

    def write(self, name: str, text: str) -> Path:
        """Write one file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return path

    def method(self, name: str, body: str, **attributes: Any) -> Path:
        """Write a text method whose `encode` (and more) is `body`."""
        lines = "\n".join(f"    {key} = {value!r}" for key, value in attributes.items())
        code = f'''"""{name}."""
import os, signal, time
import numpy as np
from suite import Dense, Method, Modality


class Bad(Method):
    """{name}."""

    name = "{name}"
    summary = "A method of a test. It misbehaves."
    modality = Modality.TEXT
{lines}

{body}
'''
        path = self.root / "methods" / "text" / f"{name.replace('-', '_')}.py"
        path.write_text(code, encoding="utf-8")
        return path

    def environment(self, **more: str) -> dict[str, str]:
        """Environment of its commands: nothing of the machine's own projects or data."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("WEIGHBRIDGE_")}
        own = {"WEIGHBRIDGE_ROOT": str(self.root), "HF_HUB_OFFLINE": "1", "COLUMNS": "200", "NO_COLOR": "1"}
        # The code under test is that of this checkout, whatever is installed.
        return kept | own | {"PYTHONPATH": str(Path(__file__).parents[3])} | more

    def command(self, *arguments: str, **environment: str) -> list[str]:
        """Command line of `weighbridge`."""
        return [sys.executable, "-m", "cli", *arguments]

    def run(self, *arguments: str, code: int | None = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `weighbridge` and check its exit code."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.root, env=self.environment(**environment), capture_output=True, text=True, timeout=600,
        )  # fmt: skip
        if code is not None:
            assert done.returncode == code, f"exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def rows(self, profile: str = "quick") -> dict[tuple[str, str, int], dict[str, Any]]:
        """Stored rows by variant label, task and seed."""
        found = {}
        for file in sorted((self.root / "results" / profile).rglob("*.json")):
            if file.name == "catalog.json":
                continue
            row = json.loads(file.read_text())
            inside = ",".join(f"{k}={v}" for k, v in row["variant"].items())
            label = f"{row['method']}[{inside}]" if inside else row["method"]
            found[label, row["task"], row["seed"]] = row
        return found


def make_project(root: Path) -> Project:
    """Write the project's files."""
    project = Project(root)
    for name, text in FILES.items():
        project.write(name, text)
    return project

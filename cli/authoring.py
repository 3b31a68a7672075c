"""`weighbridge new-method` and `weighbridge check`: the path of someone who adds a method."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.options import Device, Json, MethodsDir, TrustRemoteCode, load_catalogue, out, print_json
from suite import devices
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import project_root
from suite.planning import plan
from suite.profiles import profile
from suite.selectors import nearest

TEMPLATE = '''"""{title}: what the paper does, what this file does at our scale, what it leaves out."""

import numpy as np

from suite import Dense, Method, Modality, Role


class {cls}(Method):
    """Replace this by your encoder: hashed character trigrams, so that the file runs as it is."""

    name = "{name}"
    summary = "Counts hashed character trigrams. Say your mechanism here, in two sentences."
    modality = Modality.TEXT
    grid = {{"dim": (64, 256)}}
    dim: int

    def encode(self, items, role: Role) -> Dense:
        vectors = np.zeros((len(items), self.dim), np.float32)
        for row, text in enumerate(items):
            for i in range(len(text) - 2):
                vectors[row, sum(text[i : i + 3].encode()) * 2654435761 % self.dim] += 1
        return Dense(vectors)
'''


def new_method(
    name: Annotated[str, typer.Argument(help="Selector of the method: lower case, hyphens.")],
    folder: Annotated[Path | None, typer.Option(help="Folder to write to; methods by default.")] = None,
) -> None:
    """Write a method that runs as it is, to be replaced by yours."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise WeighbridgeError(f"{name!r} is not a method name: use lower-case letters, digits and hyphens")
    target = (folder or project_root() / "methods") / f"{name.replace('-', '_')}.py"
    if target.exists():
        raise WeighbridgeError(f"{target} exists; nothing was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    words = name.split("-")
    target.write_text(
        TEMPLATE.format(name=name, title=" ".join(words).capitalize(), cls="".join(w.capitalize() for w in words)),
        encoding="utf-8",
    )
    own = f" --methods-dir {folder}" if folder else ""
    out.print(f"Wrote [bold]{escape(str(target))}[/]. Next:", soft_wrap=True)
    out.print(f"  weighbridge check {name}{own}\n  weighbridge run --methods {name}{own}", soft_wrap=True)


def check(
    method: Annotated[str, typer.Argument(help="Name of the method, or a model such as st:NAME.")],
    methods_dir: MethodsDir = None,
    trust_remote_code: TrustRemoteCode = False,
    device: Device = "auto",
    as_json: Json = False,
) -> None:
    """Try a method against the interface's rules on real data; exit code 1 if any check fails."""
    devices.use(devices.choose(device)[0])
    scanned = load_catalogue(methods_dir)
    methods = scanned.methods | scanned.by_name([method], trust_remote_code=trust_remote_code)
    if method not in methods:
        raise SelectorError(f"no method {method!r}; {nearest(method, methods)}")
    from suite.conformance import check as conformance

    checks = []
    cells = plan(scanned, profile("quick"), method, trust_remote_code=trust_remote_code, undeclared=True)
    for result in conformance(methods[method], cells):
        checks.append(result)
        if not as_json:
            mark = "[green]✔[/]" if result.problem is None else "[red]✘[/]"
            problem = f"\n    {escape(result.problem)}" if result.problem else ""
            out.print(f"{mark} {escape(result.name)}{problem}", soft_wrap=True)
    failed = sum(c.problem is not None for c in checks)
    if as_json:
        print_json([vars(c) for c in checks])
    else:
        out.print(f"{len(checks) - failed} passed, {failed} failed.")
    if failed:
        raise typer.Exit(1)

"""`weighbridge new-method` and `weighbridge check`: the path of someone who adds a method."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.options import Device, Json, MethodsDir, TrustRemoteCode, load_catalogue, out, print_json
from cli.templates import TEMPLATES
from suite import devices
from suite.errors import SelectorError, WeighbridgeError
from suite.paths import is_checkout, project_root
from suite.planning import plan
from suite.profiles import profile
from suite.running.budget import seconds
from suite.selectors import nearest

BEHIND = "wordllama"
"""The encoder that a compressor is checked behind: no network runs, so that a check takes seconds."""


def new_method(
    name: Annotated[str, typer.Argument(help="Selector of the method: lower case, hyphens.")],
    kind: Annotated[str, typer.Option(help=f"One of {', '.join(TEMPLATES)}.")] = "encoder",
    folder: Annotated[
        Path | None,
        typer.Option(
            help="Folder to write to; by default that of the kind's methods, or ./methods outside a checkout."
        ),
    ] = None,
) -> None:
    """Write a method that runs as it is, to be replaced by yours: an encoder, a compressor, a codec."""
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise WeighbridgeError(f"{name!r} is not a method name: use lower-case letters, digits and hyphens")
    if kind not in TEMPLATES:
        raise WeighbridgeError(f"--kind {kind!r}: {nearest(kind, TEMPLATES)}")
    template = TEMPLATES[kind]
    if folder is None and not is_checkout():
        folder = Path("methods")
    target = (folder or project_root() / "methods" / template.folder) / f"{name.replace('-', '_')}.py"
    if target.exists():
        raise WeighbridgeError(f"{target} exists; nothing was written")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(template.filled(name), encoding="utf-8")
    own = f" --methods-dir {folder}" if folder else ""
    out.print(f"Wrote [bold]{escape(str(target))}[/]. Next:", soft_wrap=True)
    for command in template.commands:
        out.print(f"  {escape(command.format(name=name))}{own}", soft_wrap=True)


def check(
    method: Annotated[
        str, typer.Argument(help="A method, a compressor, a row such as minilm+NAME, or a model such as st:NAME.")
    ],
    methods_dir: MethodsDir = None,
    trust_remote_code: TrustRemoteCode = False,
    device: Device = "auto",
    time_limit: Annotated[
        str, typer.Option(help="Time a check may take, e.g. 30s or 10m; training and fitting may take five times that.")
    ] = "2m",
    as_json: Json = False,
) -> None:
    """Try a method against the interface's rules on real data; exit code 1 if any check fails."""
    devices.use(devices.choose(device)[0])
    scanned = load_catalogue(methods_dir)
    if method in scanned.compressors:
        method = f"{BEHIND}+{method}"
    named = scanned.by_name([method], trust_remote_code=trust_remote_code)
    methods = scanned.methods | named
    name = next(iter(named)) if "+" in method and named else method
    if name not in methods:
        raise SelectorError(f"no method {method!r}; {nearest(method, [*methods, *scanned.compressors], 'ls methods')}")
    from suite.conformance import check as conformance

    checks = []
    cells = plan(scanned, profile("quick"), method, trust_remote_code=trust_remote_code, undeclared=True)
    for result in conformance(methods[name], cells, seconds(time_limit)):
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

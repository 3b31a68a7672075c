"""`weighbridge data`: what is here, where it comes from, fetching and verifying it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from suite.cli.options import Json, err, out, print_json
from suite.data import access
from suite.errors import WeighbridgeError
from suite.selectors import select_names

app = typer.Typer(help="List, fetch and verify data sets.", no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(help="Names or globs; all if none is given.")]


@app.command("ls")
def list_data(as_json: Json = False) -> None:
    """List data sets: whether they are here, where from, licence and hash."""
    entries: list[dict[str, Any]] = []
    for name, spec in access.specs().items():
        found = spec.locate()
        entries.append(
            {
                "name": name,
                "title": spec.title,
                "here": str(found[0]) if found else None,
                "path": str(found[1]) if found else None,
                "sources": [str(s) for s in spec.sources],
                "licence": spec.licence,
                "sha256": spec.sha256,
                "items": spec.items,
            }
        )
    if as_json:
        return print_json(entries)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("data set", "items", "here", "licence", "hash"):
        table.add_column(column, overflow="fold")
    for e in entries:
        where = f"[green]{e['here']}[/]" if e["here"] else f"[yellow]no:[/] {' or '.join(e['sources'])}"
        table.add_row(e["name"], str(e["items"] or ""), where, escape(e["licence"]), (e["sha256"] or "not pinned")[:12])
    return out.print(table)


@app.command()
def fetch(names: Names = None) -> None:
    """Fetch data sets that are not here and can be downloaded; verify each."""
    from suite.data.fetch import fetch as fetch_one

    failed = 0
    for name in select_names(names or None, access.specs(), "data set"):
        try:
            path = fetch_one(access.spec(name))
            access.load(name)
            out.print(f"[green]ok[/] {name}: {escape(str(path))}", soft_wrap=True)
        except WeighbridgeError as error:
            failed += 1
            err.print(f"[red]no[/] {escape(str(error))}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)


@app.command()
def verify(names: Names = None) -> None:
    """Decode what is here again and compare its content hash with the declared one."""
    from suite.data.types import content_hash

    failed = 0
    for name in select_names(names or None, access.specs(), "data set"):
        spec = access.spec(name)
        found = spec.locate()
        if found is None:
            out.print(f"[yellow]not here[/] {name}")
            continue
        try:
            actual = content_hash(access.decode(spec, found[1]))
        except (WeighbridgeError, OSError, ValueError) as error:
            failed += 1
            err.print(f"[red]unreadable[/] {name}: {escape(str(error))}", soft_wrap=True)
            continue
        if spec.sha256 is None:
            out.print(f"[yellow]not pinned[/] {name}: {actual}", soft_wrap=True)
        elif actual == spec.sha256:
            out.print(f"[green]ok[/] {name}: {actual[:16]}… from {found[0]}")
        else:
            failed += 1
            err.print(f"[red]differs[/] {name}: found {actual}, declared {spec.sha256}", soft_wrap=True)
    if failed:
        raise typer.Exit(1)

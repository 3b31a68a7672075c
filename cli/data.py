"""`weighbridge data`: what is here, where it comes from, fetching and verifying it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from cli.options import Json, err, out, print_json
from cli.tables import listing
from suite import own_data
from suite.data import access, own
from suite.data.declaration import DataSpec, HubSource, Source
from suite.errors import DataMismatch, SelectorError, WeighbridgeError
from suite.selectors import select_names

app = typer.Typer(help="List, fetch, verify and add data sets.", no_args_is_help=True)
Names = Annotated[list[str] | None, typer.Argument(help="Names or globs; all if none is given.")]


@app.command("ls")
def list_data(names: Names = None, as_json: Json = False) -> None:
    """List data sets: what is here, where from, how big, under which licence, revision and hash."""
    entries = [_entry(access.spec(name)) for name in select_names(names or None, access.specs(), "data set", "data ls")]
    if as_json:
        return print_json(entries)
    if names:
        return _print_details(entries)
    rows = [
        (
            e["name"], e["here"] or e["state"], f"{e['items']:,}" if e["items"] else "", _size(e["bytes"]),
            e["licence"], (e["revision"] or "")[:8], (e["sha256"] or "not pinned")[:12],
        )
        for e in entries
    ]  # fmt: skip
    listing(("data set", "state", "items", "size", "licence", "revision", "hash"), rows).print()
    return out.print("`weighbridge data ls NAME` says where a set comes from.")


def _print_details(entries: list[dict[str, Any]]) -> None:
    for e in entries:
        out.print(f"[bold]{e['name']}[/]  {escape(e['title'])}", soft_wrap=True)
        facts = {
            "state": e["state"] if e["path"] is None else f"here, {e['path']}",
            "from": " or ".join(e["sources"]),
            "licence": e["licence"],
            "size": ", ".join(filter(None, (f"{e['items']:,} items" if e["items"] else "", _size(e["bytes"])))),
            "revision": e["revision"],
            "hash": e["sha256"] or "not pinned: `weighbridge data verify` prints it once the set is here",
            "gated": "its owners ask readers to accept terms, logged in, before it can be fetched"
            if e["gated"]
            else "",
            "note": e["note"],
        }
        for name, fact in facts.items():
            if fact:
                out.print(f"  {name:9} {escape(str(fact))}", soft_wrap=True)


def _entry(spec: DataSpec) -> dict[str, Any]:
    found = spec.locate()
    halves = [state for source in spec.sources if (state := source.state()) != "not here"]
    return {
        "name": spec.name,
        "title": spec.title,
        "here": str(found[0]) if found else None,
        "path": str(found[1]) if found else None,
        "state": "here" if found else next(iter(halves), "not here"),
        "sources": [str(s) for s in spec.sources],
        "gated": any(isinstance(s, HubSource) and s.gated for s in spec.sources),
        "licence": spec.licence,
        "revision": _revision(spec.sources if found is None else [found[0]]),
        "sha256": spec.sha256,
        "items": spec.items,
        "bytes": spec.bytes if found is None else _stored_bytes(found[1]),
        "note": spec.note,
    }


def _revision(sources: Any) -> str | None:
    """The commit, where the Hub is the source; the branch where no commit is known yet."""
    hubs: list[Source] = [source for source in sources if isinstance(source, HubSource)]
    return next((s.snapshot().commit() or s.revision for s in hubs if isinstance(s, HubSource)), None)


def _stored_bytes(path: Path | None) -> int | None:
    """Bytes of a file, or of all files of a folder; None for what is generated."""
    if path is None:
        return None
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


def _size(count: int | None) -> str:
    if count is None:
        return ""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"


@app.command()
def fetch(
    names: Names = None,
    mirror: Annotated[
        Path | None, typer.Option(help="Folder with copies, looked into first; also $WEIGHBRIDGE_MIRROR.")
    ] = None,
) -> None:
    """Fetch data sets that are not here and can be downloaded; verify each.

    Interrupt it at will: the same command goes on where it stopped. A mirror is a folder that holds what another
    machine fetched: its Hub cache (folders datasets--…), single files by their name, Debian packages.
    """
    from suite.data.fetch import fetch as fetch_one
    from suite.data.fetch import mirror_folder
    from suite.data.transfer import NetworkMissing

    folder = mirror_folder(mirror)
    failed, missed = 0, []
    dead: set[str] = set()
    for name in select_names(names or None, access.specs(), "data set", "data ls"):
        try:
            path = fetch_one(access.spec(name), folder, dead)
            out.print(f"[green]ok[/] {name}: {escape(str(path))}{_verified(name)}", soft_wrap=True)
        except NetworkMissing as error:
            missed.append(name)
            if error.host not in dead:
                err.print(f"[yellow]{escape(str(error))}[/]", soft_wrap=True)
                dead.add(error.host)
        except WeighbridgeError as error:
            failed += 1
            err.print(f"[red]no[/] {escape(str(error))}", soft_wrap=True)
    if missed:
        more = f" and {len(missed) - 3} more" if len(missed) > 3 else ""
        err.print(f"Not fetched: {', '.join(missed[:3])}{more}. What needs them is skipped with this reason.")
    if failed or missed:
        raise typer.Exit(1)


def _verified(name: str) -> str:
    """Load a set, which compares its hash with the declared one; for a set without one, say which it has."""
    if access.spec(name).sha256 is None:
        return f" [dim](not pinned; its content hash is {access.data_hash(name)})[/]"
    access.load(name)
    return ""


@app.command()
def verify(names: Names = None) -> None:
    """Decode what is here again and compare its content hash with the declared one.

    Of what came from the Hub, the files themselves are compared with their repository's digests first.
    """
    from suite.data.types import content_hash

    failed = 0
    for name in select_names(names or None, access.specs(), "data set", "data ls"):
        spec = access.spec(name)
        found = spec.locate()
        if found is None:
            out.print(f"[yellow]not here[/] {name}")
            continue
        try:
            _check_bytes(found[0])
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


def _check_bytes(source: Source) -> None:
    files = source.snapshot().files() if isinstance(source, HubSource) else []
    if damaged := [damage for file in files if (damage := file.damage()) is not None]:
        raise DataMismatch(f"{source}: {'; '.join(damaged[:3])}")


@app.command()
def add(
    path: Annotated[str, typer.Argument(help="PREFIX:PATH, or a path: then --as says by its family what lies there.")],
    name: Annotated[
        str | None, typer.Option("--as", help="Name of the task, as beir/mine; after the path if none.")
    ] = None,
    licence: Annotated[str, typer.Option(help="Licence, for your own pages.")] = "",
    option: Annotated[
        list[str] | None,
        typer.Option(help="Option of the loader, as size=96 or split=dev; may be repeated."),
    ] = None,
) -> None:
    """Add data of your own for good: a task of that name, in every profile, for every command.

    The data are read once and stay where they are; what they hold now is part of every row's key. Examples:

    weighbridge data add beir:./my-corpus

    weighbridge data add ./my-corpus --as beir/mine

    weighbridge data add ./pairs.csv --as sts/mine

    weighbridge data add ./photos --as images/mine --option size=96
    """
    from suite.discovery import scan

    prefix, colon, _ = path.partition(":")
    selector = path
    if not (colon and prefix in own.kinds()):
        family = (name or "").partition("/")[0]
        kind = next((k for k in own.kinds().values() if family in (k.prefix, k.family)), None)
        if kind is None:
            raise SelectorError(
                f"what lies at {path}? Write it as one of {', '.join(f'{p}:{path}' for p in own.kinds())}, or add --as"
            )
        selector = f"{kind.prefix}:{path}"
    entry = own_data.remember(
        selector, scan().declared_tasks(), name and own.task_name(name), licence=licence, options=_options(option or ())
    )
    out.print(
        f"Added [bold]{entry.task}[/], which is {escape(entry.path)}, to {escape(str(own.own_file()))}. Next:",
        soft_wrap=True,
    )
    method = own.kinds()[entry.prefix].begin_with
    out.print(f"  weighbridge run -m {method} -t {entry.task}\n  weighbridge data remove {entry.task}")


@app.command()
def remove(task: Annotated[str, typer.Argument(help="Name of the task, as beir/mine.")]) -> None:
    """Forget data of your own; they stay where they are, and so do results."""
    entry = own_data.forget(own.task_name(task))
    out.print(f"Forgot {entry.task}, which is {escape(entry.path)}.", soft_wrap=True)


def _options(pairs: Iterable[str]) -> dict[str, Any]:
    import yaml

    options = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise WeighbridgeError(f"--option takes name=value, not {pair!r}")
        options[key] = yaml.safe_load(value)
    return options

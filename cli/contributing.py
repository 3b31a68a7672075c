"""`weighbridge validate`: are contributed results what they claim to be?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from cli.options import Json, MethodsDir, err, load_catalogue, out, print_json
from suite.errors import WeighbridgeError
from suite.paths import results_root

MOST_SHOWN = 50


def validate(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Folders or files of results; all of them if none.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Folder of results that they lie in.")] = None,
    methods_dir: MethodsDir = None,
    as_json: Json = False,
) -> None:
    """Check results before they are contributed: schema, keys, hashes, ranges, and scores against per-item scores.

    Nothing is changed. The exit code is 1 if anything must be put right.
    """
    from suite.exchange.validation import Validator, result_files

    for path in paths or []:
        if not path.exists():
            raise WeighbridgeError(f"{path} does not exist")
    root = (results or _root_of(paths or [])).resolve()
    if not root.is_dir():
        raise WeighbridgeError(f"{root} is not a folder of results")
    validator = Validator(load_catalogue(methods_dir), root)
    shown, blocking, notes = [], 0, 0
    for problem in validator.check(result_files(root, paths or [root])):
        blocking += problem.blocking
        notes += not problem.blocking
        if as_json:
            shown.append(vars(problem))
        elif blocking + notes <= MOST_SHOWN:
            colour = "red" if problem.blocking else "yellow"
            (err if problem.blocking else out).print(f"[{colour}]•[/] {escape(str(problem))}", soft_wrap=True)
    if not validator.rows:
        raise WeighbridgeError(f"there are no results in {', '.join(map(str, paths or [root]))}")
    if as_json:
        print_json({"rows": validator.rows, "problems": shown})
    else:
        if blocking + notes > MOST_SHOWN:
            err.print(f"… and {blocking + notes - MOST_SHOWN} more")
        out.print(f"{validator.rows} rows: {blocking} problems, {notes} notes.")
    if blocking:
        raise typer.Exit(1)


def _root_of(paths: list[Path]) -> Path:
    """The folder of results that a contributed folder is, or lies in: the one above a profile's."""
    from suite.profiles import profiles

    for path in paths[:1]:
        for place in (path.resolve(), *path.resolve().parents):
            if place.name in profiles():
                return place.parent
        return path
    return results_root()

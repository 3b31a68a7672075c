"""`weighbridge vectors`: what every compressor keeps of a file of vectors, and what it costs."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from cli.options import Json, MethodsDir, err, load_catalogue, out, print_json
from suite.errors import WeighbridgeError

_UNITS = {"": 1, "B": 1, "KB": 1000, "KIB": 1024}


def vectors(
    documents: Annotated[
        Path, typer.Argument(help="Vectors to be compressed: .npy, .npz, .safetensors, .parquet, .fvecs or .jsonl.")
    ],
    queries: Annotated[
        Path | None, typer.Argument(help="Vectors of queries; without them some documents are held out as queries.")
    ] = None,
    qrels: Annotated[
        Path | None, typer.Option(help="Judgements (query, document, grade): adds nDCG@10 and recall@100.")
    ] = None,
    compressors: Annotated[
        str | None,
        typer.Option(
            "--compressors", "-c", help="Names, globs, settings, rows: 'int8,pq*,rabitq[bits=2],pca[dim=64]+int8'."
        ),
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Bytes a vector may take, as 64B: what is best within it?")] = None,
    similarity: Annotated[str, typer.Option(help="cosine, dot or euclidean.")] = "cosine",
    seed: Annotated[int, typer.Option(help="Of samples and of seeded compressors.")] = 0,
    csv_file: Annotated[Path | None, typer.Option("--csv", help="Write the table as CSV.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Write bytes against what is kept as SVG.")] = None,
    site: Annotated[Path | None, typer.Option(help="Write a page of it all to this folder.")] = None,
    methods_dir: MethodsDir = None,
    as_json: Json = False,
) -> None:
    """Weigh compressors on your own vectors: bytes, neighbours kept, times, and what is best for its size.

    Nothing is judged but the compression: overlap@10 is the share of the ten exact nearest neighbours, by your own
    vectors, that are still found. With --qrels the ranking itself is judged too. Files are memory-mapped.

    Example: weighbridge vectors documents.npy queries.npy --budget 64B --plot plane.svg
    """
    allowed = _bytes(budget)
    for file in (csv_file, plot):
        if file is not None and not file.parent.is_dir():
            raise WeighbridgeError(f"{file}: there is no folder {file.parent}")
    if plot is not None and plot.suffix != ".svg":
        raise WeighbridgeError(f"{plot} must end in .svg")
    scanned = load_catalogue(methods_dir)
    from suite.vectors import collect
    from suite.vectors.choosing import candidates
    from suite.vectors.table import table
    from suite.vectors.weighing import weigh_all

    chosen = candidates(scanned, compressors)
    with _progress() as (tell, total):
        collection = collect(documents, queries, qrels, similarity=similarity, seed=seed, progress=tell)
        total(len(collection) * (len(chosen) + 1))
        weighed = []
        for one in weigh_all(collection, chosen, tell):
            weighed.append(one)
    made = table(weighed, allowed)
    if csv_file is not None:
        csv_file.write_text(_csv(made.records()), encoding="utf-8")
    if plot is not None:
        from suite.vectors.plot import svg

        plot.write_text(svg(made), encoding="utf-8")
    if site is not None:
        from suite.vectors.page import page

        site.mkdir(parents=True, exist_ok=True)
        (site / "index.html").write_text(page(made, _about(collection)), encoding="utf-8")
    if as_json:
        about = {"documents": len(collection), "queries": len(collection.queries), "dimensions": collection.dim}
        rows = [{k: _plain(v) for k, v in row.items()} for row in made.records()]
        return print_json(about | {"similarity": similarity, "sentence": made.sentence, "compressors": rows})
    _print(made, collection, named=compressors is not None)
    for file in (csv_file, plot, site and site / "index.html"):
        if file is not None:
            err.print(f"Wrote {escape(str(file))}.", soft_wrap=True)
    return None


def _print(made: Any, collection: Any, *, named: bool) -> None:
    note = "± is half the 95 % interval over queries; ◆ nothing is both smaller and better."
    out.print(f"{_about(collection)}. {note}\n", soft_wrap=True)
    whole = _table(made, times=True)
    natural = out.measure(whole, options=out.options.update(max_width=400)).maximum
    if out.is_terminal and natural > out.width:
        out.print(_table(made, times=False))
    else:
        Console(file=out.file, width=max(natural, out.width), highlight=False).print(whole)
    for line in made.lines:
        if line.reason is not None:
            if named:
                out.print(f"[yellow]no result:[/] {escape(line.compressor)}: {escape(line.reason)}", soft_wrap=True)
            else:
                err.print(f"[dim]left out: {escape(line.compressor)}: {escape(line.reason)}[/]", soft_wrap=True)
    out.print(f"\n{escape(made.sentence)}", soft_wrap=True)


def _about(collection: Any) -> str:
    return (
        f"{len(collection):,} documents, {len(collection.queries):,} queries, {collection.dim} dimensions, "
        f"{collection.similarity}"
    )


def _table(made: Any, *, times: bool) -> RichTable:
    """The lines, largest first; without intervals and times where the terminal is narrow."""
    names = list(made.lines[0].scores)
    shown = RichTable(box=None, header_style="bold", pad_edge=False)
    shown.add_column("compressor", no_wrap=True)
    measured = ("encode/s", "search ms", "fit s") if times else ()
    for column in ("bytes", "× smaller", *names, "% kept", *measured, ""):
        shown.add_column(column, justify="right", no_wrap=True)
    done = (line for line in made.lines if line.reason is None)
    for line in sorted(done, key=lambda line: (-line.bytes, line.compressor)):
        scores = [_score(*line.scores[name], interval=times) for name in names]
        cells = [escape(line.compressor), f"{line.bytes:,.0f}", f"{line.smaller:.1f}", *scores]
        cells.append(f"{line.kept[0]:.1f}" if line.kept else "–")
        if times:
            speed = f"{line.encode_per_second:,.0f}" if line.encode_per_second else "–"
            cells += [speed, f"{line.search_ms:.2f}", f"{line.fit_seconds:.1f}"]
        shown.add_row(*cells, "◆" if line.pareto else "")
    return shown


def _score(mean: float, low: float, high: float, *, interval: bool) -> str:
    return f"{mean:.3f} ±{(high - low) / 2:.3f}" if interval and math.isfinite(low) else f"{mean:.3f}"


@contextmanager
def _progress() -> Iterator[tuple[Any, Any]]:
    """What tells of progress, and what sets the number of rows that there will be."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:24}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("checking", total=None)

        def tell(what: str, rows: int) -> None:
            bar.update(task, description=what, advance=rows)

        def total(rows: int) -> None:
            bar.update(task, total=rows, completed=0)

        yield tell, total


def _bytes(text: str | None) -> float | None:
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    if found is None or found[2].upper() not in _UNITS or float(found[1]) <= 0:
        raise WeighbridgeError(f"--budget takes bytes, as 64, 64B or 1KiB, not {text!r}")
    return float(found[1]) * _UNITS[found[2].upper()]


def _csv(records: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(dict.fromkeys(name for row in records for name in row)), lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: "" if v is None else v for k, v in row.items()} for row in records)
    return text.getvalue()


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value

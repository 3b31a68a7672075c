"""TREC runs and judgements as plain files: ``query Q0 document rank score tag`` and ``query 0 document grade``.

Both are what trec_eval and ir-measures read. White space in identifiers is percent-encoded when a file is written, and
decoded when it is read; a per cent sign is encoded too, so that no identifier is changed on the way. Readers break ties
by identifier, which encoding would reorder: of equal scores the later one is written as the next smaller float32.
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from suite import files
from suite.errors import WeighbridgeError
from suite.results.layout import cell_name, component
from suite.results.schema import CellResult
from suite.results.store import ResultStore
from suite.results.trec import escaped, to_trec

LONGEST_LINE = 1 << 16
"""Bytes that no line of a run or of judgements has."""

Run = dict[str, dict[str, float]]
Qrels = dict[str, dict[str, int]]


def write_run(store: ResultStore, result: CellResult, folder: Path) -> Path | None:
    """Write a cell's run to ``<folder>/runs/<task>/<cell>.run``; None where its run is not on this machine."""
    run = store.read_run(result)
    if run is None:
        return None
    text = gzip.decompress(to_trec(_without_ties(run), result.label)).decode()
    return _write(_folder(folder / "runs", result.task), f"{cell_name(result)}.run", text)


def _without_ties(run: Sequence[tuple[str, str, float]]) -> list[tuple[str, str, float]]:
    """The same ranking with falling scores."""
    last: dict[str, float] = {}
    falling = []
    for query, document, score in run:
        below = np.nextafter(np.float32(last.get(query, np.inf)), np.float32(-np.inf))
        last[query] = min(score, float(below))
        falling.append((query, document, last[query]))
    return falling


def write_qrels(task: str, qrels: Mapping[str, Mapping[str, int]], folder: Path) -> Path:
    """Write judgements to ``<folder>/qrels/<task>.qrels``."""
    lines = (
        f"{escaped(query)} 0 {escaped(document)} {grade}\n"
        for query, grades in qrels.items()
        for document, grade in grades.items()
    )
    place = _folder(folder / "qrels", task)
    return _write(place.parent, f"{place.name}.qrels", "".join(lines))


def _folder(root: Path, task: str) -> Path:
    return root.joinpath(*map(component, task.split("/", 1)))


def _write(folder: Path, name: str, text: str) -> Path:
    try:
        files.make_folder(folder)
        files.write(folder / name, text.encode())
    except OSError as error:
        raise files.unwritable(folder / name, error) from None
    return folder / name


def read_run(path: Path, queries: Container[str] = (), documents: Container[str] = ()) -> Run:
    """Query id → document id → score of a run, plain or gzipped; ranks are not read, as trec_eval does not read them.

    Args:
        path: the file.
        queries: ids of the collection's queries; one that is no such id once it is decoded, but is one as it was
            written, is left as it was: others' files do not encode their per cent signs.
        documents: ids of its documents, likewise.

    Raises:
        WeighbridgeError: a line is malformed, a score is no finite number, or a document is given twice for a query.
    """
    run: Run = {}
    for number, fields in _lines(path, ("query", "Q0", "document", "rank", "score", "tag")):
        query, document = _identifier(fields[0], queries), _identifier(fields[2], documents)
        score = _number(path, number, fields[4])
        if document in run.setdefault(query, {}):
            raise WeighbridgeError(
                f"{path}, line {number}: document {shortened(document)} is given twice for query {shortened(query)}"
            )
        run[query][document] = score
    return run


def read_qrels(path: Path) -> Qrels:
    """Query id → document id → grade of judgements, plain or gzipped.

    Raises:
        WeighbridgeError: a line is malformed, a grade is no whole number, or two of one pair differ.
    """
    qrels: Qrels = {}
    for number, fields in _lines(path, ("query", "0", "document", "grade")):
        grade = _number(path, number, fields[3])
        if grade != int(grade):
            raise WeighbridgeError(f"{path}, line {number}: grade {shortened(fields[3])} is not a whole number")
        query, document = unquote(fields[0]), unquote(fields[2])
        if qrels.setdefault(query, {}).setdefault(document, int(grade)) != int(grade):
            raise WeighbridgeError(
                f"{path}, line {number}: document {shortened(document)} is judged twice for query "
                f"{shortened(query)}, in different ways"
            )
    return qrels


def _identifier(written: str, known: Container[str]) -> str:
    decoded = unquote(written)
    return written if decoded not in known and written in known else decoded


def shortened(identifier: str) -> str:
    """An identifier for a message."""
    return repr(identifier if len(identifier) <= 80 else f"{identifier[:79]}…")


def ranked(run: Run) -> Iterator[tuple[str, str, float]]:
    """(query, document, score), best first for each query; ties by document id, descending, as in trec_eval."""
    for query, scores in run.items():
        for document in sorted(sorted(scores, reverse=True), key=lambda d: -scores[d]):
            yield query, document, scores[document]


def _lines(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Number and fields of each line that is not empty."""
    found = False
    try:
        for number, line in enumerate(_text(path), 1):
            if not line.strip():
                continue
            fields = line.split()
            if len(fields) != len(columns):
                raise WeighbridgeError(
                    f"{path}, line {number}: expected {len(columns)} columns ({' '.join(columns)}), found {len(fields)}"
                )
            found = True
            yield number, fields
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise WeighbridgeError(f"{path} cannot be read: {error}") from None
    if not found:
        raise WeighbridgeError(f"{path} is empty")


def _text(path: Path) -> Iterator[str]:
    """Lines of a file, which may be gzipped; ValueError where it is far too much for a run."""
    with files.opened(path, links=True) as file:
        zipped = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        encoding, size = "utf-8-sig", 0
        with gzip.open(file) if zipped else io.BufferedReader(file) as stream:
            while line := stream.readline(LONGEST_LINE + 1):
                size += len(line)
                if len(line) > LONGEST_LINE or size > files.LARGEST:
                    raise ValueError(
                        f"it holds a line of more than {LONGEST_LINE:,} bytes, or {files.LARGEST:,} in all"
                    )
                yield line.decode(encoding)
                encoding = "utf-8"


def _number(path: Path, number: int, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise WeighbridgeError(f"{path}, line {number}: {shortened(text)} is not a finite number")
    return value

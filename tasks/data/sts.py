"""Pairs of texts with a similarity that people gave them."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from suite import files
from suite.data.judgements import is_number
from suite.data.types import PairSet
from suite.errors import DataUnavailable, DeclarationError
from suite.guarded import shortened
from tasks.data import hub

COLUMNS = ("sentence1", "sentence2", "score")
DELIMITERS = (",", "\t", ";", "|")


def load_lee(path: Path) -> PairSet:
    """Lee, Pincombe and Welsh (CogSci 2005): all 1,225 pairs of 50 news documents, mean similarity in 0 to 1.

    Args:
        path: folder that holds lee.cor and similarities0-1.txt.
    """
    documents = _text(path / "lee.cor", "latin-1").split("\n")
    similarity = np.loadtxt(path / "similarities0-1.txt", ndmin=2)
    if similarity.shape != (len(documents), len(documents)):
        raise DeclarationError(f"{path}: {len(documents)} documents, but similarities of shape {similarity.shape}")
    rows, columns = np.triu_indices(len(documents), k=1)
    return PairSet([documents[i] for i in rows], [documents[j] for j in columns], similarity[rows, columns])


def load_words(path: Path) -> PairSet:
    """Word pairs: two words and a mean rating between tabs, lines that start with # are comments."""
    lines = [line for line in _text(path, "utf-8").split("\n") if line and not line.startswith("#")]
    return _pairs(path, (line.split("\t") for line in lines), columns=3, texts=0)


def load_stsb(path: Path, split: str = "test") -> PairSet:
    """STS Benchmark (Cer et al., SemEval 2017), English: ``stsb-en-<split>.csv`` without header, or the Hub's files."""
    file = path / f"stsb-en-{split}.csv"
    if not file.is_file() and path.is_dir() and any(path.iterdir()):
        return load_hub(path, split)
    return _pairs(file, csv.reader(io.StringIO(_text(file, "utf-8"), newline=""), strict=True), columns=3, texts=0)


def load_sts12(path: Path) -> PairSet:
    """STS 2012 test (Agirre et al., SemEval 2012): subset, two sentences and a score between tabs.

    A first line whose last cell is no number is a header. A folder is read as the Hub's files.
    """
    if path.is_dir():
        return load_hub(path)
    rows = [line.split("\t") for line in _text(path, "utf-8").split("\n") if line]
    return _pairs(path, rows[1:] if rows and not is_number(rows[0][-1]) else rows, columns=4, texts=1)


def load_hub(path: Path, split: str = "test", subset: str | None = None) -> PairSet:
    """A similarity set of the Hub in mteb's layout: columns sentence1, sentence2 and score."""
    cells = (
        [row.get(name, "") for name in ("sentence1", "sentence2", "score")] for row in hub.rows(path, subset, split)
    )
    return _pairs(path, cells, columns=3, texts=0)


def load_table(path: Path) -> PairSet:
    """A table of the user's own: columns sentence1, sentence2 and score, whatever stands between them.

    A first line that names these columns, in any order and among others, is a header; so is the first line of a table
    of three columns whose last cell is no number. Commas, tabs, semicolons and bars are tried.

    Raises:
        DataUnavailable: the file is missing.
        DeclarationError: there are no such columns, or a line does not have them; the message names file and line.
    """
    text = _text(path, "utf-8")
    tables = [_cells(text, delimiter) for delimiter in DELIMITERS]
    for rows in tables:
        header = [cell.strip().lower() for cell in rows[0]] if rows else []
        if set(COLUMNS) <= set(header):
            places = [header.index(name) for name in COLUMNS]
            return _pairs(path, _placed(path, rows[1:], places, len(header)), columns=3, texts=0)
    for rows in tables:
        if rows and all(len(row) == 3 for row in rows[:20]):
            return _pairs(path, rows if is_number(rows[0][2]) else rows[1:], columns=3, texts=0)
    first = shortened(repr(text.partition("\n")[0][:80]))
    raise DeclarationError(
        f"{path}, line 1: expected the columns {', '.join(COLUMNS)}, or three columns without a header, found {first}"
    )


def _cells(text: str, delimiter: str) -> list[list[str]]:
    """Rows of a table; none where it cannot be read with this delimiter."""
    try:
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        return [row for row in rows if row]
    except csv.Error:
        return []


def _placed(file: Path, rows: Sequence[Sequence[str]], places: Sequence[int], width: int) -> Iterator[list[str]]:
    for number, row in enumerate(rows, 1):
        if len(row) <= max(places) or any(row[width:]):  # more cells are a sentence with a delimiter that is not quoted
            raise DeclarationError(f"{file}, pair {number}: {len(row)} cells, the header has {width}")
        yield [row[place] for place in places]


def _text(file: Path, encoding: str) -> str:
    try:
        text = bytes(files.read(file, links=True)).decode(encoding)
        return text.removeprefix("\ufeff").replace("\r\n", "\n").rstrip("\n")
    except FileNotFoundError:
        raise DataUnavailable(f"{file} is missing") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{file}: not {encoding}, save it as such: {error}") from None
    except OSError as error:
        raise DataUnavailable(f"{file} cannot be read: {error.strerror or error}") from None


def _pairs(file: Path, rows: Iterable[Sequence[Any]], columns: int, texts: int) -> PairSet:
    """Pairs from rows of `columns` cells: two texts from cell `texts` on, then the similarity."""
    first, second, gold = [], [], []
    for number, row in enumerate(_readable(file, rows), 1):
        if len(row) != columns:
            raise DeclarationError(f"{file}, pair {number}: expected {columns} cells, found {len(row)}")
        try:
            score = float(row[texts + 2])
        except (TypeError, ValueError):
            score = math.nan
        if not math.isfinite(score) or isinstance(row[texts + 2], bool):
            raise DeclarationError(
                f"{file}, pair {number}: similarity {shortened(repr(row[texts + 2]))} is not a number"
            )
        first.append(row[texts])
        second.append(row[texts + 1])
        gold.append(score)
    if not gold:
        raise DeclarationError(f"{file}: holds no pairs")
    return PairSet(first, second, np.array(gold))


def _readable(file: Path, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
    """The rows; one line where the table itself is broken, such as by a quote that is never closed."""
    try:
        yield from rows
    except csv.Error as error:
        raise DeclarationError(
            f"{file}: not a table of comma-separated values ({error}): is there a quote that is never closed?"
        ) from None

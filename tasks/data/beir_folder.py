"""Folders in BEIR's format (Thakur et al., arXiv:2104.08663): corpus.jsonl, queries.jsonl and judgements.

Judgements are ``qrels/<split>.tsv`` with or without a header line, or ``qrels.jsonl`` with the keys query-id, corpus-id
and score. As in BEIR, a cell of the table may stand in double quotes. A byte order mark is no part of the first line.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import Any

from suite import files
from suite.data.judgements import Judgements, is_number, unquoted
from suite.data.types import RetrievalSet
from suite.errors import DataUnavailable, DeclarationError

log = logging.getLogger(__name__)

Judgement = tuple[str, str, str, Any]
"""Where it stands, query, document and grade as written."""


def load(path: Path, split: str = "test") -> RetrievalSet:
    """Read a BEIR folder.

    Queries without a judgement are left out. Judgements of documents that the corpus does not hold stay, as in BEIR:
    such a document counts as relevant and cannot be found. Judgements of unknown queries are dropped. All three are
    counted in one log line.

    Args:
        path: the folder.
        split: name of the judgements.

    Raises:
        DataUnavailable: the folder or one of its files is missing.
        DeclarationError: a line is malformed, an id is given twice, a pair is judged twice in different ways, or there
            is no document or no judged query; the message names file and line.
    """
    corpus, queries = path / "corpus.jsonl", path / "queries.jsonl"
    documents = _texts(corpus, ("title", "text"))
    asked = _texts(queries, ("text",))
    source, found = _judgements(path, split, asked)
    if not documents:
        raise DeclarationError(f"{corpus}: the corpus holds no documents")
    judgements = Judgements()
    for judgement in found:
        judgements.add(*judgement)
    qrels = judgements.qrels
    known = {query: text for query, text in asked.items() if query in qrels}
    if not known:
        raise DeclarationError(f"{source}: none of the {len(asked)} queries of {queries.name} has a judgement")
    kept = {query: qrels[query] for query in known}
    _report(path, len(asked) - len(known), len(qrels) - len(known), _missing(kept, documents))
    return RetrievalSet(list(documents), list(documents.values()), list(known), list(known.values()), kept)


def load_own(path: Path, split: str | None = None) -> RetrievalSet:
    """A folder of the user's own: the judgements called ``test``, or the only ones that there are.

    Raises:
        DataUnavailable, DeclarationError: as `load` says.
    """
    tables = sorted(table.stem for table in (path / "qrels").glob("*.tsv"))
    return load(path, split or (tables[0] if len(tables) == 1 else "test"))


def _missing(qrels: dict[str, dict[str, int]], documents: dict[str, str]) -> int:
    return sum(document not in documents for grades in qrels.values() for document in grades)


def _report(path: Path, unjudged: int, unknown_queries: int, unknown_documents: int) -> None:
    # Queries of other splits are nothing unusual; judgements that point nowhere are.
    level = logging.WARNING if unknown_queries or unknown_documents else logging.INFO
    log.log(
        level,
        "%s: %d queries without judgement left out; judgements of %d unknown queries dropped; "
        "%d judgements of unknown documents kept",
        path,
        unjudged,
        unknown_queries,
        unknown_documents,
    )


def _texts(file: Path, fields: tuple[str, ...]) -> dict[str, str]:
    """Id → the `fields` joined by one space, in the file's order."""
    texts: dict[str, str] = {}
    for number, record in _records(file):
        identifier = _text(file, number, record, "_id")
        if identifier in texts:
            raise DeclarationError(f"{file}, line {number}: id {identifier!r} is given twice")
        parts = [_text(file, number, record, field) for field in fields if field != "title" or record.get("title")]
        texts[identifier] = " ".join(parts).strip()
    return texts


def _judgements(path: Path, split: str, queries: Collection[str]) -> tuple[Path, Iterator[Judgement]]:
    """The file of judgements and what it says."""
    table, records = path / "qrels" / f"{split}.tsv", path / "qrels.jsonl"
    if table.exists():
        return table, _table(table, queries)
    if records.exists():
        return records, _list(records)
    raise DataUnavailable(f"{path} holds no judgements: expected {table.relative_to(path)} or {records.name}")


def _table(file: Path, queries: Collection[str]) -> Iterator[Judgement]:
    for number, line in _lines(file):
        cells = [unquoted(cell) for cell in line.split("\t")]
        if len(cells) != 3:
            raise DeclarationError(f"{file}, line {number}: expected query id, document id and grade between tabs")
        # A header names its columns: its first cell is no query's id, and its last one is no number.
        if number == 1 and not is_number(cells[2]) and cells[0] not in queries:
            continue
        yield f"{file}, line {number}", cells[0], cells[1], cells[2]


def _list(file: Path) -> Iterator[Judgement]:
    for number, record in _records(file):
        query, document = (_text(file, number, record, name) for name in ("query-id", "corpus-id"))
        yield f"{file}, line {number}", query, document, record.get("score")


def _text(file: Path, number: int, record: dict[str, Any], field: str) -> str:
    value = record.get(field)
    if isinstance(value, int) and not isinstance(value, bool) and field.endswith("id"):
        return str(value)
    if not isinstance(value, str):
        raise DeclarationError(f"{file}, line {number}: {field!r} must be text, not {value!r}")
    return value


def _records(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _lines(file):
        try:
            record = json.loads(line, object_pairs_hook=_once)
            if "\\u" in line:  # an escape may be half of a surrogate pair, which is no text
                json.dumps(record, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DeclarationError(f"{file}, line {number}: holds half of a surrogate pair, which is no text") from None
        except (ValueError, RecursionError) as error:
            raise DeclarationError(f"{file}, line {number}: not JSON: {error}") from None
        if not isinstance(record, dict):
            raise DeclarationError(f"{file}, line {number}: expected an object, not {type(record).__name__}")
        yield number, record


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) != len(pairs):
        raise ValueError("a key is given twice")
    return record


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not blank. Only a newline ends one: texts may hold other separators."""
    try:
        with (
            files.opened(file, links=True) as raw,
            TextIOWrapper(BufferedReader(raw), "utf-8-sig", newline="\n") as lines,
        ):
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except FileNotFoundError:
        raise DataUnavailable(f"{file} is missing: a BEIR folder needs it") from None
    except UnicodeDecodeError as error:
        raise DeclarationError(f"{file}: not UTF-8, save it as such: {error}") from None
    except OSError as error:
        raise DataUnavailable(f"{file} cannot be read: {error.strerror or error}") from None

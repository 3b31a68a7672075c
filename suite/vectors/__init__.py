"""Compressors weighed on vectors alone: a user's files, or arrays.

frame = weigh("documents.npy", "queries.npy", "qrels.tsv", compressors="int8,pq*", budget=64)
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from suite.errors import WeighbridgeError

if TYPE_CHECKING:
    import pandas as pd

    from suite.vectors.files import VectorFile
    from suite.vectors.weighing import Collection

Qrels = Mapping[str, Mapping[str, int]]
log = logging.getLogger(__name__)
SIMILARITIES = ("cosine", "dot", "euclidean")


def weigh(
    documents: Any,
    queries: Any = None,
    qrels: Qrels | Path | str | None = None,
    *,
    compressors: str | Iterable[str] | None = None,
    similarity: str = "cosine",
    budget: float | None = None,
    methods_dirs: Sequence[Path | str] = (),
    seed: int = 0,
    progress: Callable[[str, int], None] | None = None,
) -> pd.DataFrame:
    """What each compressor keeps of these vectors, and what it costs, as a pandas frame.

    Args:
        documents: (n, d) floats, or a file of them (``.npy``, ``.npz``, ``.safetensors``, ``.parquet``, ``.fvecs``,
            ``.jsonl``).
        queries: the same of queries; None holds some documents out.
        qrels: grades by query id and document id, or a file of them; ids are row numbers where a file has none.
        compressors: selectors; every compressor at its usual settings if None.
        similarity: cosine, dot or euclidean.
        budget: bytes a document may take, for the sentence in ``frame.attrs["sentence"]``.
        methods_dirs: folders with more compressors.
        seed: of samples and of seeded compressors.
        progress: told what is being done, and how many documents it did.

    Raises:
        WeighbridgeError: vectors or judgements cannot be used; one line says which and why.
    """
    from suite.discovery import scan
    from suite.vectors.choosing import candidates
    from suite.vectors.table import table
    from suite.vectors.weighing import weigh_all

    chosen = candidates(scan([Path(folder) for folder in methods_dirs]), compressors)
    collection = collect(documents, queries, qrels, similarity=similarity, seed=seed, progress=progress)
    return table(list(weigh_all(collection, chosen, progress)), budget).frame()


def collect(
    documents: Any,
    queries: Any = None,
    qrels: Qrels | Path | str | None = None,
    *,
    similarity: str = "cosine",
    seed: int = 0,
    progress: Callable[[str, int], None] | None = None,
) -> Collection:
    """Check documents, queries and judgements, and lay them out; see `weigh`."""
    from suite.representations.dense import unit_rows
    from suite.vectors.files import check
    from suite.vectors.weighing import Collection, held_out

    if similarity not in SIMILARITIES:
        raise WeighbridgeError(f"similarity is one of {', '.join(SIMILARITIES)}, not {similarity!r}")
    if qrels is not None and queries is None:
        raise WeighbridgeError("judgements are of queries: give a file of queries too")
    held, asked, rows = _vectors(documents, "documents"), None, None
    if queries is not None:
        asked = _vectors(queries, "queries")
        if asked.dim != held.dim:
            raise WeighbridgeError(
                f"{asked.name} has {asked.dim} dimensions and {held.name} has {held.dim}: both must be of one encoder"
            )
        check(asked, zeros=similarity == "cosine")
    check(held, zeros=similarity == "cosine", progress=None if progress is None else lambda n: progress("checking", n))
    if asked is None:
        chosen, rows = held_out(held, seed)
        values = held.floats(chosen)
    else:
        values = asked.floats(slice(0, len(asked))).copy()
    values = unit_rows(values) if similarity == "cosine" else values
    judged = None if qrels is None or asked is None else _judgements(qrels, held, asked)
    return Collection(held, values, similarity, rows, judged, seed)  # type: ignore[arg-type]


def _vectors(given: Any, name: str) -> VectorFile:
    from suite.vectors.files import of, read

    return read(Path(given)) if isinstance(given, str | Path) else of(given, name)


def _judgements(qrels: Qrels | Path | str, documents: VectorFile, queries: VectorFile) -> Any:
    import numpy as np

    from suite.vectors.qrels import read_qrels
    from suite.vectors.weighing import Judgements

    known = read_qrels(Path(qrels)) if isinstance(qrels, str | Path) else qrels
    where = str(qrels) if isinstance(qrels, str | Path) else "qrels"
    document_of = {name: row for row, name in enumerate(documents.ids or map(str, range(len(documents))))}
    for file in (documents, queries):
        if file.ids is not None and len(set(file.ids)) < len(file.ids):
            raise WeighbridgeError(f"{file.name}: an id is given to several vectors: whose are the judgements?")
    unknown = sum(d not in document_of for found in known.values() for d in found)
    if unknown:
        log.warning("%s: %d judgements of documents that are not in %s are left out", where, unknown, documents.name)
    rows, grades = [], []
    for row, query in enumerate(queries.ids or map(str, range(len(queries)))):
        found = {document_of[d]: int(g) for d, g in known.get(query, {}).items() if d in document_of}
        if any(grade > 0 for grade in found.values()):
            rows.append(row)
            grades.append(found)
    if not rows:
        kind = "ids of the files" if queries.ids or documents.ids else "row numbers, since the files hold no ids"
        raise WeighbridgeError(f"{where}: no query of it is relevant to a document here; its ids must be the {kind}")
    return Judgements(np.array(rows, np.int64), grades)

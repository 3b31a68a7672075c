"""Retrieval sets of the Hub in mteb's layout: subsets corpus, queries and qrels; folders in BEIR's own format too.

The rules are those of mteb's `RetrievalDatasetLoader`: identifiers are text whatever type they have, the judgements are
the subset ``default`` (or ``qrels``), and queries without a judgement are left out.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from suite.data.judgements import Judgements
from suite.data.types import RetrievalSet
from suite.errors import DeclarationError
from tasks.data import beir_folder, hub


def load(path: Path, split: str = "test", subset: str | None = None) -> RetrievalSet:
    """Read a snapshot of the Hub, or a BEIR folder.

    Args:
        path: the folder.
        split: name of the split of the judgements.
        subset: language or part, for repositories that hold several (``<subset>-corpus`` …).

    Raises:
        DataUnavailable: a file is missing.
        DeclarationError: a column is missing, an id is given twice, a grade is no whole number or contradicts another
            one of the same pair, or nothing is judged.
    """
    if _is_beir(path):
        return beir_folder.load(path, split)
    names = hub.subsets(path)
    prefix = f"{subset}-" if subset else ""
    corpus = _texts(path, f"{prefix}corpus", split)
    queries = _texts(path, "query" if "query" in names else f"{prefix}queries", split)
    judged = f"{prefix}qrels" if subset or "default" not in names else "default"
    judgements = Judgements()
    for number, row in enumerate(hub.rows(path, judged, split), 1):
        query, document = (str(_cell(path, judged, row, name)) for name in ("query-id", "corpus-id"))
        where = f"{path}, subset {judged}, row {number}"
        judgements.add(where, query, document, _cell(path, judged, row, "score"))
    qrels = judgements.qrels
    known = {query: text for query, text in queries.items() if query in qrels}
    if not known or not corpus:
        raise DeclarationError(f"{path}: {len(corpus)} documents and {len(known)} queries with a judgement")
    kept = {query: qrels[query] for query in known}
    return RetrievalSet(list(corpus), list(corpus.values()), list(known), list(known.values()), kept)


def _is_beir(path: Path) -> bool:
    """Whether a folder is in BEIR's own format; one without a card that is cut short is one, too."""
    if not (path / "corpus.jsonl").is_file():
        return False
    return (path / "qrels").is_dir() or (path / "qrels.jsonl").is_file() or not (path / "README.md").is_file()


def _texts(path: Path, subset: str, split: str) -> dict[str, str]:
    """Id → title and text joined by one space, stripped."""
    texts: dict[str, str] = {}
    for row in hub.rows(path, subset, split):
        identifier = str(row["_id"] if "_id" in row else _cell(path, subset, row, "id"))
        if identifier in texts:
            raise DeclarationError(f"{path}, subset {subset}: id {identifier!r} is given twice")
        title, text = row.get("title") or "", _cell(path, subset, row, "text")
        texts[identifier] = f"{title} {text}".strip()
    return texts


def _cell(path: Path, subset: str, row: dict[str, Any], name: str) -> Any:
    if row.get(name) is None:
        raise DeclarationError(f"{path}, subset {subset}: a row without {name!r}; it has {', '.join(row)}")
    return row[name]

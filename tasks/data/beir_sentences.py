"""A BEIR folder cut into sentences: a corpus of many short documents under the same queries."""

from __future__ import annotations

import re
from pathlib import Path

from suite.data.types import RetrievalSet
from tasks.data import retrieval

SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9(])")


def load(path: Path, split: str = "test") -> RetrievalSet:
    """Read a BEIR folder and make every sentence a document, as relevant as the document it is from.

    Args:
        path: the folder.
        split: name of the judgements.

    Raises:
        DataUnavailable: the folder or one of its files is missing.
        DeclarationError: a line is malformed.
    """
    whole = retrieval.load(path, split)
    identifiers: list[str] = []
    sentences: list[str] = []
    parts: dict[str, list[str]] = {}
    for document, text in zip(whole.document_ids, whole.documents, strict=True):
        cut = SENTENCE_END.split(text)
        parts[document] = [f"{document}#{number}" for number in range(len(cut))]
        identifiers += parts[document]
        sentences += cut
    qrels = {
        query: {part: grade for document, grade in grades.items() for part in parts.get(document, [document])}
        for query, grades in whole.qrels.items()
    }
    return RetrievalSet(identifiers, sentences, whole.query_ids, whole.queries, qrels)

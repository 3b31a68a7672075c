"""Retrieval runs as gzipped TREC text."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote, unquote

import numpy as np

from suite.errors import ContractError

Run = Iterable[tuple[str, str, float]]

LONGEST_ID = 60
"""Characters of an identifier that a message shows."""
LEVEL = 3
"""Of gzip: a deep run is millions of lines, and the highest level takes five times as long to save a tenth."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """A run as arrays, which is iterated over as (query id, document id, score), best first for each query.

    Attributes:
        queries: their ids.
        documents: ids of the corpus.
        indices: (queries, k) rows of `documents`, best first; −1 where there is none.
        scores: (queries, k) float32.
    """

    queries: Sequence[str]
    documents: Sequence[str]
    indices: np.ndarray
    scores: np.ndarray

    @classmethod
    def of(cls, run: Run, queries: Sequence[str], documents: Sequence[str]) -> Ranking:
        """A run laid out over all queries and documents of a collection; k is the most that a query has.

        Raises:
            ContractError: a query or a document is not in the collection.
        """
        row_of = {document: row for row, document in enumerate(documents)}
        found: dict[str, list[tuple[int, float]]] = {query: [] for query in queries}
        for query, document, score in run:
            if query not in found or document not in row_of:
                what = f"query {query[:LONGEST_ID]!r}" if query not in found else f"document {document[:LONGEST_ID]!r}"
                raise ContractError(f"{what} is not in it")
            found[query].append((row_of[document], score))
        k = max(map(len, found.values()), default=0)
        indices, scores = np.full((len(queries), k), -1), np.full((len(queries), k), -np.inf, np.float32)
        for row, hits in enumerate(found.values()):
            if hits:
                indices[row, : len(hits)], scores[row, : len(hits)] = zip(*hits, strict=True)
        return cls(queries, documents, indices, scores)

    def __iter__(self) -> Iterator[tuple[str, str, float]]:
        """Yield the triples."""
        for query, rows, scores in zip(self.queries, self.indices, self.scores, strict=True):
            for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
                if row >= 0:
                    yield query, self.documents[row], score

    def __len__(self) -> int:
        """Number of triples."""
        return int((self.indices >= 0).sum())


def to_trec(run: Run, tag: str) -> bytes:
    """Return the gzipped lines ``query Q0 document rank score tag``.

    White space in identifiers, which the format cannot hold, is percent-encoded. Scores have the nine digits that tell
    any two float32 apart.

    Args:
        run: (query id, document id, score) triples, best first for each query.
        tag: name of the run.

    Raises:
        UnicodeEncodeError: if an identifier is not valid Unicode.
    """
    end = f" {escaped(tag)}\n"
    written: dict[str, str] = {}
    ranks: dict[str, int] = {}
    lines: list[str] = []
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=LEVEL, mtime=0) as stream:
        for query, document, score in run:
            rank = ranks[query] = ranks.get(query, 0) + 1
            if query not in written:
                stream.write("".join(lines).encode())
                lines.clear()
                written[query] = escaped(query)
            if document not in written:
                written[document] = escaped(document)
            lines.append(f"{written[query]} Q0 {written[document]} {rank} {score:.9g}{end}")
        stream.write("".join(lines).encode())
    return packed.getvalue()


def from_trec(content: bytes) -> list[tuple[str, str, float]]:
    """Return the triples that `to_trec` was given, scores to nine digits."""
    lines = gzip.decompress(content).decode().split("\n")[:-1]
    fields = (line.split(" ") for line in lines)
    return [(_unquoted(query), _unquoted(document), float(score)) for query, _, document, _, score, _ in fields]


def _unquoted(identifier: str) -> str:
    return unquote(identifier) if "%" in identifier else identifier


def escaped(identifier: str) -> str:
    """An identifier without white space and control characters, percent-encoded; `urllib.parse.unquote` restores it."""
    return re.sub(r"[%\s\x00-\x1f\x7f]", lambda match: quote(match[0]), identifier)

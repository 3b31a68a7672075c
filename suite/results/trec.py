"""Retrieval runs as gzipped TREC text."""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

Run = Sequence[tuple[str, str, float]]


def to_trec(run: Run, tag: str) -> bytes:
    """Return the gzipped lines ``query Q0 document rank score tag``.

    White space in identifiers, which the format cannot hold, is percent-encoded.

    Args:
        run: (query id, document id, score) triples, best first for each query.
        tag: name of the run.

    Raises:
        UnicodeEncodeError: if an identifier is not valid Unicode.
    """
    lines = []
    ranks: dict[str, int] = {}
    for query, document, score in run:
        ranks[query] = ranks.get(query, 0) + 1
        fields = (escaped(query), "Q0", escaped(document), str(ranks[query]), repr(float(score)), escaped(tag))
        lines.append(" ".join(fields) + "\n")
    return gzip.compress("".join(lines).encode(), mtime=0)


def from_trec(content: bytes) -> list[tuple[str, str, float]]:
    """Return the triples that `to_trec` was given."""
    lines = gzip.decompress(content).decode().split("\n")[:-1]
    fields = (line.split(" ") for line in lines)
    return [(unquote(query), unquote(document), float(score)) for query, _, document, _, score, _ in fields]


def escaped(identifier: str) -> str:
    """An identifier without white space and control characters, percent-encoded; `urllib.parse.unquote` restores it."""
    return re.sub(r"[%\s\x00-\x1f\x7f]", lambda match: quote(match[0]), identifier)

"""Texts of one kind each, to mix into a pool: sentences, lines, and passages of books."""

from __future__ import annotations

from pathlib import Path

from suite.data.types import TextSet
from suite.errors import DeclarationError


def load_sts12_subset(path: Path, subset: str) -> TextSet:
    """The different sentences of one subset of STS 2012: subset, two sentences and a score between tabs."""
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8-sig").splitlines())
    sentences = [sentence for row in rows if row[0] == subset for sentence in row[1:3]]
    if not sentences:
        raise DeclarationError(f"{path}: no pair of subset {subset!r}")
    return TextSet(list(dict.fromkeys(sentences)))


def load_book(path: Path, words: int = 40) -> TextSet:
    """Passages of so many words, one after another, without what is left over; of a folder, those of its .rst files."""
    files = sorted(path.glob("*.rst")) if path.is_dir() else [path]
    passages = []
    for file in files:
        read = file.read_text(encoding="latin-1").split()
        passages += [" ".join(read[start : start + words]) for start in range(0, len(read) - words + 1, words)]
    return TextSet(list(dict.fromkeys(passages)))


def load_lines(path: Path, label: str = "") -> TextSet:
    """The different lines, without words that begin with `label`."""
    lines = (line.split() for line in path.read_text(encoding="latin-1").splitlines())
    texts = (" ".join(word for word in line if not (label and word.startswith(label))) for line in lines)
    return TextSet(list(dict.fromkeys(filter(None, texts))))

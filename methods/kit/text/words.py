"""Stemmed words of texts, counted in the columns of a fitted vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import csr_array

UNKNOWN = 2**14
"""Columns shared by words outside the vocabulary: they match each other by checksum, and no fitted word."""


def counts(texts: Sequence[str], columns: Mapping[str, int] | None = None) -> tuple[csr_array, Mapping[str, int]]:
    """Count the stemmed words of each text.

    Words are bm25s's tokens of two letters or more without its English stop words, through Snowball's English stemmer.

    Args:
        texts: n texts.
        columns: column of each word of the vocabulary; None takes the words of `texts`, sorted.

    Returns:
        (n, words + UNKNOWN) float32 counts, and the columns.
    """
    import bm25s
    import Stemmer
    from scipy.sparse import csr_array

    tokenised = bm25s.tokenize(
        list(texts), stopwords="en", stemmer=Stemmer.Stemmer("english"), show_progress=False, return_ids=True
    )
    found = sorted(tokenised.vocab, key=tokenised.vocab.__getitem__)
    if columns is None:
        columns = {word: column for column, word in enumerate(sorted(word for word in found if word))}
    known = len(columns)
    column_of = np.array([columns.get(word, known + crc32(word.encode()) % UNKNOWN) for word in found], np.int64)
    lengths = [len(ids) for ids in tokenised.ids]
    ids = np.fromiter((i for text in tokenised.ids for i in text), np.int64, sum(lengths))
    rows = np.repeat(np.arange(len(texts)), lengths)
    shape = (len(texts), known + UNKNOWN)
    # Words that bm25s leaves empty after stemming have no column.
    real = np.array([bool(word) for word in found], bool)[ids]
    parts = (np.ones(int(real.sum()), np.float32), (rows[real], column_of[ids[real]]))
    matrix = csr_array(parts, shape=shape)
    matrix.sum_duplicates()
    return matrix, columns


def packed(words: Iterable[str]) -> NDArray[np.uint8]:
    """Words as one array of bytes, to be stored with what is fitted."""
    return np.frombuffer("\n".join(words).encode(), np.uint8).copy()


def unpacked(stored: NDArray[np.uint8]) -> dict[str, int]:
    """The words that `packed` stored, each with its place."""
    text = stored.tobytes().decode()
    return {word: place for place, word in enumerate(text.split("\n") if text else [])}

"""Decoded data, and a content hash that does not depend on where they came from."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RetrievalSet:
    """A corpus, queries and graded judgements.

    Attributes:
        document_ids: ids of the documents; any text, spaces included.
        documents: title and text of each, joined by one space, stripped.
        query_ids: ids of the queries that have a judgement.
        queries: their texts.
        qrels: query id → document id → grade (> 0 is relevant).
    """

    document_ids: Sequence[str]
    documents: Sequence[str]
    query_ids: Sequence[str]
    queries: Sequence[str]
    qrels: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True)
class PairSet:
    """Pairs of texts with a gold similarity, (n,) float64."""

    first: Sequence[str]
    second: Sequence[str]
    gold: NDArray[np.float64]


@dataclass(frozen=True)
class TextSet:
    """Texts without labels: what to fit on, or to compress."""

    texts: Sequence[str]


@dataclass(frozen=True)
class ImageSet:
    """Images of one size with integer labels, split in two.

    Attributes:
        train: (n, height, width[, 3]) uint8.
        train_labels: (n,) int64.
        test: (m, height, width[, 3]) uint8.
        test_labels: (m,) int64.
        classes: names of the classes.
    """

    train: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    classes: Sequence[str]


@dataclass(frozen=True)
class ByteSet:
    """Byte strings to compress, with their names; `train` is what a codec may be fitted on."""

    names: Sequence[str]
    items: Sequence[bytes]
    train: Sequence[bytes] = ()


@dataclass(frozen=True)
class Passage:
    """A stretch of a sequence: token ids, natural language, or the same content in both forms.

    Attributes:
        tokens: (length,) integer token ids; empty where there is only text.
        text: natural language; "" where there are only tokens.
    """

    tokens: NDArray[Any]
    text: str = ""


@dataclass(frozen=True)
class RecallSet:
    """Contexts to read, a question about each that comes after it, and the answers.

    Attributes:
        contexts: presentation ("long_first_once" …) → one context per item. Items are aligned: every presentation
            shows the same content, so that presentations are compared item by item.
        questions: what is asked once the context has been read, one an item.
        answers: what must be answered, one an item.
        groups: condition of each item ("4,16" for set sizes …); items of one group have contexts of one length.
        floors: (n,) accuracy of the best guess that uses nothing of what must be recalled.
        vocabulary: number of token ids; 0 where there is only text.
    """

    contexts: Mapping[str, Sequence[Passage]]
    questions: Sequence[Passage]
    answers: Sequence[Passage]
    groups: Sequence[str]
    floors: NDArray[np.float64]
    vocabulary: int = 0


def content_hash(value: Any) -> str:
    """SHA-256 of decoded content: text, bytes, numbers, arrays, and dataclasses, mappings and sequences of them.

    Mappings are hashed in key order, arrays with dtype and shape, so that equal content has an equal hash
    whichever source it came from. TypeError for anything else.
    """
    digest = hashlib.sha256()
    _feed(digest, value)
    return digest.hexdigest()


def _feed(digest: Any, value: Any) -> None:
    if value is None or isinstance(value, bool | int | float):
        digest.update(f"{type(value).__name__}:{value!r};".encode())
    elif isinstance(value, str):
        raw = value.encode()
        digest.update(b"str:%d:" % len(raw) + raw)
    elif isinstance(value, bytes):
        digest.update(b"bytes:%d:" % len(value) + value)
    elif isinstance(value, np.generic):
        _feed(digest, value.item())
    elif isinstance(value, np.ndarray):
        array = np.ascontiguousarray(value)
        digest.update(f"array:{array.dtype.str}:{array.shape};".encode())
        digest.update(array.data)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        digest.update(f"{type(value).__name__}(".encode())
        for item in dataclasses.fields(value):
            _feed(digest, item.name)
            _feed(digest, getattr(value, item.name))
        digest.update(b")")
    elif isinstance(value, Mapping):
        digest.update(b"{%d:" % len(value))
        for key in sorted(value):
            _feed(digest, key)
            _feed(digest, value[key])
    elif isinstance(value, Sequence):
        digest.update(b"[%d:" % len(value))
        for item in value:
            _feed(digest, item)
    else:
        raise TypeError(f"cannot hash {type(value).__name__}")

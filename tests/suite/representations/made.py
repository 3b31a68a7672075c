"""One of each kind of representation, made up, and what tests ask of all of them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from scipy.sparse import csr_array, random_array

from suite.representations import Binary, Codes, Dense, MultiVector, Sparse

seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(1, 9)
quick = settings(deadline=None, max_examples=20)


def dense(seed, n, d=5, dtype="float32", similarity="cosine"):
    generator = np.random.default_rng(seed)
    if dtype == "int8":
        scale, offset = generator.random(d, np.float32) + 0.1, generator.standard_normal(d, np.float32)
        return Dense(generator.integers(-128, 128, (n, d)).astype(np.int8), similarity, scale, offset)
    # Few distinct values, so that scores tie.
    return Dense(generator.integers(-2, 3, (n, d)).astype(dtype), similarity)


def binary(seed, n, d=13):
    return Binary.from_signs(np.random.default_rng(seed).standard_normal((n, d)))


def codes(seed, n, bits=8, m=3, width=2, rotated=True):
    generator = np.random.default_rng(seed)
    values = 2**bits if bits <= 8 else 300
    codebook = np.random.default_rng(bits).standard_normal((m, values, width)).astype(np.float32)
    rotation = np.linalg.qr(np.random.default_rng(1).standard_normal((m * width, m * width)))[0].astype(np.float32)
    return Codes(generator.integers(0, values, (n, m)), codebook, rotation if rotated else None, bits)


def sparse(seed, n, width=40, dtype="float32"):
    generator = np.random.default_rng(seed)
    return Sparse(csr_array(random_array((n, width), density=0.2, rng=generator, format="csr")), dtype)


def multivector(seed, n, d=4, dtype="float16"):
    generator = np.random.default_rng(seed)
    offsets = np.concatenate([[0], np.cumsum(generator.integers(1, 6, n))])
    vectors = generator.standard_normal((offsets[-1], d))
    return MultiVector((vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(dtype), offsets)


KINDS = {
    "dense": dense,
    "dense float16": lambda seed, n: dense(seed, n, dtype="float16"),
    "dense int8": lambda seed, n: dense(seed, n, dtype="int8", similarity="dot"),
    "dense euclidean": lambda seed, n: dense(seed, n, similarity="euclidean"),
    "binary": binary,
    "codes": codes,
    "codes 4 bits": lambda seed, n: codes(seed, n, bits=4),
    "codes 5 bits": lambda seed, n: codes(seed, n, bits=5, rotated=False),
    "codes 16 bits": lambda seed, n: codes(seed, n, bits=16),
    "sparse": sparse,
    "sparse float16": lambda seed, n: sparse(seed, n, dtype="float16"),
    "multivector": multivector,
    "multivector float32": lambda seed, n: multivector(seed, n, dtype="float32"),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def stored_and_read(representation):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "one.npz"
        representation.save(file)
        return type(representation).load(file)


def same_hits(a, b):
    np.testing.assert_array_equal(a.indices, b.indices)
    np.testing.assert_array_equal(a.scores, b.scores)


def size_of_terms(documents, queries):
    """Largest product of the lengths of two items: the rounding error of a score is a share of it; 1 for cosines."""
    if getattr(documents, "similarity", "cosine") == "cosine":
        return 1
    lengths = (np.linalg.norm(as_array(side.features()), axis=1).max(initial=1) for side in (documents, queries))
    return float(np.prod([*lengths]))


def as_array(features):
    return features.toarray() if hasattr(features, "toarray") else features

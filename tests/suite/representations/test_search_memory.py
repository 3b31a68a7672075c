"""Search keeps within bounded memory: what is stored, one copy in the precision of products, and a few blocks."""

from __future__ import annotations

import subprocess
import sys

import pytest

GIBIBYTE = 2**30
SEARCH = """
import numpy as np
from scipy.sparse import csr_array
from suite.representations import Binary, Dense, MultiVector, Sparse

generator = np.random.default_rng(0)

def peak():
    # The kernel's own mark of this program: getrusage would count the process it was started from.
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024

def bits(rows):
    return Binary(generator.integers(0, 256, (rows, 48), np.uint8), 384)

def vectors(rows):
    return Dense(generator.standard_normal((rows, 384), np.float32))

def terms(rows, each=30):
    columns = generator.integers(0, 30_000, rows * each, np.int32)
    offsets = np.arange(0, rows * each + 1, each)
    return Sparse(csr_array((generator.random(rows * each, np.float32), columns, offsets), shape=(rows, 30_000)))

def tokens(rows, each=8):
    held = generator.standard_normal((rows * each, 16), np.float32).astype(np.float16)
    return MultiVector(held, np.arange(0, rows * each + 1, each))

documents, queries = {make}({documents}), {make}({queries})
stored = documents.nbytes
before = peak()
hits = documents.search(queries, 100)
assert hits.indices.shape == ({queries}, 100)
print(peak(), peak() - before - stored)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "documents", "queries", "most"),
    [
        ("vectors", 1_000_000, 300, 8), ("bits", 1_000_000, 300, 2),
        ("terms", 1_000_000, 300, 4), ("tokens", 200_000, 64, 2),
    ],
)  # fmt: skip
def test_peak_memory(make, documents, queries, most):
    """Within `most` GiB in all, and within one beyond the stored documents and an index of their size."""
    code = SEARCH.format(make=make, documents=documents, queries=queries)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    peak, beyond = map(int, ended.stdout.split())
    assert peak <= most * GIBIBYTE
    assert beyond <= GIBIBYTE

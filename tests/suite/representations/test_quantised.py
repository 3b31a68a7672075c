"""Scalar codes: what they decode to is the levels that they name, whatever their bits and however bytes are cut."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from suite.representations.quantised import Quantised


@given(
    bits=st.integers(1, 8),
    dim=st.integers(1, 37),
    rows=st.integers(0, 5),
    per_dimension=st.booleans(),
    factors=st.none() | st.integers(1, 2),
    seed=st.integers(0, 99),
)
@settings(deadline=None, max_examples=150)
def test_codes_decode_to_their_levels(bits, dim, rows, per_dimension, factors, seed):
    random = np.random.default_rng(seed)
    codes = random.integers(0, 2**bits, (rows, dim))
    levels = random.standard_normal((dim if per_dimension else 1, 2**bits)).astype(np.float32)
    scales = None if factors is None else random.standard_normal((rows, factors)).astype(np.float32)
    made = Quantised.of(codes, levels, bits, factors=scales)
    expected = levels[np.arange(dim) if per_dimension else 0, codes]
    if scales is not None:
        expected = expected * scales[:, :1] + (scales[:, 1:] if factors == 2 else 0)
    found = made.decode(slice(0, rows))
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == np.float32
    chosen = np.arange(rows)[::-2]
    np.testing.assert_array_equal(made.decode(chosen), expected[chosen])
    assert made.nbytes == rows * -(-dim * bits // 8) + (0 if scales is None else scales.nbytes)

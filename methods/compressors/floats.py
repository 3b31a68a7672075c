"""Shorter floating point numbers: half precision, bfloat16, and the two 8-bit formats of the Open Compute Project.

Queries are rounded as documents are. Vectors that are compared by cosine have numbers below 1, far from the largest
number of every format; larger ones are cut to it.
"""

import numpy as np

from suite.compressing import compressor
from suite.method import Paper

FP8 = Paper("FP8 Formats for Deep Learning", 2022, "2209.05433")
IEEE = Paper("IEEE Standard for Floating-Point Arithmetic", 2019, url="https://doi.org/10.1109/IEEESTD.2019.8766229")
BFLOAT16 = Paper("A Study of BFLOAT16 for Deep Learning Training", 2019, "1905.12322")
TAGS = ("dense", "quantised", "scalar")


@compressor("float16", "Every number in IEEE half precision: 10 bits of fraction.", paper=IEEE, tags=TAGS)
def float16(vectors):
    """Round to nearest; numbers beyond ±65,504 are cut."""
    return np.clip(vectors, -65504, 65504).astype(np.float16)


@compressor("bfloat16", "Every number in the upper half of a float32: 7 bits of fraction.", paper=BFLOAT16, tags=TAGS)
def bfloat16(vectors):
    """Round to nearest, ties to even."""
    import ml_dtypes

    return vectors.astype(ml_dtypes.bfloat16)


@compressor("fp8-e4m3", "Every number in one byte: 4 bits of exponent, 3 of fraction.", paper=FP8, tags=TAGS)
def fp8_e4m3(vectors):
    """Round to nearest; numbers beyond ±448 are cut, those below 2⁻⁹ vanish."""
    import ml_dtypes

    return np.clip(vectors, -448, 448).astype(ml_dtypes.float8_e4m3fn)


@compressor("fp8-e5m2", "Every number in one byte: 5 bits of exponent, 2 of fraction.", paper=FP8, tags=TAGS)
def fp8_e5m2(vectors):
    """Round to nearest; numbers beyond ±57,344 are cut."""
    import ml_dtypes

    return np.clip(vectors, -57344, 57344).astype(ml_dtypes.float8_e5m2)

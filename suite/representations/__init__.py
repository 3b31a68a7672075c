"""Representation types: what a method returns, what it weighs, and the questions it can answer."""

from suite.representations.base import Hits, Representation, best_of
from suite.representations.binary import Binary
from suite.representations.bitstream import Bitstream
from suite.representations.codes import Codes
from suite.representations.decoded import DecodedVectors
from suite.representations.dense import Dense
from suite.representations.multivector import MultiVector
from suite.representations.quantised import Quantised
from suite.representations.sparse import Sparse
from suite.representations.state import State

__all__ = [
    "Binary",
    "Bitstream",
    "Codes",
    "DecodedVectors",
    "Dense",
    "Hits",
    "MultiVector",
    "Quantised",
    "Representation",
    "Sparse",
    "State",
    "best_of",
]

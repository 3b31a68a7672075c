"""All pieces, in the order in which they are measured."""

from __future__ import annotations

from benchmarks.beside_bitbudget import BITBUDGET, MILLION
from benchmarks.beside_compressors import TEXTS
from benchmarks.beside_mteb import SCIFACT, WIKIPEDIA
from benchmarks.cluster import CLUSTER
from benchmarks.code_search import CODES
from benchmarks.encoder import ENCODER
from benchmarks.growth import GROWTH
from benchmarks.overhead import RUNNER
from benchmarks.profile_cell import PROFILE
from benchmarks.resampling import BOOTSTRAP
from benchmarks.searching import SEARCH
from benchmarks.site_cells import SITE

SUITE = (WIKIPEDIA, SCIFACT, ENCODER, RUNNER, SITE, GROWTH, CLUSTER, SEARCH, BOOTSTRAP, PROFILE)
"""What the suite itself does: the first part of the page, and its picture."""
COMPRESSORS = (BITBUDGET, MILLION, *TEXTS.values(), *CODES.values())
PIECES = SUITE + COMPRESSORS

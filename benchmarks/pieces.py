"""All pieces, in the order in which they are measured."""

from __future__ import annotations

from benchmarks.beside_mteb import SCIFACT, WIKIPEDIA
from benchmarks.encoder import ENCODER
from benchmarks.growth import GROWTH
from benchmarks.overhead import RUNNER
from benchmarks.profile_cell import PROFILE
from benchmarks.resampling import BOOTSTRAP
from benchmarks.searching import SEARCH
from benchmarks.site_cells import SITE

PIECES = (WIKIPEDIA, SCIFACT, ENCODER, RUNNER, SITE, GROWTH, SEARCH, BOOTSTRAP, PROFILE)

"""BEIR retrieval for methods that own an index: corpora of a size at which looking at every document is a waste."""

from __future__ import annotations

from tasks.beir import Beir


class IndexedBeir(Beir):
    """The same protocol as its family's; only methods that answer `indexed_search` are asked."""

    readout = "indexed_search"

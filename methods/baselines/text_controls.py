"""Controls of the text families: what a score is worth when the representation knows nothing."""

from __future__ import annotations

from typing import Any
from zlib import crc32

import numpy as np

from methods.kit.text.minilm import DIMENSION, OnMiniLM
from suite.method import FitData, Method, Modality, Role, Tensors
from suite.representations import Dense

DONORS = 4096


class TextControl(Method):
    """Vectors that know nothing of what a text says.

    ``random``: 384 normal numbers drawn from the seed and the text's checksum, so that equal texts have equal vectors
    and that is all. ``constant``: the same vector for all.
    """

    name = "text-control"
    summary = "Random vectors, equal only for equal texts; or one and the same vector for all texts."
    modality = Modality.TEXT
    tags = ("control",)
    is_control = True
    seeded = True
    grid = {"arm": ("random", "constant")}
    quick = ("[arm=random]",)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """The seed; nothing is learnt."""
        return {"seed": np.array([seed], np.int64)}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 384) float32."""
        if self.arm == "constant":
            return Dense(np.ones((len(items), DIMENSION), np.float32))
        seed = int(self.fitted["seed"][0])
        drawn = [np.random.default_rng((seed, crc32(text.encode()))).standard_normal(DIMENSION) for text in items]
        return Dense(np.array(drawn, np.float32).reshape(len(items), DIMENSION))


class ShuffledMiniLM(OnMiniLM):
    """A real vector of the wrong text: that of a fit text, drawn by the seed and the text's checksum.

    Keeps the distribution of MiniLM's vectors and breaks the tie to the texts. A text has the same vector in any
    company; at most 4,096 fit texts are donors.
    """

    name = "minilm-shuffled"
    summary = "MiniLM's vector of another text, drawn by checksum: the right distribution, none of the meaning."
    tags = ("control",)
    is_control = True
    seeded = True
    quick = ()

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Vectors of the donors, in an order drawn from the seed."""
        vectors = self.encoder.pooled(data.items)
        return {"donors": vectors[np.random.default_rng(seed).permutation(len(vectors))[:DONORS]]}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 384) float32."""
        donors = self.fitted["donors"]
        return Dense(donors[[crc32(text.encode()) % len(donors) for text in items]])

"""A method that does nothing, to measure what the runner adds to a cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from suite.method import Method, Modality, Role
from suite.representations import Dense

VARIANTS = 40


class Constant(Method):
    """The same two numbers for every text."""

    name = "constant"
    summary = "The same two numbers for every text. It measures what running a cell costs."
    modality = Modality.TEXT
    is_control = True
    grid = {"number": tuple(range(1, VARIANTS + 1))}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 2) float32."""
        return Dense(np.full((len(items), 2), self.number, np.float32))

"""Sparsey's coding field: modules of binary units, winners drawn by familiarity, weights that are set once.

A *mac* has Q modules of K units; a code has one winner a module. An input with S active bits supports unit (q, k) with
V = (set weights from its active bits) / S. Familiarity is G = mean_q max_k V. Winners are drawn with probability ∝ ψ,

    η = (max(0, (G − G⁻) / (1 − G⁻)))^γ · χ K,    ψ = 1 + η / (1 + exp(−λ (V − c))),

so that a new input gets random winners and a familiar one the winners it had. Then every weight from an active bit to a
winner is set. Retrieval takes the unit with the largest V in each module; ties go to the first.

All arrays have an axis of macs, which have inputs of their own and learn side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Choice = Literal["familiarity", "random", "argmax"]
BLOCK = 2000


@dataclass(frozen=True)
class Field:
    """Shape and dynamics of the macs.

    Attributes:
        modules: Q.
        units: K.
        choice: how winners are chosen when storing; ``random`` knows no familiarity, ``argmax`` draws nothing.
        exponent: γ.
        gain: χ.
        steepness: λ.
        centre: c.
        floor: G⁻.
        fewest: a mac with fewer active inputs is silent.
        most: a mac with a larger share of active inputs is silent.
        full: a mac of whose weights this share is set learns nothing more.
    """

    modules: int
    units: int
    choice: Choice = "familiarity"
    exponent: float = 2.0
    gain: float = 100.0
    steepness: float = 28.0
    centre: float = 0.5
    floor: float = 0.0
    fewest: int = 1
    most: float = 1.0
    full: float = 1.0

    @property
    def silent(self) -> int:
        """The code of a module whose mac is silent; winners are 0 … K − 1."""
        return self.units


def support(inputs: NDArray[np.bool_], weights: NDArray[np.float32], field: Field) -> NDArray[np.float32]:
    """V of every unit.

    Args:
        inputs: (n, macs, bits).
        weights: (macs, bits, Q · K), 0 or 1.
        field: shape.

    Returns:
        (n, macs, Q, K); zeros for a mac without active inputs.
    """
    n, macs, _ = inputs.shape
    active = inputs.astype(np.float32).swapaxes(0, 1)
    summed = np.matmul(active, weights) / np.maximum(active.sum(axis=2, keepdims=True), 1)
    return np.ascontiguousarray(summed.swapaxes(0, 1)).reshape(n, macs, field.modules, field.units)


def draw_winners(values: NDArray[np.float32], field: Field, generator: np.random.Generator) -> NDArray[np.int64]:
    """Winners (…, Q) of units with support (…, Q, K), chosen as when an input is stored."""
    if field.choice == "argmax":
        return np.asarray(values.argmax(axis=-1))
    chances = np.ones(values.shape) if field.choice == "random" else _chances(values.astype(np.float64), field)
    cumulated = chances.cumsum(axis=-1)
    drawn = generator.random((*values.shape[:-1], 1)) * cumulated[..., -1:]
    return np.asarray((cumulated > drawn).argmax(axis=-1))


def _chances(values: NDArray[np.float64], field: Field) -> NDArray[np.float64]:
    familiarity = values.max(axis=-1).mean(axis=-1)[..., None, None]
    above = np.maximum(0, (familiarity - field.floor) / (1 - field.floor))
    height = above**field.exponent * field.gain * field.units
    return 1 + height / (1 + np.exp(-field.steepness * (values - field.centre)))


def store(
    inputs: NDArray[np.bool_], field: Field, generator: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Store (n, macs, bits) inputs one after another, each once.

    Returns:
        Weights (macs, bits, Q · K), 0 or 1, and the codes (n, macs, Q) that the inputs were given.
    """
    n, macs, bits = inputs.shape
    weights = np.zeros((macs, bits, field.modules * field.units), np.float32)
    codes = np.full((n, macs, field.modules), field.silent, np.uint8)
    learns = np.ones(macs, bool)
    capacity = field.full * bits * field.modules * field.units
    first_units = np.arange(field.modules) * field.units
    for row, pattern in enumerate(inputs):
        on = awake(pattern[None], field)[0]
        winners = draw_winners(support(pattern[None], weights, field)[0], field, generator)
        codes[row, on] = winners[on]
        mac, bit = np.nonzero(pattern & (on & learns)[:, None])
        weights[mac[:, None], bit[:, None], (first_units + winners)[mac]] = 1
        if field.full < 1 and row % 16 == 15:
            learns &= weights.sum(axis=(1, 2)) < capacity
    return weights, codes


def present(
    inputs: NDArray[np.bool_], weights: NDArray[np.float32], field: Field, generator: np.random.Generator | None = None
) -> NDArray[np.uint8]:
    """Codes (n, macs, Q) of (n, macs, bits) inputs; nothing is stored.

    Args:
        inputs: what is presented.
        weights: of `store`.
        field: shape and dynamics.
        generator: draws winners as when storing; None retrieves, and is repeatable.
    """
    parts = []
    for start in range(0, len(inputs), BLOCK):
        block = inputs[start : start + BLOCK]
        values = support(block, weights, field)
        winners = values.argmax(axis=-1) if generator is None else draw_winners(values, field, generator)
        parts.append(np.where(awake(block, field)[..., None], winners, field.silent).astype(np.uint8))
    return np.concatenate(parts)


def awake(inputs: NDArray[np.bool_], field: Field) -> NDArray[np.bool_]:
    """(n, macs) whether the number of active inputs of a mac is within its bounds."""
    active = inputs.sum(axis=-1)
    return np.asarray((active >= field.fewest) & (active <= field.most * inputs.shape[-1]))


def one_hot_codebook(modules: int, units: int) -> NDArray[np.float32]:
    """(modules, K + 1, K): code k stands for unit k, code K for silence; inner products count shared units."""
    codeword: Any = np.concatenate([np.eye(units), np.zeros((1, units))])
    return np.ascontiguousarray(np.broadcast_to(codeword, (modules, units + 1, units)), np.float32)

"""Normal-float quantisation with quantised scales, packed to the bit (Dettmers et al., arXiv:2305.14314).

Levels are quantiles of the normal distribution, so that normally distributed weights use all of them equally. Weights
are scaled by the largest of each block of B0; these scales are themselves stored in 8 bits a block, relative to the
largest of B1 of them, which is kept in float32: b + 8/B0 + 32/(B0·B1) bits a weight. Scales are quantised linearly
here; the paper takes an 8-bit float.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from suite.method import Tensors

if TYPE_CHECKING:
    from torch import Tensor

OFFSET = 0.9677083
"""Largest quantile that is a level before the levels are scaled to [−1, 1]; the value of the authors' code."""
SCALE_LEVELS = 255
SCALE_BITS = 8
SECOND_SCALE_BITS = 32


@dataclass(frozen=True)
class NormalFloat:
    """A configuration.

    Attributes:
        bits: bits of a code.
        block: weights that share a scale (B0).
        group: scales that share a second scale (B1).
    """

    bits: int
    block: int = 64
    group: int = 256

    @property
    def bits_a_weight(self) -> float:
        """Bits stored a weight, scales included, where nothing is left over."""
        return self.bits + SCALE_BITS / self.block + SECOND_SCALE_BITS / (self.block * self.group)

    def quantise(self, matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Codes and scales of a matrix, row after row.

        Returns:
            (blocks, block) uint8 codes, (blocks,) uint8 scale codes, (groups,) float32 largest scales.
        """
        import torch

        flat = matrix.reshape(-1).float()
        blocks = torch.nn.functional.pad(flat, (0, -len(flat) % self.block)).reshape(-1, self.block)
        largest = blocks.abs().amax(1)
        groups = torch.nn.functional.pad(largest, (0, -len(largest) % self.group)).reshape(-1, self.group)
        second = groups.amax(1).clamp(min=torch.finfo(torch.float32).tiny)
        # Never 0, or a block of small weights would vanish; rounded up, so that no weight lies beyond the outer levels.
        scales = (groups / second[:, None] * SCALE_LEVELS).ceil().clamp(1, SCALE_LEVELS)
        scales = scales.reshape(-1)[: len(largest)].to(torch.uint8)
        relative = blocks / self._scales(scales, second)[:, None]
        return torch.bucketize(relative, _borders(self.bits)).to(torch.uint8), scales, second

    def restore(self, codes: Tensor, scales: Tensor, second: Tensor, shape: tuple[int, ...]) -> Tensor:
        """The float32 matrix that codes and scales stand for."""
        values = _levels(self.bits)[codes.long()] * self._scales(scales, second)[:, None]
        return values.reshape(-1)[: int(np.prod(shape))].reshape(shape)

    def rounded(self, matrix: Tensor) -> Tensor:
        """The matrix after quantising and restoring."""
        return self.restore(*self.quantise(matrix), tuple(matrix.shape))

    def pack(self, matrix: Tensor) -> dict[str, NDArray[Any]]:
        """What is stored of a matrix: codes packed to the bit, scales, and second scales."""
        codes, scales, second = self.quantise(matrix)
        bits = np.unpackbits(codes.numpy().reshape(-1, 1), axis=1)[:, -self.bits :]
        return {"codes": np.packbits(bits), "scales": scales.numpy(), "second": second.numpy()}

    def unpack(self, stored: Tensors, shape: tuple[int, ...]) -> Tensor:
        """The float32 matrix of what `pack` returned."""
        import torch

        count = len(stored["scales"]) * self.block
        bits = np.unpackbits(stored["codes"], count=count * self.bits).reshape(count, self.bits)
        codes = np.packbits(np.pad(bits, ((0, 0), (8 - self.bits, 0))), axis=1)
        parts = (torch.from_numpy(np.array(part)) for part in (codes, stored["scales"], stored["second"]))
        codes, scales, second = parts
        return self.restore(codes.reshape(-1, self.block), scales, second, shape)

    def _scales(self, scales: Tensor, second: Tensor) -> Tensor:
        return scales.float() / SCALE_LEVELS * second.repeat_interleave(self.group)[: len(scales)]


def levels(bits: int) -> NDArray[np.float32]:
    """(2^bits,) levels in [−1, 1], 0 among them: 2^(bits−1) positive and one less negative, quantiles of a normal."""
    from scipy.special import erfinv

    half = 2 ** (bits - 1)

    def quantiles(count: int) -> NDArray[np.float64]:
        return np.asarray(np.sqrt(2) * erfinv(2 * np.linspace(OFFSET, 0.5, count)[:-1] - 1))

    found = np.concatenate([quantiles(half + 1), [0.0], -quantiles(half)])
    return np.sort(found / found.max()).astype(np.float32)


@lru_cache(maxsize=8)
def _levels(bits: int) -> Tensor:
    import torch

    return torch.from_numpy(levels(bits))


@lru_cache(maxsize=8)
def _borders(bits: int) -> Tensor:
    found = _levels(bits)
    return (found[1:] + found[:-1]) / 2

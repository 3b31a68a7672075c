# Annotations are in the keys of stored rows: they stay as they were before this file was checked strictly.
# mypy: disable-error-code="type-arg,no-any-return,arg-type"
"""Fixed dimensional encodings: one vector a set of vectors, whose dot products approximate Chamfer similarity.

MUVERA (arXiv:2405.19504), section 2. Space is cut by random hyperplanes; in every part, a query keeps the sum of its
vectors and a document their mean, so that the dot product pairs each query vector with the document's vectors near it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from suite.representations import MultiVector

VECTORS_A_BLOCK = 2**14


@dataclass(frozen=True)
class FixedDimensionalEncoding:
    """The random choices of an encoding.

    Attributes:
        planes: (repetitions, width, bits) float32 normals of the hyperplanes; bit i of a vector is whether its dot
            product with normal i is positive.
        columns: (repetitions, width) output column of every input coordinate; its own where nothing is projected.
        signs: (repetitions, width) float32, +1 or −1, by which the coordinate enters it.
        projected: number of output columns.
    """

    planes: NDArray[np.float32]
    columns: NDArray[np.uint16]
    signs: NDArray[np.float32]
    projected: int

    @classmethod
    def draw(cls, width: int, repetitions: int, bits: int, projected: int, seed: int) -> FixedDimensionalEncoding:
        """Draw every repetition from a stream of its own, by (`seed`, number of the repetition).

        Args:
            width: dimensions of the vectors that are encoded.
            repetitions: independent partitions, R.
            bits: hyperplanes a partition, k; it has 2^k blocks.
            projected: columns a block is projected to; `width` for no projection.
            seed: seed of the encoding; the paper's seed + r would make neighbouring seeds share repetitions.
        """
        planes = np.empty((repetitions, width, bits), np.float32)
        columns = np.tile(np.arange(width, dtype=np.uint16), (repetitions, 1))
        signs = np.ones((repetitions, width), np.float32)
        for r in range(repetitions):
            rng = np.random.default_rng((seed, r))
            planes[r] = rng.standard_normal((width, bits))
            if projected != width:
                columns[r] = rng.integers(projected, size=width)
                signs[r] = rng.choice((-1.0, 1.0), size=width)
        return cls(planes, columns, signs, projected)

    def tensors(self) -> dict[str, NDArray]:
        """What has to be kept to encode another text."""
        return {"planes": self.planes, "columns": self.columns, "signs": self.signs}

    @classmethod
    def of(cls, tensors: Mapping[str, NDArray], projected: int) -> FixedDimensionalEncoding:
        """The encoding that `tensors` were taken from."""
        return cls(tensors["planes"], tensors["columns"], tensors["signs"], projected)

    @property
    def dimensions(self) -> int:
        """Size of an encoding: repetitions · 2^bits · projected."""
        repetitions, _, bits = self.planes.shape
        return repetitions * 2**bits * self.projected

    def queries(self, texts: MultiVector) -> NDArray[np.float32]:
        """(n, dimensions): the sum of each block's vectors; a block without vectors is zero."""
        return self._encode(texts, lambda sums, *_: sums)

    def documents(self, texts: MultiVector, fill: bool = True) -> NDArray[np.float32]:
        """(n, dimensions): the mean of each block's vectors.

        A block without vectors takes the vector whose bits differ from the block's in the fewest places, the first
        among equals; with ``fill=False`` it stays zero, which the paper does for queries only.
        """

        def settle(sums: NDArray, counts: NDArray, block_of: NDArray, projected: NDArray, starts: NDArray) -> NDArray:
            means = sums / np.maximum(counts, 1)[:, :, None]
            if fill:
                text, block = np.nonzero(counts == 0)
                means[text, block] = projected[nearest_by_bits(block_of, starts, counts.shape[1])[text, block]]
            return means

        return self._encode(texts, settle)

    def _encode(self, texts: MultiVector, settle: Callable[..., NDArray[np.float32]]) -> NDArray[np.float32]:
        repetitions, _, bits = self.planes.shape
        blocks, maps = 2**bits, self._maps()
        out = np.empty((len(texts), repetitions, blocks, self.projected), np.float32)
        for rows in _runs_of_texts(texts.offsets.astype(np.int64)):
            some = texts[rows]
            starts = some.offsets[:-1].astype(np.int64)
            text_of = np.repeat(np.arange(len(some)), np.diff(some.offsets.astype(np.int64)))
            mapped = (some.vectors.astype(np.float32) @ maps).reshape(len(text_of), repetitions, -1)
            for r in range(repetitions):
                block_of = (mapped[:, r, :bits] > 0) @ (1 << np.arange(bits))
                projected = mapped[:, r, bits:]
                sums, counts = _sums(projected, text_of * blocks + block_of, len(some) * blocks)
                sums, counts = sums.reshape(len(some), blocks, -1), counts.reshape(len(some), blocks)
                out[rows, r] = settle(sums, counts, block_of, projected, starts)
        return out.reshape(len(texts), self.dimensions)

    def _maps(self) -> NDArray[np.float32]:
        """(width, repetitions · (bits + projected)): for each repetition the hyperplanes, then the projection."""
        repetitions, width, bits = self.planes.shape
        maps = np.zeros((width, repetitions, bits + self.projected), np.float32)
        maps[:, :, :bits] = self.planes.transpose(1, 0, 2)
        for r in range(repetitions):
            maps[np.arange(width), r, bits + self.columns[r].astype(np.int64)] = self.signs[r]
        return maps.reshape(width, -1)


def nearest_by_bits(block_of: NDArray[np.int64], starts: NDArray[np.int64], blocks: int) -> NDArray[np.int64]:
    """(texts, blocks) row of the text's vector whose bits are nearest to the block's; the first among equals.

    Args:
        block_of: (total,) block of each vector, its bits as a number.
        starts: (texts,) row of the first vector of each text.
        blocks: number of blocks.
    """
    total = len(block_of)
    distance = np.bitwise_count(block_of[:, None] ^ np.arange(blocks))
    # The smallest of distance · total + row is the nearest, and of several nearest the first.
    ranked = distance * np.int64(total) + np.arange(total)[:, None]
    return np.minimum.reduceat(ranked, starts) % total


def _sums(values: NDArray[np.float32], group: NDArray[np.int64], groups: int) -> tuple[NDArray, NDArray]:
    """(groups, d) sums of the (total, d) values of each group, and (groups,) how many they are."""
    from scipy.sparse import csr_array

    members = csr_array((np.ones(len(group), np.float32), (group, np.arange(len(group)))), (groups, len(group)))
    return members @ values, np.bincount(group, minlength=groups)


def _runs_of_texts(offsets: NDArray[np.int64]) -> list[slice]:
    """Texts in runs of about `VECTORS_A_BLOCK` vectors."""
    runs, first = [], 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + VECTORS_A_BLOCK, side="right")) - 1
        last = max(last, first + 1)
        runs.append(slice(first, last))
        first = last
    return runs

"""Lossless coding with a probabilistic circuit: a hidden Chow–Liu tree whose exact conditionals drive a range coder.

Liu, Mandt and Van den Broeck (arXiv:2111.11632) compress images with structured-decomposable circuits: because every
conditional p(x_v | pixels before) is exact, an arithmetic coder reaches the circuit's likelihood, and a good order of
the pixels re-evaluates O(log D) of the circuit a pixel. The mechanism is here in full for a rooted hidden Chow–Liu
tree, where depth-first order needs O(|p|) in all: a belief over the hidden state walks down the tree, codes the pixel,
and what was seen below comes back up as evidence. Streams are those of constriction's range coder.

An encoder and a decoder must agree on every last bit of every probability. Tables are stored in 16 bits and beliefs are
whole numbers, so that sums are exact: neither the batch, nor the number of threads, nor the BLAS changes a stream.

At our scale: 16 states at most (the paper: 16 to 32 and larger), half a pass over Fashion-MNIST by mini-batch
expectation maximisation on one thread (the paper: hundreds of passes on a GPU), mutual information of pixels cut into
eight bins, 2,000 test images. Left out: the GPU kernels, sparse circuits, and circuits as priors of flows (PC+IDF).

Controls: a random spanning tree and a raster tree with 8 states, and one state, which is a histogram a pixel; all
through the same code, steps and data. The model itself is large, and the two-part rate says how large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.probabilistic_circuits.hidden_chow_liu import (
    HiddenTree,
    Tree,
    learn,
    mutual_information,
    raster_tree,
    spanning_tree,
)
from methods.probabilistic_circuits.range_coding import categorical, finish, probabilities, start, whole
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Bitstream

if TYPE_CHECKING:
    from suite.task import Task

IMAGES_AT_ONCE = 500
"""Enough for the tables of a pixel to stay in a core's cache."""
STRUCTURE_IMAGES = 2000
"""Training images that the mutual information of pixels is estimated on."""
BATCH = 250

Code = Callable[[slice, int, NDArray[np.float64]], NDArray[np.uint8]]
"""Writes or reads a pixel: rows of images, its place in a flattened image, (n, 256) probabilities → the (n,) values."""


class ProbabilisticCircuits(Method):
    """A hidden Chow–Liu tree with `m` states a pixel, and a range coder."""

    name = "probabilistic-circuits"
    summary = (
        "A tree of hidden states over the pixels, learnt by expectation maximisation, gives the exact probability of "
        "each pixel after those before it; a range coder turns them into bits."
    )
    modality = Modality.IMAGE
    readouts = ("decode",)
    paper = Paper(
        "Lossless compression with probabilistic circuits",
        2022,
        arxiv="2111.11632",
        authors=("Anji Liu", "Stephan Mandt", "Guy Van den Broeck"),
    )
    tags = ("trained", "probabilistic circuit", "range coder")
    grid = (
        {"arm": ("chow-liu",), "m": (4, 8, 16), "layout": ("stream",)},
        {"arm": ("chow-liu",), "m": (16,), "layout": ("item",)},
        {"arm": ("random-tree", "raster-tree"), "m": (8,), "layout": ("stream",)},
        {"arm": ("independent",), "m": (1,), "layout": ("stream",)},
    )
    controls = {"arm": ("random-tree", "raster-tree", "independent")}
    quick = ("[arm=chow-liu,m=8]", "[arm=chow-liu,m=16,layout=item]", "[arm=independent]", "[arm=random-tree]")
    fit_params = ("arm", "m")
    seeded = True
    requires = ("constriction", "torch", "scipy")
    arm: str
    m: int
    layout: str

    def skip(self, task: Task[Any]) -> str | None:
        """Shuffled pixels are a check, for which one size is enough."""
        if task.spec.name.endswith("-shuffled") and (self.arm, self.m) not in {("chow-liu", 4), ("raster-tree", 8)}:
            return "pixels in another order are a check that runs with 4 states and on the raster tree only"
        return None

    # -- learning ---------------------------------------------------------------------------------

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Structure and tables of the training images.

        Returns:
            pixels and parents, (d,) int16 (see `Tree`); emissions (d, m, 256) and transitions (d, m, m), uint16.
        """
        rng = np.random.default_rng(seed)
        steps = self.effort.pick(quick=8, standard=120)
        images = data.items.reshape(len(data.items), -1)
        tree = self._structure(data.items, images[rng.permutation(len(images))[:STRUCTURE_IMAGES]], rng)
        # The mini-batches below draw from as many images as they can show once.
        drawn = images[rng.permutation(len(images))[: steps * BATCH]]
        emissions, transitions = learn(tree, drawn, self.m, steps=steps, batch=BATCH, rng=rng).tables()
        return {"pixels": tree.pixels, "parents": tree.parents, "emissions": emissions, "transitions": transitions}

    def _structure(self, images: NDArray[np.uint8], flat: NDArray[np.uint8], rng: np.random.Generator) -> Tree:
        if self.arm == "raster-tree":
            return raster_tree(*images.shape[1:])
        if self.arm == "chow-liu":
            return spanning_tree(mutual_information(flat))
        weights = rng.random((flat.shape[1], flat.shape[1]))
        return spanning_tree((weights + weights.T) / 2)

    @cached_property
    def _tree(self) -> Tree:
        return Tree(self.fitted["pixels"], self.fitted["parents"])

    # -- coding -----------------------------------------------------------------------------------

    def encode(self, items: NDArray[np.uint8], role: Role) -> Bitstream:
        """One stream per image, or one for all; with −log2 p of the stored model."""
        import constriction

        images = items.reshape(len(items), -1)
        encoders = [constriction.stream.queue.RangeEncoder() for _ in range(self._streams(len(items)))]
        family = categorical()

        def write(rows: slice, pixel: int, tables: NDArray[np.float64]) -> NDArray[np.uint8]:
            values = images[rows, pixel]
            for encoder, part in self._shares(encoders, rows):
                encoder.encode(values[part].astype(np.int32), family, tables[part])
            return values

        self._walk(len(items), write)
        model = HiddenTree.stored(self._tree, self.fitted["emissions"], self.fitted["transitions"])
        return Bitstream([finish(encoder) for encoder in encoders], len(items), items.shape[1:], model.bits(images))

    def decode(self, streams: Bitstream) -> NDArray[np.uint8]:
        """(n, h, w[, 3]) images."""
        decoders = [start(stream) for stream in streams.streams]
        images = np.empty((streams.count, len(self._tree.pixels)), np.uint8)
        family = categorical()

        def read(rows: slice, pixel: int, tables: NDArray[np.float64]) -> NDArray[np.uint8]:
            values = images[rows, pixel]
            for decoder, part in self._shares(decoders, rows):
                values[part] = decoder.decode(family, tables[part])
            return values

        self._walk(streams.count, read)
        return images.reshape(streams.count, *streams.shape)

    def _streams(self, count: int) -> int:
        return count if self.layout == "item" else 1

    def _shares(self, coders: Sequence[Any], rows: slice) -> Iterator[tuple[Any, slice]]:
        """Which coder takes which of the tables of `rows`."""
        if self.layout == "stream":
            yield coders[0], slice(None)
        else:
            yield from ((coder, slice(place, place + 1)) for place, coder in enumerate(coders[rows]))

    def _walk(self, count: int, code: Code) -> None:
        """Have `code` write or read every pixel of `count` images, in the order and with the tables that both share."""
        evaluated = 0
        for first in range(0, count, IMAGES_AT_ONCE):
            rows = slice(first, min(first + IMAGES_AT_ONCE, count))
            evaluated += self._walk_block(rows, code) * (rows.stop - rows.start)
        whole_circuit = self.fitted["emissions"].size + self.fitted["transitions"].size
        self.extra_costs["share_of_circuit_a_pixel"] = evaluated / count / len(self._tree.pixels) / whole_circuit

    def _walk_block(self, rows: slice, code: Code) -> int:
        """Depth first: code a pixel, go down to each child, and come back with what its subtree showed.

        Returns:
            Edges of the circuit that were evaluated an image.
        """
        emissions, transitions = self._tables
        children = self._tree.children
        prior = np.repeat(transitions[0][:1], rows.stop - rows.start, axis=0)
        beliefs = {0: whole(prior, prior.sum(1, keepdims=True))}
        evidence: dict[int, NDArray[np.float64]] = {}
        waiting = [(0, 0)]
        evaluated = 0
        while waiting:
            place, child = waiting.pop()
            if child == 0:
                values = code(rows, int(self._tree.pixels[place]), probabilities(beliefs[place] @ emissions[place]))
                evidence[place] = emissions[place].T[values]
                evaluated += emissions[place].size
            if child < len(children[place]):
                below = children[place][child]
                joint = beliefs[place] * evidence[place]
                joint = whole(joint, joint.sum(1, keepdims=True)) @ transitions[below]
                beliefs[below] = whole(joint, joint.sum(1, keepdims=True))
                evaluated += transitions[below].size
                waiting += [(place, child + 1), (below, 0)]
            elif place:
                above = int(self._tree.parents[place])
                seen, _ = evidence.pop(place), beliefs.pop(place)
                told = evidence[above] * (whole(seen, seen.max(1, keepdims=True)) @ transitions[place].T)
                evidence[above] = whole(told, told.max(1, keepdims=True))
                evaluated += transitions[place].size
        return evaluated

    @cached_property
    def _tables(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The stored tables as whole numbers in float64: (d, m, 256) and (d, m, m)."""
        return self.fitted["emissions"].astype(np.float64), self.fitted["transitions"].astype(np.float64)

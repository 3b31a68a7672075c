"""Sparsey: a memory that stores each input in one step, as a sparse code that resembles those of similar inputs.

The paper's coding field (mac) and its code selection are in `methods.sparsey.memory`: winners are
drawn with noise that falls as familiarity rises, and weights are binary and set once. The full model is a hierarchy of
macs with small receptive fields, bounds on the active inputs of a mac, weights that are frozen once enough of them are
set, and label units learnt by the same rule. There is no official code; the equations are put together from secondary
sources, and constants are ours.

Here: for random patterns one mac of 50 modules of 20 units, γ = 2, χ = 100, λ = 28, c = .5, G⁻ = 0. For images one
level of macs: signed horizontal and vertical edges on a grid of at most 16 × 16 cells, fields of 4 × 4 cells at stride
2, 4 modules of 7 units each, silent below 4 active inputs and above 70 %, γ = 30 and c = .95 (with the constants above
one mac collapses on images), frozen when 20 % of the weights are set. Images are seen once, in the order given, at most
10,000 of them. Codes of the stored patterns are kept to be compared with; nothing that encodes reads them.
Left out: further levels, time (horizontal input from the code before), and critical periods a level.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from methods.sparsey.memory import Choice, Field, one_hot_codebook, present, store
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Binary, Codes

EDGE = 32
"""Grey levels, of 255, between neighbouring pixels."""
LARGEST_GRID = 16
SIDE, STRIDE = 4, 2
"""Cells of a mac's receptive field, and between fields."""
IMAGE_MAC, PATTERN_MAC = (4, 7), (50, 20)
"""Modules, and units of each."""
PRESENTATION_SEED = 1996
"""Not that of a cell: winners must not be drawn with the numbers they were drawn with when storing."""
CHOICES: dict[str, Choice] = {"sparsey": "familiarity", "random-winners": "random", "always-argmax": "argmax"}


class Sparsey(Method):
    """One-shot sparse codes: one winner a module, as symbols.

    Parameter: `arm`. ``random-winners`` draws winners without regard to familiarity, ``always-argmax`` draws none;
    both retrieve as Sparsey does.
    """

    name = "sparsey"
    summary = (
        "Stores each input in one Hebbian step under a sparse code whose randomness falls with the input's "
        "familiarity. Controls draw winners blindly, or not at all."
    )
    modality = (Modality.IMAGE, Modality.VECTORS)
    readouts = ("classify", "one_shot_memory")
    paper = Paper("Superposed Episodic and Semantic Memory via Sparse Distributed Representation", 2017, "1710.07829")
    tags = ("binary", "one-shot", "no gradients")
    grid = {"arm": tuple(CHOICES)}
    controls = {"arm": ("random-winners", "always-argmax")}
    seeded = True

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Weights, packed to bits; for images also label weights, for patterns the codes they were given."""
        generator = np.random.default_rng(seed)
        if not _is_images(data.items):
            weights, codes = store(inputs_of(data.items), self._field(data.items), generator)
            return {"weights": np.packbits(weights.astype(bool), axis=-1), "codes": codes.reshape(len(codes), -1)}
        limit = self.effort.pick(quick=1000, standard=10_000)
        images, field = data.items[:limit], self._field(data.items)
        weights, codes = store(inputs_of(images), field, generator)
        labels = label_weights(codes, data.labels[:limit], data.classes, field)
        return {
            "weights": np.packbits(weights.astype(bool), axis=-1),
            "labels": np.packbits(labels, axis=-1),
            "classes": np.array([data.classes]),
        }

    def _field(self, items: NDArray[Any]) -> Field:
        choice = CHOICES[str(self.arm)]
        if _is_images(items):
            return Field(*IMAGE_MAC, choice, exponent=30, centre=0.95, fewest=4, most=0.7, full=0.2)
        return Field(*PATTERN_MAC, choice)

    @cached_property
    def _weights(self) -> NDArray[np.float32]:
        modules, units = IMAGE_MAC if "labels" in self.fitted else PATTERN_MAC
        return np.unpackbits(self.fitted["weights"], axis=-1, count=modules * units).astype(np.float32)

    def encode(self, items: Any, role: Role) -> Codes:
        """One symbol a module, retrieved: 3 bits each for images, 5 for patterns."""
        field = self._field(items)
        return _as_codes(present(inputs_of(items), self._weights, field), field)

    def features(self, items: Codes) -> Any:
        """(n, modules · K) CSR, 1 at the winners."""
        from scipy.sparse import csr_array

        return csr_array(items.features())

    def presented(self, items: NDArray[np.float32]) -> Codes:
        """The codes that patterns would be stored under now, winners drawn."""
        field = self._field(items)
        return _as_codes(
            present(inputs_of(items), self._weights, field, np.random.default_rng(PRESENTATION_SEED)), field
        )

    def stored_codes(self) -> Codes:
        """The codes that patterns were stored under, in their order."""
        codes = self.fitted["codes"]
        return _as_codes(codes.reshape(len(codes), 1, -1), Field(*PATTERN_MAC))

    def predict(self, items: Codes) -> NDArray[np.int64]:
        """(n,) label units with most set weights from the winners."""
        labels = np.unpackbits(self.fitted["labels"], axis=-1, count=int(self.fitted["classes"][0]))
        return np.asarray((items.features() @ labels.astype(np.float32)).argmax(axis=1))


class EdgeBits(Method):
    """The bits that Sparsey's image codes are made of, whole, compared by Hamming distance."""

    name = "edge-bits"
    summary = (
        "Signed edges on a coarse grid, one bit each. The control of codes that are made of them: neighbours are those "
        "of smallest Hamming distance."
    )
    modality = Modality.IMAGE
    tags = ("binary", "control")
    is_control = True

    def encode(self, items: Any, role: Role) -> Binary:
        """(n, rows · columns · 4) bits."""
        cells = edge_cells(items)
        return Binary(np.packbits(cells.reshape(len(cells), -1), axis=1), int(np.prod(cells.shape[1:])))


def edge_cells(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """(n, rows, columns, 4) whether a cell holds an edge: brighter or darker, to the right or downwards.

    Cells are pixels, or squares of pixels so that there are at most 16 to a side; what does not fill one is cut off.
    """
    grey = images.mean(axis=3) if images.ndim == 4 else images
    grey = grey.astype(np.int16)
    across = np.diff(grey, axis=2, prepend=grey[:, :, :1])
    down = np.diff(grey, axis=1, prepend=grey[:, :1])
    edges = np.stack([across > EDGE, across < -EDGE, down > EDGE, down < -EDGE], axis=-1)
    size = -(-max(grey.shape[1:]) // LARGEST_GRID)
    rows, columns = (length // size for length in grey.shape[1:])
    cut = edges[:, : rows * size, : columns * size]
    return np.asarray(cut.reshape(len(images), rows, size, columns, size, 4).any(axis=(2, 4)))


def inputs_of(items: NDArray[Any]) -> NDArray[np.bool_]:
    """(n, macs, bits) inputs: of images the receptive fields, of patterns all bits for one mac."""
    if not _is_images(items):
        return np.asarray(items > 0)[:, None]
    fields = np.lib.stride_tricks.sliding_window_view(edge_cells(items), (SIDE, SIDE), axis=(1, 2))
    fields = fields[:, ::STRIDE, ::STRIDE]
    return np.ascontiguousarray(fields.reshape(len(items), fields.shape[1] * fields.shape[2], -1))


def label_weights(codes: NDArray[np.uint8], labels: NDArray[np.int64], classes: int, field: Field) -> NDArray[np.bool_]:
    """Weights from winners to label units, set by the rule of all weights: once, until a mac's share `full` is set.

    Args:
        codes: (n, macs, Q) codes that the inputs were stored under, in order.
        labels: (n,) their classes.
        classes: number of label units.
        field: shape of the macs.

    Returns:
        (macs · Q · K, classes).
    """
    macs = codes.shape[1]
    weights = np.zeros((macs, field.modules, field.units + 1, classes), bool)
    learns, every_mac, every_module = np.ones(macs, bool), np.arange(macs)[:, None], np.arange(field.modules)
    for code, label in zip(codes, labels, strict=True):
        weights[every_mac[learns], every_module, code[learns], label] = True
        learns = weights[:, :, : field.units].mean(axis=(1, 2, 3)) < field.full
    return weights[:, :, : field.units].reshape(-1, classes)


def _is_images(items: NDArray[Any]) -> bool:
    return items.ndim > 2


def _as_codes(codes: NDArray[np.uint8], field: Field) -> Codes:
    flat = codes.reshape(len(codes), -1)
    return Codes(flat, one_hot_codebook(flat.shape[1], field.units), bits=int(field.units).bit_length())

"""Hidden Chow–Liu trees over pixels: structure, expectation maximisation, likelihood.

A maximum spanning tree of pairwise mutual information (Chow & Liu 1968) is rooted at its centre, and every pixel v gets
a hidden Z_v of m states: p(x) = Σ_z p(z_root) Π_v p(z_v | z_parent) p(x_v | z_v), the last one over 256 values (Liu &
Van den Broeck, arXiv:2106.02264). Pixels are numbered in breadth-first order throughout, so that a level of the tree is
a slice and children of one parent lie together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

VALUES = 256
TOTAL = 2**16 - 1
"""What a row of a stored table sums to: 16-bit numbers, none of them 0."""
BINS = 8
SMOOTHING = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Counts that may be added to every value of a histogram."""
PSEUDOCOUNT = 1.0
"""How many training images' worth of the pixel's own histogram is added to a state, and of evenness to a transition."""


@dataclass(frozen=True)
class Tree:
    """A rooted tree of pixels in breadth-first order.

    Attributes:
        pixels: (d,) which pixel of the flattened image is at each place.
        parents: (d,) place of the parent; the root is at place 0 and has −1.
    """

    pixels: NDArray[np.int16]
    parents: NDArray[np.int16]

    @cached_property
    def levels(self) -> list[slice]:
        """Places of each depth."""
        depth = np.zeros(len(self.parents), int)
        for place in range(1, len(depth)):
            depth[place] = depth[self.parents[place]] + 1
        ends = np.searchsorted(depth, np.arange(depth[-1] + 1), side="right")
        return [slice(int(a), int(b)) for a, b in zip([0, *ends], ends, strict=False)]

    @cached_property
    def children(self) -> list[list[int]]:
        """Places of the children of each place."""
        found: list[list[int]] = [[] for _ in self.parents]
        for place, parent in enumerate(self.parents[1:].tolist(), 1):
            found[parent].append(place)
        return found

    @cached_property
    def siblings(self) -> list[list[NDArray[np.int64]]]:
        """Of each level below the root, its places that are a first child, those that are a second child, and so on."""
        rank = np.zeros(len(self.parents), int)
        for children in self.children:
            rank[children] = np.arange(len(children))
        below = [np.arange(level.start, level.stop) for level in self.levels[1:]]
        return [[places[rank[places] == r] for r in range(rank[places].max() + 1)] for places in below]


# -- structure ------------------------------------------------------------------------------------------


def mutual_information(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(d, d) nats between pixels, each cut into `BINS` of equal width, from (n, d) images."""
    count, dims = images.shape
    binned = images.astype(np.int64) * BINS // (int(images.max()) + 1)
    marks = np.zeros((count, dims, BINS), np.float32)
    np.put_along_axis(marks, binned[..., None], 1, axis=2)
    flat = marks.reshape(count, -1)
    joint = (flat.T @ flat / count).reshape(dims, BINS, dims, BINS)
    single = flat.mean(axis=0).reshape(dims, BINS)
    information = np.zeros((dims, dims))
    for a in range(BINS):
        for b in range(BINS):
            both, apart = joint[:, a, :, b], single[:, a, None] * single[None, :, b]
            information += both * np.log(np.maximum(both, 1e-12) / np.maximum(apart, 1e-12))
    return information


def spanning_tree(weights: NDArray[np.float64]) -> Tree:
    """The maximum spanning tree of (d, d) edge weights, rooted at its centre."""
    from scipy.sparse.csgraph import minimum_spanning_tree

    # An edge of weight 0 would be none: all are shifted above it, which changes no tree.
    edges = minimum_spanning_tree(weights.max() + 1 - weights)
    return rooted(edges + edges.T)


def raster_tree(height: int, width: int, channels: int = 1) -> Tree:
    """Every pixel hangs on its left neighbour, the first of a row on the one above; rooted at the centre."""
    from scipy.sparse import coo_array

    places = np.arange(height * width * channels).reshape(height, width * channels)
    child = np.concatenate([places[:, 1:].ravel(), places[1:, 0]])
    parent = np.concatenate([places[:, :-1].ravel(), places[:-1, 0]])
    edges = coo_array((np.ones(len(child)), (child, parent)), shape=(places.size, places.size)).tocsr()
    return rooted(edges + edges.T)


def rooted(adjacency: Any) -> Tree:
    """The tree of a symmetric sparse (d, d) adjacency, from its centre outwards."""
    from scipy.sparse.csgraph import breadth_first_order, shortest_path

    centre = int(shortest_path(adjacency, unweighted=True).max(axis=1).argmin())
    order, before = breadth_first_order(adjacency, centre)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    parents = [-1, *place[before[order[1:]]]]
    return Tree(order.astype(np.int16), np.array(parents, np.int16))


# -- parameters -----------------------------------------------------------------------------------------


class HiddenTree:
    """A tree with its tables, as float32 tensors while it is trained and float64 once it is stored.

    Args:
        tree: the structure.
        emissions: (d, m, 256) tensor, rows sum to 1.
        transitions: (d, m, m) tensor of p(z_v = j | z_parent = i); the root's rows are all its prior.
    """

    def __init__(self, tree: Tree, emissions: Any, transitions: Any) -> None:
        """Hold structure and tables."""
        self.tree = tree
        self.emissions = emissions
        self.transitions = transitions

    @classmethod
    def stored(cls, tree: Tree, emissions: NDArray[np.uint16], transitions: NDArray[np.uint16]) -> HiddenTree:
        """The model that 16-bit tables describe, in float64."""
        import torch

        tables = (torch.from_numpy(table.astype(np.float64) / TOTAL) for table in (emissions, transitions))
        return cls(tree, *tables)

    @classmethod
    def initial(cls, tree: Tree, images: NDArray[np.uint8], states: int, rng: np.random.Generator) -> HiddenTree:
        """States start as ranks of a pixel's value together with those next to it in the tree: (n, d) `images`."""
        import torch

        count, dims = images.shape
        values = images[:, tree.pixels].astype(np.float32)
        parents = tree.parents[1:].astype(np.int64)
        around, degree = np.zeros_like(values), np.bincount(parents, minlength=dims).astype(np.float32)
        degree[1:] += 1
        np.add.at(around.T, parents, values.T[1:])
        around[:, 1:] += values[:, parents]
        score = values + 0.5 * around / np.maximum(degree, 1) + 0.01 * rng.random(values.shape, np.float32)
        ranks = score.argsort(axis=0).argsort(axis=0) * states // count
        chosen = torch.nn.functional.one_hot(torch.from_numpy(ranks.T.copy()), states).float()
        model = cls(tree, torch.empty(dims, states, VALUES), torch.empty(dims, states, states))
        above = chosen[np.maximum(tree.parents, 0)]
        flows = torch.zeros(dims, states, VALUES), above.mT @ chosen
        _add_by_value(flows[0], torch.from_numpy(values.T.astype(np.int64)), chosen)
        model.step(*flows, pseudocounts(values, states))
        return model

    def step(self, emitted: Any, moved: Any, pseudo: Any, *, share: float = 1.0, rate: float = 1.0) -> None:
        """Move the tables towards expected counts.

        Args:
            emitted: (d, m, 256) expected counts of values in states.
            moved: (d, m, m) expected counts of transitions.
            pseudo: (d, 256) counts added to each state's, if the expected ones are of all training images.
            share: of the training images that the expected counts are of.
            rate: of the move; 1 forgets the tables.
        """
        moved[0] = emitted[0].sum(-1)  # whatever parent the root is said to have, its rows are its prior
        towards = emitted + share * pseudo[:, None], moved + share * PSEUDOCOUNT / emitted.shape[1]
        for name, flow in zip(("emissions", "transitions"), towards, strict=True):
            fresh = flow / flow.sum(-1, keepdim=True)
            setattr(self, name, fresh if rate == 1 else (1 - rate) * getattr(self, name) + rate * fresh)

    def upward(self, values: Any) -> tuple[Any, Any, Any]:
        """Evidence from the leaves to the root.

        Args:
            values: (d, n) int64 pixel values in the tree's order.

        Returns:
            (d, n, m) beliefs b_v(z) ∝ p(x below and at v | z_v = z), each row summing to 1; (d, n, m) messages
            Σ_z p(z | z_parent) b_v(z); (n,) log2 p(x).
        """
        import torch

        dims, count = values.shape
        rows = torch.arange(dims)[:, None]
        beliefs = self.emissions.mT[rows, values]
        messages = torch.empty_like(beliefs)
        logs = torch.zeros(count, dtype=beliefs.dtype)
        levels = self.tree.levels
        for depth in range(len(levels) - 1, -1, -1):
            here = levels[depth]
            total = beliefs[here].sum(-1, keepdim=True)
            logs += total.log2().sum((0, 2))
            beliefs[here] /= total
            messages[here] = beliefs[here] @ self.transitions[here].mT
            if depth:
                for places in self.tree.siblings[depth - 1]:
                    beliefs[self.tree.parents[places].astype(np.int64)] *= messages[places]
        return beliefs, messages, logs + messages[0, :, 0].log2()

    def flows(self, values: Any) -> tuple[Any, Any]:
        """Expected counts of the (d, n) images: (d, m, 256) of values in states, (d, m, m) of transitions."""
        import torch

        beliefs, messages, _ = self.upward(values)
        posterior = torch.empty_like(beliefs)
        moved = torch.zeros_like(self.transitions)
        root = beliefs[0] * self.transitions[0, 0]
        posterior[0] = root / root.sum(-1, keepdim=True)
        for here in self.tree.levels[1:]:
            above = posterior[self.tree.parents[here].astype(np.int64)] / messages[here]
            posterior[here] = beliefs[here] * (above @ self.transitions[here])
            moved[here] = self.transitions[here] * (above.mT @ beliefs[here])
        emitted = torch.zeros_like(self.emissions)
        _add_by_value(emitted, values, posterior)
        return emitted, moved

    def bits(self, images: NDArray[np.uint8], batch: int = 500) -> float:
        """−log2 p of all (n, d) images together."""
        values = _values(self.tree, images)
        return float(-sum(self.upward(part)[2].sum() for part in values.split(batch, dim=1)))

    def tables(self) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
        """Both tables in 16 bits."""
        return rounded(self.emissions.double().numpy()), rounded(self.transitions.double().numpy())


def learn(
    tree: Tree, images: NDArray[np.uint8], states: int, *, steps: int, batch: int, rng: np.random.Generator
) -> HiddenTree:
    """Mini-batch expectation maximisation of (n, d) images, its rate falling from 0.5 to 0.02.

    A single state is a histogram a pixel: it is counted, and nothing iterated.
    """
    model = HiddenTree.initial(tree, images, states, rng)
    pseudo = pseudocounts(images[:, tree.pixels], states)
    size = min(batch, len(images))
    order = np.concatenate([rng.permutation(len(images)) for _ in range(steps * size // len(images) + 1)])
    for step in range(steps if states > 1 else 0):
        values = _values(tree, images[order[step * size : (step + 1) * size]])
        rate = 0.5 * (0.02 / 0.5) ** (step / max(1, steps - 1))
        model.step(*model.flows(values), pseudo, share=size / len(images), rate=rate)
    return model


def pseudocounts(values: NDArray[Any], states: int) -> Any:
    """(d, 256) counts to add to those of each of `states`, from the (n, d) training values.

    As many of every value as make a pixel's histogram predict values left out best, shared among the states; and, where
    there are several, a little of that histogram.
    """
    import torch

    count, dims = values.shape
    places = values.astype(np.int64) + VALUES * np.arange(dims)
    counts = np.bincount(places.ravel(), minlength=dims * VALUES).reshape(dims, VALUES)

    def left_out(added: float) -> float:
        """Log-likelihood of every value under the counts of the others."""
        known = np.log(np.maximum(counts - 1, 0) + added)
        return float((counts * known).sum() - values.size * np.log(count - 1 + VALUES * added))

    added = max(SMOOTHING, key=left_out)
    histogram = (counts + added) / (count + VALUES * added)
    return torch.from_numpy((added / states + (states > 1) * PSEUDOCOUNT * histogram).astype(np.float32))


def rounded(table: NDArray[np.float64]) -> NDArray[np.uint16]:
    """Rows of probabilities as whole numbers of at least 1 that sum to `TOTAL`; the largest takes up the rest."""
    units = np.maximum(np.rint(table * TOTAL), 1).astype(np.int64)
    largest = units.argmax(axis=-1)[..., None]
    left = TOTAL - units.sum(axis=-1, keepdims=True)
    np.put_along_axis(units, largest, np.take_along_axis(units, largest, -1) + left, -1)
    return units.astype(np.uint16)


def _values(tree: Tree, images: NDArray[np.uint8]) -> Any:
    """(d, n) int64 values in the tree's order."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(images[:, tree.pixels].T).astype(np.int64))


def _add_by_value(table: Any, values: Any, weights: Any) -> None:
    """Add (d, n, m) `weights` to the columns of the (d, m, 256) `table` that (d, n) `values` name."""
    import torch

    dims, _, states = weights.shape
    flat = torch.zeros(dims * VALUES, states, dtype=table.dtype)
    rows = values + VALUES * torch.arange(dims)[:, None]
    flat.index_add_(0, rows.reshape(-1), weights.reshape(-1, states))
    table += flat.reshape(dims, VALUES, states).mT

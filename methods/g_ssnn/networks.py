"""A small convolutional encoder, and the graph network whose discrete features come from a synthesised graph."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

WIDTH, CHANNELS, LAYERS, DROP = 64, 32, 3, 0.3
PERIOD = 10_000


class Encoder(nn.Module):
    """Pixels of 4 × 4 (2 × 2 of small images) to channels, a residual convolution, and a linear map of all places.

    Args:
        shape: height and width of the images, and channels if there are three.
        outputs: of the linear map.
    """

    def __init__(self, shape: tuple[int, ...], outputs: int) -> None:
        """Make the encoder."""
        super().__init__()
        self.fold = 4 if shape[0] >= 16 else 2
        channels = self.fold**2 * (shape[2] if len(shape) == 3 else 1)
        self.embedding = nn.Conv2d(channels, CHANNELS, 1)
        places = (CHANNELS, shape[0] // self.fold, shape[1] // self.fold)
        self.residual = nn.Sequential(
            nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False),
            nn.LayerNorm(places),
            nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False),
            nn.GELU(),
            nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False),
        )
        self.out = nn.Linear(math.prod(places), outputs)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, outputs) of (n, channels, h, w)."""
        maps = self.embedding(functional.pixel_unshuffle(pixels, self.fold))
        return self.out((maps + self.residual(maps)).flatten(1))


class Baseline(nn.Module):
    """The encoder alone, with a linear head."""

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        """As wide as the graph network."""
        super().__init__()
        self.encoder = Encoder(shape, WIDTH)
        self.head = nn.Linear(WIDTH, classes)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 64) what the head reads."""
        return functional.relu(self.encoder(pixels))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits."""
        return self.head(self.features(pixels))


class GraphNetwork(nn.Module):
    """The encoder's vector, cut into one chunk an element of a graph, passed along its edges.

    Element i (nodes and edges are numbered together) reads chunk i, tiled to the full width, plus the sine-cosine code
    of its number and its port (0 for nodes). Three GINE layers (Hu et al., arXiv:1905.12265) with dropout on node and
    edge features, then the mean over nodes.

    Args:
        shape: of the images.
        classes: outputs of the head.
        nodes: (v,) numbers of the nodes.
        edges: (e, 4) number, port, and the two ends of every edge, as numbers of nodes.
    """

    def __init__(self, shape: tuple[int, ...], classes: int, nodes: list[int], edges: list[list[int]]) -> None:
        """Make the network."""
        super().__init__()
        self.encoder = Encoder(shape, WIDTH)
        self.nodes, self.orders = nodes, [order for order, *_ in edges]
        place = {node: row for row, node in enumerate(nodes)}
        ends = [(place[a], place[b]) for _, _, a, b in edges]
        self.register_buffer("sources", torch.tensor([a for a, _ in ends] + [b for _, b in ends]), persistent=False)
        self.register_buffer("targets", torch.tensor([b for _, b in ends] + [a for a, _ in ends]), persistent=False)
        chunks = _chunks(len(nodes) + len(edges))
        self.register_buffer("read_by_nodes", chunks[nodes], persistent=False)
        self.register_buffer("read_by_edges", chunks[self.orders], persistent=False)
        node_codes = torch.stack([_code(node, 0) for node in nodes])
        edge_codes = torch.stack([_code(order, port + 1) for order, port, *_ in edges])
        self.register_buffer("node_codes", node_codes, persistent=False)
        self.register_buffer("edge_codes", edge_codes, persistent=False)
        self.layers = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(LAYERS))
        self.drop = nn.Dropout(DROP)
        self.head = nn.Linear(WIDTH, classes)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 64) mean over the nodes."""
        vector = self.encoder(pixels)
        nodes = vector[:, self.read_by_nodes] + self.node_codes
        edges = (vector[:, self.read_by_edges] + self.edge_codes).repeat(1, 2, 1)
        for layer in self.layers:
            nodes, said = self.drop(nodes), self.drop(edges)
            messages = functional.relu(nodes[:, self.sources] + said)
            heard = torch.zeros_like(nodes).index_add(1, self.targets, messages.to(nodes.dtype))
            nodes = layer(nodes + heard)
        return nodes.mean(1)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits."""
        return self.head(self.features(pixels))


def _chunks(elements: int) -> torch.Tensor:
    """(elements, 64) which entry of the vector each entry of an element's features reads: its chunk, over and over.

    The first chunk takes what does not divide.
    """
    length = WIDTH // elements
    first = WIDTH - length * (elements - 1)
    starts = [0, *(first + length * i for i in range(elements - 1))]
    lengths = [first] + [length] * (elements - 1)
    columns = torch.arange(WIDTH)
    return torch.stack([start + columns % own for start, own in zip(starts, lengths, strict=True)])


def _code(order: int, port: int) -> torch.Tensor:
    """(64,) sine and cosine of a number and of a port, a quarter of the width each."""
    quarter = WIDTH // 4
    rates = torch.exp(-math.log(PERIOD) * torch.arange(quarter) / (quarter - 1))
    return torch.cat([(order * rates).sin(), (order * rates).cos(), (port * rates).sin(), (port * rates).cos()])

"""Small sequence models trained on set disjointness: softmax attention and linear attention.

The models of Arora et al., "Just read twice" (arXiv:2407.05483): four layers that alternate a gated short convolution
and attention, no positions, tied embeddings. At our scale each layer also has an MLP, which
the paper's synthetic models do not have, because training converges faster with it; training takes some minutes on
sets that are never seen twice, shortest contexts first, with a second loss on membership (`kit/sequence/set_training`).
Half of the batches show the context twice (the paper's JRT-Prompt, which is only asked of a model that has seen
repeated prompts), so that the same weights answer both presentations. JRT-RNN, the non-causal reading of the context,
is left out.

What is kept between reading and answering is the recurrent state, or the cache of keys and values: it is all that
`answer` reads.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from methods.kit.training import Descent, arrays, descend, on_device, placed, seeded
from suite.accepts import Accepts
from suite.data.types import Passage
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import State

if TYPE_CHECKING:
    from methods.kit.sequence.mixers import SequenceModel

JUST_READ_TWICE = Paper(
    "Just read twice: closing the recall gap for recurrent language models", 2024, arxiv="2407.05483"
)
BATCH = 64
LEARNING_RATE = 5e-3
WEIGHT_DECAY = 0.1
WEIGHTS_AT_ONCE = 2**22
"""Attention weights of one head that a batch of contexts may need while it is read."""


class _SmallModel(Method):
    """Training, reading and answering; the attention is the subclass's."""

    modality = Modality.CONTEXT
    readouts = ("answer",)
    seeded = True
    requires = ("torch",)
    presentations: tuple[int, ...] = (1, 2)
    """How often a context is given in training."""
    attention: str
    width: int
    features: int
    accepts = Accepts(tasks=("recall/*",), needs=("fit",))

    def network(self, vocabulary: int) -> SequenceModel:
        """The untrained network."""
        from methods.kit.sequence.mixers import SequenceModel

        return SequenceModel(vocabulary, self.width, self.attention, self.features)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on (context, question) → answer and on membership (`set_training`); returns the weights."""
        import torch
        from torch.nn import functional

        from methods.kit.sequence.set_training import MEMBERSHIP_LAYERS, batches

        steps = self.effort.pick(quick=400, standard=6000)
        answers = np.asarray(data.labels)
        drawn = batches(data.items, answers, steps, BATCH, self.presentations, np.random.default_rng(seed))

        def loss(step: int) -> torch.Tensor:
            batch = next(drawn)
            contexts, questions, truth, overlapping, members, judged = (
                placed(torch.from_numpy(np.ascontiguousarray(part))) for part in batch
            )
            hidden, states = network.read(contexts)
            last = hidden[:, -1]
            for column in questions.T:
                last, states = network.step(column, states)
            told, _ = network.read(overlapping, MEMBERSHIP_LAYERS)
            membership = teller(functional.layer_norm(told, told.shape[-1:]))[..., 0]
            return functional.cross_entropy(network.logits(last), truth) + (
                functional.binary_cross_entropy_with_logits(membership[:, judged], members[:, judged].float())
            )

        with seeded(seed):
            network = self.network(data.classes)
            teller = torch.nn.Linear(network.embedding.embedding_dim, 1)
            with on_device(network, teller):
                how = Descent(
                    steps, LEARNING_RATE, weight_decay=WEIGHT_DECAY, schedule=warm_cosine, clip=1.0, fused=True
                )
                descend([*network.parameters(), *teller.parameters()], loss, how)
        return arrays(network)

    @cached_property
    def trained(self) -> SequenceModel:
        """The network with the fitted weights."""
        import torch

        network = self.network(len(self.fitted["embedding.weight"]))
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in self.fitted.items()})
        return network.eval()

    def encode(self, items: Sequence[Passage], role: Role) -> State:
        """Read contexts of one length; the state's tensors are ``layer.name``, (n, …) float32."""
        import torch

        tokens = torch.from_numpy(np.stack([context.tokens for context in items]).astype(np.int64))
        network, rows = self.trained, max(1, WEIGHTS_AT_ONCE // tokens.shape[1] ** 2)
        parts: list[dict[str, Any]] = []
        with torch.inference_mode():
            for start in range(0, len(tokens), rows):
                _, states = network.read(tokens[start : start + rows])
                parts.append(
                    {f"{i}.{name}": value.numpy() for i, layer in enumerate(states) for name, value in layer.items()}
                )
        return State(**{name: np.concatenate([part[name] for part in parts]) for name in parts[0]})

    def answer(self, states: State, questions: Sequence[Passage]) -> np.ndarray:
        """Go on from the states with the question's tokens, one by one; (n,) likeliest next tokens."""
        import torch

        network = self.trained
        layers: list[dict[str, Any]] = [{} for _ in network.layers]
        for key, value in states.tensors.items():
            layer, name = key.split(".")
            layers[int(layer)][name] = torch.from_numpy(np.ascontiguousarray(value))
        asked = torch.from_numpy(np.stack([question.tokens for question in questions]).astype(np.int64))
        with torch.inference_mode():
            for column in asked.T:
                hidden, layers = network.step(column, layers)
            return network.logits(hidden).argmax(-1).numpy()


def warm_cosine(step: int, steps: int) -> float:
    """Factor of the learning rate: linear over the first twentieth, then a cosine to zero."""
    return min(1.0, 20 * (step + 1) / steps) * (1 + math.cos(math.pi * step / steps)) / 2


class SoftmaxAttentionModel(_SmallModel):
    """Softmax attention: it keeps every key and value, so that its memory grows with the context."""

    name = "softmax-attention"
    summary = (
        "Four layers alternating gated short convolutions and softmax attention, trained on generated sets. It keeps "
        "every key and value it read."
    )
    paper = Paper(
        "Attention is all you need",
        2017,
        arxiv="1706.03762",
        authors=(
            "Ashish Vaswani",
            "Noam Shazeer",
            "Niki Parmar",
            "Jakob Uszkoreit",
            "Llion Jones",
            "Aidan N. Gomez",
            "Łukasz Kaiser",
            "Illia Polosukhin",
        ),
    )
    tags = ("trained", "kv-cache", "baseline")
    grid = {"width": (32,)}
    quick = ()
    attention = "softmax"
    features = 16


class LinearAttentionModel(_SmallModel):
    """Linear attention with the Taylor feature map: a recurrent state of one size, whatever was read.

    A head's state is (1 + f + f²) × d/2 sums and 1 + f + f² counts for f features; two of the four layers have two
    heads each.
    """

    name = "linear-attention"
    summary = (
        "The same model with linear attention and the second-order Taylor feature map: its state is a fixed sum over "
        "what it read, and the number of features sets its size."
    )
    paper = JUST_READ_TWICE
    tags = ("trained", "recurrent", "baseline")
    grid = {"features": (2, 4), "width": (16, 32)}
    quick = ()
    attention = "linear"

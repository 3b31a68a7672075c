"""The consciousness prior: a few elements, picked by attention, must carry what is to be predicted.

The paper has no experiment and no code: all of this is our instantiation of its text. It asks for a high-dimensional
state h_t = F(s_t, h_{t−1}); a conscious state c_t of few (key, value) elements of it, chosen by stochastic attention
that depends on c_{t−1}; a verifier V(h_t, c_{t−1}) that scores whether a past thought fits the present; and training so
that c_t predicts well, with an entropy that keeps attention from collapsing.

Here: an image is seen as a sequence of glimpses, bands of rows, by a GRU whose 256 units are 32 slots of 8. Keys are a
projection of each slot and an embedding of its index, the query a projection of c_{t−1}; 4 slots are drawn without
replacement in training (Gumbel top-k, straight-through gradient) and the best 4 taken at test. A slot that is not
picked is zero for the classifier, a perceptron on c_T that knows slots by their place. The verifier is bilinear,
trained to find the image among the batch (InfoNCE). The code of an image is c_T: 4 slots of 8 numbers in int8 and their
indices, 36 bytes. Arms: ``learned``; ``random`` slots; ``all`` slots (256 bytes); ``dense``, 36 numbers from a learnt
projection of the state, with no slots. The class is the one thing predicted; the paper's language and planning are left
out. Its sparse factor graph is in `methods.consciousness_prior.factors`.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.image.supervised_training import Recipe, as_pixels, draw, restore, train
from methods.kit.top_k_attention import gumbel_top_k
from methods.kit.training import array, placed
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch


SLOTS, SLOT, PICKED = 32, 8, 4
STATE = SLOTS * SLOT
BOTTLENECK = PICKED * (SLOT + 1)
"""Numbers of the dense control: as many bytes as 4 slots and their indices."""
GLIMPSES = (7, 4)
"""How many an image is cut into: the first that divides its height."""
KEY = 16
VERIFIER_WEIGHT, ENTROPY_WEIGHT = 0.1, 0.1
PRIME = 1_000_003
LEVELS = 127
HELD_OUT = 500
"""Training images that are not trained on, for the diagnostics."""
BATCH = 500


class ConsciousnessPrior(Method):
    """The slots of a recurrent state that attention picked, in int8; judged also by the classifier trained with it."""

    name = "consciousness-prior"
    summary = (
        "A recurrent state of 32 slots, of which stochastic attention picks 4; a classifier and a verifier see only "
        "those. Our instantiation: the paper has no experiment."
    )
    modality = Modality.IMAGE
    readouts = ("classify",)
    paper = Paper("The Consciousness Prior", 2017, "1709.08568", authors=("Yoshua Bengio",))
    tags = ("quantised", "trained", "attention", "sparse")
    grid = {"arm": ("learned", "random", "all", "dense")}
    controls = {"arm": ("random", "all", "dense")}
    accepts = Accepts(max_pixels=1024, grey=True, whole=True)
    quick = ("[arm=learned]", "[arm=random]", "[arm=dense]")
    seeded = True
    requires = ("torch", "sklearn")

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on drawn images, and measure verifier and slot use on others."""
        count = self.effort.pick(quick=900, standard=15_000)
        drawn = draw(data, count + HELD_OUT, seed)
        held = min(HELD_OUT, len(drawn.items) // 10)
        chosen = replace(drawn, items=drawn.items[held:], labels=drawn.labels[held:])
        recipe = Recipe(
            epochs=self.effort.pick(quick=10, standard=6), batch=self.effort.pick(quick=64, standard=128),
            rate=3e-3, weight_decay=0.01,
        )  # fmt: skip
        make = _maker(str(self.arm), data.items.shape[1:], int(data.classes))
        state = train(make, chosen, recipe, seed, _loss)
        return {**state, **_diagnostics(restore(make, state), drawn.items[:held])}

    @cached_property
    def _network(self) -> torch.nn.Module:
        state = {name: value for name, value in self.fitted.items() if not name.startswith("diagnostic.")}
        height, width = self.fitted["diagnostic.shape"]
        return restore(_maker(str(self.arm), (int(height), int(width)), len(state["head.2.bias"])), state)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 36) int8: values of the picked slots in order of index, then the indices; ``all`` (n, 256)."""
        import torch

        for name in ("verifier_auc", "slot_entropy_share"):
            self.extra_costs[name] = float(self.fitted[f"diagnostic.{name}"][0])
        parts = []
        with torch.inference_mode():
            for start in range(0, len(items), BATCH):
                last = self._network.think(placed(as_pixels(items[start : start + BATCH])))[-1]
                parts.append(_packed(str(self.arm), array(last.thought), array(last.mask)))
        return Dense(np.concatenate(parts))

    def features(self, items: Dense) -> NDArray[np.float32]:
        """(n, 256) every slot at its place, zeros where it was not picked; ``dense`` its 36 numbers."""
        return _unpacked(str(self.arm), items.values)

    def predict(self, items: Dense) -> NDArray[np.int64]:
        """(n,) classes by the classifier, from the bytes of the code alone."""
        import torch

        with torch.inference_mode():
            return array(self._network.head(placed(torch.from_numpy(self.features(items)))).argmax(1))


def _packed(arm: str, thoughts: NDArray[np.float32], masks: NDArray[np.float32]) -> NDArray[np.int8]:
    values = np.rint(thoughts * LEVELS).astype(np.int8)
    if arm in ("all", "dense"):
        return values
    indices = np.nonzero(masks > 0.5)[1].reshape(len(masks), PICKED)
    picked = np.take_along_axis(values.reshape(-1, SLOTS, SLOT), indices[:, :, None], axis=1)
    return np.concatenate([picked.reshape(len(masks), -1), indices.astype(np.int8)], axis=1)


def _unpacked(arm: str, codes: NDArray[np.int8]) -> NDArray[np.float32]:
    if arm in ("all", "dense"):
        return codes.astype(np.float32) / LEVELS
    indices = codes[:, -PICKED:].astype(np.int64)
    state = np.zeros((len(codes), SLOTS, SLOT), np.float32)
    picked = codes[:, :-PICKED].reshape(len(codes), PICKED, SLOT)
    np.put_along_axis(state, indices[:, :, None], picked.astype(np.float32) / LEVELS, axis=1)
    return state.reshape(len(codes), STATE)


# -- the network ----------------------------------------------------------------------------------------


def _maker(arm: str, shape: tuple[int, ...], classes: int) -> Any:
    return lambda: network(arm, shape[0], shape[1], classes)


def network(arm: str, height: int, width: int, classes: int) -> torch.nn.Module:
    """Glimpses of (n, 1, height, width) pixels → states, thoughts and logits.

    `think` returns one step a glimpse, with ``state`` (n, 256), ``mask`` (n, 32) of the picked slots, ``thought``, what
    is passed on, zero where nothing was picked, and ``attention`` (n, 32), the probabilities it was drawn with.
    """
    from collections import namedtuple

    import torch
    from torch import nn

    Step = namedtuple("Step", "state mask thought attention")
    glimpses = next(count for count in (*GLIMPSES, 1) if height % count == 0)
    thought_size = BOTTLENECK if arm == "dense" else STATE

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = nn.GRUCell(height // glimpses * width, STATE)
            self.keys = nn.Linear(SLOT, KEY)
            self.places = nn.Parameter(torch.randn(SLOTS, KEY) * 0.1)
            self.query = nn.Linear(thought_size, KEY)
            self.bottleneck = nn.Linear(STATE, BOTTLENECK) if arm == "dense" else None
            self.head = nn.Sequential(nn.Linear(thought_size, 64), nn.ReLU(), nn.Linear(64, classes))
            self.present = nn.Linear(STATE, KEY)
            self.past = nn.Linear(thought_size, KEY)

        def think(self, pixels: torch.Tensor) -> list[Any]:
            """One step a glimpse."""
            n = len(pixels)
            state, thought = pixels.new_zeros(n, STATE), pixels.new_zeros(n, thought_size)
            steps = []
            blind = _blind_mask(pixels, self.training) if arm == "random" else None
            for glimpse in pixels.reshape(n, glimpses, -1).unbind(1):
                state = self.cell(glimpse, state)
                mask, attention = self._pick(state, thought, blind)
                if arm == "dense":
                    thought = self.bottleneck(state).tanh()
                else:
                    thought = (state.view(n, SLOTS, SLOT) * mask[:, :, None]).flatten(1)
                steps.append(Step(state, mask, thought, attention))
            return steps

        def _pick(self, state: torch.Tensor, thought: torch.Tensor, blind: Any) -> tuple[torch.Tensor, torch.Tensor]:
            slots = state.view(len(state), SLOTS, SLOT)
            uniform = state.new_full((len(state), SLOTS), 1 / SLOTS, dtype=torch.float32)
            if arm in ("all", "dense"):
                return torch.ones_like(uniform), uniform
            if blind is not None:
                return blind, uniform
            logits = (self.keys(slots) + self.places) @ self.query(thought)[:, :, None]
            logits = logits[:, :, 0].float() / KEY**0.5
            return gumbel_top_k(logits, PICKED, noisy=self.training), logits.softmax(1)

        def agreement(self, state: torch.Tensor, past: torch.Tensor) -> torch.Tensor:
            """(n, n) the verifier's score of every state with every past thought."""
            return self.present(state) @ self.past(past).T

        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            return self.head(self.think(pixels)[-1].thought)

    return Network()


def _blind_mask(pixels: torch.Tensor, training: bool) -> torch.Tensor:
    """`PICKED` random slots: drawn in training; at test by a hash of grey levels, so that an image keeps its own."""
    import torch

    n = len(pixels)
    if training:
        scores = torch.rand(n, SLOTS, device=pixels.device)
    else:
        levels = ((pixels.flatten(1) + 1) * 127.5).round().long()
        places = torch.arange(1, levels.shape[1] + 1, device=pixels.device)
        image = (levels * places * (places + 17)).sum(1) % PRIME
        scores = ((image[:, None] + 1) * (torch.arange(1, SLOTS + 1, device=pixels.device) ** 3 + 7) % PRIME).float()
    return torch.zeros_like(scores).scatter(1, scores.topk(PICKED, dim=1).indices, 1.0)


def _loss(model: torch.nn.Module, pixels: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of the last thought, InfoNCE of the verifier, less the entropy of the mean use of slots."""
    import torch
    from torch.nn.functional import cross_entropy

    steps = model.think(pixels)
    loss = cross_entropy(model.head(steps[-1].thought).float(), labels)
    own = torch.arange(len(pixels), device=pixels.device)
    pairs = list(zip(steps[1:], steps[:-1], strict=True))
    for now, before in pairs:
        loss = loss + VERIFIER_WEIGHT / len(pairs) * cross_entropy(
            model.agreement(now.state, before.thought).float(), own
        )
    use = torch.stack([step.attention for step in steps]).mean((0, 1))
    return loss + ENTROPY_WEIGHT * (use * use.clamp_min(1e-9).log()).sum()


def _diagnostics(model: torch.nn.Module, images: NDArray[np.uint8]) -> Tensors:
    """AUC of the verifier for the image's own thought among others', and entropy of slot use over its largest."""
    import torch
    from sklearn.metrics import roc_auc_score

    with torch.inference_mode():
        steps = model.think(placed(as_pixels(images)))
        scores = array(model.agreement(steps[-1].state, steps[-2].thought).float())
        use = array(steps[-1].mask.mean(0)).astype(np.float64)
    use = use[use > 0] / use.sum()
    share = -(use * np.log(use)).sum() / np.log(SLOTS)
    return {
        "diagnostic.verifier_auc": np.array([roc_auc_score(np.eye(len(scores)).ravel(), scores.ravel())]),
        "diagnostic.slot_entropy_share": np.array([share]),
        "diagnostic.shape": np.array(images.shape[1:]),
    }

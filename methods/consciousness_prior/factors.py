"""The consciousness prior as a sparse factor graph: each variable is predicted from two others that attention picks.

The paper (which has no experiment; this is our instantiation) takes the joint distribution of high-level variables to
be a sparse factor graph: a few variables suffice to predict another with confidence. Here every binary variable has a
query of its own, drawn against all others: two are drawn without replacement for every training sample (Gumbel top-k,
straight-through gradient), the best two are taken at test. The prediction is logistic in these two and in their
product, with weights that belong to the variables and are shared by all samples. Controls: ``random``, two variables
drawn once and kept; ``dense``, a logistic regression on all others and all their products, without attention, with the
L2 penalty of `PENALTIES` that predicts a held-out fifth of the samples best.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.top_k_attention import gumbel_top_k
from methods.kit.training import Descent, array, descend, placed, seeded
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Binary

if TYPE_CHECKING:
    import torch

PICKED = 2
RATE, STEPS, START = 0.05, 400, 0.01
NEVER = -1e9
PENALTIES = (1.0, 4.0, 16.0, 64.0)
"""Of the dense control, over the number of samples."""
HELD_OUT = 0.2


class ConsciousFactors(Method):
    """Conditional probabilities of binary variables, from two others each or from all."""

    name = "consciousness-prior-factors"
    summary = (
        "Predicts each binary variable from two others that stochastic attention picks, and so proposes a sparse "
        "factor graph. Our instantiation: the paper has no experiment."
    )
    modality = Modality.VECTORS
    readouts = ("factors",)
    paper = Paper("The Consciousness Prior", 2017, "1709.08568", authors=("Yoshua Bengio",))
    tags = ("attention", "sparse", "trained")
    grid = {"arm": ("learned", "random", "dense")}
    controls = {"arm": ("random", "dense")}
    quick = ()
    seeded = True
    requires = ("torch",)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """``mask`` (variables, variables) of those attended, ``bias``, ``single`` and ``pair`` weights."""
        signs = _signs(data.items)
        if self.arm != "dense":
            return learn_factors(signs, str(self.arm), seed)
        cut = int(len(signs) * HELD_OUT)
        tried = {p: learn_factors(signs[cut:], "dense", seed, p) for p in PENALTIES}
        best = min(PENALTIES, key=lambda p: -_log_probability(tried[p], signs[:cut]).sum())
        return learn_factors(signs, "dense", seed, best)

    def encode(self, items: Any, role: Role) -> Binary:
        """The variables themselves, a bit each."""
        return Binary.from_signs(_signs(items))

    def log_probability(self, items: NDArray[np.float32]) -> NDArray[np.float64]:
        """(n, variables) log p of each variable given those it attends to."""
        return _log_probability(self.fitted, _signs(items))

    def attended(self, variables: int) -> NDArray[np.int64]:
        """(variables, 2) those each is predicted from; ``dense`` the two of largest single weight."""
        if self.arm == "dense":
            strength = np.abs(self.fitted["single"]) * self.fitted["mask"]
            return np.sort(np.argsort(-strength, axis=1)[:, :PICKED], axis=1)
        return np.nonzero(self.fitted["mask"])[1].reshape(variables, PICKED)


def logits(
    signs: torch.Tensor, mask: torch.Tensor, bias: torch.Tensor, single: torch.Tensor, pair: torch.Tensor
) -> torch.Tensor:
    """(n, variables) log-odds of +1 for (n, v) signs, each from those that (n, v, v) `mask` shows to it."""
    import torch

    shown = mask * signs[:, None, :]
    return bias + (shown * single).sum(-1) + torch.einsum("nvs,vst,nvt->nv", shown, pair, shown)


def _log_probability(fitted: Tensors, signs: NDArray[np.float32]) -> NDArray[np.float64]:
    import torch

    asked = torch.from_numpy(signs)
    weights = {name: torch.from_numpy(np.array(value)) for name, value in fitted.items()}
    mask = weights.pop("mask").float()
    predicted = logits(asked, mask.expand(len(signs), *mask.shape), **weights)
    return np.asarray(-np.logaddexp(0, -(asked * predicted).numpy().astype(np.float64)))


def learn_factors(signs: NDArray[np.float32], arm: str, seed: int, penalty: float = 0.0) -> Tensors:
    """Maximise the conditional likelihoods of (n, variables) signs, all samples at every step.

    Args:
        signs: −1 or 1.
        arm: ``learned``, ``random`` or ``dense``.
        seed: of weights and draws.
        penalty: of the squared weights, over the number of samples.
    """
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    samples = placed(torch.from_numpy(signs))
    count = samples.shape[1]
    itself = placed(torch.eye(count, dtype=torch.bool))
    with seeded(seed):
        attention = placed(torch.randn(count, count) if arm == "random" else torch.zeros(count, count)).requires_grad_()
        bias = placed(torch.zeros(count)).requires_grad_()
        single = placed(START * torch.randn(count, count)).requires_grad_()
        pair = placed(START * torch.randn(count, count, count)).requires_grad_()
        decay = penalty / len(samples)

        def mask(rows: int, noisy: bool) -> torch.Tensor:
            if arm == "dense":
                return (~itself).float().expand(rows, count, count)
            scores = attention.masked_fill(itself, NEVER).expand(rows, count, count)
            return gumbel_top_k(scores, PICKED, noisy=noisy and arm == "learned")

        def loss(step: int) -> torch.Tensor:
            predicted = logits(samples, mask(len(samples), noisy=True), bias, single, pair)
            value = count * binary_cross_entropy_with_logits(predicted, (samples + 1) / 2)
            return value + decay * ((single**2).sum() + (pair**2).sum()) / 2

        learnt = [attention, bias, single, pair] if arm == "learned" else [bias, single, pair]
        descend(learnt, loss, Descent(STEPS, RATE, "adam"))
        with torch.no_grad():
            kept = mask(1, noisy=False)[0] > 0.5
    weights = {"bias": bias, "single": single, "pair": pair}
    return {"mask": array(kept), **{name: array(value) for name, value in weights.items()}}


def _signs(values: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(values > 0, np.float32(1), np.float32(-1))

"""Training of one-layer sparse autoencoders: y = W_dec σ(W_enc m), the unit σ with a learnt threshold a latent.

``jump``: σ_τ(x) = x · 1[x ≥ τ], which the literature calls JumpReLU, with a penalty on the number of active latents;
thresholds learn through rectangle-kernel pseudo-derivatives (Rajamanoharan et al., arXiv:2407.14435, section 3).
``relu``: max(x − τ, 0) with a penalty on the sum of activations, the classical sparse autoencoder.

Both are trained alike. Weights live in coordinates in which the vectors are white (m → S^{1/2} m, S the inverse second
moment), and start as W_dec = data, W_enc = W_decᵀ there, which is W_decᵀ S outside. The loss is the squared error in
the original coordinates. The weight of the penalty follows the number of active latents to its target, so that both
units are compared at equal sparsity. Latents that hardly ever fire restart on the worst explained vectors.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import Descent, array, descend, half_precision, placed
from suite.method import Tensors

RIDGE = 1e-4
BANDWIDTH = 0.1
"""Width of the kernel; a typical coefficient is 1."""
LEAST_THRESHOLD = 0.02
WARM_UP, COOL_DOWN = 0.02, 0.3
"""Shares of the steps in which the rate rises and falls."""
RESTARTS, LAST_RESTART = 20, 0.7
"""Looks at dead latents in all the steps, and the share of the steps after which there are none."""
RARE = 0.1
"""A latent that fires less than this share of the mean counts as dead."""
PENALTY, PENALTY_RATE, PENALTY_RANGE = 3e-3, 0.02, (1e-6, 10.0)

Unit = Literal["jump", "relu"]


@dataclass(frozen=True)
class Training:
    """How an autoencoder is trained.

    Attributes:
        latents: number of atoms.
        active: latents that are to be active for a vector, on the mean.
        steps: optimiser steps.
        batch: vectors per step.
        rate: peak rate of Adam.
        half: whether the two products run in the fastest arithmetic of the device; all else is float32.
    """

    latents: int
    active: int
    steps: int
    batch: int
    rate: float
    half: bool = False


def second_moment(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """(d, d) E[m mᵀ], uncentred, with a ridge of 1e-4 of the mean variance."""
    moment = vectors.astype(np.float64).T @ vectors / len(vectors)
    return np.asarray(moment + RIDGE * np.trace(moment) / len(moment) * np.eye(len(moment)))


def activate(pre: NDArray[np.float32], threshold: NDArray[np.float32], unit: Unit) -> NDArray[np.float32]:
    """(n, latents) activations of pre-activations."""
    passed = pre >= threshold
    return np.where(passed, pre if unit == "jump" else pre - threshold, np.float32(0))


def train_autoencoder(vectors: NDArray[np.float32], unit: Unit, training: Training, seed: int) -> Tensors:
    """Train on (n, d) vectors.

    Returns:
        ``encoder`` (latents, d), ``threshold`` (latents,), ``decoder`` (latents, d), float32, in the coordinates of
        the vectors.
    """
    import torch

    values, axes = np.linalg.eigh(second_moment(vectors))
    whiten = (axes / np.sqrt(values)) @ axes.T
    colour = (axes * np.sqrt(values)) @ axes.T
    # White vectors have a mean square of d; a coefficient of one in `active` then has about size 1.
    scale = float(np.sqrt(len(values) / training.active))
    white = placed(torch.from_numpy((vectors @ (whiten / scale)).astype(np.float32)))
    error_of = placed(torch.from_numpy((colour / np.sqrt(values.mean())).astype(np.float32)))
    decoder, encoder, threshold = _trained(white, error_of, unit, training, seed)
    return {
        "encoder": np.ascontiguousarray(encoder @ whiten / scale, np.float32),
        "threshold": threshold.astype(np.float32),
        "decoder": np.ascontiguousarray(decoder @ colour * scale, np.float32),
    }


def _trained(
    white: Any, error_of: Any, unit: Unit, training: Training, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    import torch

    generator = torch.Generator().manual_seed(seed)
    atoms = _unit_rows(white[torch.randint(len(white), (training.latents,), generator=generator)])
    decoder, encoder = (atoms.clone().requires_grad_() for _ in range(2))
    start = float(np.quantile(array(white[:512] @ atoms.T), 1 - training.active / training.latents))
    threshold = white.new_full((training.latents,), max(start, LEAST_THRESHOLD)).requires_grad_()
    parameters = [decoder, encoder, threshold]
    fired, penalty, window = white.new_zeros(training.latents), PENALTY, max(1, training.steps // RESTARTS)
    least = RARE * training.active / training.latents * training.batch * window
    missed = codes = white

    def loss(step: int) -> Any:
        nonlocal missed, codes
        batch = white[torch.randint(len(white), (training.batch,), generator=generator)]
        with half_precision(training.half):
            pre = batch @ encoder.T
        codes, cost = _unit(unit)(pre.float(), threshold)
        with half_precision(training.half):
            rebuilt = codes @ decoder
        missed = batch - rebuilt.float()
        return ((missed @ error_of) ** 2).sum(1).mean() + penalty * cost

    def after(step: int, optimiser: Any) -> None:
        nonlocal penalty
        decoder.copy_(_unit_rows(decoder))
        threshold.clamp_(min=LEAST_THRESHOLD)
        on = (codes > 0).float()
        fired.add_(on.sum(0))
        if step % window == window - 1:
            if step < LAST_RESTART * training.steps:
                _restart(torch.nonzero(fired < least).flatten(), missed, parameters, start, optimiser, generator)
            fired.zero_()
        excess = np.log(max(float(on.sum(1).mean()), 0.01) / training.active)
        penalty = float(np.clip(penalty * np.exp(PENALTY_RATE * np.clip(excess, -1, 1)), *PENALTY_RANGE))

    descend(parameters, loss, Descent(training.steps, training.rate, "adam", schedule=_rate), after=after)
    return array(decoder), array(encoder), array(threshold)


def _restart(dead: Any, missed: Any, parameters: list[Any], start: float, optimiser: Any, generator: Any) -> None:
    """Point dead latents, at most as many as a quarter of the batch, at what is worst explained."""
    import torch

    worst = (missed**2).sum(1).topk(min(len(dead), max(1, len(missed) // 4))).indices
    dead = dead[torch.randperm(len(dead), generator=generator)[: len(worst)]]
    decoder, encoder, threshold = parameters
    decoder[dead] = encoder[dead] = _unit_rows(missed[worst])
    threshold[dead] = max(start, LEAST_THRESHOLD)
    for parameter in parameters:
        for moments in ("exp_avg", "exp_avg_sq"):
            optimiser.state[parameter][moments][dead] = 0


def _rate(step: int, steps: int) -> float:
    return min(1.0, (step + 1) / (WARM_UP * steps + 1), (steps - step) / (COOL_DOWN * steps))


def _unit_rows(rows: Any) -> Any:
    return rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-6)


@cache
def _unit(unit: Unit) -> Any:
    """Function of (batch, latents) pre-activations and thresholds → activations, penalty a vector."""
    import torch

    def kernel(pre: Any, threshold: Any) -> Any:
        return ((pre - threshold).abs() < BANDWIDTH / 2).float() / BANDWIDTH

    class Jump(torch.autograd.Function):
        """x · 1[x ≥ τ]; the threshold's pseudo-derivative is −τ K((x − τ) / ε) / ε."""

        @staticmethod
        def forward(context: Any, pre: Any, threshold: Any) -> Any:
            context.save_for_backward(pre, threshold)
            return pre * (pre >= threshold)

        @staticmethod
        def backward(context: Any, gradient: Any) -> Any:
            pre, threshold = context.saved_tensors
            return gradient * (pre >= threshold), -(threshold * kernel(pre, threshold) * gradient).sum(0)

    class Count(torch.autograd.Function):
        """1[x ≥ τ], whose pseudo-derivative reaches thresholds alone: −K((x − τ) / ε) / ε."""

        @staticmethod
        def forward(context: Any, pre: Any, threshold: Any) -> Any:
            context.save_for_backward(pre, threshold)
            return (pre >= threshold).float()

        @staticmethod
        def backward(context: Any, gradient: Any) -> Any:
            pre, threshold = context.saved_tensors
            return None, -(kernel(pre, threshold) * gradient).sum(0)

    def jump(pre: Any, threshold: Any) -> Any:
        return Jump.apply(pre, threshold), Count.apply(pre, threshold).sum(1).mean()

    def relu(pre: Any, threshold: Any) -> Any:
        codes = torch.relu(pre - threshold)
        return codes, codes.sum(1).mean()

    return {"jump": jump, "relu": relu}[unit]

"""cMIM: a probabilistic auto-encoder with clustered codes, made discriminative without pairs of views.

A mutual information machine (A-MIM) minimises −E[log p(x|z) + ½ (log q(z|x) + log P(z))], z ~ q(z|x), P = N(0, I). Its
sign of log q is the opposite of a variational auto-encoder's: codes are driven to low entropy. cMIM adds
−log(g_ii / (g_ii + mean_{j≠i} g_ij)), g_ij = exp(cos(z_i, z_j) / τ), with no augmented views: g_ii = e^{1/τ}. The
mean, in place of InfoNCE's sum, is what makes it insensitive to the size of the batch. *Informative embeddings* are the
decoder's hidden state h, fed with the mean code.

Here: perceptrons pixels–256–z and z–256–pixels with Bernoulli pixels, 32 dimensions of z, 1,500 steps of Adam in
standard. log q has no upper bound as variances shrink, so log-variances are held at −6 or above. The formula of the
contrastive term and τ = .1 are given from memory of the paper. Arms: ``cmim``; ``mim`` without the contrastive term;
``infonce`` with the sum in the denominator; ``vae``, which minimises −E[log p(x|z) − log q(z|x) + log P(z)]. All have
the same networks, batches and steps. Left out: convolutional and molecular models, and sweeps of the size of z.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import Descent, array, descend, on_device, placed, seeded
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch


HIDDEN, CODE = 256, 32
RATE = 1e-3
LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE = -6.0, 6.0
HELD_OUT = 1000
"""Training images, at most a fifth, on which reconstruction is measured."""
ARMS = ("cmim", "mim", "infonce", "vae")


class ContrastiveMIM(Method):
    """Mean codes, or the decoder's hidden state, of a small auto-encoder trained on the task's images without labels.

    Parameters: `arm`, the objective; `code`, ``z`` or ``h``; `batch`, images per step; `tau`, the temperature.
    """

    name = "cmim"
    summary = (
        "An auto-encoder that favours low-entropy codes and tells images apart by a contrastive term without augmented "
        "views. Its decoder's hidden state serves as a second, richer embedding."
    )
    modality = Modality.IMAGE
    readouts = ("classify",)
    paper = Paper(
        "cMIM: A Contrastive Mutual Information Framework for Unified Generative and Discriminative Representation "
        "Learning",
        2025,
        "2502.19642",
    )
    tags = ("dense", "trained", "unsupervised", "auto-encoder")
    grid = (
        {"arm": ARMS, "code": ("z", "h")},
        {"arm": ("cmim", "infonce"), "code": ("z",), "batch": (8,)},
        {"arm": ("cmim",), "code": ("z",), "tau": (0.5,)},
    )
    controls = {"arm": ARMS[1:]}
    accepts = Accepts(max_pixels=1024, grey=True, whole=True)
    quick = ("[arm=cmim,code=h]", "[arm=mim,code=h]", "[arm=vae,code=h]")
    seeded = True
    fit_params = ("arm", "batch", "tau")
    requires = ("torch",)
    batch = 100
    tau = 0.1

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on the images, labels unread; also ``reconstruction_nats`` of images held out."""
        pixels = (data.items.reshape(len(data.items), -1) / 255.0).astype(np.float32)
        order = np.random.default_rng(seed).permutation(len(pixels))
        held = min(HELD_OUT, len(pixels) // 5)
        steps = self.effort.pick(quick=300, standard=1500)
        state = train_autoencoder(pixels[order[held:]], str(self.arm), int(self.batch), float(self.tau), steps, seed)
        missed = reconstruction_nats(state, pixels[order[:held]])
        return {**state, "reconstruction_nats": np.array([missed])}

    def narrow(self, fitted: Tensors) -> Tensors:
        """What the embedding needs: the encoder up to the mean, and for ``h`` half of the decoder."""
        kept = ("encoder", "mean") if self.code == "z" else ("encoder", "mean", "decoder")
        return {k: v for k, v in fitted.items() if k.partition(".")[0] in (*kept, "reconstruction_nats")}

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 32) mean codes or (n, 256) hidden states, float32."""
        self.extra_costs["reconstruction_nats"] = float(self.fitted["reconstruction_nats"][0])
        pixels = (items.reshape(len(items), -1) / 255.0).astype(np.float32)
        codes = mean_codes(self.fitted, pixels)
        return Dense(codes if self.code == "z" else hidden_states(self.fitted, codes))


def log_normal(z: torch.Tensor, mean: torch.Tensor | float, log_variance: torch.Tensor | float) -> torch.Tensor:
    """(n,) log-density of (n, d) `z` under independent normal distributions."""
    import torch

    log_variance = torch.as_tensor(log_variance, device=z.device)
    return -((z - mean) ** 2 / log_variance.exp() + log_variance + np.log(2 * np.pi)).sum(1) / 2


def contrast(z: torch.Tensor, tau: float, denominator: str) -> torch.Tensor:
    """(n,) −log(g_ii / (g_ii + `denominator` over j ≠ i of g_ij)), g = exp(cosine / τ).

    Args:
        z: (n, d) codes of one batch.
        tau: temperature.
        denominator: ``mean`` (cMIM) or ``sum`` (InfoNCE).
    """
    import torch
    from torch.nn.functional import normalize

    unit = normalize(z, dim=1)
    logits = unit @ unit.T / tau
    own = torch.eye(len(z), dtype=torch.bool, device=z.device)
    others = logits.masked_fill(own, -torch.inf).logsumexp(1)
    if denominator == "mean":
        others = others - np.log(len(z) - 1)
    return torch.logaddexp(logits.diagonal(), others) - logits.diagonal()


def objective(
    arm: str, tau: float, log_likelihood: torch.Tensor, log_q: torch.Tensor, log_prior: torch.Tensor, z: torch.Tensor
) -> torch.Tensor:
    """Loss of a batch, its mean over images, from (n,) log-densities and (n, d) sampled codes."""
    if arm == "vae":
        return -(log_likelihood - log_q + log_prior).mean()
    loss = -(log_likelihood + (log_q + log_prior) / 2)
    if arm in ("cmim", "infonce"):
        loss = loss + contrast(z, tau, "mean" if arm == "cmim" else "sum")
    return loss.mean()


def train_autoencoder(pixels: NDArray[np.float32], arm: str, batch: int, tau: float, steps: int, seed: int) -> Tensors:
    """Train on (n, d) pixels in [0, 1].

    Returns:
        ``weight`` (inputs, outputs) and ``bias`` of ``encoder``, ``mean``, ``log_variance``, ``decoder`` and
        ``pixels``, as ``encoder.weight`` and so on.
    """
    import torch
    from torch import nn
    from torch.nn.functional import binary_cross_entropy_with_logits

    images = torch.from_numpy(pixels)
    width = images.shape[1]
    shapes = {
        "encoder": (width, HIDDEN), "mean": (HIDDEN, CODE), "log_variance": (HIDDEN, CODE),
        "decoder": (CODE, HIDDEN), "pixels": (HIDDEN, width),
    }  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    with seeded(seed):
        layers = nn.ModuleDict({name: nn.Linear(*shape) for name, shape in shapes.items()})

    def loss(step: int) -> torch.Tensor:
        x = placed(images[torch.randint(len(images), (min(batch, len(images)),), generator=generator)])
        features = layers["encoder"](x).relu()
        mean = layers["mean"](features)
        log_variance = layers["log_variance"](features).clamp(LEAST_LOG_VARIANCE, MOST_LOG_VARIANCE)
        z = mean + (log_variance / 2).exp() * placed(torch.randn(mean.shape, generator=generator))
        logits = layers["pixels"](layers["decoder"](z).relu())
        log_likelihood = -binary_cross_entropy_with_logits(logits, x, reduction="none").sum(1)
        return objective(arm, tau, log_likelihood, log_normal(z, mean, log_variance), log_normal(z, 0.0, 0.0), z)

    with on_device(layers):
        descend(layers.parameters(), loss, Descent(steps, RATE, "adam"))
    return {
        f"{name}.{part}": np.ascontiguousarray(array(value).T)
        for name, layer in layers.items()
        for part, value in layer.named_parameters()
    }


def mean_codes(state: Tensors, pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 32) mean of q(z|x); nothing is sampled."""
    features = np.maximum(pixels @ state["encoder.weight"] + state["encoder.bias"], 0)
    return np.asarray(features @ state["mean.weight"] + state["mean.bias"], np.float32)


def hidden_states(state: Tensors, codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, 256) the decoder's last hidden layer, for given codes."""
    return np.maximum(codes @ state["decoder.weight"] + state["decoder.bias"], 0).astype(np.float32)


def reconstruction_nats(state: Tensors, pixels: NDArray[np.float32]) -> float:
    """Mean over images of −log p(x | mean code), summed over pixels."""
    hidden = hidden_states(state, mean_codes(state, pixels))
    logits = (hidden @ state["pixels.weight"] + state["pixels.bias"]).astype(np.float64)
    return float((np.logaddexp(0, logits) - pixels * logits).sum(axis=1).mean())

"""Deep kernel machines: a kernel method that learns its Gram matrices, the limit of wide networks that learn features.

In the paper's limit a deep Gaussian process has Gram matrices G_1 … G_L instead of features, found by maximising

    L = log P(Y | G_L) − Σ_l ν_l KL(N(0, G_l) ‖ N(0, K(G_{l−1}))),    G_0 = X Xᵀ / d,

with KL = ½ (tr K⁻¹G − log det K⁻¹G − P). As ν → ∞ every G_l is K(G_{l−1}), the neural-network Gaussian process (NNGP);
ν = 0 is maximum-likelihood kernel learning. A test point's Gram entries are those of the conditional given G_l:
g_ti = k_ti K⁻¹ G and g_tt = k_tt − k_ti K⁻¹ k_it + k_ti K⁻¹ G K⁻¹ k_it.

Here: two layers of squared-exponential kernels and a third as the output's, Y ~ N(0, K(G_2) + σ² I) column by column,
150 steps of Adam in float64 on 200 labelled images (pixels less their mean). G = L_K T Tᵀ L_Kᵀ with a triangular T that
starts as the identity, so that KL = ½ (|T|² − P − 2 Σ log |T_ii|). Kernel parameters and σ are learnt alongside, in the
controls too: ``gp``, the output's kernel on G_0 alone, ``nngp``, and ν = 0. ``validated`` picks ν on 200 further
training images. Left out: inducing points (hence so few images), convolutional kernels, and text.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import Descent, descend
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense

if TYPE_CHECKING:
    import torch

    from suite.task import Task

LAYERS = 2
JITTER = 1e-6
"""Added to the diagonal of a kernel of variance about 1, in float64."""
RATE = 0.05
CANDIDATES = (1.0, 0.1, 0.01)
"""The ν that are tried on validation images."""
BLOCK = 4000


class DeepKernelMachine(Method):
    """Nyström features of the last kernel, float32, one dimension a labelled image; and a predictive distribution.

    Parameters: `arm` (``dkm`` with a given ν, ``validated``, ``nngp``, ``gp``) and `nu`, the same for both layers.
    """

    name = "deep-kernel-machines"
    summary = (
        "Learns the Gram matrices of a deep Gaussian process, held to the kernel's own by a KL term of weight ν. "
        "Controls learn none (Gaussian processes, ν → ∞) or without restraint (ν = 0)."
    )
    modality = Modality.IMAGE
    readouts = ("classify", "regress")
    paper = Paper(
        "A theory of representation learning gives a deep generalisation of kernel methods", 2023, "2108.13097"
    )
    tags = ("dense", "kernel", "trained")
    grid = ({"arm": ("validated", "nngp", "gp")}, {"arm": ("dkm",), "nu": (10_000, 1, 0.1, 0.01, 0)})
    controls = {"arm": ("nngp", "gp"), "nu": (0,)}
    accepts = Accepts(max_pixels=1024, grey=True, whole=True)
    quick = ("[arm=validated]", "[arm=nngp]", "[arm=gp]")
    seeded = True
    requires = ("torch",)
    nu = 0.0

    def skip(self, task: Task[Any]) -> str | None:
        """The ν that are not chosen, where predictions of labels are not asked for."""
        if task.readout == "classify" and self.arm == "dkm":
            return "judged by its predictions on labels; here the ν chosen on validation images stands for all"
        return None

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Learn on labelled images that are drawn, and keep them: the method compares with them."""
        points = self.effort.pick(quick=100, standard=200)
        steps = self.effort.pick(quick=60, standard=150)
        rows = np.random.default_rng(seed).permutation(len(data.items))[: 2 * points]
        pixels, targets = _flat(data.items[rows]), np.eye(data.classes)[data.labels[rows]] - 1 / data.classes
        mean = pixels[:points].mean(axis=0)
        scale = max(float((pixels[:points] - mean).std()), 1e-6)
        inputs = (pixels - mean) / scale

        def learnt(layers: int, nu: float | None) -> Tensors:
            return learn(inputs[:points], targets[:points], layers, nu, steps)

        if self.arm == "gp":
            state = learnt(0, None)
        elif self.arm == "nngp":
            state = learnt(LAYERS, None)
        elif self.arm == "dkm":
            state = learnt(LAYERS, float(self.nu))
        else:
            states = [learnt(LAYERS, nu) for nu in CANDIDATES]
            errors = [((Predictor(s).mean(inputs[points:]) - targets[points:]) ** 2).mean() for s in states]
            state = states[int(np.argmin(errors))]
        return {**state, "mean": mean.astype(np.float32), "scale": np.array([scale])}

    @cached_property
    def _predictor(self) -> Predictor:
        return Predictor(self.fitted)

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, P) float32 Nyström features of the last kernel: their inner products are the kernel's, projected."""
        for name in DIAGNOSTICS:
            self.extra_costs[name] = float(self.fitted[name][0])
        inputs = (_flat(items) - self.fitted["mean"]) / self.fitted["scale"]
        return Dense(self._predictor.features(inputs).astype(np.float32), similarity="dot")

    def regress(self, items: Dense) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predictive mean (n, classes) and variance (n,) of one-hot targets less 1 / classes, noise included."""
        return self._predictor.distribution(items.floats().astype(np.float64))

    def predict(self, items: Dense) -> NDArray[np.int64]:
        """(n,) classes of the largest predictive mean."""
        return np.asarray(self.regress(items)[0].argmax(axis=1))


DIAGNOSTICS = ("kl_per_point", "log_likelihood_per_point", "label_alignment", "gram_shift", "nu_used")


def squared_exponential(cross: Any, left: Any, right: Any, variance: Any, width: Any) -> Any:
    """Kernel of Gram entries, of tensors or arrays alike.

    Args:
        cross: (n, m) entries between both sides.
        left: (n,) diagonal entries of one side.
        right: (m,) of the other.
        variance: of the kernel.
        width: squared length scale.
    """
    exponential = np.exp if isinstance(cross, np.ndarray) else (lambda x: x.exp())
    return variance * exponential(-(left[:, None] + right[None] - 2 * cross).clip(min=0) / (2 * width))


def divergence(triangular: torch.Tensor) -> torch.Tensor:
    """KL(N(0, K^½ T Tᵀ K^½ᵀ) ‖ N(0, K)) of (P, P) lower-triangular T, whatever K is."""
    return ((triangular**2).sum() - len(triangular) - 2 * triangular.diagonal().abs().log().sum()) / 2


def learn(
    inputs: NDArray[np.float64], targets: NDArray[np.float64], layers: int, nu: float | None, steps: int
) -> Tensors:
    """Maximise the objective.

    Args:
        inputs: (P, d).
        targets: (P, classes).
        layers: number of hidden layers.
        nu: weight of every KL term; None holds every Gram matrix at its kernel (NNGP; with no layer, a GP).
        steps: of Adam.

    Returns:
        ``inputs``; ``grams`` (layers, P, P), factored as ``kernels`` and what was learnt; ``variances`` and ``widths``
        (layers + 1,); ``noise``, ``weights`` (P, classes) and `DIAGNOSTICS`, float64.
    """
    import torch

    # In float64 on the CPU: Metal has none, and Cholesky factors of some hundred points are no work.
    points, labels = torch.from_numpy(inputs), torch.from_numpy(targets)
    count = len(points)
    identity = torch.eye(count, dtype=torch.float64)
    log_variances, log_widths = (torch.zeros(layers + 1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    log_noise = torch.full((1,), -4.0, dtype=torch.float64, requires_grad=True)
    factors = [identity.clone().requires_grad_() for _ in range(0 if nu is None else layers)]

    def forward() -> tuple[Any, Any, list[Any], list[Any], Any]:
        gram = points @ points.T / points.shape[1]
        grams, kernels, total = [], [], torch.zeros((), dtype=torch.float64)
        for layer in range(layers + 1):
            diagonal = gram.diagonal()
            kernel = (
                squared_exponential(gram, diagonal, diagonal, log_variances[layer].exp(), log_widths[layer].exp())
                + JITTER * identity
            )
            kernels.append(kernel)
            if layer == layers:
                break
            gram = kernel
            if nu is not None:
                triangular = factors[layer].tril()
                root = torch.linalg.cholesky(kernel) @ triangular
                gram, total = root @ root.T, total + divergence(triangular)
            grams.append(gram)
        root = torch.linalg.cholesky(kernels[-1] + log_noise.exp() * identity)
        weights = torch.cholesky_solve(labels, root)
        constant = count * np.log(2 * np.pi) / 2 + root.diagonal().log().sum()
        return -(labels * weights).sum() / 2 - labels.shape[1] * constant, total, grams, kernels, weights

    def loss(step: int) -> torch.Tensor:
        likelihood, total, *_ = forward()
        return ((nu or 0.0) * total - likelihood) / count

    descend([log_variances, log_widths, log_noise, *factors], loss, Descent(steps, RATE, "adam"))
    with torch.no_grad():
        likelihood, total, grams, kernels, weights = forward()
        shifts = [((gram - kernel).norm() / kernel.norm()).item() for gram, kernel in zip(grams, kernels, strict=False)]
    last = (grams[-1] if grams else points @ points.T).numpy()
    state: Mapping[str, Any] = {
        "inputs": inputs,
        "grams": np.stack([gram.numpy() for gram in grams]) if grams else np.zeros((0, count, count)),
        "variances": log_variances.detach().exp().numpy(),
        "widths": log_widths.detach().exp().numpy(),
        "noise": log_noise.detach().exp().numpy(),
        "weights": weights.numpy(),
        "kl_per_point": np.array([total.item() / count]),
        "log_likelihood_per_point": np.array([likelihood.item() / count]),
        "label_alignment": np.array([centred_alignment(last, targets @ targets.T)]),
        "gram_shift": np.array([max(shifts, default=0.0)]),
        "nu_used": np.array([-1.0 if nu is None else nu]),
    }
    return dict(state)


class Predictor:
    """What `learn` returned, asked about new inputs."""

    def __init__(self, state: Tensors) -> None:
        """Factor the kernels."""
        self.state = state
        inputs = state["inputs"]
        gram = inputs @ inputs.T / inputs.shape[1]
        self._layers = []
        for layer in range(len(state["widths"])):
            diagonal = np.diagonal(gram)
            kernel = self._kernel(layer, gram, diagonal, diagonal) + JITTER * np.eye(len(gram))
            self._layers.append((diagonal, np.linalg.cholesky(kernel)))
            gram = state["grams"][layer] if layer < len(state["grams"]) else gram
        root = self._layers[-1][1]
        self._with_noise = np.linalg.cholesky(root @ root.T + state["noise"] * np.eye(len(root)))

    def _kernel(self, layer: int, cross: Any, left: Any, right: Any) -> NDArray[np.float64]:
        variance, width = self.state["variances"][layer], self.state["widths"][layer]
        return np.asarray(squared_exponential(cross, left, right, variance, width))

    def features(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, P) φ with φ Lᵀ the last kernel between (n, d) inputs and the points, L the Cholesky factor of theirs."""
        return np.concatenate([self._block(inputs[i : i + BLOCK]) for i in range(0, len(inputs), BLOCK)])

    def _block(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        from scipy.linalg import solve_triangular

        points = self.state["inputs"]
        cross, own = inputs @ points.T / points.shape[1], (inputs**2).mean(axis=1)
        for layer, (diagonal, root) in enumerate(self._layers):
            kernel = self._kernel(layer, cross, own, diagonal)
            whitened = solve_triangular(root, kernel.T, lower=True)
            if layer == len(self._layers) - 1:
                break
            carried = solve_triangular(root.T, whitened).T
            cross = carried @ self.state["grams"][layer]
            own = self.state["variances"][layer] - (whitened**2).sum(axis=0) + (cross * carried).sum(axis=1)
        return np.asarray(whitened.T)

    def mean(self, inputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, classes) predictive mean."""
        return self.distribution(self.features(inputs))[0]

    def distribution(self, features: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predictive mean (n, classes) and variance (n,), noise included, from (n, P) features."""
        from scipy.linalg import solve_triangular

        kernel = features @ self._layers[-1][1].T
        explained = (solve_triangular(self._with_noise, kernel.T, lower=True) ** 2).sum(axis=0)
        variance = self.state["variances"][-1] + self.state["noise"] - explained
        # Rounding must not take the variance below the noise.
        return kernel @ self.state["weights"], np.maximum(variance, self.state["noise"])


def centred_alignment(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    """CKA of two (P, P) Gram matrices (Kornblith et al., arXiv:1905.00414): cosine of their centred versions."""
    centre = np.eye(len(first)) - 1 / len(first)
    a, b = (centre @ gram @ centre for gram in (first, second))
    return float((a * b).sum() / (np.linalg.norm(a) * np.linalg.norm(b)))


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.asarray(images.reshape(len(images), -1) / 255.0)

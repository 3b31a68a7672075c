"""Training a diffusion transformer with and without alignment to a frozen teacher, at one budget of arithmetic.

The budget is what the plain arm's steps cost. What the other arms add (the warm-up, the projector, the teacher's pass
over the images) comes out of their own steps. Multiply-adds are counted by PyTorch's counter, forward and backward; the
optimiser is left out in all arms, and so is the training of the teacher, which stands for one that is found ready-made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from methods.kit.image.diffusion_transformer import GRID, WIDTH, DiffusionTransformer
from methods.kit.training import Descent, descend, half_precision, on_device, placed

TEACHER_WIDTH = 64
BATCH, RATE = 64, 1e-2
UNLABELLED = 0.1
READ = 2
"""Blocks behind the tokens that are aligned while the whole is trained, and that the probe reads."""
WARM_SHARE = 4
"""The warm-up has a quarter of the plain arm's number of steps."""
HALVINGS = 8
"""How often ERW's coefficient halves in the plain arm's number of steps: 50,000 of 400,000 in the paper."""


@dataclass(frozen=True)
class Arm:
    """How alignment enters.

    Attributes:
        warmed: blocks, from the first to before the second, that imitate the teacher before all else; None for none.
        alignment: coefficient of the alignment loss at the first step of the whole; 0 for no alignment.
        halving: whether the coefficient falls, by half each eighth of the plain arm's steps.
    """

    warmed: tuple[int, int] | None
    alignment: float
    halving: bool = True

    def coefficient(self, step: int, steps: int) -> float:
        """Weight of the alignment at `step`, `steps` being those of the plain arm."""
        return self.alignment * 2 ** (-step * HALVINGS / steps) if self.halving else self.alignment


ARMS = {
    "erw": Arm((0, READ), 1.0),
    "repa": Arm(None, 0.5, halving=False),
    "plain": Arm(None, 0.0),
    "erw-late": Arm((3, 6), 1.0),
}


@dataclass(frozen=True)
class Spent:
    """What training took: steps of either phase, and floating-point operations in all."""

    warm_steps: int
    full_steps: int
    operations: int


class Teacher(nn.Module):
    """A small convolutional classifier whose last map, before its ReLU, is the target of alignment."""

    def __init__(self, classes: int) -> None:
        """For grey images."""
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(24, 48, 3, padding=1), nn.BatchNorm2d(48), nn.ReLU(), nn.AdaptiveAvgPool2d(GRID),
            nn.Conv2d(48, TEACHER_WIDTH, 3, padding=1), nn.BatchNorm2d(TEACHER_WIDTH),
        )  # fmt: skip
        self.head = nn.Linear(TEACHER_WIDTH, classes)

    def tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, 16, 64), row by row, of (n, 1, height, width)."""
        return self.convolutions(pixels).flatten(2).transpose(1, 2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, classes) logits."""
        return self.head(self.tokens(pixels).relu().mean(1))


class Projector(nn.Sequential):
    """From the transformer's tokens to the teacher's."""

    def __init__(self) -> None:
        """Three layers, as in REPA."""
        wide = 2 * WIDTH
        super().__init__(
            nn.Linear(WIDTH, wide), nn.SiLU(), nn.Linear(wide, wide), nn.SiLU(), nn.Linear(wide, TEACHER_WIDTH)
        )


@dataclass(frozen=True)
class Images:
    """What is trained on.

    Attributes:
        patches: (n, 16, patch) in [−1, 1].
        labels: (n,) classes.
        targets: (n, 16, 64) tokens of the teacher, or None where nothing is aligned.
    """

    patches: torch.Tensor
    labels: torch.Tensor
    targets: torch.Tensor | None


def misalignment(projected: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Minus the cosine of (n, 16, d) tokens and their targets, the mean over all tokens of all images."""
    return -functional.cosine_similarity(projected.float(), targets, dim=2).mean()


def warm_loss(
    network: DiffusionTransformer, projector: nn.Module, images: Images, labels: torch.Tensor, blocks: tuple[int, int]
) -> torch.Tensor:
    """Misalignment of what `blocks` make of clean patches at t = 0; the images must have targets."""
    if images.targets is None:
        raise ValueError("there is nothing to imitate: the images have no targets")
    with half_precision():
        seen = projector(network.hidden(images.patches, images.patches.new_zeros(len(labels)), labels, blocks))
    return misalignment(seen, images.targets)


def full_loss(
    network: DiffusionTransformer,
    projector: nn.Module,
    images: Images,
    labels: torch.Tensor,
    times: torch.Tensor,
    noise: torch.Tensor,
    coefficient: float,
) -> torch.Tensor:
    """Squared error of the velocity and, where there are targets, `coefficient` times the misalignment at `READ`."""
    share = times[:, None, None]
    with half_precision():
        velocity, seen = network((1 - share) * images.patches + share * noise, times, labels, READ)
    loss = (velocity.float() - (noise - images.patches)).square().mean()
    if images.targets is None:
        return loss
    with half_precision():
        projected = projector(seen)
    return loss + coefficient * misalignment(projected, images.targets)


def train_generator(
    network: DiffusionTransformer, projector: nn.Module, images: Images, arm: Arm, steps: int, read: int, seed: int
) -> Spent:
    """Train for what `steps` plain steps cost, warm-up and alignment included.

    Args:
        network: trained in place.
        projector: trained in place where the arm aligns.
        images: with targets where the arm aligns.
        arm: how.
        steps: those of the plain arm.
        read: floating-point operations that the targets took; they come out of the budget.
        seed: of batches, dropped classes, times and noise.
    """
    few = _rows(images, torch.arange(BATCH) % len(images.labels))
    zeros = torch.zeros_like(few.patches)

    def full(of: Images) -> torch.Tensor:
        return full_loss(network, projector, of, few.labels, zeros.new_zeros(BATCH), zeros, 1.0)

    budget = steps * operations(lambda: full(Images(few.patches, few.labels, None)), network, projector)
    spent, warm_steps = read, 0
    generator = torch.Generator().manual_seed(seed)
    if arm.warmed is not None:
        blocks, warm_steps = arm.warmed, steps // WARM_SHARE
        spent += warm_steps * operations(
            lambda: warm_loss(network, projector, few, few.labels, blocks), network, projector
        )

        def warm(step: int) -> torch.Tensor:
            return warm_loss(network, projector, *_batch(images, network.classes, generator), blocks)

        with on_device(network, projector):
            _move(_warmed_parameters(network, projector, blocks), warm, warm_steps)
    a_step = operations(lambda: full(few), network, projector)
    full_steps = max(0, (budget - spent) // a_step)

    def whole(step: int) -> torch.Tensor:
        batch, labels = _batch(images, network.classes, generator)
        times = placed(torch.rand(BATCH, generator=generator))
        noise = placed(torch.randn(batch.patches.shape, generator=generator))
        return full_loss(network, projector, batch, labels, times, noise, arm.coefficient(step, steps))

    with on_device(network, projector):
        _move([*network.parameters(), *(projector.parameters() if arm.alignment else ())], whole, full_steps)
    return Spent(warm_steps, full_steps, spent + full_steps * a_step)


def operations(loss: Callable[[], torch.Tensor], *modules: nn.Module) -> int:
    """Floating-point operations of the products in `loss` and, where modules are given, in its gradient by them."""
    with FlopCounterMode(display=False) as counter:
        value = loss()
        if modules:
            value.backward()
    for module in modules:
        module.zero_grad()
    return int(counter.get_total_flops())


def _warmed_parameters(
    network: DiffusionTransformer, projector: nn.Module, blocks: tuple[int, int]
) -> list[nn.Parameter]:
    """Those that the warm-up moves: of the embeddings, of its blocks and of the projector."""
    parts = (network.inward, network.time, network.label, *network.blocks[slice(*blocks)], projector)
    return [network.positions, *(value for part in parts for value in part.parameters())]


def _move(learnt: list[nn.Parameter], loss: Callable[[int], torch.Tensor], steps: int) -> None:
    descend(learnt, loss, Descent(steps, RATE, "adam", schedule="cosine", fused=True))


def _batch(images: Images, classes: int, generator: torch.Generator) -> tuple[Images, torch.Tensor]:
    """A drawn batch on the device of this process, and its labels with some dropped."""
    batch = _rows(images, torch.randint(len(images.labels), (BATCH,), generator=generator))
    dropped = torch.rand(BATCH, generator=generator) < UNLABELLED
    targets = None if batch.targets is None else placed(batch.targets)
    labels = placed(batch.labels.masked_fill(dropped, classes))
    return Images(placed(batch.patches), placed(batch.labels), targets), labels


def _rows(images: Images, rows: torch.Tensor) -> Images:
    targets = None if images.targets is None else images.targets[rows]
    return Images(images.patches[rows], images.labels[rows], targets)

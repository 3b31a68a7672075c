"""The one training loop: optimiser, schedule, clipping, arithmetic, device and progress.

    generator = torch.Generator().manual_seed(seed)
    with seeded(seed), on_device(network := make()):

        def loss(step):
            rows = torch.randint(len(items), (64,), generator=generator)
            with half_precision():
                return network(placed(items[rows])).float().square().mean()

        descend(network.parameters(), loss, Descent(steps, rate=1e-3, schedule="cosine", clip=1.0))
    return arrays(network)

Random numbers that decide what is learnt (batches, noise, first weights) are drawn on the CPU and then placed, so that
every device sees the same ones. Weights and optimiser stay float32; products run in what the device is fastest at.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from numpy.typing import NDArray

from suite import devices
from suite.features import shared_work
from suite.precision import fastest_precision

if TYPE_CHECKING:
    import torch

Schedule = Callable[[int, int], float] | Literal["constant", "cosine", "onecycle", "steps"]
FUSED_ON = ("cpu", "cuda", "mps")

P = TypeVar("P")


@dataclass(frozen=True)
class Descent:
    """How parameters are moved.

    Attributes:
        steps: optimiser steps.
        rate: peak learning rate; a group of parameters may have a rate of its own.
        optimiser: ``adam`` (Kingma and Ba, arXiv:1412.6980), ``adamw`` (Loshchilov and Hutter, arXiv:1711.05101), or
            ``sgd`` with Nesterov momentum 0.9.
        weight_decay: decoupled for AdamW, in the gradient for SGD.
        schedule: a function of step and steps that gives a factor of the rate; ``constant``; ``cosine`` to zero;
            ``onecycle`` (rise over the first 30 % of the steps, cosine to almost zero; Smith and Topin,
            arXiv:1708.07120); or ``steps`` (a tenth after half of the steps, and again after three quarters).
        clip: gradients are cut to this norm.
        fused: one kernel for all parameters; rounds differently from the others, so it is part of the numbers.
    """

    steps: int
    rate: float
    optimiser: Literal["adam", "adamw", "sgd"] = "adamw"
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    clip: float | None = None
    fused: bool = False


def descend(
    parameters: Iterable[Any],
    loss: Callable[[int], torch.Tensor],
    how: Descent,
    *,
    clipped: Iterable[Any] | None = None,
    after: Callable[[int, torch.optim.Optimizer], None] | None = None,
) -> None:
    """Move parameters against the gradient of a loss.

    Args:
        parameters: what is trained, or groups of it as dicts (``params``, ``lr``, ``weight_decay``).
        loss: called with the number of the step, from 0; returns a scalar.
        how: the recipe.
        clipped: whose gradients are cut together; None for all that are trained.
        after: called with the step and the optimiser after each step, without gradients.
    """
    import torch

    groups = _groups(parameters)
    within = [p for group in groups for p in group["params"]] if clipped is None else list(clipped)
    optimiser = _optimiser(groups, how)
    schedule = _schedule(optimiser, how)
    # Gradients in float16 are lost below 6e-8; a scale that finds its own size keeps them (Micikevicius et al.,
    # arXiv:1710.03740). In other arithmetic it is switched off and does nothing.
    scaler = torch.amp.GradScaler(devices.current().type, enabled=fastest_precision() == "float16")
    for step in range(how.steps):
        value = loss(step)
        optimiser.zero_grad()
        scaler.scale(value).backward()
        if how.clip is not None:
            scaler.unscale_(optimiser)
            torch.nn.utils.clip_grad_norm_(within, how.clip)
        scaler.step(optimiser)
        scaler.update()
        if schedule is not None:
            with warnings.catch_warnings():
                # The first steps in float16 may be left out until the scale is found.
                warnings.filterwarnings("ignore", "Detected call of `lr_scheduler.step", UserWarning)
                schedule.step()
        if after is not None:
            with torch.no_grad():
                after(step, optimiser)
        shared_work.progress(step + 1, how.steps)


def half_precision(enabled: bool = True) -> Any:
    """Context in which products run in bfloat16, on a device that multiplies it (in float16 on an older GPU)."""
    import torch

    precision = fastest_precision()
    if not enabled or precision == "float32":
        return torch.autocast("cpu", torch.bfloat16, enabled=False)
    return torch.autocast(devices.current().type, getattr(torch, precision))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Within this context torch draws from `seed` (weights, dropout); afterwards as if nothing had been drawn."""
    import torch

    kind = devices.current().type
    own = {"devices": [devices.current()], "device_type": kind} if kind in ("cuda", "mps") else {"devices": []}
    with torch.random.fork_rng(**own):
        torch.manual_seed(seed)
        yield


@contextmanager
def on_device(*modules: torch.nn.Module) -> Iterator[None]:
    """Within this context modules are on the device of this process and train; afterwards on the CPU, in eval mode."""
    for module in modules:
        placed(module).train()
    try:
        yield
    finally:
        for module in modules:
            module.cpu().eval()


def placed(thing: P) -> P:
    """A tensor, or a module with all it holds, on the device of this process."""
    moved: P = thing.to(devices.current())  # type: ignore[attr-defined]
    return moved


def array(value: torch.Tensor) -> NDArray[Any]:
    """A tensor of any device as an array, without its gradient; on the CPU it shares memory."""
    found: NDArray[Any] = value.detach().cpu().numpy()
    return found


def arrays(module: torch.nn.Module) -> dict[str, NDArray[Any]]:
    """The state dict as arrays, buffers included."""
    return {name: array(value) for name, value in module.state_dict().items()}


def warm_linear(step: int, steps: int) -> float:
    """Factor of the learning rate: linear over the first tenth, then linearly to zero."""
    warm = max(1, steps // 10)
    return min((step + 1) / warm, (steps - step) / max(1, steps - warm))


def falling(step: int, steps: int) -> float:
    """Factor of the learning rate: linearly to zero from the first step on."""
    return 1 - step / steps


def _groups(parameters: Iterable[Any]) -> list[dict[str, Any]]:
    given = list(parameters)
    if not any(isinstance(group, dict) for group in given):
        return [{"params": given}]
    return [{**group, "params": list(group["params"])} for group in given]


def _optimiser(groups: list[dict[str, Any]], how: Descent) -> torch.optim.Optimizer:
    import torch

    if how.optimiser == "sgd":
        return torch.optim.SGD(groups, how.rate, momentum=0.9, weight_decay=how.weight_decay, nesterov=True)
    fused = True if how.fused and devices.current().type in FUSED_ON else None
    if how.optimiser == "adam":
        return torch.optim.Adam(groups, how.rate, weight_decay=how.weight_decay, fused=fused)
    return torch.optim.AdamW(groups, how.rate, weight_decay=how.weight_decay, fused=fused)


def _schedule(optimiser: torch.optim.Optimizer, how: Descent) -> Any:
    from torch.optim import lr_scheduler

    if callable(how.schedule):
        factor = how.schedule
        return lr_scheduler.LambdaLR(optimiser, lambda step: factor(step, how.steps))
    if how.schedule == "cosine":
        return lr_scheduler.CosineAnnealingLR(optimiser, max(1, how.steps))
    if how.schedule == "steps":
        return lr_scheduler.MultiStepLR(optimiser, [how.steps // 2, 3 * how.steps // 4])
    if how.schedule == "onecycle":
        # Only the rate cycles: momentum stays what the optimiser's authors recommend.
        return lr_scheduler.OneCycleLR(optimiser, how.rate, total_steps=how.steps + 1, cycle_momentum=False)
    return None

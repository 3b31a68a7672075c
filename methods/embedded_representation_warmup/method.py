"""ERW, embedded representation warm-up: the first blocks of a generator first imitate a frozen encoder.

The paper trains a diffusion transformer in two phases. In the first, its first blocks and a projector alone see clean
images at t = 0 with their class, and minimise −cos(projected token, the frozen encoder's token). In the second, the
whole is trained with a new optimiser on (velocity error) + c(k) · (the same alignment, of noisy images at a given
depth), c(k) = c₀ · 2^(−k / 50,000), c₀ = 1 for the small model. REPA is the second phase from the start with a
constant .5; the released warm-up loss counts only the last image of each batch through a slip of indentation, here all
count.

Here: 16 patches of grey images, six blocks 64 wide (ReLU in the MLPs, adaLN-zero), no latents, so that nothing but the
arm differs; the teacher is a convolutional classifier trained on the task's own training images and labels, its tokens
a 4 × 4 map. Batches of 64, Adam at .01 (chosen for the plain arm on training images), a cosine in each phase, 400 steps
of the plain arm in standard. Two blocks are warmed for a quarter of that number of steps, and the tokens behind block 2
are aligned in the second phase; c halves every eighth of that number. All arms spend the same floating-point
operations: those of warm-up, projector and the teacher's pass over the images are taken from the arm's own steps. The
teacher's own training is not counted: it stands for an encoder that is found ready-made. One label in ten is dropped; a
sample takes 20 Euler steps under a class drawn evenly, without guidance. As in the paper the class is given in both
phases; since our teacher learnt those classes, much of its tokens can be told from the class, without the image. The
representation that is probed is the mean token behind block 2 of the clean image at t = 0 with no class.

Arms: ``erw``; ``plain``; ``repa``; ``erw-late``, which warms blocks 4 to 6 in place of the first two, which costs it
more of its budget. Left out: the latent space of an image tokenizer, an average of the weights, guidance, DINOv2.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import arrays, placed, seeded
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense
from suite.results.metrics import Metric, declare

if TYPE_CHECKING:
    import torch

    from methods.kit.image.diffusion_transformer import DiffusionTransformer


declare(
    Metric(
        "training_gflops", "training arithmetic", "lower", "GFLOP", ",.0f", "point",
        about="Floating-point operations of the products in training, warm-up and the teacher's pass included.",
    ),
    Metric("warm_steps", "warm-up steps", "lower", "", ",.0f", "point", about="Steps before the whole is trained."),
    Metric("full_steps", "full steps", "lower", "", ",.0f", "point", about="Steps in which the whole is trained."),
)  # fmt: skip


class EmbeddedRepresentationWarmup(Method):
    """A class-conditional diffusion transformer; `arm` says when, and by which blocks, a teacher is imitated."""

    name = "embedded-representation-warmup"
    summary = (
        "The first blocks of a diffusion transformer imitate a frozen encoder on clean images, then the whole learns "
        "to generate. Controls of the same arithmetic align from the start, late blocks only, or not at all."
    )
    modality = Modality.IMAGE
    readouts = ("sample",)
    paper = Paper("Efficient Generative Model Training via Embedded Representation Warmup", 2025, "2504.10188")
    tags = ("generative", "trained", "distillation")
    grid = {"arm": ("erw", "repa", "plain", "erw-late")}
    controls = {"arm": ("repa", "plain", "erw-late")}
    accepts = Accepts(without=("held_out",))
    quick = ()
    seeded = True
    requires = ("torch",)
    arm: str

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train the teacher where there is one, read its tokens, and train the generator."""
        import torch

        from methods.embedded_representation_warmup.warmup import ARMS, Images, Projector, train_generator
        from methods.kit.image.diffusion_transformer import DiffusionTransformer, patches
        from methods.kit.image.supervised_training import as_pixels

        arm = ARMS[self.arm]
        pixels = as_pixels(data.items)
        given = patches(pixels)
        targets, read = self._targets(data, seed) if arm.alignment else (None, 0)
        with seeded(seed):
            network, projector = DiffusionTransformer(given.shape[2], int(data.classes or 0)), Projector()
        images = Images(given, torch.from_numpy(np.asarray(data.labels, np.int64)), targets)
        steps = self.effort.pick(quick=30, standard=400)
        spent = train_generator(network, projector, images, arm, steps, read, seed)
        return {
            **{f"network.{name}": value for name, value in arrays(network).items()},
            "shape": np.array(data.items.shape[1:], np.int64),
            "spent": np.array([spent.warm_steps, spent.full_steps, spent.operations], np.int64),
        }

    def _targets(self, data: FitData, seed: int) -> tuple[torch.Tensor, int]:
        """(n, 16, 64) tokens of a teacher trained on `data`, and the operations of the pass that reads them."""
        import torch

        from methods.embedded_representation_warmup.warmup import Teacher, operations
        from methods.kit.image.supervised_training import Recipe, as_pixels, outputs, restore, train

        def make() -> Teacher:
            return Teacher(int(data.classes or 0))

        teacher = restore(
            make, train(make, data, Recipe(epochs=self.effort.pick(quick=4, standard=2), rate=4e-3), seed)
        )
        an_image = operations(lambda: teacher.tokens(placed(as_pixels(data.items[:1]))))
        return torch.from_numpy(outputs(teacher.tokens, data.items)), an_image * len(data.items)

    @cached_property
    def _network(self) -> DiffusionTransformer:
        import torch

        from methods.kit.image.diffusion_transformer import DiffusionTransformer

        state = {n.removeprefix("network."): np.array(v) for n, v in self.fitted.items() if n.startswith("network.")}
        network = DiffusionTransformer(state["inward.weight"].shape[1], len(state["label.weight"]) - 1)
        network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        return placed(network).eval()

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 64) float32 mean token behind block 2, of clean images without their class."""
        import torch

        from methods.embedded_representation_warmup.warmup import READ
        from methods.kit.image.diffusion_transformer import patches
        from methods.kit.image.supervised_training import outputs

        network = self._network

        def tokens(pixels: torch.Tensor) -> torch.Tensor:
            nothing = torch.full((len(pixels),), network.classes, device=pixels.device)
            return network.hidden(patches(pixels), pixels.new_zeros(len(pixels)), nothing, (0, READ)).mean(1)

        return Dense(outputs(tokens, items))

    def sample(self, n: int, seed: int) -> NDArray[np.uint8]:
        """(n, height, width) uint8, classes drawn evenly."""
        import torch

        from methods.kit.image.diffusion_transformer import GRID, follow, joined

        warm_steps, full_steps, operations = (int(value) for value in self.fitted["spent"])
        self.extra_costs |= {
            "warm_steps": warm_steps, "full_steps": full_steps, "training_gflops": operations / 1e9,
        }  # fmt: skip
        network, generator = self._network, torch.Generator().manual_seed(seed)
        labels = torch.randint(network.classes, (n,), generator=generator)
        noise = torch.randn(n, GRID**2, network.inward.in_features, generator=generator)
        steps = self.effort.pick(quick=8, standard=20)
        height, width = (int(side) for side in self.fitted["shape"])
        pixels = joined(torch.from_numpy(follow(network, noise, labels, steps)), (height, width)).numpy()
        return np.clip(np.rint((pixels + 1) * 127.5), 0, 255).astype(np.uint8)

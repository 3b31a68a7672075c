"""Binary latent diffusion: an auto-encoder whose latent is a grid of bits, and a diffusion model over those bits.

The paper's encoder says with which probability each bit is 1; while it is trained the bits are drawn and the gradient
goes straight through the draw, at test they are thresholded. Diffusion then flips bits towards fair coins, and a
transformer learns which of them were flipped; samples follow the Bayes posterior in a few strides.

Here: a small convolutional auto-encoder (7 × 7 places of 28 × 28 pixels) with 8 bits a place, or 2, trained for 800
steps of 64 images on mean absolute error alone; logits are normalised over the batch and four times as wide, which
the paper does not do and without which bits carried little in a trial. The transformer has four blocks 64 wide with
adaptive norms, T = 64, 800 steps of 64 codes, all times weighted alike, temperature .9. Left out: perceptual and
adversarial losses, the optional posterior term, classes.

`prior_bits` is the evidence lower bound of the code under the diffusion model: an ideal entropy coder with bits back
would need no more. What is stored are the raw bits. Samples are judged by the generation family.

Controls: ``arm=vq`` (a codebook of 256 a place) and ``arm=lfq`` (lookup-free quantisation) are the same auto-encoder at
equal bits; ``arm=direct`` is the same denoiser that predicts x_0 itself in place of the flips.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.training import arrays, seeded
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Bitstream
from suite.results.metrics import Metric, declare

if TYPE_CHECKING:
    import torch

    from methods.binary_latent_diffusion.autoencoder import BinaryAutoencoder
    from methods.binary_latent_diffusion.diffusion import BitDenoiser
    from suite.representations import Representation
    from suite.task import Task

BITS, FEW_BITS = 8, 2
"""A place; only codes of `BITS` get a diffusion model."""
AT_ONCE = 500
BOUND_SEED = 0


declare(
    Metric(
        "denoising_bce", "denoising loss", "lower", "nat", ".4f", "point",
        about="Binary cross-entropy of a held-out image's bits given noisy ones, mean over all times.",
    )
)  # fmt: skip


class BinaryLatentDiffusion(Method):
    """Images as grids of bits; with ``bits=8`` a diffusion model of them, that is asked in ``steps`` strides."""

    name = "binary-latent-diffusion"
    summary = (
        "An auto-encoder turns an image into Bernoulli bits, and a diffusion model that learns which bits were flipped "
        "generates new ones. Controls are other quantisers at equal bits, and a denoiser that predicts bits directly."
    )
    modality = Modality.IMAGE
    readouts = ("reconstruct", "sample")
    paper = Paper(
        "Binary Latent Diffusion", 2023, "2304.04820", authors=("Ze Wang", "Jiang Wang", "Zicheng Liu", "Qiang Qiu")
    )
    tags = ("trained", "quantised", "generative")
    grid = (
        {"arm": ("binary",), "bits": (BITS,), "steps": (16, 64)},
        {"arm": ("binary",), "bits": (FEW_BITS,)},
        {"arm": ("direct",), "bits": (BITS,), "steps": (16,)},
        {"arm": ("vq", "lfq"), "bits": (BITS,)},
    )
    controls = {"arm": ("direct", "vq", "lfq")}
    quick = ()
    fit_params = ("arm", "bits")
    seeded = True
    requires = ("torch", "vector_quantize_pytorch")
    arm: str
    bits: int
    steps: int

    @property
    def has_prior(self) -> bool:
        """Whether this variant has a diffusion model of its codes."""
        return self.arm in ("binary", "direct") and self.bits == BITS

    def skip(self, task: Task[Any]) -> str | None:
        """Samples are asked of variants with a diffusion model, where all classes are given."""
        if task.family != "generation":
            return None
        if not self.has_prior:
            return "is an auto-encoder without a model of its codes: draws no samples"
        return "has no database to swap: is judged where all classes are given" if task.spec.held_out else None

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train the auto-encoder, and the denoiser on the codes of the same images; labels stay unread."""
        from methods.binary_latent_diffusion.autoencoder import train_autoencoder
        from methods.binary_latent_diffusion.diffusion import train_denoiser

        shape = np.array(data.items.shape[1:], np.int64)
        with seeded(seed):
            autoencoder = self._new_autoencoder(shape)
            steps = self.effort.pick(quick=40, standard=800)
            train_autoencoder(autoencoder, _unit_pixels(data.items), steps, seed)
            networks: dict[str, torch.nn.Module] = {"autoencoder": autoencoder}
            if self.has_prior:
                prior = networks["prior"] = self._new_prior(shape)
                codes = _bits(autoencoder, data.items)
                train_denoiser(prior, codes, self.effort.pick(quick=20, standard=800), seed)
        return {"shape": shape} | {
            f"{part}.{name}": value for part, network in networks.items() for name, value in arrays(network).items()
        }

    def encode(self, items: Any, role: Role) -> Bitstream:
        """`bits` bits a place, the same number for every image."""
        codes = _bits(self._autoencoder, items).flatten(1).numpy()
        return Bitstream.packed(codes, np.ones_like(codes), items.shape[1:])

    def decode(self, streams: Bitstream) -> NDArray[np.uint8]:
        """(n, height, width) uint8."""
        return self._shown(self._codes(streams))

    def features(self, items: Representation) -> NDArray[np.float32]:
        """(n, places × bits) of 0 and 1."""
        return self._codes(items).flatten(1).float().numpy()

    def prior_bits(self, streams: Bitstream) -> NDArray[np.float64] | None:
        """(n,) evidence bounds in bits; the loss of denoising is counted beside them."""
        if not self.has_prior:
            return None
        import torch

        from methods.binary_latent_diffusion.diffusion import STEPS, denoising_loss, evidence_bound

        codes = self._codes(streams)
        generator = torch.Generator().manual_seed(BOUND_SEED)
        times = 1 + torch.arange(len(codes)) % STEPS
        with torch.inference_mode():
            losses = [
                denoising_loss(self._prior, part.float(), at, generator)
                for part, at in zip(codes.split(AT_ONCE), times.split(AT_ONCE), strict=True)
            ]
        self.extra_costs["denoising_bce"] = float(torch.cat(losses).mean())
        return evidence_bound(self._prior, codes, self.steps, BOUND_SEED).numpy()

    def sample(self, n: int, seed: int) -> NDArray[np.uint8]:
        """(n, height, width) uint8."""
        from methods.binary_latent_diffusion.diffusion import sampled

        return self._shown(sampled(self._prior, (n, self._places, self.bits), self.steps, seed))

    @property
    def _places(self) -> int:
        height, width = self._autoencoder.grid
        return height * width

    def _codes(self, streams: Any) -> torch.Tensor:
        """(n, places, bits) bool."""
        import torch

        bits = streams.unpacked()[: len(streams) * self._places * self.bits]
        return torch.from_numpy(bits.reshape(len(streams), self._places, self.bits))

    def _shown(self, codes: torch.Tensor) -> NDArray[np.uint8]:
        import torch

        network = self._autoencoder
        with torch.inference_mode():
            parts = [network.rebuilt(network.quantiser.embed(part)) for part in codes.split(AT_ONCE)]
            pixels = torch.cat(parts)[:, 0].numpy()
        return np.clip(np.rint(255 * pixels), 0, 255).astype(np.uint8)

    def _new_autoencoder(self, shape: NDArray[np.int64]) -> BinaryAutoencoder:
        from methods.binary_latent_diffusion.autoencoder import BinaryAutoencoder

        kind = self.arm if self.arm in ("vq", "lfq") else "bernoulli"
        return BinaryAutoencoder((int(shape[0]), int(shape[1])), self.bits, kind)

    def _new_prior(self, shape: NDArray[np.int64]) -> BitDenoiser:
        from methods.binary_latent_diffusion.autoencoder import places
        from methods.binary_latent_diffusion.diffusion import BitDenoiser

        height, width = places((int(shape[0]), int(shape[1])))
        return BitDenoiser(height * width, self.bits, flips=self.arm == "binary")

    @cached_property
    def _autoencoder(self) -> BinaryAutoencoder:
        return self._restored("autoencoder", self._new_autoencoder(self.fitted["shape"]))

    @cached_property
    def _prior(self) -> BitDenoiser:
        return self._restored("prior", self._new_prior(self.fitted["shape"]))

    def _restored(self, part: str, network: Any) -> Any:
        import torch

        state = {n.removeprefix(f"{part}."): v for n, v in self.fitted.items() if n.startswith(f"{part}.")}
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
        return network.eval()


def _unit_pixels(images: NDArray[np.uint8]) -> torch.Tensor:
    """(n, 1, height, width) float32 from 0 to 1."""
    from methods.kit.image.supervised_training import as_pixels

    return as_pixels(images).add_(1).div_(2)


def _bits(network: BinaryAutoencoder, images: NDArray[np.uint8]) -> torch.Tensor:
    """(n, places, bits) bool, the codes of (n, height, width) images."""
    import torch

    with torch.inference_mode():
        parts = [
            network.quantiser.bits(network.features(_unit_pixels(images[start : start + AT_ONCE])))
            for start in range(0, len(images), AT_ONCE)
        ]
    # Codes are trained on, which a tensor of inference mode cannot be.
    return torch.cat(parts).clone()

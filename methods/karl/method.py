"""KARL: a tokenizer that is told an error and decides in one pass how many tokens an image needs for it.

The paper's encoder reads the asked error ε, the tokens of a frozen image tokenizer and up to 256 learnable latents; a
head says of every latent whether it may be halted, and the decoder sees those that may not. It is trained in pairs of
passes: the first reaches some error with a drawn number of tokens, the second is told that error, has all tokens, and
learns to halt those the first did without (upside-down reinforcement learning: what was reached becomes what was asked
for). Asked once, it answers once: nothing is searched for, and nothing decoded, to find the length.

Here: patches of the image itself stand for the frozen tokenizer's tokens; 4 × 4 of them, two blocks 64 wide on
either side, at most 16 latents of 8 bits each (a codebook of 256 unit vectors, 12 wide, by exponential moving average),
the paper's 19 errors, thresholds and re-binning; the loss of the error is its mean absolute value times 10 in place of
a cross-entropy over the frozen tokenizer's codes. A sixteenth of each batch is uniform noise and a sixteenth single
greys, so that the errors and lengths of both are known. 4,000 steps of 32 images in standard. Left out: the later stage
with perceptual and adversarial losses.

A stored image is its number of tokens, in 5 bits, and those tokens. The number is that of the latents which the head
does not halt; the head learns to halt a tail of them, and where it leaves a gap, the first so many are kept.

Controls: ``arm=fixed`` is the same network trained for one number of tokens, with as many steps and images as KARL has
for all numbers together (one pass over each, KARL's are two), and without a length to store.
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

    from methods.karl.tokenizer import AdaptiveTokenizer

TOKEN_BITS, LENGTH_BITS = 8, 5
ASKED = (0.02, 0.05, 0.1)
FIXED = (2, 4, 8, 16)
AT_ONCE = 500


declare(
    Metric(
        "encoder_passes", "encoder passes/image", "lower", "", ".2f", "point",
        about="How often an image goes through the encoder before its length is known.",
    )
)  # fmt: skip


class KARL(Method):
    """Tokens of a small image, as many as the asked error ``epsilon`` needs, or a fixed number of them."""

    name = "karl"
    summary = (
        "A transformer is told which error is allowed, reads an image once, and says itself how many of 16 tokens to "
        "keep. Controls are the same network trained for fixed numbers of tokens."
    )
    modality = Modality.IMAGE
    readouts = ("reconstruct",)
    paper = Paper("Single-pass Adaptive Image Tokenization for Minimum Program Search", 2025, "2507.07995")
    tags = ("trained", "quantised", "adaptive length")
    grid = ({"arm": ("karl",), "epsilon": ASKED}, {"arm": ("fixed",), "length": FIXED})
    controls = {"arm": ("fixed",)}
    quick = ()
    fit_params = ("arm", "length")
    seeded = True
    requires = ("torch", "vector_quantize_pytorch")
    arm: str
    epsilon: float
    length: int

    def __init__(self, *args: Any, **params: Any) -> None:
        """Start with nothing encoded."""
        super().__init__(*args, **params)
        self._passed = self._asked = 0

    @property
    def target_l1(self) -> float | None:
        """The error that was asked for."""
        return self.epsilon if self.arm == "karl" else None

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Train on the images; labels stay unread."""
        from methods.karl.tokenizer import AdaptiveTokenizer, train_adaptive, train_fixed
        from methods.kit.image.diffusion_transformer import patch_side

        pixels = _unit_pixels(data.items)
        patch = patch_side((data.items.shape[1], data.items.shape[2])) ** 2
        steps = self.effort.pick(quick=40, standard=4000)
        with seeded(seed):
            network = AdaptiveTokenizer(patch)
            if self.arm == "karl":
                train_adaptive(network, pixels, steps, seed)
            else:
                train_fixed(network, pixels, self.length, steps, seed)
        return arrays(network)

    def encode(self, items: Any, role: Role) -> Bitstream:
        """Of each image its number of tokens (not where that is fixed) and the tokens, 8 bits each."""
        import torch

        from methods.karl.tokenizer import LATENTS, nearest_error, patches

        length = LATENTS if self.arm == "karl" else self.length
        asked = int(nearest_error(torch.tensor(self.epsilon))) if self.arm == "karl" else 0
        places, counts = [], []
        with torch.inference_mode():
            for start in range(0, len(items), AT_ONCE):
                pixels = _unit_pixels(items[start : start + AT_ONCE])
                points, halting = self._network.encode(patches(pixels), torch.full((len(pixels),), asked), length)
                self._passed += len(pixels)
                places.append(self._network.quantiser(points)[1])
                counts.append(self._counts(halting))
        self._asked += len(items)
        self.extra_costs["encoder_passes"] = self._passed / self._asked
        count = torch.cat(counts).numpy()
        codes = _as_bits(torch.cat(places).numpy(), TOKEN_BITS).reshape(len(items), -1)
        used = np.arange(codes.shape[1]) < TOKEN_BITS * count[:, None]
        if self.arm == "karl":
            codes = np.concatenate([_as_bits(count[:, None], LENGTH_BITS).reshape(len(items), -1), codes], axis=1)
            used = np.pad(used, ((0, 0), (LENGTH_BITS, 0)), constant_values=True)
        return Bitstream.packed(codes, used, items.shape[1:])

    def tokens(self, streams: Bitstream) -> NDArray[np.int64]:
        """(n,) tokens of each image."""
        return self._read(streams)[1]

    def decode(self, streams: Bitstream) -> NDArray[np.uint8]:
        """(n, height, width) uint8."""
        import torch

        from methods.kit.image.diffusion_transformer import joined

        codes, counts = (torch.from_numpy(array) for array in self._read(streams))
        parts = []
        with torch.inference_mode():
            for start in range(0, len(codes), AT_ONCE):
                rows = slice(start, start + AT_ONCE)
                visible = torch.arange(codes.shape[1]) < counts[rows, None]
                found = self._network.decode(self._network.quantiser.get_output_from_indices(codes[rows]), visible)
                parts.append(joined(found, (streams.shape[0], streams.shape[1])).numpy())
        return np.clip(np.rint(255 * np.concatenate(parts)), 0, 255).astype(np.uint8)

    def _counts(self, halting: torch.Tensor) -> torch.Tensor:
        """(n,) tokens that stay, of (n, length) logits of halting."""
        from methods.karl.tokenizer import kept

        return (kept(halting) | (self.arm == "fixed")).sum(dim=1)

    def _read(self, streams: Bitstream) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(n, longest) places in the codebook, zeros behind each image's own, and (n,) numbers of them."""
        bits = streams.unpacked()
        if self.arm == "fixed":
            codes = _as_numbers(bits[: TOKEN_BITS * self.length * len(streams)], TOKEN_BITS)
            return codes.reshape(len(streams), -1), np.full(len(streams), self.length)
        counts, rows, position = np.zeros(len(streams), np.int64), [], 0
        for row in range(len(streams)):
            counts[row] = _as_numbers(bits[position : position + LENGTH_BITS], LENGTH_BITS)[0]
            position += LENGTH_BITS
            rows.append(_as_numbers(bits[position : position + TOKEN_BITS * counts[row]], TOKEN_BITS))
            position += TOKEN_BITS * counts[row]
        codes = np.zeros((len(streams), counts.max()), np.int64)
        codes[np.arange(codes.shape[1]) < counts[:, None]] = np.concatenate(rows)
        return codes, counts

    @cached_property
    def _network(self) -> AdaptiveTokenizer:
        import torch

        from methods.karl.tokenizer import AdaptiveTokenizer

        network = AdaptiveTokenizer(self.fitted["inward.weight"].shape[1])
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in self.fitted.items()})
        return network.eval()


def _unit_pixels(images: NDArray[np.uint8]) -> torch.Tensor:
    """(n, 1, height, width) float32 from 0 to 1."""
    from methods.kit.image.supervised_training import as_pixels

    return as_pixels(images).add_(1).div_(2)


def _as_bits(numbers: NDArray[np.int64], width: int) -> NDArray[np.bool_]:
    """(…, width) bits of numbers, the highest first."""
    return (numbers[..., None] >> np.arange(width)[::-1] & 1).astype(bool)


def _as_numbers(bits: NDArray[np.bool_], width: int) -> NDArray[np.int64]:
    """The inverse, of bits in a row."""
    return bits.reshape(-1, width) @ (1 << np.arange(width)[::-1])

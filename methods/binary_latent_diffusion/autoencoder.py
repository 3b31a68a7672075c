"""A convolutional auto-encoder of grey images whose latent is a grid of bits, and three ways to make those bits.

The encoder halves an image twice; at each of the places left, a quantiser turns 64 features into `bits` bits and back.
`Bernoulli` is that of binary latent diffusion (Wang et al., arXiv:2304.04820, section 3.1), the others are its controls
at equal bits: vector quantisation, and lookup-free quantisation (arXiv:2310.05737) of normalised features, whose codes
lie on a sphere (arXiv:2406.07548).
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from methods.kit.training import Descent, descend, half_precision, on_device, placed

HIDDEN, FEATURES = 32, 64
FACTOR = 4
CODE = 8
SPREAD = 4.0
ENTROPY = 0.1
LFQ_ENTROPY = 0.01
"""With the library's .1, and its codes on the cube, 392 bits were worth less than 98 of the other form (800 steps)."""
DECAY = 0.99
BATCH, RATE = 64, 4e-3


def places(shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of the grid of bits of an image."""
    return -(-shape[0] // FACTOR), -(-shape[1] // FACTOR)


class Bernoulli(nn.Module):
    """z ~ Bern(σ(logits)) while it is trained, with a straight-through gradient; z = [σ > ½] at test; Σ_n z_n e_n."""

    def __init__(self, bits: int) -> None:
        """`bits` a place."""
        super().__init__()
        self.inward, self.embedding = nn.Linear(FEATURES, bits), nn.Linear(bits, FEATURES, bias=False)
        self.norm = nn.BatchNorm1d(bits, affine=False)

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """(n, places, bits) of (n, places, 64) features: normalised over the batch, four times as wide.

        Not in the paper: without it bits stay near a half and carry little (own trial).
        """
        found = self.inward(features).float()
        return SPREAD * self.norm(found.flatten(0, 1)).view(found.shape)

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embedded bits of (n, places, 64) features, and the loss that moves chances away from a half."""
        chances = self.logits(features).sigmoid()
        drawn = torch.bernoulli(chances.detach()) if self.training else (chances > 0.5).float()
        hard = drawn + (chances - chances.detach())
        return self.embedding(hard), ENTROPY * (chances * (1 - chances)).mean()

    def bits(self, features: torch.Tensor) -> torch.Tensor:
        """(n, places, bits) bool."""
        return self.logits(features) > 0

    def embed(self, bits: torch.Tensor) -> torch.Tensor:
        """(n, places, 64) of (n, places, bits) bool."""
        return self.embedding(bits.float())


class Lookup(nn.Module):
    """A library's quantiser: one of 2^bits codes a place, stored as its number."""

    def __init__(self, bits: int, kind: str) -> None:
        """`kind` is ``vq`` (a codebook of unit vectors, learnt by moving averages) or ``lfq`` (signs on a sphere)."""
        from vector_quantize_pytorch import LFQ, VectorQuantize

        super().__init__()
        self.register_buffer("weights", 2 ** torch.arange(bits).flip(0), persistent=False)
        self.quantiser = (
            VectorQuantize(
                FEATURES,
                codebook_size=2**bits,
                codebook_dim=CODE,
                use_cosine_sim=True,
                decay=DECAY,
                threshold_ema_dead_code=1,
                commitment_weight=0.25,
            )
            if kind == "vq"
            else LFQ(dim=FEATURES, codebook_size=2**bits, spherical=True, entropy_loss_weight=LFQ_ENTROPY)
        )

    def forward(self, features: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Codes of (n, places, 64) features, and the quantiser's loss."""
        codes, _, loss = self.quantiser(features.float())
        return codes, loss.sum()

    def bits(self, features: torch.Tensor) -> torch.Tensor:
        """(n, places, bits) bool."""
        return (self.quantiser(features.float())[1][..., None] & self.weights) > 0

    def embed(self, bits: torch.Tensor) -> torch.Tensor:
        """(n, places, 64) of (n, places, bits) bool."""
        numbers = (bits * self.weights).sum(dim=-1)
        if hasattr(self.quantiser, "indices_to_codes"):
            return self.quantiser.indices_to_codes(numbers)
        return self.quantiser.get_output_from_indices(numbers)


class BinaryAutoencoder(nn.Module):
    """Pixels from 0 to 1, to bits, and back."""

    def __init__(self, shape: tuple[int, int], bits: int, kind: str) -> None:
        """For images of that height and width; `kind` is ``bernoulli``, ``vq`` or ``lfq``."""
        super().__init__()
        self.shape = shape
        self.grid = places(shape)
        self.encoder = nn.Sequential(
            nn.Conv2d(1, HIDDEN, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(HIDDEN, FEATURES, 3, stride=2, padding=1),
            nn.GELU(),
            nn.Conv2d(FEATURES, FEATURES, 3, padding=1),
            nn.GELU(),
        )
        self.quantiser = Bernoulli(bits) if kind == "bernoulli" else Lookup(bits, kind)
        self.decoder = nn.Sequential(
            nn.Conv2d(FEATURES, FEATURES, 3, padding=1),
            nn.GELU(),
            nn.Conv2d(FEATURES, 4 * HIDDEN, 3, padding=1),
            nn.PixelShuffle(2),
            nn.GELU(),
            nn.Conv2d(HIDDEN, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """(n, places, 64) of (n, 1, height, width)."""
        return self.encoder(pixels).flatten(2).transpose(1, 2)

    def rebuilt(self, embedded: torch.Tensor) -> torch.Tensor:
        """(n, 1, height, width) of (n, places, 64) embedded codes; what the grid has too much is cut off."""
        grid = embedded.transpose(1, 2).unflatten(2, self.grid)
        return self.decoder(grid).float()[:, :, : self.shape[0], : self.shape[1]]

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Rebuilt pixels, and the quantiser's loss."""
        embedded, loss = self.quantiser(self.features(pixels))
        return self.rebuilt(embedded), loss


def train_autoencoder(network: BinaryAutoencoder, pixels: torch.Tensor, steps: int, seed: int) -> None:
    """Train in place on (n, 1, height, width) pixels from 0 to 1: mean absolute error plus the quantiser's loss."""
    generator = torch.Generator().manual_seed(seed)

    def loss(step: int) -> torch.Tensor:
        batch = placed(pixels[torch.randint(len(pixels), (BATCH,), generator=generator)])
        with half_precision():
            found, commitment = network(batch)
            return functional.l1_loss(found, batch) + commitment

    with on_device(network):
        learnt = [parameter for parameter in network.parameters() if parameter.requires_grad]
        descend(learnt, loss, Descent(steps, RATE, schedule="onecycle", clip=1.0, fused=True))

"""RDM, semi-parametric synthesis: a small diffusion model that is conditioned on neighbours from a database.

The paper trains a latent diffusion model whose cross-attention sees the embeddings of an image's k = 4 nearest
neighbours in a database of 20 million patches, the image itself left out. To sample, a pseudo-query is drawn from the
database and its neighbours condition the model. The database can be exchanged after training for another one.

Here: images are their first 32 principal components, each with unit variance, and those are both the latents that are
diffused and the embeddings that are retrieved by and attended to (Euclidean, before the scaling); the denoiser is a
residual MLP 192 wide with attention over the four neighbours in each block, trained for 700 steps of 128 in standard.
Noise is predicted over 1,000 steps with betas that grow linearly from .0015 to .0195; for one image in ten the context
is dropped, a learnt one takes its place. Samples take 25 DDIM steps without guidance, and a pseudo-query is left out of
its own neighbours as in training.

Controls: ``arm=unconditional`` is the same network with the same parameters that always sees the learnt context, and no
database. ``arm=copies`` has no network: it shows images of the database again, as far as 32 components keep them. Its
Fréchet distance is what the latents allow, and its novelty what copying looks like.

Left out: the image-space U-Net, CLIP embeddings, text as a query, the 20 stored neighbours (4 are enough where each
image has its own list), guidance.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from methods.kit.pca import fit_components, project
from methods.kit.training import arrays, seeded
from suite.accepts import Accepts
from suite.method import FitData, Method, Modality, Paper, Role, Tensors
from suite.representations import Dense
from suite.results.metrics import Metric, declare

if TYPE_CHECKING:
    import torch


LATENT = 32
NEIGHBOURS = 4
BATCH, RATE = 128, 2e-3
DROPPED = 0.1
SAMPLING_STEPS = 25


declare(
    Metric(
        "database_bytes", "database", "lower", "B", ",.0f", "point",
        about="Embeddings of the database that a generator was fitted with and retrieves from.",
    )
)  # fmt: skip


class SemiParametricSynthesis(Method):
    """Retrieval-augmented diffusion; `arm` says whether neighbours are seen, or whether they are merely copied."""

    name = "semi-parametric-synthesis"
    summary = (
        "A small diffusion model attends to the nearest neighbours of what it generates, from a database that can be "
        "exchanged without training. Controls are the same network without neighbours, and copies of the database."
    )
    modality = Modality.IMAGE
    readouts = ("sample",)
    paper = Paper(
        "Semi-Parametric Neural Image Synthesis",
        2022,
        "2204.11824",
        authors=("Andreas Blattmann", "Robin Rombach", "Kaan Oktay", "Jonas Müller", "Björn Ommer"),
    )
    tags = ("generative", "trained", "retrieval")
    grid = {"arm": ("retrieval", "unconditional", "copies")}
    controls = {"arm": ("unconditional", "copies")}
    accepts = Accepts(needs=("held_out",))
    quick = ()
    seeded = True
    requires = ("torch", "faiss", "sklearn")
    arm: str

    def __init__(self, *args: Any, **params: Any) -> None:
        """Start with the database it was fitted on."""
        super().__init__(*args, **params)
        self._swapped: NDArray[np.float32] | None = None

    def network(self) -> torch.nn.Module:
        """The untrained denoiser."""
        from methods.kit.image.latent_diffusion import Denoiser

        return Denoiser(LATENT, NEIGHBOURS)

    def fit(self, data: FitData, seed: int) -> Tensors:
        """Fit the components, and train the denoiser on the latents of the images; labels stay unread."""
        flat = _flat(data.items)
        components = fit_components(flat, LATENT, seed)
        raw = project(flat, components)
        fitted = {
            **components,
            "scale": np.maximum(raw.std(axis=0), 1e-6),
            "shape": np.array(data.items.shape[1:], np.int64),
        }
        if self.arm != "unconditional":
            fitted["database"] = raw
        return fitted if self.arm == "copies" else fitted | self._denoiser(raw / fitted["scale"], raw, seed)

    def _denoiser(self, latents: NDArray[np.float32], embeddings: NDArray[np.float32], seed: int) -> Tensors:
        import torch

        from methods.kit.image.latent_diffusion import train_denoiser

        context = None
        if self.arm == "retrieval":
            context = torch.from_numpy(latents[nearest(embeddings, np.arange(len(latents)))])
        with seeded(seed):
            network = self.network()
        steps = self.effort.pick(quick=100, standard=700)
        train_denoiser(network, torch.from_numpy(latents), context, steps, BATCH, RATE, DROPPED, seed)
        return {f"network.{name}": value for name, value in arrays(network).items()}

    @cached_property
    def _trained(self) -> torch.nn.Module:
        import torch

        network = self.network()
        state = {n.removeprefix("network."): v for n, v in self.fitted.items() if n.startswith("network.")}
        network.load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
        return network.eval()

    def encode(self, items: Any, role: Role) -> Dense:
        """(n, 32) float32 coordinates along the components: what is diffused, before the scaling."""
        return Dense(project(_flat(items), self.fitted), similarity="euclidean")

    def swap(self, database: NDArray[np.uint8]) -> None:
        """Take neighbours from these (n, height, width) images; without a database there is nothing to change."""
        if "database" in self.fitted:
            self._swapped = project(_flat(database), self.fitted)

    def sample(self, n: int, seed: int) -> NDArray[np.uint8]:
        """(n, height, width) uint8, from pseudo-queries drawn with replacement."""
        self.extra_costs["database_bytes"] = self.fitted["database"].nbytes if "database" in self.fitted else 0
        latents = self._copies(n, seed) if self.arm == "copies" else self._generated(n, seed)
        flat = latents * self.fitted["scale"] @ self.fitted["components"] + self.fitted["mean"]
        return np.clip(np.rint(flat), 0, 255).astype(np.uint8).reshape(n, *self.fitted["shape"])

    @property
    def _database(self) -> NDArray[np.float32]:
        if self._swapped is not None:
            return self._swapped
        own: NDArray[np.float32] = self.fitted["database"]
        return own

    def _copies(self, n: int, seed: int) -> NDArray[np.float32]:
        return self._database[pseudo_queries(len(self._database), n, seed)] / self.fitted["scale"]

    def _generated(self, n: int, seed: int) -> NDArray[np.float32]:
        import torch

        from methods.kit.image.latent_diffusion import ddim

        context = None
        if self.arm == "retrieval":
            neighbours = nearest(self._database, pseudo_queries(len(self._database), n, seed))
            context = torch.from_numpy((self._database / self.fitted["scale"])[neighbours])
        noise = torch.randn(n, LATENT, generator=torch.Generator().manual_seed(seed))
        return ddim(self._trained, noise, context, SAMPLING_STEPS)


def pseudo_queries(database: int, n: int, seed: int) -> NDArray[np.int64]:
    """(n,) rows of a database of that length, drawn with replacement."""
    return np.random.default_rng(seed).integers(database, size=n)


def nearest(database: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """(len(rows), 4) nearest rows of the database to each of its own `rows`, which is not among them."""
    import faiss

    index = faiss.IndexFlatL2(database.shape[1])
    index.add(np.ascontiguousarray(database))
    found = index.search(np.ascontiguousarray(database[rows]), NEIGHBOURS + 1)[1]
    others = found != rows[:, None]
    # Where duplicates crowd the row itself out, the last of them goes instead.
    others[others.all(axis=1), -1] = False
    return np.asarray(found[others].reshape(len(rows), NEIGHBOURS), np.int64)


def _flat(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32)

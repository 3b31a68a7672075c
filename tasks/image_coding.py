"""Lossy coding of images: every image is rebuilt in a fresh process from the bits that were stored of it."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from suite.data.types import ImageSet
from suite.errors import ContractError
from suite.method import FitData, Method, Modality, Role
from suite.representations import Bitstream
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod

PROBES = 64
TOLERANCE = 1.15
SMALLEST_MSE = 1 / (12 * 255**2)
"""Error of rounding to 256 levels: an image that comes back exactly counts as this far off, so that PSNR is finite."""

declare(
    Metric("psnr", "PSNR", "higher", "dB", ".2f", about="Peak signal-to-noise ratio, mean over images."),
    Metric("mse", "MSE", "lower", "", ".4f", about="Mean squared error of a pixel; white is 1."),
    Metric("l1", "L1", "lower", "", ".4f", about="Mean absolute error of a pixel; white is 1."),
    Metric("image_bits", "bits/image", "lower", "bit", ".1f", about="Bits stored of an image, its length told."),
    Metric("image_tokens", "tokens/image", "lower", "", ".2f", about="Tokens of an image, where codes have them."),
    Metric(
        "within_target", "within 1.15 × target",
        about="Share of images whose L1 is at most 1.15 times the error that was asked for.",
    ),
    Metric(
        "bits_follow_png", "ρ(bits, PNG)", statistic="spearman", columns=("image_bits", "png_bytes"),
        about="Rank correlation of an image's bits with the bytes of its PNG file; not where all have the same bits.",
    ),
    Metric(
        "prior_bits", "bits/image, prior", "lower", "bit", ".1f",
        about="Length of the same code under the method's own prior, at most: what an ideal coder would need of it.",
    ),
    Metric("noise_bits", "bits/noise image", "lower", "bit", ".1f", "point", about="Bits of uniform noise."),
    Metric("blank_bits", "bits/blank image", "lower", "bit", ".1f", "point", about="Bits of images of one grey."),
)  # fmt: skip


class Tokenizer(Protocol):
    """A method whose codes are tokens."""

    def tokens(self, streams: Bitstream) -> NDArray[np.int64]:
        """(n,) tokens of each image."""


class Targeted(Protocol):
    """A method that is asked for an error."""

    @property
    def target_l1(self) -> float | None:
        """The L1 that an image may be off by; None for a variant that is asked for none."""


class Generative(Protocol):
    """A method with a probability model of its codes."""

    def prior_bits(self, streams: Bitstream) -> NDArray[np.float64] | None:
        """(n,) upper bounds of −log₂ p of each image's code; None for a variant without such a model."""


class Spec(TaskSpec):
    """Images to code.

    Attributes:
        fit_items: training images that are fitted on at most.
        items: test images that are coded, the first ones.
    """

    fit_items: int = Field(gt=0)
    items: int = Field(gt=0)


class ImageCoding(Task[Spec]):
    """Images encoded to bits, decoded by a process that is given the stored model and the bits alone, and compared.

    `encode` returns a `Bitstream`, either one stream per image or one for all that says how many bits are whose
    (``item_bits``): they must add up to the stream, and the decoder is not told them. `decode` gives back
    (n, height, width) uint8. What a method may say beside: `Tokenizer`, `Targeted`, `Generative`.
    """

    family = "image-coding"
    family_title = "Lossy image coding"
    tab = "Lossy images"
    description = (
        "How close does an image come back from how few stored bits? Where the length adapts to the image, does it "
        "follow what is in it, from a blank page to noise?"
    )
    extra = True
    readout = "reconstruct"
    modality = Modality.IMAGE
    metrics: ClassVar[tuple[str, ...]] = (
        "psnr", "image_bits", "mse", "l1", "image_tokens", "within_target", "prior_bits", "bits_follow_png",
        "noise_bits", "blank_bits",
    )  # fmt: skip
    Spec = Spec

    def fit_data(self, data: ImageSet, load: Load) -> FitData:
        """Training images that are not also test images; no labels."""
        tested = {image.tobytes() for image in data.test}
        unseen = [row for row, image in enumerate(data.train) if image.tobytes() not in tested]
        return FitData(data.train[unseen[: self.spec.fit_items]])

    def evaluate(self, measured: MeasuredMethod, data: ImageSet) -> Outcome:
        """Encode, decode elsewhere, compare, and count bits; those of noise and blank images too.

        Raises:
            ContractError: codes are no `Bitstream`, bits do not add up to the streams, `encode` changed the stored
                model, or decoded images have another shape or type.
        """
        images = data.test[: self.spec.items]
        with measured.unchanged():
            streams: Any = measured.encode(images, Role.ITEM)
        bits = item_bits(streams, images.shape[1:])
        items = distortion(images, measured.decode(streams)) | {"image_bits": bits}
        if measured.has(Tokenizer):
            items["image_tokens"] = measured.ask("tokens", streams, shape=(len(images),)).astype(np.float64)
        if measured.has(Targeted) and (target := measured.stated("target_l1")) is not None:
            items["within_target"] = (items["l1"] <= TOLERANCE * target).astype(np.float64)
        if measured.has(Generative) and (prior := measured.ask("prior_bits", streams)) is not None:
            items["prior_bits"] = prior
        scores = {name: float(values.mean()) for name, values in items.items()}
        if np.ptp(bits) > 0:
            from scipy.stats import spearmanr

            items["png_bytes"] = png_bytes(images)
            scores["bits_follow_png"] = float(spearmanr(bits, items["png_bytes"]).statistic)
        for name, probe in zip(("noise_bits", "blank_bits"), probes(images.shape[1:]), strict=True):
            scores[name] = float(item_bits(measured.encode(probe, Role.ITEM, weighed=False), images.shape[1:]).mean())
        return Outcome(scores, items)

    def pictures(self, method: Method, data: ImageSet, seed: int) -> Mapping[str, NDArray[np.uint8]]:
        """Test images, and what comes back of them."""
        from suite.results.sheets import COLUMNS

        images, coder = data.test[:COLUMNS], cast(Any, method)
        return {"real images": images, "reconstructed": coder.decode(coder.encode(images, Role.ITEM))}


def item_bits(streams: Any, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """(n,) bits of each image, checked against the bytes that hold them; ContractError where they do not agree."""
    if not isinstance(streams, Bitstream) or streams.shape != shape:
        raise ContractError(f"codes of images must be a Bitstream of items of shape {shape}")
    if len(streams.streams) == len(streams) and streams.item_bits is None:
        return np.asarray(8.0 * streams.lengths(), np.float64)
    bits = streams.item_bits
    if bits is None or len(bits) != len(streams) or not 0 <= 8 * streams.nbytes - int(bits.sum()) < 8:
        raise ContractError(f"item_bits must be those of {len(streams)} images in {streams.nbytes} bytes")
    return bits.astype(np.float64)


def distortion(images: NDArray[np.uint8], decoded: Any) -> dict[str, NDArray[np.float64]]:
    """(n,) ``mse``, ``l1`` and ``psnr`` of decoded images; ContractError for another shape or type."""
    if not isinstance(decoded, np.ndarray) or decoded.shape != images.shape or decoded.dtype != np.uint8:
        raise ContractError(f"decode must return {images.shape} uint8")
    difference = ((decoded.astype(np.float64) - images) / 255).reshape(len(images), -1)
    mse = (difference**2).mean(axis=1)
    psnr = -10 * np.log10(np.maximum(mse, SMALLEST_MSE))
    return {"psnr": psnr, "mse": mse, "l1": np.abs(difference).mean(axis=1)}


def probes(shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images of uniform noise, and of one grey each, the same for every method."""
    rng = np.random.default_rng(0)
    noise = rng.integers(256, size=(PROBES, *shape), dtype=np.uint8)
    greys = rng.integers(256, size=(PROBES, *(1 for _ in shape)), dtype=np.uint8)
    return noise, np.broadcast_to(greys, noise.shape).copy()


def png_bytes(images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(n,) bytes of each image as a PNG file."""
    from PIL import Image

    sizes = []
    for image in images:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG", optimize=True)
        sizes.append(file.tell())
    return np.array(sizes, np.float64)

"""Lossless compression: every stream is decoded in a fresh process, compared bit for bit, and only then counted."""

from __future__ import annotations

import lzma
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from suite.data.access import load
from suite.data.types import ImageSet
from suite.errors import ContractError, DataUnavailable
from suite.method import FitData, Method, Modality, Role
from suite.representations import Bitstream, Representation
from suite.results.catalog import ReferenceRow, TheoryLine
from suite.results.metrics import Metric, declare
from suite.task import Load, Outcome, Task, TaskSpec
from suite.weighing import MeasuredMethod
from tasks.compression_published import PUBLISHED

LEAK_TOLERANCE = 0.001
OVERHEAD_TOLERANCE = 0.02
STREAM_ROUNDING_BITS = 8
CURVE = (100, 1_000, 10_000, 100_000, 1_000_000)
LARGEST_RECOMPRESSED = 2**28

declare(
    Metric(
        "bits_per_dim", "bits/dim", "lower", "bit", ".3f", "ratio", ("bits", "dims"),
        about="Bits of the streams over all pixel values; no interval where one stream holds all images.",
    ),
    Metric(
        "bits_per_byte", "bits/byte", "lower", "bit", ".3f", "ratio", ("bits", "dims"),
        about="Bits of the streams over all bytes; no interval where one stream holds all items.",
    ),
    Metric(
        "compression_ratio", "compression ratio", "higher", "×", ".2f", "ratio", ("dims", "bits"), 8.0,
        about="Bytes of the items, one per grey pixel, over bytes of the streams.",
    ),
    Metric(
        "bits_per_dim_two_part", "two-part bits/dim", "lower", "bit", ".3f", "point",
        about="Streams, number and shape of the items, and the model after the better of xz and zstd, over all values.",
    ),
    Metric(
        "bits_per_byte_two_part", "two-part bits/byte", "lower", "bit", ".3f", "point",
        about="Streams, number of the items, and the model after the better of xz and zstd, over all bytes.",
    ),
    Metric(
        "encode_mb_per_second", "encode MB/s", "higher", "MB/s", ".2f", "point",
        about="Bytes of the items encoded a second.",
    ),
    Metric(
        "decode_mb_per_second", "decode MB/s", "higher", "MB/s", ".2f", "point",
        about="Bytes of the items decoded a second.",
    ),
    Metric(
        "compressed_model_bytes", "compressed model", "lower", "B", ",.0f", "point",
        about="The model that the decoder is given, after the better of xz and zstd.",
    ),
    Metric(
        "order0_entropy_bits", "order-0 entropy", "lower", "bit", ".3f", "point",
        about="Entropy of the histogram of all values: a bound for codes that are blind to context.",
    ),
    Metric(
        "theoretical_bits", "theoretical bits", "lower", "bit", ".3f", "point",
        about="−log₂ p of the items under the codec's own model, a value; the streams must agree with it.",
    ),
    *(
        Metric(
            f"two_part_bits_at_{n}", f"two-part bits at {n:,} items", "lower", "bit", ".3f", "point",
            about="The same rate with the model shared by this many items.",
        )
        for n in CURVE
    ),
)  # fmt: skip


class CompressionSpec(TaskSpec):
    """A set of items to compress.

    Attributes:
        modality: image (bits per dimension) or bytes (bits per byte).
        items: how many of the first test items are compressed; None for all.
        levels: grey levels that occur in images; their logarithm is what an uncoded pixel costs.
        floor: fewest bits per dimension that are possible; a codec that reports fewer has leaked, and fails.
    """

    modality: Modality
    items: int | None = Field(default=None, gt=0)
    levels: int = Field(default=256, ge=2, le=256)
    floor: float | None = Field(default=None, gt=0)


class Compression(Task[CompressionSpec]):
    """Lossless compression of images and of byte strings.

    The bits are those of the streams that a fresh process turned back into the items; a size or a likelihood that
    a method states is never taken for them. A theoretical size, where a codec states one, must agree with the
    streams: fewer bits would be a leak, many more a poor coder.
    """

    family = "compression"
    family_title = "Compression ratio"
    tab = "Lossless"
    description = (
        "How few bits hold the items so that a fresh process, given the stored model and the bytes, rebuilds them "
        "exactly? Bits per dimension for images, bits per byte for text; the two-part figure adds the model. "
        "A codec's layout stands in its name: item codes each item by itself; stream and mosaic write the whole set as "
        "one file, which has no scores of single items, so that its difference to others is not tested."
    )
    readout = "decode"
    metrics: ClassVar[tuple[str, ...]] = (
        "bits_per_dim", "bits_per_byte", "compression_ratio", "bits_per_dim_two_part", "bits_per_byte_two_part",
    )  # fmt: skip
    Spec = CompressionSpec

    def __init__(self, spec: CompressionSpec) -> None:
        """Take the metrics that belong to images or to bytes."""
        super().__init__(spec)
        self.modality = spec.modality
        self.unit = "dim" if spec.modality is Modality.IMAGE else "byte"
        # A class lists all that its instances may report; an instance, its own.
        self.metrics = (f"bits_per_{self.unit}", "compression_ratio", f"bits_per_{self.unit}_two_part")  # type: ignore[misc]

    def items(self, data: Any) -> Any:
        """The items to compress: (n, h, w[, 3]) uint8 images or byte strings."""
        everything = data.test if isinstance(data, ImageSet) else list(data.items)
        return everything[: self.spec.items]

    def fit_data(self, data: Any, load: Load) -> FitData | None:
        """The training split, without items that are also in the test split; labels are not given."""
        source = data if self.spec.fit is None else load(self.spec.fit)
        if len(source.train) == 0:
            return None
        tested = {_raw(item) for item in (data.test if isinstance(data, ImageSet) else data.items)}
        unseen = [row for row, item in enumerate(source.train) if _raw(item) not in tested]
        if isinstance(source, ImageSet):
            return FitData(source.train[unseen])
        return FitData([source.train[row] for row in unseen])

    def evaluate(self, measured: MeasuredMethod, data: Any) -> Outcome:
        """Encode, decode elsewhere, compare, and count the bits of the streams.

        Raises:
            ContractError: the decoded items differ (the first one is named), the method changed what it stores
                while it saw the items, the streams hold fewer bits than is possible, or their size does not
                agree with the theoretical one.
        """
        items = self.items(data)
        dims = np.array([_size(item) for item in items], np.float64)
        with measured.unchanged():
            encoded = measured.encode(items, Role.ITEM)
        streams = _checked_streams(measured.name, encoded, items)
        decoded = measured.decode(streams)
        if (difference := first_difference(items, decoded)) is not None:
            raise ContractError(f"{measured.name} is not lossless: {difference}")

        bits = 8.0 * streams.lengths()
        total, size = float(bits.sum()), float(dims.sum())
        self._check_rate(measured.name, streams, total, size)
        model_bits = 8.0 * model_bytes(measured.method)
        told_bits = 32.0 * (1 + len(streams.shape))
        scores = {
            f"bits_per_{self.unit}": total / size,
            "compression_ratio": 8 * size / total,
            f"bits_per_{self.unit}_two_part": (total + told_bits + model_bits) / size,
        }
        extra = {
            "encode_mb_per_second": size / 1e6 / max(measured.encode_seconds, 1e-9),
            "decode_mb_per_second": size / 1e6 / max(measured.decode_seconds, 1e-9),
            "compressed_model_bytes": model_bits / 8,
            "order0_entropy_bits": order0_entropy(items),
        }
        extra |= {
            f"two_part_bits_at_{n}": total / size + (told_bits + model_bits) / (n * size / len(items)) for n in CURVE
        }
        if streams.theoretical_bits is not None:
            extra["theoretical_bits"] = streams.theoretical_bits / size
        # One stream for all items says nothing of how the rate differs between items, and gets no interval.
        items_apart = {"bits": bits, "dims": dims} if len(bits) == len(dims) else {}
        return Outcome(scores, items_apart, extra=extra)

    def _check_rate(self, name: str, streams: Bitstream, total: float, size: float) -> None:
        rate = total / size
        if self.spec.floor is not None and rate < self.spec.floor:
            raise ContractError(f"{name} reports {rate:.4f} bits of {self.spec.floor:g} at least: it leaks")
        if streams.theoretical_bits is None:
            return
        theory = streams.theoretical_bits / size
        if rate < theory - LEAK_TOLERANCE:
            raise ContractError(
                f"{name}: {rate:.4f} bits in the streams, fewer than the {theory:.4f} of its own model: "
                "information reaches the decoder another way, or the theoretical size is wrong"
            )
        # A stream is whole bytes: each may take one more than its share of the theoretical size.
        if rate > theory + OVERHEAD_TOLERANCE + STREAM_ROUNDING_BITS * len(streams.streams) / size:
            raise ContractError(
                f"{name}: {rate:.4f} bits in the streams, more than {OVERHEAD_TOLERANCE} above the {theory:.4f} "
                "of its own model"
            )

    def references(self) -> Sequence[ReferenceRow]:
        """Uncoded pixels, and published codecs."""
        rows = [
            ReferenceRow(task=self.name, metric=self.main_metric, **row) for row in PUBLISHED.get(self.spec.name, ())
        ]
        if self.spec.levels < 256:
            uncoded = float(np.log2(self.spec.levels))
            label = f"uncoded, {self.spec.levels} levels"
            rows.append(
                ReferenceRow(task=self.name, label=label, metric=self.main_metric, value=uncoded, source="log₂ levels")
            )
        return rows

    def theory(self) -> Sequence[TheoryLine]:
        """The order-0 entropy of the items, where they are on this machine: what a code blind to context reaches."""
        try:
            items = self.items(load(self.spec.data))
        except DataUnavailable:
            return ()
        entropy = order0_entropy(items)
        per_item = entropy * sum(map(_size, items)) / len(items) / 8
        source = "entropy of the histogram of all values (Shannon 1948)"
        return [
            TheoryLine(
                task=self.name, label="order-0 entropy", x="bytes_per_item", points=[(per_item, entropy)], source=source
            )
        ]


def order0_entropy(items: Any) -> float:
    """Bits per value of the empirical distribution of all bytes of the items."""
    histograms = (np.bincount(np.frombuffer(_raw(item), np.uint8), minlength=256) for item in items)
    counts = sum(histograms, start=np.zeros(256, np.int64))
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def first_difference(items: Any, decoded: Any) -> str | None:
    """Where decoded items first differ from the items, in one phrase; None if they are the same bit for bit."""
    if isinstance(items, np.ndarray):
        if not isinstance(decoded, np.ndarray) or decoded.shape != items.shape or decoded.dtype != items.dtype:
            found = f"{decoded.dtype}{decoded.shape}" if isinstance(decoded, np.ndarray) else type(decoded).__name__
            return f"decoded {found}, not {items.dtype}{items.shape}"
    elif isinstance(decoded, np.ndarray) or len(decoded) != len(items):
        return f"decoded {len(decoded)} items of type {type(decoded).__name__}, not {len(items)} byte strings"
    for row, (item, found) in enumerate(zip(items, decoded, strict=True)):
        if (a := _raw(item)) != (b := _raw(found)):
            place = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
            return f"item {row} differs first at byte {place} ({len(a)} bytes, decoded {len(b)})"
    return None


def model_bytes(method: Method) -> int:
    """Bytes of the model that the decoder is given.

    Arrays count as serialised (safetensors) and after the better of xz and zstd, pretrained files as they are.
    """
    from safetensors.numpy import save

    total = sum(weights.size() for weights in method.pretrained)
    for arrays in (method.weights, method.fitted):
        if arrays:
            total += _smallest(save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))
    return total


def _smallest(raw: bytes) -> int:
    import zstandard

    if len(raw) > LARGEST_RECOMPRESSED:
        return len(raw)
    return min(len(raw), len(lzma.compress(raw)), len(zstandard.ZstdCompressor(level=19).compress(raw)))


def _checked_streams(name: str, streams: Representation, items: Any) -> Bitstream:
    if not isinstance(streams, Bitstream):
        raise ContractError(f"{name}.encode returned {type(streams).__name__}, not a Bitstream")
    shape = tuple(items.shape[1:]) if isinstance(items, np.ndarray) else ()
    if streams.shape != shape:
        raise ContractError(f"{name} states items of shape {streams.shape}, not {shape}: the decoder is told it")
    return streams


def _raw(item: Any) -> bytes:
    return item if isinstance(item, bytes) else np.ascontiguousarray(item).tobytes()


def _size(item: Any) -> int:
    return len(item) if isinstance(item, bytes) else int(np.size(item))

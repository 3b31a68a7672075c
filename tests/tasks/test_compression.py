"""The compression family: what is counted, and what a codec cannot get away with."""

from __future__ import annotations

import json
import re
from textwrap import dedent, indent

import numpy as np
import pytest

from suite.data.types import ByteSet, ImageSet
from suite.discovery import load_class, scan
from suite.errors import ContractError, WeighbridgeError
from suite.method import Modality
from suite.results.metrics import METRICS
from suite.running.fresh import decode_in_fresh_process
from suite.weighing import MeasuredMethod
from tasks.compression import Compression, CompressionSpec, first_difference, model_bytes, order0_entropy

TEXT = ByteSet(["a", "b", "c", "d"], [b"one" * 40, b"", b"\x00", b"four" * 30], (b"one", b"other text", b"\x00"))
RANDOM = np.random.default_rng(0)
IMAGES = ImageSet(
    RANDOM.integers(0, 4, (6, 4, 4), np.uint8),
    np.zeros(6, np.int64),
    RANDOM.integers(0, 4, (5, 4, 4), np.uint8),
    np.zeros(5, np.int64),
    ["x"],
)

PREAMBLE = """
import zlib
import numpy as np
from suite import Bitstream, Method, Modality

SEEN = []

def raw(items):
    return [bytes(i) if isinstance(i, bytes) else i.tobytes() for i in items]

def shape_of(items):
    return items.shape[1:] if isinstance(items, np.ndarray) else ()

class Codec(Method):
    name = "codec"
    modality = (Modality.BYTES, Modality.IMAGE)
    readouts = ("decode",)

    def encode(self, items, role):
        return Bitstream([zlib.compress(r) for r in raw(items)], len(items), shape_of(items))

    def decode(self, streams):
        parts = [zlib.decompress(s) for s in streams.streams]
        return np.frombuffer(b"".join(parts), np.uint8).reshape(-1, *streams.shape) if streams.shape else parts
"""


@pytest.fixture
def codec(tmp_path):
    """The honest codec above, with methods replaced by the given source."""

    def make(source: str = ""):
        file = tmp_path / f"codec_{len(list(tmp_path.iterdir()))}.py"
        file.write_text(PREAMBLE + indent(dedent(source), "    "))
        return load_class(file, "Codec")()

    return make


def task(modality=Modality.BYTES, **fields):
    return Compression(CompressionSpec(name="toy", title="Toy", data="toy", modality=modality, **fields))


def weigh(method, data=TEXT, **fields):
    modality = Modality.IMAGE if isinstance(data, ImageSet) else Modality.BYTES
    return task(modality, **fields).evaluate(MeasuredMethod(method, 0, decode_in_fresh_process), data)


# -- what is counted ------------------------------------------------------------------------------


def test_bits_are_those_of_the_streams(codec):
    method = codec()
    outcome = weigh(method)
    streams = method.encode(TEXT.items, None)
    np.testing.assert_array_equal(outcome.items["bits"], 8 * streams.lengths())
    np.testing.assert_array_equal(outcome.items["dims"], [120, 0, 1, 120])
    bits, dims = 8 * streams.nbytes, 241
    assert outcome.scores["bits_per_byte"] == pytest.approx(bits / dims)
    assert outcome.scores["compression_ratio"] == pytest.approx(8 * dims / bits)
    assert outcome.scores["bits_per_byte_two_part"] == pytest.approx((bits + 32) / dims)


def test_images_count_pixels_and_only_the_first_items(codec):
    outcome = weigh(codec(), IMAGES, items=3)
    assert set(outcome.scores) == {"bits_per_dim", "compression_ratio", "bits_per_dim_two_part"}
    np.testing.assert_array_equal(outcome.items["dims"], [16, 16, 16])


@pytest.mark.parametrize("metric", ["bits_per_byte", "compression_ratio"])
def test_scores_are_the_declared_statistic_of_the_columns(codec, metric):
    outcome, declared = weigh(codec()), METRICS[metric]
    above, below = (outcome.items[column] for column in declared.item_columns())
    assert outcome.scores[metric] == pytest.approx(declared.scale * above.sum() / below.sum())


def test_one_stream_for_all_items_claims_nothing_of_single_items(codec):
    source = """
        def encode(self, items, role):
            lengths = bytes(len(i) for i in items)
            return Bitstream([lengths + zlib.compress(b"".join(items))], len(items))

        def decode(self, streams):
            lengths, data = streams.streams[0][: streams.count], zlib.decompress(streams.streams[0][streams.count :])
            ends = np.cumsum(list(lengths))
            return [data[end - length : end] for end, length in zip(ends, lengths)]
        """
    outcome = weigh(codec(source))
    assert not outcome.items
    assert outcome.scores["bits_per_byte"] > 0


def test_the_two_part_rate_adds_the_compressed_model_and_falls_with_the_items(codec):
    method = codec()
    method.fitted = {"table": RANDOM.integers(0, 256, 1000, np.uint8)}
    method.weights = {"zeros": np.zeros(100_000, np.float32)}
    size = model_bytes(method)
    assert 1000 < size < 1600, "noise cannot be compressed, 400 kB of zeros can"
    outcome = weigh(method)
    told, dims = 32, 241
    assert outcome.scores["bits_per_byte_two_part"] == pytest.approx(
        outcome.scores["bits_per_byte"] + (8 * size + told) / dims
    )
    curve = [outcome.extra[f"two_part_bits_at_{n}"] for n in (100, 1_000, 10_000, 100_000, 1_000_000)]
    assert curve == sorted(curve, reverse=True)
    assert curve[0] == pytest.approx(outcome.scores["bits_per_byte"] + (8 * size + told) / (100 * dims / 4))
    assert curve[-1] == pytest.approx(outcome.scores["bits_per_byte"], abs=1e-3)


def test_a_method_without_a_model_has_model_zero(codec):
    assert model_bytes(codec()) == 0


def test_order0_entropy():
    assert order0_entropy([b"\x00\x01\x02\x03" * 5]) == pytest.approx(2)
    assert order0_entropy([b"aaaa", b""]) == 0
    assert order0_entropy(np.array([[[0, 255]]], np.uint8)) == pytest.approx(1)


# -- what fails the cell --------------------------------------------------------------------------


def test_a_codec_that_loses_something_fails_with_the_first_item(codec):
    source = """
        def decode(self, streams):
            parts = [zlib.decompress(s) for s in streams.streams]
            return [*parts[:2], b"\\x01", parts[3][::-1]]
        """
    with pytest.raises(ContractError, match="not lossless: item 2 differs first at byte 0"):
        weigh(codec(source))


def test_a_codec_that_states_a_size_and_keeps_the_items_in_memory_fails(codec):
    source = """
        def encode(self, items, role):
            SEEN[:] = items
            return Bitstream([b""] * len(items), len(items))

        def decode(self, streams):
            return SEEN[: streams.count]
        """
    method = codec(source)
    assert method.decode(method.encode(TEXT.items, None)) == TEXT.items, "in this process it would pass"
    with pytest.raises(WeighbridgeError, match="not lossless: decoded 0 items"):
        weigh(method)


@pytest.mark.parametrize(
    "hiding_place",
    ['self.fitted = {"x": data}', 'self.weights["x"] = data', 'self.params["x"] = raw(items)[0].decode("latin-1")'],
)
def test_a_codec_that_hides_items_in_what_it_stores_fails(codec, hiding_place):
    source = f"""
        def encode(self, items, role):
            data = np.frombuffer(raw(items)[0], np.uint8)
            {hiding_place}
            return Bitstream([b""] * len(items), len(items))
        """
    with pytest.raises(ContractError, match="changed the stored model"):
        weigh(codec(source))


def test_a_codec_that_hides_an_item_in_the_shape_fails(codec):
    source = """
        def encode(self, items, role):
            return Bitstream([b""] * len(items), len(items), tuple(raw(items)[0]))
        """
    with pytest.raises(ContractError, match=r"states items of shape .* not \(4, 4\)"):
        weigh(codec(source), IMAGES)


THEORY = """
    def encode(self, items, role):
        streams = raw(items)
        bits = 8.0 * sum(map(len, streams))
        return Bitstream(streams, len(items), shape_of(items), theoretical_bits={bits})

    def decode(self, streams):
        return np.frombuffer(b"".join(streams.streams), np.uint8).reshape(-1, *streams.shape)
    """


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ("bits * 1.001", "fewer than the 8.0080 of its own model"),
        ("bits * 0.9", "more than 0.02 above"),
        ("bits - 8.01 * len(items) - 0.02 * bits / 8", "more than 0.02 above"),
    ],
)
def test_streams_that_disagree_with_their_model_fail(codec, bits, message):
    with pytest.raises(ContractError, match=message):
        weigh(codec(THEORY.format(bits=bits)), IMAGES)


@pytest.mark.parametrize("bits", ["bits", "bits - 7.9 * len(items)", "bits + 0.0009 * bits / 8"])
def test_streams_of_whole_bytes_agree_with_their_model(codec, bits):
    outcome = weigh(codec(THEORY.format(bits=bits)), IMAGES)
    assert outcome.scores["bits_per_dim"] == 8
    assert outcome.extra["theoretical_bits"] == pytest.approx(8, abs=0.5)


def test_fewer_bits_than_are_possible_fail(codec):
    with pytest.raises(ContractError, match=r"of 7.99 at least: it leaks"):
        weigh(codec(), floor=7.99)


def test_something_else_than_a_bitstream_fails(codec):
    source = """
        def encode(self, items, role):
            from suite import Dense
            return Dense(np.zeros((len(items), 1), np.float32))
        """
    with pytest.raises(ContractError, match="returned Dense, not a Bitstream"):
        weigh(codec(source))


@pytest.mark.parametrize(
    ("decoded", "message"),
    [
        ([b"ab", b"cd"], None),
        ((b"ab", b"cd"), None),
        ([b"ab"], "decoded 1 items"),
        ([b"ab", b"c"], r"item 1 differs first at byte 1 \(2 bytes, decoded 1\)"),
        ([b"ab", b"cde"], "item 1 differs first at byte 2"),
        (np.zeros((2, 2), np.uint8), "ndarray"),
    ],
)
def test_first_difference_of_byte_strings(decoded, message):
    found = first_difference([b"ab", b"cd"], decoded)
    assert (found is None) == (message is None)
    assert message is None or re.search(message, found)


@pytest.mark.parametrize("change", ["shape", "dtype", "type", "pixel"])
def test_first_difference_of_images(change):
    images = IMAGES.test
    wrong = {
        "shape": images.reshape(5, 16),
        "dtype": images.astype(np.int16),
        "type": [image.tobytes() for image in images],
        "pixel": np.where(np.arange(images.size).reshape(images.shape) == 33, images + 1, images).astype(np.uint8),
    }[change]
    assert first_difference(images, images.copy()) is None
    found = first_difference(images, wrong)
    assert found is not None
    assert ("item 2 differs first at byte 1" in found) == (change == "pixel")


# -- data and declarations ------------------------------------------------------------------------


def test_fit_data_hold_nothing_that_is_tested():
    assert task().fit_data(TEXT, None).items == [b"one", b"other text"]
    overlapping = ImageSet(
        np.concatenate([IMAGES.train, IMAGES.test[3:4]]), np.zeros(7), IMAGES.test, IMAGES.test_labels, ["x"]
    )
    fit = task(Modality.IMAGE, items=2).fit_data(overlapping, None)
    np.testing.assert_array_equal(fit.items, IMAGES.train)
    assert fit.labels is None


def test_fit_data_may_come_from_another_set():
    bare = ByteSet(["a"], [b"other text"])
    assert task().fit_data(bare, None) is None
    assert task(fit="train").fit_data(bare, {"train": TEXT}.__getitem__).items == [b"one", b"\x00"]


def test_declared_instances():
    declared = {name: found.task for name, found in scan().tasks.items() if isinstance(found.task, Compression)}
    mains = {name.split("/")[1]: t.main_metric for name, t in declared.items()}
    assert mains == {
        "digits": "bits_per_dim",
        "wiki-text": "bits_per_byte",
        "noise": "bits_per_dim",
        "fashion-mnist": "bits_per_dim",
        "fashion-mnist-shuffled": "bits_per_dim",
        "cifar-10": "bits_per_dim",
        "enwik8": "bits_per_byte",
        "canterbury": "bits_per_byte",
    }
    assert all(metric in METRICS for t in declared.values() for metric in t.metrics)
    assert declared["compression/noise"].spec.floor == 7.99


def test_reference_rows_and_the_entropy_point():
    declared = scan().tasks
    digits = declared["compression/digits"].task
    (uncoded,) = digits.references()
    assert uncoded.value == pytest.approx(4.0875, abs=1e-4)
    (line,) = digits.theory()
    ((per_item, entropy),) = line.points
    assert per_item == pytest.approx(entropy * 64 / 8)
    assert 2 < entropy < uncoded.value
    published = declared["compression/fashion-mnist"].task.references()
    assert {row.metric for row in published} == {"bits_per_dim"}
    assert all("as published" in row.label for row in published)
    assert json.dumps([row.model_dump() for row in published])

"""The image coding family: bits are those of the streams, and errors those of what a fresh process rebuilt."""

from __future__ import annotations

import numpy as np
import pytest

from methods.baselines.pca_codes import PCACodes
from suite.data.types import ImageSet
from suite.errors import ContractError
from suite.method import FitData
from suite.representations import Bitstream
from suite.running.fresh import decode_in_fresh_process
from suite.weighing import MeasuredMethod
from tasks.image_coding import ImageCoding, Spec, distortion, item_bits, probes

IMAGES = np.random.default_rng(0).integers(256, size=(40, 6, 6), dtype=np.uint8)
LABELS = np.zeros(40, np.int64)
TASK = ImageCoding(Spec(name="test", title="Test", data="digits", fit_items=20, items=30))


class WithPrior(PCACodes):
    """Components of which all but a single one have a model of their codes."""

    def prior_bits(self, streams):
        """As if each image took a bit more than the one before."""
        return np.arange(len(streams)) + 0.5 if self.dim > 1 else None


def test_packed_bits_come_back_and_fill_one_byte_at_most():
    bits = np.random.default_rng(1).random((5, 11)) < 0.5
    used = np.arange(11) < np.array([[3], [11], [1], [7], [4]])
    streams = Bitstream.packed(bits, used, (6, 6))
    assert streams.nbytes == 4
    np.testing.assert_array_equal(streams.unpacked()[:26], bits[used])
    np.testing.assert_array_equal(item_bits(streams, (6, 6)), [3, 11, 1, 7, 4])


def test_bits_that_do_not_add_up_are_refused():
    with pytest.raises(ContractError, match="item_bits"):
        item_bits(Bitstream([b"abcd"], 2, (6, 6), item_bits=np.array([8, 8])), (6, 6))
    with pytest.raises(ContractError, match="item_bits"):
        item_bits(Bitstream([b"abcd"], 2, (6, 6)), (6, 6))


def test_distortion_by_hand():
    decoded = np.full((1, 2, 2), 51, np.uint8)
    found = distortion(np.zeros((1, 2, 2), np.uint8), decoded)
    assert found["mse"][0] == pytest.approx(0.04)
    assert found["l1"][0] == pytest.approx(0.2)
    assert found["psnr"][0] == pytest.approx(13.979, abs=1e-3)
    with pytest.raises(ContractError, match="uint8"):
        distortion(decoded, decoded.astype(np.float32))


def test_test_images_are_not_fitted_on():
    data = ImageSet(IMAGES, LABELS, IMAGES[:10], LABELS[:10], ("a",))
    fitted_on = TASK.fit_data(data, None).items
    assert len(fitted_on) == 20
    assert not {image.tobytes() for image in fitted_on} & {image.tobytes() for image in data.test}


def test_components_cost_a_byte_each_and_more_of_them_rebuild_better():
    data = ImageSet(IMAGES[:30], LABELS[:30], IMAGES[30:], LABELS[30:], ("a",))
    scores = []
    for dim in (1, 16):
        method = PCACodes(dim=dim)
        method.fitted = method.narrow(PCACodes(dim=dim).fit(FitData(IMAGES[:30]), 0))
        scores.append(TASK.evaluate(MeasuredMethod(method, 0, decode_in_fresh_process), data).scores)
    assert [score["image_bits"] for score in scores] == [8, 128]
    assert scores[1]["psnr"] > scores[0]["psnr"]
    assert "bits_follow_png" not in scores[0]


def test_probes_are_noise_and_single_greys():
    noise, blank = probes((6, 6))
    assert (np.ptp(blank.reshape(64, -1), axis=1) == 0).all()
    assert len(np.unique(blank)) > 30
    assert (np.ptp(noise.reshape(64, -1), axis=1) > 100).all()


def test_the_length_under_a_prior_is_a_score_where_there_is_a_prior():
    data = ImageSet(IMAGES[:30], LABELS[:30], IMAGES[30:], LABELS[30:], ("a",))
    for dim, known in ((1, False), (16, True)):
        method = WithPrior(dim=dim)
        method.fitted = method.narrow(WithPrior(dim=dim).fit(FitData(IMAGES[:30]), 0))
        outcome = TASK.evaluate(MeasuredMethod(method, 0, decode_in_fresh_process), data)
        assert ("prior_bits" in outcome.scores) == known
    assert outcome.scores["prior_bits"] == 5

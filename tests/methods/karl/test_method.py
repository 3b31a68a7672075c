"""One encoder pass, halted tokens that nobody sees, errors that are asked for, and bits that say it all."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.karl import tokenizer as adaptive
from methods.karl.method import KARL, LENGTH_BITS, TOKEN_BITS, _unit_pixels
from methods.karl.tokenizer import (
    BATCH,
    CODE,
    ERRORS,
    LATENTS,
    LENGTHS,
    AdaptiveTokenizer,
    adaptive_loss,
    kept,
    mixed_batch,
    nearest_error,
    rebinned,
    train_adaptive,
    train_fixed,
)
from suite.data import access
from suite.method import Effort, FitData, Role
from suite.representations import Bitstream
from suite.running.fresh import decode_in_fresh_process

PATCH = 4
LAST = len(ERRORS) - 1


class Short(Effort):
    def pick(self, *, quick, standard):
        return 3


@pytest.fixture
def network():
    torch.manual_seed(0)
    return AdaptiveTokenizer(PATCH).eval()


@pytest.fixture(scope="module")
def images():
    return access.load("digits").train[:60]


def fitted(images, **params):
    method = KARL(Short("quick"), **params)
    method.fitted = method.fit(FitData(images), 0)
    return method


@pytest.fixture(scope="module")
def asked(images):
    return fitted(images, arm="karl", epsilon=0.05)


@pytest.fixture(scope="module")
def fixed(images):
    return fitted(images, arm="fixed", length=4)


def halting_by(monkeypatch, method, logits):
    """Make the head answer `logits` (n, 16), whatever the images."""
    answer = torch.as_tensor(logits, dtype=torch.float32)[..., None]
    monkeypatch.setattr(method._network.halting, "forward", lambda _: answer)


# -- the network ------------------------------------------------------------------------------------


def test_masked_latents_never_reach_the_decoder(network):
    codes = torch.randn(5, LATENTS, CODE)
    visible = torch.rand(5, LATENTS) < 0.5
    noise = torch.where(visible[..., None], codes, 100 * torch.randn_like(codes))
    torch.testing.assert_close(network.decode(codes, visible), network.decode(noise, visible), rtol=0, atol=0)
    seen = torch.where(visible[..., None], -codes, codes)
    assert (network.decode(codes, visible) != network.decode(seen, visible)).any()


def test_masked_latents_are_as_latents_that_are_not_there(network):
    codes = torch.randn(5, LATENTS, CODE)
    visible = (torch.arange(LATENTS) < 6).expand(5, -1)
    torch.testing.assert_close(network.decode(codes, visible), network.decode(codes[:, :6]))


def test_an_image_without_tokens_is_still_an_image(network):
    assert network.decode(torch.randn(2, LATENTS, CODE), torch.zeros(2, LATENTS, dtype=torch.bool)).isfinite().all()


def test_the_asked_error_is_read(network):
    given, (low, high) = torch.rand(4, 16, PATCH), (torch.full((4,), place) for place in (0, LAST))
    (points, halting), (other_points, other_halting) = (network.encode(given, asked, LATENTS) for asked in (low, high))
    assert (points != other_points).all()
    assert (halting != other_halting).all()


def test_tokens_are_kept_where_the_chance_of_halting_is_at_most_three_quarters():
    chances = torch.tensor([0.1, 0.5, 0.74, 0.76, 0.99])
    assert kept(chances.logit()).tolist() == [True, True, True, False, False]


# -- what the second pass is told -------------------------------------------------------------------


@given(st.floats(0, 1))
def test_the_condition_is_the_smallest_error_that_is_at_least_the_reached_one(reached):
    place = int(nearest_error(torch.tensor(reached, dtype=torch.float32)))
    reached = float(np.float32(reached))
    larger = [i for i, error in enumerate(ERRORS) if np.float32(error) >= reached]
    assert place == (larger[0] if larger else LAST)


@settings(max_examples=50, deadline=None)
@given(st.sampled_from(LENGTHS), st.lists(st.integers(0, LAST), min_size=1, max_size=8), st.integers(0, 1000))
def test_rebinning_asks_less_after_all_tokens_and_more_after_one(length, places, seed):
    given_places = torch.tensor(places)
    moved = rebinned(given_places, length, torch.Generator().manual_seed(seed))
    assert ((moved >= 0) & (moved <= LAST)).all()
    if length == LENGTHS[-1]:
        assert (moved <= given_places).all()
    elif length == LENGTHS[0]:
        assert (moved >= given_places).all()
    else:
        assert torch.equal(moved, given_places)


@pytest.mark.parametrize("length", [LENGTHS[0], LENGTHS[-1]])
def test_rebinning_happens_in_45_of_100_batches(length):
    generator, places = torch.Generator().manual_seed(0), torch.full((64,), 9)
    moved = [not torch.equal(rebinned(places, length, generator), places) for _ in range(1000)]
    assert np.mean(moved) == pytest.approx(0.45, abs=0.04)


def test_the_second_pass_is_told_what_the_first_one_reached(network, monkeypatch):
    told = []
    encode = network.encode
    monkeypatch.setattr(network, "encode", lambda *a: told.append(a) or encode(*a))
    pixels, asked_for = torch.rand(6, 1, 8, 8), torch.zeros(6, dtype=torch.long)
    _, reached = adaptive_loss(network, pixels, asked_for, 6, torch.Generator())
    (_, first, length), (_, second, length_2) = told
    assert (length, length_2) == (6, LATENTS)
    assert torch.equal(first, asked_for)
    assert torch.equal(second, nearest_error(reached))
    assert (second > 0).all()


def test_the_second_pass_learns_to_halt_what_the_first_did_without(network, monkeypatch):
    losses = []
    halting = adaptive._halting_loss
    monkeypatch.setattr(adaptive, "_halting_loss", lambda x, y: losses.append((x.shape[1], y)) or halting(x, y))
    for length in (4, LATENTS):
        adaptive_loss(network, torch.rand(6, 1, 8, 8), torch.zeros(6, dtype=torch.long), length, torch.Generator())
    assert losses == [(4, 0.0), (4, 0.0), (LATENTS - 4, 1.0), (LATENTS, 0.0), (LATENTS, 0.0)]


def test_a_batch_holds_noise_and_greys(network):
    batch = mixed_batch(torch.zeros(10, 1, 8, 8), torch.Generator().manual_seed(0))
    spread = batch.flatten(1).std(dim=1)
    assert len(batch) == BATCH
    assert (spread > 0.1).sum() == BATCH // 16
    assert ((spread == 0) & (batch.flatten(1).mean(dim=1) > 0)).sum() == BATCH // 16


@pytest.mark.parametrize("train", [train_adaptive, lambda n, p, s, seed: train_fixed(n, p, 8, s, seed)])
def test_training_lowers_the_error(train):
    pixels = torch.from_numpy(access.load("digits").train[:300] / 255).float()[:, None]
    errors = []
    for steps in (1, 60):
        torch.manual_seed(0)
        network = AdaptiveTokenizer(PATCH)
        train(network, pixels, steps, 0)
        with torch.no_grad():
            given = adaptive.patches(pixels)
            points, _ = network.encode(given, torch.zeros(300, dtype=torch.long), 8)
            errors.append((network.decode(network.quantiser(points)[0]) - given).abs().mean())
    assert errors[1] < 0.9 * errors[0]


# -- the method -------------------------------------------------------------------------------------


def test_exactly_one_encoder_pass(asked, images, monkeypatch):
    seen = []
    encode, decode = asked._network.encode, asked._network.decode
    monkeypatch.setattr(asked._network, "encode", lambda *a: seen.append(len(a[0])) or encode(*a))
    monkeypatch.setattr(asked._network, "decode", lambda *a: pytest.fail("decoded to find the length") or decode(*a))
    asked.encode(images, Role.ITEM)
    assert sum(seen) == len(images)
    assert asked.extra_costs["encoder_passes"] == 1


def test_tokens_are_those_not_halted_and_bits_those_of_tokens_and_length(asked, images, monkeypatch):
    logits = np.random.default_rng(0).normal(1.1, 2, (len(images), LATENTS))
    halting_by(monkeypatch, asked, logits)
    streams = asked.encode(images, Role.ITEM)
    wanted = (1 / (1 + np.exp(-logits)) <= 0.75).sum(axis=1)
    assert len(set(wanted)) > 5
    np.testing.assert_array_equal(asked.tokens(streams), wanted)
    np.testing.assert_array_equal(streams.item_bits, LENGTH_BITS + TOKEN_BITS * wanted)
    assert streams.nbytes == -(-int(streams.item_bits.sum()) // 8)


@pytest.mark.parametrize("logit", [-9.0, 9.0])
def test_all_tokens_or_none_can_be_stored(asked, images, logit, monkeypatch):
    halting_by(monkeypatch, asked, np.full((len(images), LATENTS), logit))
    streams = asked.encode(images, Role.ITEM)
    assert set(asked.tokens(streams)) == {LATENTS if logit < 0 else 0}
    assert asked.decode(streams).shape == images.shape


def test_codes_come_back_from_the_bits(asked, fixed, images):
    for method, length in ((asked, LATENTS), (fixed, 4)):
        streams = method.encode(images, Role.ITEM)
        stored = Bitstream.rebuild(streams.arrays(), streams.settings())
        codes, counts = method._read(stored)
        place = int(nearest_error(torch.tensor(0.05))) if method is asked else 0
        with torch.no_grad():
            points, _ = method._network.encode(
                adaptive.patches(_unit_pixels(images)), torch.full((len(images),), place), length
            )
            wanted = method._network.quantiser(points)[1].numpy()
        for code, want, count in zip(codes, wanted, counts, strict=True):
            np.testing.assert_array_equal(code[:count], want[:count])


def test_a_fixed_length_stores_its_tokens_alone(fixed, images):
    streams = fixed.encode(images, Role.ITEM)
    np.testing.assert_array_equal(streams.item_bits, 4 * TOKEN_BITS)
    assert fixed.target_l1 is None


def test_a_fresh_process_decodes_the_same(asked, images):
    streams = asked.encode(images[:20], Role.ITEM)
    np.testing.assert_array_equal(decode_in_fresh_process(asked, streams).items, asked.decode(streams))


def test_labels_are_not_read(asked, images):
    again = KARL(Short("quick"), arm="karl", epsilon=0.1).fit(FitData(images, np.zeros(len(images), np.int64), 1), 0)
    assert all(np.array_equal(again[name], asked.fitted[name]) for name in again)

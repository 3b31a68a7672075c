"""Hard bits, straight-through gradients, Bernoulli diffusion by its definition, bounds that bound, counted bits."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.binary_latent_diffusion import diffusion
from methods.binary_latent_diffusion.autoencoder import (
    BATCH,
    FEATURES,
    Bernoulli,
    BinaryAutoencoder,
    Lookup,
    train_autoencoder,
)
from methods.binary_latent_diffusion.diffusion import (
    STEPS,
    BitDenoiser,
    denoising_loss,
    evidence_bound,
    kept,
    noised,
    posterior,
    sampled,
    strides,
    train_denoiser,
)
from methods.binary_latent_diffusion.method import BITS, BinaryLatentDiffusion
from suite.data import access
from suite.method import Effort, FitData, Role
from suite.representations import Bitstream
from suite.running.fresh import decode_in_fresh_process

ARMS = {
    "binary": {"arm": "binary", "bits": 8, "steps": 16},
    "few": {"arm": "binary", "bits": 2},
    "direct": {"arm": "direct", "bits": 8, "steps": 16},
    "vq": {"arm": "vq", "bits": 8},
    "lfq": {"arm": "lfq", "bits": 8},
}


class Short(Effort):
    def pick(self, *, quick, standard):
        return 3


@pytest.fixture(scope="module")
def images():
    return access.load("digits").train[:60]


@pytest.fixture(scope="module")
def methods(images):
    made = {arm: BinaryLatentDiffusion(Short("quick"), **params) for arm, params in ARMS.items()}
    for method in made.values():
        shared = {name: method.params[name] for name in method.fit_params}
        method.fitted = BinaryLatentDiffusion(Short("quick"), **shared).fit(FitData(images), 0)
    return made


def features(n=BATCH, seed=0):
    return torch.randn(n, 4, FEATURES, generator=torch.Generator().manual_seed(seed))


# -- bits -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_the_decoder_sees_zeros_and_ones_alone(training):
    torch.manual_seed(0)
    quantiser, seen = Bernoulli(8).train(training), []
    quantiser.embedding.register_forward_hook(lambda _, given, __: seen.append(given[0]))
    quantiser(features())
    assert set(seen[0].unique().tolist()) == {0.0, 1.0}


def test_bits_are_drawn_in_training_and_thresholded_at_test():
    torch.manual_seed(0)
    quantiser, given = Bernoulli(8), features()
    assert (quantiser.train()(given)[0] != quantiser(given)[0]).any()
    quantiser.eval()
    assert torch.equal(quantiser(given)[0], quantiser(given)[0])
    assert torch.equal(quantiser(given)[0], quantiser.embed(quantiser.bits(given)))
    assert torch.equal(quantiser.bits(given), quantiser.logits(given).sigmoid() > 0.5)


def test_bits_are_drawn_with_the_encoder_s_probability():
    torch.manual_seed(0)
    quantiser, seen = Bernoulli(8).train(), []
    quantiser.embedding.register_forward_hook(lambda _, given, __: seen.append(given[0].detach()))
    given = features()
    for _ in range(400):
        quantiser(given)
    chances = quantiser.logits(given).sigmoid()
    assert (torch.stack(seen).mean(0) - chances).abs().mean() < 0.02


def test_the_gradient_goes_straight_through_the_draw():
    torch.manual_seed(0)
    quantiser = Bernoulli(8).train()
    chances = []
    logits = quantiser.logits

    def watched(given):
        found = logits(given)
        found.retain_grad()
        chances.append(found)
        return found

    quantiser.logits = watched
    embedded, _ = quantiser(features())
    weight = torch.randn_like(embedded)
    (embedded * weight).sum().backward()
    p = chances[0].detach().sigmoid()
    wanted = (weight @ quantiser.embedding.weight) * p * (1 - p)
    torch.testing.assert_close(chances[0].grad, wanted, rtol=1e-4, atol=1e-5)


def test_the_penalty_is_smallest_for_hard_bits():
    quantiser = Bernoulli(8).train()
    penalties = []
    for spread in (0.0, 100.0):
        quantiser.logits = lambda x, spread=spread: spread * torch.sign(x[..., :8])
        penalties.append(float(quantiser(features())[1]))
    assert penalties[0] == pytest.approx(0.1 / 4)
    assert penalties[1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", ["vq", "lfq"])
def test_bits_of_other_quantisers_are_their_codes(kind):
    torch.manual_seed(0)
    quantiser = Lookup(4, kind).eval()
    given = features()
    bits = quantiser.bits(given)
    assert bits.shape == (*given.shape[:2], 4)
    torch.testing.assert_close(quantiser.embed(bits), quantiser(given)[0])


@pytest.mark.parametrize("kind", ["bernoulli", "vq", "lfq"])
@pytest.mark.parametrize("shape", [(8, 8), (14, 14), (9, 13)])
def test_images_of_any_size_come_back_in_theirs(kind, shape):
    network = BinaryAutoencoder(shape, 4, kind).train()
    found, loss = network(torch.rand(5, 1, *shape))
    assert found.shape == (5, 1, *shape)
    assert loss.ndim == 0


@pytest.mark.parametrize("kind", ["bernoulli", "vq", "lfq"])
def test_training_lowers_the_error(kind):
    pixels = torch.from_numpy(access.load("digits").train[:300] / 255).float()[:, None]
    errors = []
    for steps in (1, 80):
        torch.manual_seed(0)
        network = BinaryAutoencoder((8, 8), 8, kind)
        train_autoencoder(network, pixels, steps, 0)
        with torch.no_grad():
            errors.append((network(pixels)[0] - pixels).abs().mean())
    assert errors[1] < 0.8 * errors[0]


# -- diffusion --------------------------------------------------------------------------------------


def kernel(t):
    """q(x_t | x_{t−1}) as a matrix, rows x_{t−1}: a bit stays with 1 − 1 / (T − t + 1), else it is a fair coin."""
    stays = 1 - 1 / (STEPS - t + 1)
    return stays * np.eye(2) + (1 - stays) * np.full((2, 2), 0.5)


def marginal(early, late):
    """q(x_late | x_early), the product of the kernels between."""
    found = np.eye(2)
    for t in range(early + 1, late + 1):
        found = found @ kernel(t)
    return found


@given(st.integers(1, STEPS))
def test_marginals_are_products_of_kernels(t):
    share = float(kept(torch.tensor(t)))
    wanted = marginal(0, t)
    for start in (0, 1):
        assert share * start + (1 - share) / 2 == pytest.approx(wanted[start, 1])


def test_noise_has_the_marginal_and_ends_in_fair_coins():
    bits, generator = torch.ones(20_000, 1, 1), torch.Generator().manual_seed(0)
    for t in (1, 20, STEPS):
        found = noised(bits, torch.full((20_000,), t), generator).mean()
        assert float(found) == pytest.approx(marginal(0, t)[1, 1], abs=0.012)


@settings(deadline=None)
@given(st.integers(1, STEPS), st.data(), st.floats(0, 1))
def test_the_posterior_is_bayes_rule(late, data, chance):
    early = data.draw(st.integers(0, late - 1))
    for noisy in (0, 1):
        wanted = 0.0
        for start, weight in ((0, 1 - chance), (1, chance)):
            joint = marginal(0, early)[start] * marginal(early, late)[:, noisy]
            wanted += weight * joint[1] / joint.sum()
        found = posterior(torch.tensor([float(noisy)]), torch.tensor([chance], dtype=torch.float64), late, early)
        assert float(found) == pytest.approx(wanted, abs=1e-6)


def test_knowing_the_flips_is_knowing_the_bits():
    network = BitDenoiser(3, 5, flips=True)
    bits = (torch.rand(6, 3, 5) < 0.5).float()
    noisy = noised(bits, torch.full((6,), 30), torch.Generator().manual_seed(0))
    flips = 20 * (2 * (bits != noisy).float() - 1)
    network.outward.forward = lambda _: flips
    assert torch.equal((network(noisy, torch.full((6,), 30)) > 0).float(), bits)
    network.flips = False
    assert torch.equal(network(noisy, torch.full((6,), 30)), flips)


def test_strides_go_from_noise_to_bits():
    for steps in (1, 7, 16, STEPS):
        times = strides(steps)
        assert (times[0], times[-1], len(times)) == (STEPS, 0, steps + 1)
        assert (np.diff(times) < 0).all()


def varied(flips=True):
    """A network for a place of two bits whose answers depend on bits and time."""
    torch.manual_seed(3)
    network = BitDenoiser(1, 2, flips).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return network


@pytest.mark.parametrize("flips", [True, False])
def test_the_bound_is_above_the_exact_length(flips):
    network, steps = varied(flips), 4
    states = torch.tensor(list(product((0.0, 1.0), repeat=2)))[:, None]
    exact = torch.full((4,), 0.25, dtype=torch.float64)
    with torch.no_grad():
        for late, early in zip(strides(steps), strides(steps)[1:], strict=False):
            one = diffusion._chances(network, states, late, 1.0)
            one = posterior(states, one, late, early) if early else one
            moves = torch.where(states[None] == 1, one[:, None], 1 - one[:, None]).prod(-1).prod(-1)
            exact = exact @ moves
    assert float(exact.sum()) == pytest.approx(1)
    for state, probability in zip(states, exact, strict=True):
        bound = evidence_bound(network, state.bool().expand(4000, 1, 2), steps, 0).mean()
        assert float(bound) >= -float(probability.log2()) - 0.02


def test_a_network_that_knows_the_bits_needs_none(monkeypatch):
    bits = torch.rand(8, 3, 5) < 0.5
    monkeypatch.setattr(diffusion, "_chances", lambda *_: bits.double().clamp(1e-12, 1 - 1e-12))
    assert float(evidence_bound(None, bits, 16, 0).abs().max()) < 1e-6
    assert torch.equal(sampled(None, (8, 3, 5), 16, 0), bits)


@pytest.mark.parametrize("flips", [True, False])
def test_training_lowers_the_loss_and_the_bound(flips):
    bits = (torch.rand(500, 4, 1, generator=torch.Generator().manual_seed(0)) < 0.5).expand(-1, -1, 8).contiguous()
    losses, bounds = [], []
    for steps in (1, 150):
        torch.manual_seed(0)
        network = BitDenoiser(4, 8, flips)
        train_denoiser(network, bits, steps, 0)
        with torch.no_grad():
            times = 1 + torch.arange(500) % STEPS
            losses.append(float(denoising_loss(network, bits.float(), times, torch.Generator().manual_seed(0)).mean()))
        bounds.append(float(evidence_bound(network, bits, 16, 0).mean()))
    assert losses[1] < 0.75 * losses[0]
    assert bounds[1] < 0.75 * bounds[0]


# -- the method -------------------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ARMS)
def test_counted_bits_are_packed_bits_and_codes_come_back(methods, images, arm):
    method = methods[arm]
    streams = method.encode(images, Role.ITEM)
    np.testing.assert_array_equal(streams.item_bits, 4 * method.bits)
    assert streams.nbytes == -(-len(images) * 4 * method.bits // 8)
    stored = Bitstream.rebuild(streams.arrays(), streams.settings())
    with torch.no_grad():
        pixels = torch.from_numpy(images.astype(np.float32))[:, None] / 127.5
        network = method._autoencoder
        wanted = network.quantiser.bits(network.features(((pixels - 1) + 1) / 2))
    assert (method._codes(stored) == wanted).float().mean() > 0.99
    assert method.features(stored).shape == (60, 4 * method.bits)


@pytest.mark.parametrize("arm", ["binary", "vq", "lfq"])
def test_a_fresh_process_decodes_the_same(methods, images, arm):
    streams = methods[arm].encode(images[:20], Role.ITEM)
    np.testing.assert_array_equal(decode_in_fresh_process(methods[arm], streams).items, methods[arm].decode(streams))


def test_both_targets_have_one_auto_encoder_and_equal_parameters(methods):
    binary, direct = methods["binary"].fitted, methods["direct"].fitted
    assert {n: v.shape for n, v in binary.items()} == {n: v.shape for n, v in direct.items()}
    assert all(np.array_equal(binary[n], direct[n]) for n in binary if n.startswith("autoencoder."))
    assert any((binary[n] != direct[n]).any() for n in binary if n.startswith("prior."))


def test_only_variants_with_a_prior_have_lengths_and_samples(methods, images):
    for arm, method in methods.items():
        lengths = method.prior_bits(method.encode(images, Role.ITEM))
        assert (lengths is not None) == (arm in ("binary", "direct")) == ("denoising_bce" in method.extra_costs)
    assert lengths is None
    lengths = methods["binary"].prior_bits(methods["binary"].encode(images, Role.ITEM))
    assert lengths.shape == (60,)
    # Three steps of training cannot have found what bits have in common.
    assert lengths.mean() > 0.7 * 4 * BITS


def test_samples_are_images_and_repeat(methods):
    method = methods["binary"]
    samples = method.sample(12, 0)
    assert samples.shape == (12, 8, 8)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(samples, method.sample(12, 0))
    assert (samples != method.sample(12, 1)).any()


def test_labels_are_not_read(methods, images):
    method = BinaryLatentDiffusion(Short("quick"), **ARMS["vq"])
    again = method.fit(FitData(images, np.zeros(len(images), np.int64), 1), 0)
    assert all(np.array_equal(again[name], methods["vq"].fitted[name]) for name in again)

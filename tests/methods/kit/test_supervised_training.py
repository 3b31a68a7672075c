"""Training of classifiers: it learns, repeats with its seed, and gives every arm the same batches."""

from __future__ import annotations

import numpy as np
import torch

from methods.kit.image.supervised_training import Recipe, as_pixels, draw, outputs, parameter_count, restore, train
from suite.method import FitData


def bars(count=256, size=6):
    """Images with one bright row; its number is the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, size, count)
    images = rng.integers(0, 80, (count, size, size), dtype=np.uint8)
    images[np.arange(count), labels] += 120
    return FitData(images, labels, size)


def network():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 6))


def test_training_learns_repeats_and_leaves_the_global_generator_alone():
    data = bars()
    before = torch.random.get_rng_state()
    recipe = Recipe(epochs=10, batch=32, rate=0.05)
    first, again, other = (train(network, data, recipe, seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(first["1.weight"], again["1.weight"])
    assert not np.array_equal(first["1.weight"], other["1.weight"])
    held_out = bars(64)
    logits = outputs(restore(network, first), held_out.items)
    assert (logits.argmax(1) == held_out.labels).mean() > 0.95


def test_arms_see_the_same_batches_whatever_the_network_draws():
    seen = []

    def loss(model, pixels, labels):
        torch.rand(len(seen) + 1)  # an arm that draws more than another
        seen.append(labels.tolist())
        return model(pixels).square().mean()

    for make in (network, lambda: torch.nn.Sequential(torch.nn.Dropout(0.5), network())):
        train(make, bars(), Recipe(epochs=2, batch=100), 3, loss)
    assert len(seen) == 8, "two full batches an epoch"
    assert seen[:4] == seen[4:]


def test_both_optimisers_and_schedules_reduce_the_loss():
    data = bars()
    for recipe in (
        Recipe(epochs=8, batch=32, rate=0.1, optimiser="sgd", schedule="steps"),
        Recipe(epochs=8, batch=32, rate=0.05, schedule="steps"),
    ):
        logits = outputs(restore(network, train(network, data, recipe, 0)), data.items)
        assert (logits.argmax(1) == data.labels).mean() > 0.9


def test_pixels_have_channels_first_and_a_symmetric_range():
    grey = np.array([[[0, 255]]], np.uint8)
    assert as_pixels(grey).tolist() == [[[[-1.0, 1.0]]]]
    colour = np.zeros((2, 4, 5, 3), np.uint8)
    colour[..., 1] = 255
    assert as_pixels(colour).shape == (2, 3, 4, 5)
    assert as_pixels(colour)[:, 1].min() == 1


def test_draw_keeps_images_with_their_labels():
    data = bars()
    drawn = draw(data, 40, 0)
    assert len(drawn.items) == len(drawn.labels) == 40
    rows = [int(np.flatnonzero((data.items == image).all((1, 2)))[0]) for image in drawn.items]
    assert len(set(rows)) == 40
    np.testing.assert_array_equal(data.labels[rows], drawn.labels)
    assert parameter_count(network()) == 36 * 6 + 6

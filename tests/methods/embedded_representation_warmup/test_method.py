"""What the warm-up moves, on what, at what cost; and that patches, gates and sampling are exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from methods.embedded_representation_warmup.method import EmbeddedRepresentationWarmup
from methods.embedded_representation_warmup.warmup import (
    ARMS,
    BATCH,
    READ,
    TEACHER_WIDTH,
    Images,
    Projector,
    full_loss,
    misalignment,
    operations,
    train_generator,
    warm_loss,
)
from methods.kit.image.diffusion_transformer import BLACK, DEPTH, GRID, DiffusionTransformer, follow, joined, patches
from suite.data import access
from suite.method import Effort, FitData, Role

CLASSES = 3


def networks(seed=0):
    torch.manual_seed(seed)
    return DiffusionTransformer(4, CLASSES), Projector()


def images(n=6, targets=True):
    generator = torch.Generator().manual_seed(1)
    return Images(
        torch.randn(n, GRID**2, 4, generator=generator),
        torch.arange(n) % CLASSES,
        torch.randn(n, GRID**2, TEACHER_WIDTH, generator=generator) if targets else None,
    )


@pytest.mark.parametrize("shape", [(8, 8), (14, 14), (28, 28), (9, 13)])
def test_patches_are_joined_to_the_image_they_came_from(shape):
    pixels = torch.rand(3, 1, *shape)
    cut = patches(pixels)
    side = -(-max(shape) // GRID)
    assert cut.shape == (3, GRID**2, side**2)
    assert (cut == BLACK).sum() == 3 * (GRID**2 * side**2 - shape[0] * shape[1])
    np.testing.assert_array_equal(joined(cut, shape), pixels[:, 0])


def test_blocks_start_as_the_identity_and_the_velocity_at_zero():
    network, _ = networks()
    given, labels = images().patches, images().labels
    velocity, seen = network(given, torch.rand(6), labels)
    assert (velocity == 0).all()
    torch.testing.assert_close(seen, network.inward(given) + network.positions)


def test_the_tokens_of_the_warm_up_are_those_that_are_aligned_and_probed_later():
    network, _ = networks()
    for value in network.parameters():
        nn.init.normal_(value, std=0.1)
    given, labels, times = images().patches, images().labels, torch.zeros(6)
    torch.testing.assert_close(network(given, times, labels, READ)[1], network.hidden(given, times, labels, (0, READ)))
    assert not torch.allclose(network(given, times, labels)[1], network.hidden(given, times, labels, (3, DEPTH)))


def test_euler_steps_along_the_exact_velocity_arrive_at_the_image():
    target = torch.randn(5, GRID**2, 4)

    class Exact(nn.Module):
        def forward(self, noisy, times, labels):
            return (noisy - target) / times[:, None, None], None

    found = follow(Exact(), torch.randn(5, GRID**2, 4), torch.zeros(5, dtype=torch.long), 7)
    np.testing.assert_allclose(found, target, atol=1e-5)


def test_the_target_of_the_velocity_is_noise_minus_image():
    given, noise = images(targets=False), torch.randn(6, GRID**2, 4)

    class Told(nn.Module):
        """Solves x_t = (1 − t) x + t ε for both, knowing ε."""

        def forward(self, noisy, times, labels, read):
            share = times[:, None, None]
            return noise - (noisy - share * noise) / (1 - share), None

    times = torch.linspace(0, 0.9, 6)
    assert full_loss(Told(), nn.Identity(), given, given.labels, times, noise, 1.0).item() < 1e-4


@pytest.mark.parametrize("blocks", [(0, READ), (3, DEPTH)])
def test_the_warm_up_moves_its_blocks_embeddings_and_projector_alone(blocks):
    network, projector = networks()
    for block in network.blocks:
        nn.init.normal_(block.modulation.weight, std=0.1)
    warm_loss(network, projector, images(), images().labels, blocks).backward()
    moved = {name for name, value in network.named_parameters() if value.grad is not None and value.grad.any()}
    found = {int(name.split(".")[1]) for name in moved if name.startswith("blocks")}
    assert found == set(range(*blocks))
    outside = {name.split(".")[0] for name in moved} - {"blocks"}
    assert outside == {"inward", "positions", "time", "label"}
    assert all(value.grad.any() for value in projector.parameters())


def test_every_image_counts_in_the_warm_up():
    projected, targets = torch.randn(4, 16, 8), torch.randn(4, 16, 8)
    each = [misalignment(projected[i : i + 1], targets[i : i + 1]).item() for i in range(4)]
    assert misalignment(projected, targets).item() == pytest.approx(np.mean(each), abs=1e-6)
    assert misalignment(3 * targets, targets).item() == pytest.approx(-1, abs=1e-6)
    with pytest.raises(ValueError, match="no targets"):
        warm_loss(*networks(), images(targets=False), images().labels, (0, READ))


def test_coefficients_are_those_of_the_papers():
    assert [ARMS["erw"].coefficient(step, 400) for step in (0, 50, 100)] == [1, 0.5, 0.25]
    assert {ARMS["repa"].coefficient(step, 400) for step in (0, 50, 399)} == {0.5}
    assert ARMS["plain"].coefficient(0, 400) == 0
    assert {name for name, arm in ARMS.items() if arm.warmed} == {"erw", "erw-late"}


def test_alignment_is_added_to_the_error_of_the_velocity():
    network, projector = networks()
    given, times, noise = images(), torch.rand(6), torch.randn(6, GRID**2, 4)
    plain = full_loss(network, projector, images(targets=False), given.labels, times, noise, 1.0)
    found = [full_loss(network, projector, given, given.labels, times, noise, c).item() for c in (0, 1, 2)]
    assert found[0] == pytest.approx(plain.item())
    assert found[1] != pytest.approx(found[0])
    assert found[2] - found[1] == pytest.approx(found[1] - found[0], abs=1e-5)


def test_operations_are_those_counted_by_hand():
    layer, given = nn.Linear(5, 7, bias=False), torch.ones(3, 5)
    assert operations(lambda: layer(given).sum()) == 2 * 3 * 5 * 7
    assert operations(lambda: layer(given).sum(), layer) == 2 * 2 * 3 * 5 * 7
    assert layer.weight.grad is None


def test_all_arms_spend_the_same():
    given = images(BATCH)
    spent = {}
    for name, arm in ARMS.items():
        chosen = given if arm.alignment else Images(given.patches, given.labels, None)
        spent[name] = train_generator(*networks(), chosen, arm, 8, 0, 0)
    budget = spent["plain"].operations
    assert (spent["plain"].warm_steps, spent["plain"].full_steps) == (0, 8)
    for name, arm in ARMS.items():
        assert 0.8 * budget < spent[name].operations <= budget
        assert spent[name].warm_steps == (2 if arm.warmed else 0)
    assert spent["erw"].full_steps < spent["repa"].full_steps < 8
    read = train_generator(*networks(), given, ARMS["repa"], 8, budget // 2, 0)
    assert read.full_steps < spent["repa"].full_steps
    assert read.operations <= budget


@pytest.fixture(scope="module")
def digits():
    return access.load("digits")


@pytest.fixture(scope="module")
def fitted(digits):
    class Short(Effort):
        def pick(self, *, quick, standard):
            return 2

    found = {}
    for arm in ("erw", "plain"):
        method = EmbeddedRepresentationWarmup(Short("quick"), arm=arm)
        method.fitted = method.fit(FitData(digits.train[:100], digits.train_labels[:100], 10), 0)
        found[arm] = method
    return found


def test_neither_teacher_nor_projector_is_kept(fitted):
    shapes = {arm: {name: value.shape for name, value in method.fitted.items()} for arm, method in fitted.items()}
    assert shapes["erw"] == shapes["plain"]
    whole = {f"network.{name}" for name in DiffusionTransformer(4, 10).state_dict()}
    assert set(shapes["erw"]) - whole == {"shape", "spent"}


def test_plain_training_has_no_teacher(digits, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("a teacher was asked for")

    monkeypatch.setattr(EmbeddedRepresentationWarmup, "_targets", refuse)
    data = FitData(digits.train[:80], digits.train_labels[:80], 10)

    class Short(Effort):
        def pick(self, *, quick, standard):
            return 1

    assert EmbeddedRepresentationWarmup(Short("quick"), arm="plain").fit(data, 0)["spent"][1] == 1
    with pytest.raises(AssertionError, match="teacher"):
        EmbeddedRepresentationWarmup(Short("quick"), arm="erw").fit(data, 0)


def test_samples_repeat_and_the_probe_reads_no_class(fitted, digits):
    method = fitted["erw"]
    samples = method.sample(6, 0)
    assert samples.shape == (6, 8, 8)
    assert samples.dtype == np.uint8
    np.testing.assert_array_equal(samples, method.sample(6, 0))
    before = method.encode(digits.test[:20], Role.ITEM).values
    other = EmbeddedRepresentationWarmup(Effort("quick"), arm="erw")
    other.fitted = dict(method.fitted)
    labels = other.fitted["network.label.weight"].copy()
    labels[:-1] += 5
    other.fitted["network.label.weight"] = labels
    np.testing.assert_array_equal(before, other.encode(digits.test[:20], Role.ITEM).values)
    other = EmbeddedRepresentationWarmup(Effort("quick"), arm="erw")
    other.fitted = method.fitted | {"network.label.weight": labels + 5}
    assert (before != other.encode(digits.test[:20], Role.ITEM).values).any()

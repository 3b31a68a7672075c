"""The training loop: what a loop written by hand gives, bit for bit, and the same on another device."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from methods.kit.training import (
    Descent,
    array,
    arrays,
    descend,
    falling,
    half_precision,
    on_device,
    placed,
    seeded,
    warm_linear,
)
from suite.features import shared_work
from tests.stand_in import WrongDevice, stand_in

STEPS = 12


def network():
    return torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.GELU(), torch.nn.LayerNorm(8), torch.nn.Linear(8, 3))


def batches(steps=STEPS):
    generator = torch.Generator().manual_seed(1)
    return [
        (torch.randn(10, 6, generator=generator), torch.randint(3, (10,), generator=generator)) for _ in range(steps)
    ]


def by_hand(how, optimiser_of, schedule_of):
    with seeded(0):
        made = network()
    optimiser = optimiser_of(made.parameters())
    schedule = schedule_of(optimiser)
    for inputs, labels in batches():
        optimiser.zero_grad()
        torch.nn.functional.cross_entropy(made(inputs), labels).backward()
        if how.clip is not None:
            torch.nn.utils.clip_grad_norm_(made.parameters(), how.clip)
        optimiser.step()
        if schedule is not None:
            schedule.step()
    return arrays(made)


def trained(how, **more):
    with seeded(0):
        made = network()
    data = batches()

    def loss(step):
        inputs, labels = (placed(part) for part in data[step])
        return torch.nn.functional.cross_entropy(made(inputs), labels)

    with on_device(made):
        descend(made.parameters(), loss, how, **more)
    return arrays(made)


RECIPES = {
    "adam": (
        Descent(STEPS, 0.02, "adam"),
        lambda p: torch.optim.Adam(p, 0.02),
        lambda o: None,
    ),
    "adamw, fused, onecycle": (
        Descent(STEPS, 0.02, weight_decay=0.1, schedule="onecycle", clip=0.5, fused=True),
        lambda p: torch.optim.AdamW(p, 0.02, weight_decay=0.1, fused=True),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.02, total_steps=STEPS + 1, cycle_momentum=False),
    ),
    "sgd, cosine": (
        Descent(STEPS, 0.1, "sgd", 1e-3, "cosine", 1.0),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.9, weight_decay=1e-3, nesterov=True),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, STEPS),
    ),
    "adamw, steps": (
        Descent(STEPS, 0.02, schedule="steps"),
        lambda p: torch.optim.AdamW(p, 0.02, weight_decay=0.0),
        lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [6, 9]),
    ),
    "adamw, a function": (
        Descent(STEPS, 0.02, schedule=warm_linear),
        lambda p: torch.optim.AdamW(p, 0.02, weight_decay=0.0),
        lambda o: torch.optim.lr_scheduler.LambdaLR(o, lambda step: warm_linear(step, STEPS)),
    ),
}


@pytest.mark.parametrize("recipe", RECIPES)
def test_it_is_the_loop_that_one_would_write_by_hand(recipe):
    how, optimiser_of, schedule_of = RECIPES[recipe]
    expected, found = by_hand(how, optimiser_of, schedule_of), trained(how)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


@pytest.mark.parametrize("recipe", RECIPES)
def test_another_device_gives_the_same_numbers(recipe):
    how = RECIPES[recipe][0]
    expected = trained(how)
    with stand_in() as device:
        found = trained(how)
    assert device.operations > 10 * STEPS
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-5)


def test_a_batch_that_is_left_behind_is_refused():
    def loss(step):
        return made(torch.ones(2, 6)).square().mean()

    made = network()
    with stand_in(), on_device(made), pytest.raises(WrongDevice, match="on the CPU"):
        descend(made.parameters(), loss, Descent(1, 0.1))
    with stand_in(), pytest.raises(WrongDevice):
        placed(torch.ones(3)) + torch.ones(3)


def test_rates_and_decay_of_groups_are_their_own():
    a, b = (torch.ones(1, requires_grad=True) for _ in range(2))
    descend(
        [{"params": [a], "lr": 0.1}, {"params": iter([b])}], lambda step: a.sum() + b.sum(), Descent(1, 0.01, "adam")
    )
    assert a.item() == pytest.approx(0.9)
    assert b.item() == pytest.approx(0.99)


def test_only_what_is_named_is_clipped_together():
    a, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    seen = []

    def after(step, optimiser):
        seen.extend((a.grad.item(), b.grad.item(), torch.is_grad_enabled()))

    descend([a, b], lambda step: 10 * a.sum() + 10 * b.sum(), Descent(1, 0.1, clip=1.0), clipped=[a], after=after)
    assert seen == [pytest.approx(1.0, abs=1e-4), 10.0, False]


def test_it_says_how_far_it_is():
    class Listener:
        said = []

        def begin(self, kind, title, total, done):
            self.said.append(title)

        def progress(self, done, total):
            self.said.append((done, total))

        def end(self):
            pass

    listener = Listener()
    shared_work.listen(listener, "digits")
    try:
        with shared_work.working("training for", "mine"):
            trained(Descent(STEPS, 0.1))
    finally:
        shared_work.listen(None)
    assert listener.said[1:] == [(step + 1, STEPS) for step in range(STEPS)]


def test_seeding_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    with seeded(3):
        first = torch.rand(2)
    with seeded(3):
        assert torch.equal(torch.rand(2), first)
    assert torch.equal(torch.get_rng_state(), before)


def test_modules_are_back_on_the_cpu_and_in_evaluation_mode_afterwards():
    made = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    with stand_in(), on_device(made):
        assert made.training
        assert all(p.device.type == "meta" for p in made.parameters())
        made(placed(torch.ones(3, 2)))
    assert not made.training
    assert all(type(p.data) is torch.Tensor and p.device.type == "cpu" for p in made.parameters())
    assert array(made[1].num_batches_tracked) == 1


def test_float16_scales_its_gradients(monkeypatch):
    """As an old GPU would: a gradient of 1e-9 is nothing in float16, and moves the parameter all the same."""
    import methods.kit.training as module

    monkeypatch.setattr(module, "fastest_precision", lambda: "float16")
    weight = torch.ones(1, requires_grad=True)

    def loss(step):
        with half_precision():
            return (weight.half() * 1e-3).float().sum() * 1e-6

    descend([weight], loss, Descent(3, 0.1, "adam"))
    assert weight.item() < 1


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 500), st.data())
def test_schedules_rise_to_one_and_fall_towards_zero(steps, data):
    step = data.draw(st.integers(0, steps - 1))
    assert 0 <= warm_linear(step, steps) <= 1
    assert 0 < falling(step, steps) <= 1
    assert falling(0, steps) == 1
    assert max(warm_linear(s, steps) for s in range(steps)) >= min(
        1.0, (steps - 1) / max(1, steps - max(1, steps // 10))
    )

"""One step and more of every training, and every encoder, on a device that is not the CPU (`tests.stand_in`).

A tensor that was made without a device, or a batch that was left behind, fails here as it would on a GPU. Numbers are
compared where a training is short enough for rounding not to grow.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from importlib import import_module

import numpy as np
import pytest
import torch

from methods.kit.image import instance_training
from suite import devices, precision
from suite.data import access
from suite.data.types import PairSet
from suite.discovery import scan
from suite.features.clock import cache_disabled
from suite.method import Effort, FitData, Pool, Role
from tests.stand_in import stand_in

TEXTS = [f"the {colour} {animal} runs over hill number {i}" for i, (colour, animal) in enumerate(
    (colour, animal) for colour in ("red", "blue", "old") for animal in ("fox", "dog", "cat", "owl"))]  # fmt: skip


@cache
def digits(count=200):
    data = access.load("digits")
    return FitData(data.train[:count], data.train_labels[:count], 10)


def pixels(count=200):
    return torch.from_numpy(digits(count).items / 255).float()[:, None]


def states(*modules):
    return {f"{n}.{k}": v.numpy() for n, m in enumerate(modules) for k, v in m.state_dict().items()}


# -- trainings --------------------------------------------------------------------------------------------


def classifier():
    from methods.kit.image.supervised_training import Recipe, outputs, restore, train

    def make():
        return torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.GELU(), torch.nn.Linear(16, 10)
        )

    weights = train(make, digits(), Recipe(epochs=1, batch=64), 0)
    return {**weights, "logits": outputs(restore(make, weights), digits().items[:20])}


def tuned_minilm():
    from methods.kit.text.finetuning import Recipe, TunedEncoder, finetune, in_batch_loss

    class Loss(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(384, 8, bias=False)
            torch.nn.init.orthogonal_(self.head.weight, generator=torch.Generator().manual_seed(0))

        def forward(self, a, b):
            return in_batch_loss(self.head(a.pooled()), self.head(b.pooled()))

    weights = finetune([TEXTS, TEXTS[::-1]], Loss(), Recipe(steps=1, frozen=5, batch=4, max_length=16), 0)
    for frozen in (0, 5):
        encoder = TunedEncoder(weights, frozen=frozen, max_length=16)
        assert np.isfinite(encoder.pooled(TEXTS)).all()
        assert encoder.tokens(TEXTS, np.eye(384, 8, dtype=np.float32))[0].shape[1] == 8
        assert all(np.isfinite(value).all() for value in encoder.stored().values())
    return {}  # dropout is drawn on the device


def late_interaction():
    from methods.kit.text.late_training import TrainedTokens, train_tokens

    weights = train_tokens(TEXTS, TEXTS[::-1], 0, Effort("quick"))
    assert np.isfinite(TrainedTokens(weights, Effort("quick")).vectors(TEXTS).vectors).all()
    return {}


def latent_diffusion():
    from methods.kit.image.latent_diffusion import Denoiser, train_denoiser

    generator = torch.Generator().manual_seed(0)
    latents, context = torch.randn(20, 6, generator=generator), torch.randn(20, 4, 6, generator=generator)
    found = []
    for given in (context, None):
        torch.manual_seed(0)
        found.append(Denoiser(6, 4))
        train_denoiser(found[-1], latents, given, 3, 8, 1e-3, 0.3, 0)
    return states(*found)


def instances(module, name):
    home = import_module(module)
    cls, train = getattr(home, name), instance_training.train_descriptor
    images = np.random.default_rng(0).integers(0, 255, (16, 64, 64, 3), dtype=np.uint8)
    with cache_disabled(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(home, "train_descriptor", lambda *given, **more: train(*given[:5], steps=1))
        for variant in cls.variants():
            method = cls(short(), **variant)
            method.fitted = method.fit(FitData(images, np.arange(16) % 4, 4), 0)
            assert np.isfinite(method.encode(images[:3], Role.ITEM).values).all()
    return {}


def short():
    return Effort("quick")


def topk_autoencoder():
    from methods.kit.topk_autoencoder import Training, codes, train_topk

    vectors = np.random.default_rng(0).standard_normal((200, 12)).astype(np.float16)
    weights = train_topk(vectors, Training(latents=24, active=2, steps=30, batch=32, patience=3), 0)
    assert all(np.isfinite(block).all() for _, block in codes(vectors, weights, 2))
    return {}  # one number among the largest or not changes all that follows


def threshold_autoencoder():
    from methods.kit.threshold_autoencoder import Training, train_autoencoder

    vectors = np.random.default_rng(0).standard_normal((300, 8)).astype(np.float32)
    for unit in ("jump", "relu"):
        for half in (False, True):
            found = train_autoencoder(vectors, unit, Training(32, 4, 40, 32, 3e-3, half=half), 0)
            assert all(np.isfinite(value).all() for value in found.values())
    return {}


def binary_latents():
    from methods.binary_latent_diffusion.autoencoder import BinaryAutoencoder, train_autoencoder
    from methods.binary_latent_diffusion.diffusion import BitDenoiser, train_denoiser

    for kind in ("bernoulli", "vq", "lfq"):
        train_autoencoder(BinaryAutoencoder((8, 8), 4, kind), pixels(), 2, 0)
    found = []
    for flips in (True, False):
        torch.manual_seed(0)
        found.append(BitDenoiser(4, 4, flips))
        bits = torch.rand(40, 4, 4, generator=torch.Generator().manual_seed(0)) < 0.5
        train_denoiser(found[-1], bits, 2, 0)
    return states(*found)


def warmed_generator():
    from methods.embedded_representation_warmup.warmup import ARMS, TEACHER_WIDTH, Images, Projector, train_generator
    from methods.kit.image.diffusion_transformer import GRID, DiffusionTransformer, follow

    generator = torch.Generator().manual_seed(0)
    patches, targets = (torch.randn(20, GRID**2, d, generator=generator) for d in (4, TEACHER_WIDTH))
    found = []
    for arm in (ARMS["erw"], ARMS["plain"]):
        torch.manual_seed(0)
        networks = DiffusionTransformer(4, 3), Projector()
        images = Images(patches, torch.arange(20) % 3, targets if arm.alignment else None)
        train_generator(*networks, images, arm, 4, 0, 0)
        found.extend(networks)
    placed = found[0].to(devices.current())
    assert np.isfinite(follow(placed, patches[:2], torch.zeros(2, dtype=torch.long), 2)).all()
    placed.cpu()
    return states(*found)


def adaptive_tokens():
    from methods.karl.tokenizer import AdaptiveTokenizer, train_adaptive, train_fixed

    train_adaptive(AdaptiveTokenizer(4), pixels(), 6, 0)
    train_fixed(AdaptiveTokenizer(4), pixels(), 8, 1, 0)
    return {}


def mutual_information():
    from methods.cmim.method import train_autoencoder

    given = (digits().items.reshape(200, -1) / 255).astype(np.float32)
    arms = ("vae", "mim", "cmim", "infonce")
    return {f"{a}.{n}": v for a in arms for n, v in train_autoencoder(given, a, 20, 0.1, 2, 0).items()}


def small_bert():
    import torch

    from methods.well_read_students.compact_bert import (
        Schedule,
        Shape,
        WordPieces,
        compact_bert,
        pooled,
        pooled_corpus,
        pretrain,
        train_on,
    )
    from methods.well_read_students.method import soft_label_loss

    pieces, shape, schedule = WordPieces.cut(TEXTS, 150), Shape(1, 64, 32), Schedule(2, 4, 16, 1e-3)
    network = compact_bert(len(pieces.names), shape, 0)
    pretrain(network, pieces, TEXTS, schedule, 0)
    ids, wanted = pieces.ids(TEXTS, 16), torch.eye(2)[torch.arange(len(TEXTS)) % 2]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = torch.nn.Linear(shape.width, 2)

    def loss(step):
        said = head(pooled(network.bert, ids))
        return soft_label_loss(said, wanted.to(said.device))

    train_on(loss, network.bert, schedule, 0, head)
    return {"vectors": pooled_corpus(network.bert, ids), "head": head.weight.detach().numpy()}


def factors():
    from methods.consciousness_prior import factors as module

    signs = np.where(np.random.default_rng(0).random((30, 5)) < 0.5, np.float32(1), np.float32(-1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "STEPS", 3)
        found = {arm: module.learn_factors(signs, arm, 0, 0.1) for arm in ("learned", "random", "dense")}
    return {f"{arm}.{name}": value for arm in ("random", "dense") for name, value in found[arm].items()}


def adaptor():
    from methods.compressors.matryoshka_adaptor import trained_head

    return {"head": trained_head(np.random.default_rng(0).standard_normal((60, 24)).astype(np.float32), 2, 0)}


def kernel_machine():
    from methods.deep_kernel_machines.method import learn

    inputs = np.random.default_rng(0).standard_normal((20, 4))
    return {"weights": learn(inputs, np.eye(2)[np.arange(20) % 2] - 0.5, 1, 1.0, 3)["weights"]}


TRAININGS = {
    "a classifier": classifier,
    "MiniLM's upper layers": tuned_minilm,
    "late interaction": late_interaction,
    "a latent denoiser": latent_diffusion,
    "DOLG": lambda: instances("methods.dolg.method", "Dolg"),
    "CFCD": lambda: instances("methods.cfcd.method", "Cfcd"),
    "MonA": topk_autoencoder,
    "atoms": threshold_autoencoder,
    "binary latents": binary_latents,
    "a warmed generator": warmed_generator,
    "KARL": adaptive_tokens,
    "cMIM": mutual_information,
    "a small BERT": small_bert,
    "conscious factors": factors,
    "Matryoshka-Adaptor": adaptor,
    "a deep kernel machine": kernel_machine,
}


@pytest.mark.parametrize("name", TRAININGS)
def test_every_training_runs_on_another_device(name, tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))
    monkeypatch.setattr(precision, "_of", lambda device: "float32")
    expected = TRAININGS[name]()
    with stand_in() as device:
        found = TRAININGS[name]()
    if name != "a deep kernel machine":  # float64 of some hundred points: it stays on the CPU
        assert device.operations > 50
    assert found.keys() == expected.keys()
    for part, value in expected.items():
        np.testing.assert_allclose(found[part], value, rtol=0.02, atol=0.02, err_msg=part)


# -- methods as a whole, one step of each -----------------------------------------------------------------

LOOPS = {
    "methods.kit.image.supervised_training": (
        "bias-loss", "compact-transformers", "consciousness-prior", "crate", "cura", "d-simplex", "matryoshka-images",
    ),
    "methods.kit.text.finetuning": ("2d-matryoshka", "matryoshka"),
}  # fmt: skip


@pytest.fixture
def one_step(monkeypatch):
    """Every training ends after a step."""
    for home in map(import_module, LOOPS):
        loop = home.descend
        monkeypatch.setattr(home, "descend", lambda p, f, how, loop=loop, **m: loop(p, f, replace(how, steps=1), **m))


@pytest.mark.parametrize("name", [name for names in LOOPS.values() for name in names])
def test_every_trained_method_runs_on_another_device(name, one_step, tmp_path, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_CACHE", str(tmp_path))
    cls = scan().methods[name].cls
    variants = list(cls.variants())
    for variant in variants[:: max(1, len(variants) // 2)]:
        with stand_in() as device:
            method = cls(short(), **variant)
            if cls.trains_on:
                method.weights = method.train(
                    Pool(cls.trains_on, lambda _: PairSet(TEXTS, TEXTS[::-1], np.zeros(12))), 0
                )
                assert len(method.encode(TEXTS[:3], Role.ITEM)) == 3
            else:
                method.fitted = method.narrow(method.fit(digits(80), 0))
                encoded = method.encode(digits().items[:4], Role.ITEM)
                assert method.predict(encoded).shape == (4,)
        assert device.operations > 20

"""LQ-LoRA: every matrix is a fixed quantised part and a low-rank part, with bit-widths from an integer program.

Guo et al. (arXiv:2311.12023) minimise ‖W − (Q + L₁L₂)‖ by turns: L₁L₂ is the best rank-r product of W − Q, Q the
normal-float quantisation of W − L₁L₂; it stops where the error rises, and the best turn is kept. Data-aware, rows and
columns are weighted by the roots of the mean squared gradients. Which matrix gets how many bits is an integer linear
program over a table of errors. Then only L₁ and L₂ are trained. All of that is here.

At our scale: SmolLM2-135M, de-quantised from Q4_1 (the reference, never an original), the 210 matrices of all blocks,
rank 16, at most three turns; the table holds six configurations and the error after one turn on every fourth row;
gradients are of 12 × 128 tokens, training is 16 steps on 2 × 128 tokens, towards the predictions of the uncompressed
model, where the paper trains on the text itself. Embeddings stay in bfloat16 in every arm. Left out: quantised
embeddings, 432 configurations, models of billions of weights. `lq-lora-minilm` stores a sentence encoder that way.

Controls: plain normal floats of 3 bits, and of 4, which is the one of about equal bytes (16 numbers a row and a column
are 0.74 bits a weight); the first turn alone; and, trained, normal floats with a low-rank part that starts at zero.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from methods.baselines.uncompressed_smollm2 import HEALING_TEXT, OnSmolLM2, depths, heal, matrix_names, rest_of, windows
from methods.kit.smollm2.backbone import load_model
from methods.kit.training import placed
from methods.kit.weights.compressed_minilm import OnCompressedMiniLM, published_network, rest_of_encoder
from methods.kit.weights.compressed_minilm import matrix_names as encoder_matrix_names
from methods.kit.weights.normal_float import NormalFloat
from methods.lq_lora.low_rank_split import RANK, TURNS, allocated, decompose, fisher_weights
from suite.method import Paper, Pool, Tensors

PAPER = Paper(
    "LQ-LoRA: low-rank plus quantized matrix decomposition for efficient language model finetuning", 2023, "2311.12023"
)
AUDIT = "audit/"
"""What training notes about itself; it is no part of the model."""


# -- methods --------------------------------------------------------------------------------------------


class LqLora(OnSmolLM2):
    """SmolLM2 with all block matrices as normal floats and a low-rank part, not trained."""

    name = "lq-lora"
    summary = (
        "Each matrix is a normal-float part and a low-rank part that are fitted by turns; an integer program may deal "
        "out the bits. Packed codes, scales and factors are all that is stored."
    )
    paper = PAPER
    tags = ("language model", "compressed model", "quantised", "low rank")
    grid = (
        {"arm": ("lq", "lq-fisher", "lq-ilp"), "bits": (3,)},
        {"arm": ("one-turn",), "bits": (3,)},
        {"arm": ("nf",), "bits": (3, 4)},
    )
    controls = {"arm": ("nf", "one-turn")}
    quick = ()
    trains_on = (HEALING_TEXT,)
    arm: str
    bits: int

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Decompose all matrices and pack them; notes about it stand under ``audit/``."""
        from methods.kit.weights.stored_matrices import packed_state

        made, audit = self._split(pool, seed)
        return {**packed_state(made), **{AUDIT + name: np.float64(value) for name, value in audit.items()}}

    def _split(self, pool: Pool, seed: int) -> tuple[dict[str, Any], dict[str, float]]:
        from methods.kit.weights.stored_matrices import QuantisedPlusLowRank

        network = load_model(device="cpu")
        matrices = {name: network.get_submodule(name).weight.float() for name in self._names()}
        form, audit = NormalFloat(self.bits), {}
        forms = dict.fromkeys(matrices, form)
        weights: dict[str, Any] = {}
        if self.arm == "lq-fisher":
            tokens = windows(pool.load(HEALING_TEXT).train[0], 12, 128, np.random.default_rng(seed))
            weights = fisher_weights(network, list(matrices), tokens)
        if self.arm == "lq-ilp":
            forms, audit = allocated(matrices, form)
        made, squared, total, improving = {}, 0.0, 0.0, 0
        for name, matrix in matrices.items():
            shape = tuple(matrix.shape)
            if self.arm == "nf":
                made[name] = QuantisedPlusLowRank(forms[name].pack(matrix), forms[name], shape, None, None)
            else:
                turns = 1 if self.arm == "one-turn" else TURNS
                split = decompose(matrix, forms[name], turns=turns, weights=weights.get(name))
                improving += len(split.errors) > 1 and split.errors[1] < split.errors[0]
                packed = forms[name].pack(split.rest)
                made[name] = QuantisedPlusLowRank(packed, forms[name], shape, split.left, split.right)
            squared += float((matrix - made[name].matrix()).norm()) ** 2
            total += float(matrix.norm()) ** 2
        audit |= {"weight_error": (squared / total) ** 0.5, "share_of_matrices_that_improve": improving / len(made)}
        return made, audit

    def _names(self) -> Sequence[str]:
        group, count = self.effort.pick(quick=("late", 1), standard=("all", 30))
        return matrix_names(depths(group, count))

    @cached_property
    def network(self) -> Any:
        """SmolLM2 on the stored matrices."""
        from methods.kit.weights.stored_matrices import QuantisedPlusLowRank, parts_of, replace_matrices

        self.extra_costs.update(
            {k.removeprefix(AUDIT): v.item() for k, v in self.weights.items() if k.startswith(AUDIT)}
        )
        network = copy.deepcopy(load_model(device="cpu"))
        shapes = {name: tuple(network.get_submodule(name).weight.shape) for name in self._names()}
        replace_matrices(
            network, shapes, lambda name, _: QuantisedPlusLowRank.restored(parts_of(self.weights, name), shapes[name])
        )
        return placed(network)

    def stored_model(self) -> Tensors:
        """Packed codes, scales and factors, and everything else in bfloat16."""
        kept = {name: array for name, array in self.weights.items() if not name.startswith(AUDIT)}
        return {**rest_of(load_model(), self._names()), **kept}


class LqLoraTuned(LqLora):
    """The same with the low-rank part trained, from the decomposition or from zero."""

    name = "lq-lora-tuned"
    summary = (
        "The low-rank part of quantised matrices is trained towards the uncompressed model's predictions, starting "
        "from the decomposition; the control starts at zero beside plain normal floats."
    )
    grid = {"arm": ("lq", "zero"), "bits": (3,)}
    controls = {"arm": ("zero",)}
    quick = ()
    seeded = True

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Decompose, then train the factors on text that shares no article with what is judged."""
        from methods.kit.weights.stored_matrices import packed_state, replace_matrices

        made, audit = self._from_zero(seed) if self.arm == "zero" else self._split(pool, seed)
        network = copy.deepcopy(load_model(device="cpu"))
        matrices = replace_matrices(network, made, lambda name, _: made[name])
        steps, length = self.effort.pick(quick=(2, 48), standard=(16, 128))
        tokens = windows(pool.load(HEALING_TEXT).train[0], 2 * steps, length, np.random.default_rng(seed))
        heal(network, list(matrices.values()), tokens, batch=2, learning_rate=3e-4)
        return {**packed_state(matrices), **{AUDIT + name: np.float64(value) for name, value in audit.items()}}

    def _from_zero(self, seed: int) -> tuple[dict[str, Any], dict[str, float]]:
        """Normal floats, and a low-rank part that is zero at the start: random right, zero left (Hu et al., 2021)."""
        import torch

        from methods.kit.weights.stored_matrices import QuantisedPlusLowRank

        network, form, made = load_model(device="cpu"), NormalFloat(self.bits), {}
        generator = torch.Generator().manual_seed(seed)
        for name in self._names():
            matrix = network.get_submodule(name).weight.float()
            rows, columns = matrix.shape
            right = torch.randn(RANK, columns, generator=generator) / columns**0.5
            packed = form.pack(matrix)
            made[name] = QuantisedPlusLowRank(packed, form, (rows, columns), torch.zeros(rows, RANK), right)
        return made, {}


class LqLoraMiniLM(OnCompressedMiniLM):
    """A sentence encoder as normal floats and low-rank parts, not trained."""

    name = "lq-lora-minilm"
    summary = (
        "all-MiniLM-L6-v2 with the matrices of its blocks as packed normal floats and a low-rank part; plain normal "
        "floats of 3 and 4 bits are the controls."
    )
    paper = PAPER
    tags = ("dense", "compressed model", "quantised", "low rank")
    grid = ({"arm": ("lq",), "bits": (3,)}, {"arm": ("nf",), "bits": (3, 4)})
    controls = {"arm": ("nf",)}
    quick = ()
    arm: str
    bits: int

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Decompose and pack all matrices."""
        from methods.kit.weights.stored_matrices import QuantisedPlusLowRank, packed_state

        network, form, made = published_network("float32"), NormalFloat(self.bits), {}
        for name in encoder_matrix_names():
            matrix = network.get_submodule(name).weight.detach()
            shape = tuple(matrix.shape)
            if self.arm == "nf":
                made[name] = QuantisedPlusLowRank(form.pack(matrix), form, shape, None, None)
            else:
                split = decompose(matrix, form)
                made[name] = QuantisedPlusLowRank(form.pack(split.rest), form, shape, split.left, split.right)
        return packed_state(made)

    @cached_property
    def network(self) -> Any:
        """MiniLM on the stored matrices."""
        from methods.kit.weights.stored_matrices import QuantisedPlusLowRank, parts_of, replace_matrices

        network = copy.deepcopy(published_network())
        shapes = {name: tuple(network.get_submodule(name).weight.shape) for name in encoder_matrix_names()}
        replace_matrices(
            network, shapes, lambda name, _: QuantisedPlusLowRank.restored(parts_of(self.weights, name), shapes[name])
        )
        return placed(network)

    def stored_model(self) -> Tensors:
        """Packed codes, scales and factors, and everything else in float16."""
        return {**rest_of_encoder(), **self.weights}

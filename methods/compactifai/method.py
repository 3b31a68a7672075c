"""CompactifAI: matrices as tensor networks whose bond dimension sets the size, healed by a little training.

Tomut et al. (arXiv:2401.14109) write the attention and MLP matrices of a language model as matrix product operators,
cut their bonds, retrain for less than an epoch, and quantise what is left; sensitive layers are cut less. There is no
official code; abstract and description are what this file follows. The mechanism is here: rows and columns are
factored (576 = 24·24, 1,536 = 48·32), interleaved and cut by singular value decomposition into two cores, which are
what is stored and what is multiplied.

At our scale: SmolLM2-135M, de-quantised from Q4_1 (the reference, never an original), six of its 30 blocks at a time;
three depths take the place of the profile of single layers. Healing is a few dozen steps on 2 × 128 tokens, towards
the predictions of the uncompressed model (Kullback–Leibler), of the stored numbers alone. One variant compresses all
blocks and quantises cores and embeddings to four bits; it is not healed. Left out: more than two cores (the code takes
any number), the choice of a bond a layer, training on many GPUs. `compactifai-minilm` stores all blocks of a sentence
encoder that way, without healing.

Controls: truncated singular value decomposition and magnitude pruning at the same number of stored bytes, pruning's
bitmap included, and healed alike. Nothing is claimed over pruning: it is far better where much is kept.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from methods.baselines.uncompressed_smollm2 import (
    HEALING_TEXT,
    OnSmolLM2,
    depths,
    heal,
    matrix_names,
    rest_of,
    windows,
)
from methods.kit.smollm2.backbone import load_model
from methods.kit.training import placed
from methods.kit.weights.compressed_minilm import OnCompressedMiniLM, published_network, rest_of_encoder
from methods.kit.weights.compressed_minilm import matrix_names as encoder_matrix_names
from methods.kit.weights.normal_float import NormalFloat
from suite.method import Paper, Pool, Tensors

PAPER = Paper("CompactifAI: extreme compression of large language models using quantum-inspired tensor networks", 2024,
              arxiv="2401.14109")  # fmt: skip
EMBEDDINGS = "model.embed_tokens"
QUANTISED = NormalFloat(4)


def _forms() -> dict[str, Any]:
    from methods.kit.weights.stored_matrices import LowRank, MatrixProduct, Pruned

    return {"mpo": MatrixProduct, "mpo-quantised": MatrixProduct, "svd": LowRank, "pruning": Pruned}


class Compactifai(OnSmolLM2):
    """Six blocks of SmolLM2 as tensor networks, or as controls of the same bytes, without healing."""

    name = "compactifai"
    summary = (
        "Matrices of a language model become tensor networks of two cores, cut by singular value decomposition; the "
        "bond between them sets the bytes, and the cores are what runs."
    )
    paper = PAPER
    tags = ("language model", "compressed model", "tensor network")
    grid = (
        {"arm": ("mpo", "svd", "pruning"), "blocks": ("early", "middle", "late"), "keep": (0.7,)},
        {"arm": ("mpo",), "blocks": ("early", "late"), "keep": (0.5,)},
        {"arm": ("mpo", "svd", "pruning"), "blocks": ("late",), "keep": (0.4,)},
        {"arm": ("mpo-quantised",), "blocks": ("all",), "keep": (0.4,)},
    )
    controls = {"arm": ("svd", "pruning")}
    quick = ()
    arm: str
    blocks: str
    keep: float

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Store each matrix of the chosen blocks in the form of the arm, in `keep` of its 16-bit bytes."""
        from methods.kit.weights.stored_matrices import packed_state

        network = load_model(device="cpu")
        made = {name: self._made(network.get_submodule(name).weight.float()) for name in self._names()}
        if self.arm != "mpo-quantised":
            return packed_state(made)
        state = {EMBEDDINGS: network.get_submodule(EMBEDDINGS).weight.float()}
        state |= {f"{name}/{part}": core.detach() for name, m in made.items() for part, core in m.named_parameters()}
        packed: dict[str, Any] = {}
        for name, tensor in state.items():
            packed |= {f"{name}/{part}": array for part, array in QUANTISED.pack(tensor).items()}
            packed[f"{name}/shape"] = np.array(tensor.shape, np.int32)
        return packed

    def _made(self, matrix: Any) -> Any:
        from methods.kit.weights.stored_matrices import BYTES

        return _forms()[self.arm].of(matrix, int(self.keep * BYTES * matrix.numel()))

    def _names(self) -> Sequence[str]:
        return matrix_names(depths(self.blocks, self.effort.pick(quick=1, standard=6)))

    @cached_property
    def network(self) -> Any:
        """SmolLM2 on the stored matrices."""
        from methods.kit.weights.stored_matrices import parts_of, replace_matrices

        network, form = copy.deepcopy(load_model(device="cpu")), _forms()[self.arm]
        state = self.weights if self.arm != "mpo-quantised" else _unpacked(self.weights)
        shapes = {name: tuple(network.get_submodule(name).weight.shape) for name in self._names()}
        replace_matrices(network, self._names(), lambda name, _: form.restored(parts_of(state, name), shapes[name]))
        if EMBEDDINGS in state:
            import torch

            network.get_submodule(EMBEDDINGS).weight.copy_(torch.from_numpy(state[EMBEDDINGS]))
        return placed(network)

    def stored_model(self) -> Tensors:
        """The compressed matrices, and everything else in bfloat16 unless it is quantised too."""
        quantised = [EMBEDDINGS] if self.arm == "mpo-quantised" else []
        return {**rest_of(load_model(), [*self._names(), *quantised]), **self.weights}


class CompactifaiHealed(Compactifai):
    """The same, healed on text that shares no article with what is judged."""

    name = "compactifai-healed"
    summary = (
        "Tensor networks in the place of six blocks' matrices, trained for a few dozen steps towards the predictions "
        "of the uncompressed model; controls of the same bytes are healed alike."
    )
    grid = {"arm": ("mpo", "svd", "pruning"), "blocks": ("late",), "keep": (0.7,)}
    quick = ()
    trains_on = (HEALING_TEXT,)
    seeded = True

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Compress, then heal."""
        from methods.kit.weights.stored_matrices import packed_state, replace_matrices

        network = copy.deepcopy(load_model(device="cpu"))
        matrices = replace_matrices(network, self._names(), lambda _, matrix: self._made(matrix))
        steps, length = self.effort.pick(quick=(2, 48), standard=(24, 128))
        text = pool.load(HEALING_TEXT).train[0]
        tokens = windows(text, 2 * steps, length, np.random.default_rng(seed))
        heal(network, list(matrices.values()), tokens, batch=2, learning_rate=3e-4)
        return packed_state(matrices)


class CompactifaiMiniLM(OnCompressedMiniLM):
    """A sentence encoder whose matrices are tensor networks, or controls of the same bytes; not healed."""

    name = "compactifai-minilm"
    summary = (
        "all-MiniLM-L6-v2 with all matrices of its blocks as tensor networks of two cores, which are what is stored "
        "and what runs; without healing."
    )
    paper = PAPER
    tags = ("dense", "compressed model", "tensor network")
    grid = {"arm": ("mpo", "svd", "pruning"), "keep": (0.7, 0.4)}
    controls = {"arm": ("svd", "pruning")}
    quick = ()
    arm: str
    keep: float

    def train(self, pool: Pool, seed: int) -> Tensors:
        """Store each matrix in `keep` of its 16-bit bytes."""
        from methods.kit.weights.stored_matrices import BYTES, packed_state

        network, form = published_network("float32"), _forms()[self.arm]
        matrices = {name: network.get_submodule(name).weight.detach() for name in encoder_matrix_names()}
        return packed_state({n: form.of(m, int(self.keep * BYTES * m.numel())) for n, m in matrices.items()})

    @cached_property
    def network(self) -> Any:
        """MiniLM on the stored matrices."""
        from methods.kit.weights.stored_matrices import parts_of, replace_matrices

        network, form = copy.deepcopy(published_network()), _forms()[self.arm]
        shapes = {name: tuple(network.get_submodule(name).weight.shape) for name in encoder_matrix_names()}
        replace_matrices(network, shapes, lambda name, _: form.restored(parts_of(self.weights, name), shapes[name]))
        return placed(network)

    def stored_model(self) -> Tensors:
        """The compressed matrices, and everything else in float16."""
        return {**rest_of_encoder(), **self.weights}


def _unpacked(packed: Tensors) -> Tensors:
    """The arrays behind four-bit ones."""
    names = [key.removesuffix("/shape") for key in packed if key.endswith("/shape")]
    return {
        name: QUANTISED.unpack(
            {part: packed[f"{name}/{part}"] for part in ("codes", "scales", "second")},
            tuple(packed[f"{name}/shape"].tolist()),
        ).numpy()
        for name in names
    }

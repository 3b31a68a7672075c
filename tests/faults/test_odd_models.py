"""Models as their authors store them: computed as pages say, compared as they say, or refused."""

from __future__ import annotations

import json

import numpy as np
import pytest

from methods.named import sentence_transformer
from methods.named.mteb_model import in_float32
from methods.named.sentence_transformer import SentenceTransformerModel, similarity_of
from suite.errors import ContractError
from suite.method import Role
from suite.weighing import MeasuredMethod
from tests.methods.named.test_named_models import TEXTS, bert, cache, put  # noqa: F401 - fixtures


@pytest.mark.parametrize("stored", ["float16", "bfloat16"])
def test_weights_stored_in_half_precision_are_computed_in_float32(cache, bert, stored):  # noqa: F811
    import torch
    from safetensors.torch import load_file, save_file

    tensors = load_file(bert / "model.safetensors")
    save_file(
        {name: t.to(getattr(torch, stored)) for name, t in tensors.items()},
        bert / "model.safetensors",
        {"format": "pt"},
    )
    config = json.loads((bert / "config.json").read_text())
    (bert / "config.json").write_text(json.dumps(config | {"dtype": stored, "torch_dtype": stored}))
    put(cache, "some/model", bert)
    vectors = SentenceTransformerModel.called("some/model")().encode(TEXTS, Role.ITEM).values
    folder = SentenceTransformerModel.called("some/model").pretrained[0].folder()
    model = sentence_transformer.load(str(folder), False, "cpu")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert not np.array_equal(vectors, vectors.astype(np.float16).astype(np.float32))


def test_what_mteb_loads_is_made_float32():
    import torch

    class Wrapper:
        model = None

    wrapped = Wrapper()
    wrapped.model = torch.nn.Linear(2, 2).half()
    assert in_float32(wrapped).model.weight.dtype is torch.float32


@pytest.mark.parametrize("stated", [None, "cosine", "dot", "euclidean"])
def test_a_similarity_is_the_models_own(stated):
    assert similarity_of("m", stated) == (stated or "cosine")


@pytest.mark.parametrize("stated", ["manhattan", "max_sim", "cos"])
def test_another_similarity_is_refused_and_not_replaced(stated):
    with pytest.raises(ContractError, match=f"m is compared by {stated}"):
        similarity_of("m", stated)


class Rounding:
    """Equal pairs whose similarities differ in the last bit."""

    name = "rounding"

    def __init__(self, noise: float) -> None:
        self.noise = noise

    def compare(self, a, b):
        return (1 + self.noise * np.arange(len(a))).astype(np.float32)


def test_similarities_that_differ_by_rounding_alone_are_equal():
    made = MeasuredMethod(Rounding(6e-8), 0).compare(np.zeros(9), np.zeros(9))
    assert np.ptp(made) == 0
    apart = MeasuredMethod(Rounding(1e-3), 0).compare(np.zeros(9), np.zeros(9))
    np.testing.assert_array_equal(apart, Rounding(1e-3).compare(np.zeros(9), None))

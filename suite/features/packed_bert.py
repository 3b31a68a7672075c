"""BERT's forward pass over texts laid one after another: no padding anywhere, one matrix of tokens a batch.

    bert = PackedBert(config, tensors, depth=6, precision="bfloat16")
    states = bert(ids, lengths, layers=(4, 6))   # ids: (tokens,), the texts of `lengths` one after another

Every linear layer multiplies the whole (tokens, width) matrix: query, key and value by one product, the first half of
the feed-forward network with its activation in the same kernel, on weights that oneDNN has laid out for the CPU. Only
attention must know where a text starts: it runs over neighbours of equal length at a time, which need no mask. The
architecture is that of Devlin et al. (arXiv:1810.04805): post-layer normalisation, learned positions, exact GELU.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any

from suite.precision import Precision

if TYPE_CHECKING:
    import torch

    Linear = Callable[[torch.Tensor], torch.Tensor]

TYPICAL_TOKENS = 2048
"""Rows for which oneDNN chooses the layout of a weight; other numbers of rows are multiplied as exactly."""


@dataclass(frozen=True)
class BertConfig:
    """What config.json says of an encoder.

    Attributes:
        width: size of a hidden state.
        depth: number of layers in the file.
        heads: number of attention heads.
        epsilon: added to the variance in layer normalisation.
    """

    width: int
    depth: int
    heads: int
    epsilon: float

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> BertConfig:
        """Read a decoded config.json; ValueError for an architecture that this is not."""
        expected = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
        for name, value in expected.items():
            if config.get(name, value) != value:
                raise ValueError(f"only BERT encoders can be packed: {name} is {config[name]!r}, not {value!r}")
        return cls(
            int(config["hidden_size"]),
            int(config["num_hidden_layers"]),
            int(config["num_attention_heads"]),
            float(config.get("layer_norm_eps", 1e-12)),
        )


class PackedBert:
    """A BERT encoder for inference.

    Args:
        config: its architecture.
        tensors: published weights by their names in the file (``embeddings.…``, ``encoder.layer.0.…``), with or
            without the prefix ``bert.``; heads and layers beyond `depth` are ignored.
        depth: layers to hold.
        precision: arithmetic of products; sums within a kernel and normalisation are float32 in either.
        device: where it computes, and where token ids are expected.
    """

    def __init__(
        self,
        config: BertConfig,
        tensors: Mapping[str, torch.Tensor],
        *,
        depth: int,
        precision: Precision,
        device: torch.device | str = "cpu",
    ) -> None:
        """Lay the weights out."""
        import torch

        self.config = config
        self.dtype: torch.dtype = getattr(torch, precision)
        named = {name.removeprefix("bert."): tensor.to(device) for name, tensor in tensors.items()}
        embeddings = "embeddings"
        self._words = named[f"{embeddings}.word_embeddings.weight"].float()
        # Every token is of the first segment.
        segment = named[f"{embeddings}.token_type_embeddings.weight"][0].float()
        self._places = named[f"{embeddings}.position_embeddings.weight"].float() + segment
        self._norm = self._normalisation(named, f"{embeddings}.LayerNorm", torch.float32)
        self._layers = [self._layer(named, f"encoder.layer.{number}") for number in range(depth)]

    def __call__(self, ids: torch.Tensor, lengths: Sequence[int], layers: Collection[int]) -> dict[int, torch.Tensor]:
        """Hidden states of some layers.

        Args:
            ids: (tokens,) int64 token ids, text after text.
            lengths: tokens of each text; they add up to `tokens`. Texts of one length should be neighbours.
            layers: 0 for the embeddings' output, 1 for the first layer; layers beyond the highest are not run.

        Returns:
            (tokens, width) in `dtype` by layer.
        """
        import torch

        groups = [(length, len(list(run))) for length, run in groupby(lengths)]
        kept: dict[int, torch.Tensor] = {}
        with torch.inference_mode():
            hidden = self._embed(ids, groups)
            for number, layer in enumerate(self._layers[: max(layers)]):
                if number in layers:
                    kept[number] = hidden
                hidden = layer(hidden, groups)
            kept[max(layers)] = hidden
        return kept

    def _embed(self, ids: torch.Tensor, groups: Sequence[tuple[int, int]]) -> torch.Tensor:
        import torch

        places = torch.cat([torch.arange(length, device=ids.device).repeat(count) for length, count in groups])
        return self._norm(self._words[ids].add_(self._places[places])).to(self.dtype)

    def _layer(self, named: Mapping[str, torch.Tensor], layer: str) -> _Layer:
        import torch

        mixing = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
        weight = torch.cat([named[f"{part}.weight"] for part in mixing])
        bias = torch.cat([named[f"{part}.bias"] for part in mixing])

        def linear(name: str, gelu: bool = False) -> Linear:
            return make_linear(named[f"{name}.weight"].to(self.dtype), named[f"{name}.bias"].to(self.dtype), gelu)

        return _Layer(
            self.config.heads,
            make_linear(weight.to(self.dtype), bias.to(self.dtype)),
            linear(f"{layer}.attention.output.dense"),
            self._normalisation(named, f"{layer}.attention.output.LayerNorm", self.dtype),
            linear(f"{layer}.intermediate.dense", gelu=True),
            linear(f"{layer}.output.dense"),
            self._normalisation(named, f"{layer}.output.LayerNorm", self.dtype),
        )

    def _normalisation(self, named: Mapping[str, torch.Tensor], name: str, dtype: torch.dtype) -> Linear:
        from torch.nn.functional import layer_norm

        weight, bias = named[f"{name}.weight"].to(dtype), named[f"{name}.bias"].to(dtype)
        return lambda x: layer_norm(x, (self.config.width,), weight, bias, self.config.epsilon)


@dataclass(frozen=True)
class _Layer:
    heads: int
    mixing: Linear
    attended: Linear
    first_norm: Linear
    widen: Linear
    narrow: Linear
    second_norm: Linear

    def __call__(self, hidden: torch.Tensor, groups: Sequence[tuple[int, int]]) -> torch.Tensor:
        mixed = self._attention(self.mixing(hidden), groups)
        hidden = self.first_norm(self.attended(mixed).add_(hidden))
        return self.second_norm(self.narrow(self.widen(hidden)).add_(hidden))

    def _attention(self, mixed: torch.Tensor, groups: Sequence[tuple[int, int]]) -> torch.Tensor:
        """(tokens, width) values mixed within each text, from (tokens, 3 × width) queries, keys and values."""
        from torch.nn.functional import scaled_dot_product_attention

        width = mixed.shape[1] // 3
        out = mixed.new_empty(len(mixed), width)
        start = 0
        for length, count in groups:
            end = start + length * count
            by_head = mixed[start:end].view(count, length, 3, self.heads, width // self.heads)
            query, key, value = by_head.permute(2, 0, 3, 1, 4)
            answer = scaled_dot_product_attention(query, key, value)
            out[start:end].view(count, length, self.heads, -1).copy_(answer.transpose(1, 2))
            start = end
        return out


def make_linear(weight: torch.Tensor, bias: torch.Tensor, gelu: bool = False) -> Linear:
    """``x @ weight.T + bias``, and GELU of it if asked; in bfloat16 on a CPU by oneDNN's fused kernels, if it can."""
    import torch
    from torch.nn import functional

    if weight.dtype == torch.bfloat16 and weight.device.type == "cpu" and can_fuse():
        packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), TYPICAL_TOKENS)
        after, algorithm = ("gelu", "none") if gelu else ("none", "")
        return lambda x: torch.ops.mkldnn._linear_pointwise(x, packed, bias, after, [], algorithm)
    if gelu:
        return lambda x: functional.gelu(functional.linear(x, weight, bias))
    return lambda x: functional.linear(x, weight, bias)


@cache
def can_fuse() -> bool:
    """Whether this torch multiplies by prepacked bfloat16 weights; its operators for that are not public, so try."""
    import torch

    try:
        weight = torch.eye(16, dtype=torch.bfloat16)
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, TYPICAL_TOKENS)
        same = torch.ops.mkldnn._linear_pointwise(weight, packed, weight[0], "none", [], "")
        return bool(torch.equal(same, weight + weight[0]))
    except (AttributeError, RuntimeError, NotImplementedError):
        return False

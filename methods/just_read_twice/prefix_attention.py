"""Linear attention that reads a prefix in both directions once: the JRT-RNN of arXiv:2407.05483, section 4.

Within the prefix of length M every output also sums over keys and values of a second pair of projections, of all M
tokens: y_i = φ(q_i)ᵀ(Σ_{j≤i} φ(k_j)v_jᵀ + Σ_{j≤M} φ(kᵉ_j)vᵉ_jᵀ) / φ(q_i)ᵀ(Σ_{j≤i} φ(k_j) + Σ_{j≤M} φ(kᵉ_j)). Both
sums are of one shape, and are kept as one: behind the prefix the model is an ordinary recurrence with a state of the
same size.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from methods.kit.sequence.mixers import HEADS, LinearAttention, MixerState, SequenceModel


class PrefixLinearAttention(LinearAttention):
    """Linear attention whose `read` takes all that it is given for the prefix.

    Args:
        width: model width d.
        features: width of a head's queries and keys.
    """

    def __init__(self, width: int, features: int) -> None:
        """Make the projections, and the prefix's own of keys and values."""
        super().__init__(width, features)
        self.prefix_keys = nn.Linear(width, HEADS * features, bias=False)
        self.prefix_values = nn.Linear(width, width, bias=False)

    def read(self, u: Tensor) -> tuple[Tensor, MixerState]:
        """Attend within the prefix, (batch, M, width), backwards and forwards; the state is both sums in one."""
        q, k, v = self.project(u)
        prefix_k, prefix_v = (
            x.unflatten(-1, (HEADS, -1)).transpose(1, 2) for x in (self.prefix_keys(u), self.prefix_values(u))
        )
        weights = torch.cat([torch.tril(self._taylor(q, k)), self._taylor(q, prefix_k)], dim=-1)
        keys, values = torch.cat([k, prefix_k], dim=2), torch.cat([v, prefix_v], dim=2)
        mixed = (weights @ values) / weights.sum(-1, keepdim=True)
        mapped = self.feature_map(keys)
        return self.merge(mixed), {"sums": mapped.transpose(-1, -2) @ values, "counts": mapped.sum(-2)}

    def _taylor(self, q: Tensor, k: Tensor) -> Tensor:
        """φ(q)·φ(k) of all pairs, (batch, heads, M, M)."""
        s = q @ k.transpose(-1, -2) / math.sqrt(self.features)
        return 1 + s + s * s / 2


class PrefixModel(SequenceModel):
    """The small sequence model with prefix linear attention: `read` a prefix, then `step` on.

    Args:
        vocabulary: number of token ids.
        width: model width d.
        features: width of a head's queries and keys.
    """

    def __init__(self, vocabulary: int, width: int, features: int) -> None:
        """Make the layers."""
        super().__init__(vocabulary, width, "linear", features)
        for layer in self.layers:
            if isinstance(layer.mixer, LinearAttention):
                layer.mixer = PrefixLinearAttention(width, features)

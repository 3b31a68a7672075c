"""Small sequence models that read in parallel or token by token, and keep an explicit state.

Layers alternate a gated short convolution and attention, softmax or linear (Arora et al., arXiv:2402.18668 and
arXiv:2407.05483). Every mixer offers the same two forms: `read` sees a whole sequence at once and returns the
state after it, `step` goes on from a state by one token. Both compute the same function.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

KERNEL = 3
HEADS = 2

MixerState = dict[str, Tensor]


class GatedConvolution(nn.Module):
    """Causal depthwise convolution over three tokens, gated by a projection: conv(u) · Linear(u) + u.

    Args:
        width: model width d.
    """

    def __init__(self, width: int) -> None:
        """Make the filters and the gate."""
        super().__init__()
        self.filters = nn.Conv1d(width, width, KERNEL, groups=width)
        self.gate = nn.Linear(width, width)

    def read(self, u: Tensor) -> tuple[Tensor, MixerState]:
        """Mix (batch, length, width); the state is the last two inputs, (batch, 2, width)."""
        padded = functional.pad(u, (0, 0, KERNEL - 1, 0))
        mixed = self.filters(padded.transpose(1, 2)).transpose(1, 2)
        return mixed * self.gate(u) + u, {"recent": padded[:, -(KERNEL - 1) :]}

    def step(self, u: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """Mix one token, (batch, width)."""
        window = torch.cat([state["recent"], u[:, None]], dim=1)
        mixed = torch.einsum("bkd,dk->bd", window, self.filters.weight[:, 0]) + self.filters.bias
        return mixed * self.gate(u) + u, {"recent": window[:, 1:]}


class Attention(nn.Module):
    """Projections that softmax and linear attention share; no positions.

    Args:
        width: model width d.
        features: width of a head's queries and keys.
    """

    def __init__(self, width: int, features: int) -> None:
        """Make the projections."""
        super().__init__()
        self.features = features
        self.queries_keys = nn.Linear(width, 2 * HEADS * features, bias=False)
        self.values = nn.Linear(width, width, bias=False)
        self.out = nn.Linear(width, width, bias=False)

    def project(self, u: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of (batch, length, width), each (batch, heads, length, ·)."""
        heads = [
            x.unflatten(-1, (HEADS, -1)).transpose(1, 2)
            for x in (*self.queries_keys(u).chunk(2, dim=-1), self.values(u))
        ]
        return heads[0], heads[1], heads[2]

    def merge(self, heads: Tensor) -> Tensor:
        """Join (batch, heads, length, ·) and project out."""
        return self.out(heads.transpose(1, 2).flatten(2))


class SoftmaxAttention(Attention):
    """Causal softmax attention; its state is every key and value read, and grows with the context."""

    def read(self, u: Tensor) -> tuple[Tensor, MixerState]:
        """Attend within (batch, length, width); the state is keys and values, (batch, heads, length, ·)."""
        q, k, v = self.project(u)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.merge(mixed), {"keys": k, "values": v}

    def step(self, u: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """Attend from one token to all that the state holds, and to itself."""
        q, k, v = self.project(u[:, None])
        keys, values = torch.cat([state["keys"], k], dim=2), torch.cat([state["values"], v], dim=2)
        mixed = functional.scaled_dot_product_attention(q, keys, values)
        return self.merge(mixed)[:, 0], {"keys": keys, "values": values}


class LinearAttention(Attention):
    """Causal linear attention with the second-order Taylor map of exp; its state has one size for any context.

    φ(x) = [1, x/d^¼, x⊗x/√(2d)], so that φ(q)·φ(k) = 1 + s + s²/2 with s = q·k/√d, which is positive. Outputs are
    normalised by the sum of the keys read so far.
    """

    def feature_map(self, x: Tensor) -> Tensor:
        """(…, d) to (…, 1 + d + d²)."""
        d = self.features
        second = (x[..., :, None] * x[..., None, :]).flatten(-2) / math.sqrt(2 * d)
        return torch.cat([torch.ones_like(x[..., :1]), x / d**0.25, second], dim=-1)

    def read(self, u: Tensor) -> tuple[Tensor, MixerState]:
        """Attend within (batch, length, width); the state is Σφ(k)vᵀ, (batch, heads, D, ·), and Σφ(k)."""
        q, k, v = self.project(u)
        s = q @ k.transpose(-1, -2) / math.sqrt(self.features)
        weights = torch.tril(1 + s + s * s / 2)
        mixed = (weights @ v) / weights.sum(-1, keepdim=True)
        mapped = self.feature_map(k)
        return self.merge(mixed), {"sums": mapped.transpose(-1, -2) @ v, "counts": mapped.sum(-2)}

    def step(self, u: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """Add one token's key and value to the state, and read it out with the token's query."""
        q, k, v = self.project(u[:, None])
        query, key = self.feature_map(q[:, :, 0]), self.feature_map(k[:, :, 0])
        sums = state["sums"] + key[..., :, None] * v
        counts = state["counts"] + key
        mixed = torch.einsum("bhf,bhfd->bhd", query, sums) / (query * counts).sum(-1, keepdim=True)
        return self.merge(mixed[:, :, None])[:, 0], {"sums": sums, "counts": counts}


class Layer(nn.Module):
    """A mixer and an MLP, each on normalised input and added to the residual stream."""

    def __init__(self, mixer: nn.Module, width: int) -> None:
        """Wrap `mixer`."""
        super().__init__()
        self.mixer = mixer
        self.mixer_norm = nn.LayerNorm(width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def read(self, u: Tensor) -> tuple[Tensor, MixerState]:
        """The whole sequence at once."""
        mixed, state = self.mixer.read(self.mixer_norm(u))
        u = u + mixed
        return u + self.mlp(self.mlp_norm(u)), state

    def step(self, u: Tensor, state: MixerState) -> tuple[Tensor, MixerState]:
        """One token."""
        mixed, state = self.mixer.step(self.mixer_norm(u), state)
        u = u + mixed
        return u + self.mlp(self.mlp_norm(u)), state


class SequenceModel(nn.Module):
    """Token ids to next-token logits, with tied embeddings.

    Args:
        vocabulary: number of token ids.
        width: model width d.
        attention: ``"softmax"`` or ``"linear"``.
        features: width of a head's queries and keys.
        layers: number of layers; even ones convolve, odd ones attend.
    """

    def __init__(self, vocabulary: int, width: int, attention: str, features: int, layers: int = 4) -> None:
        """Make the layers."""
        super().__init__()
        kind = {"softmax": SoftmaxAttention, "linear": LinearAttention}[attention]
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.layers = nn.ModuleList(
            Layer(kind(width, features) if i % 2 else GatedConvolution(width), width) for i in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def read(self, tokens: Tensor, layers: int | None = None) -> tuple[Tensor, list[MixerState]]:
        """Read (batch, length) token ids, with the first `layers` or all.

        Returns:
            (batch, length, width) hidden values, and the state of each layer after the last token.
        """
        hidden, states = self.embedding(tokens), []
        for layer in self.layers[:layers]:
            hidden, state = layer.read(hidden)
            states.append(state)
        return hidden, states

    def step(self, tokens: Tensor, states: list[MixerState]) -> tuple[Tensor, list[MixerState]]:
        """Read one more token, (batch,); returns (batch, width) hidden values and the new states."""
        hidden, after = self.embedding(tokens), []
        for layer, state in zip(self.layers, states, strict=True):
            hidden, state = layer.step(hidden, state)
            after.append(state)
        return hidden, after

    def logits(self, hidden: Tensor) -> Tensor:
        """(…, width) to (…, vocabulary)."""
        return self.norm(hidden) @ self.embedding.weight.T

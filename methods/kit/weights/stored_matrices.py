"""Matrices of a model in the forms in which they are stored, each a layer that runs from that form.

Every form is made from a matrix (out, in) and a number of bytes or a rank, lists what it stores (`arrays`), and is
made again from that alone. Numbers are stored in float16. A tensor network and a low-rank product are multiplied as
they are, the network from core to core or cores first, whichever takes fewer operations for as many vectors; pruned and
quantised matrices are unpacked to dense ones when they are loaded, as such kernels do on the fly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import linear

from methods.kit.training import array
from methods.kit.weights.normal_float import NormalFloat
from suite.method import Tensors

BYTES = 2
"""Bytes of a stored number."""


class StoredMatrix(nn.Module):
    """A linear layer without bias that knows what is stored of it."""

    def matrix(self) -> Tensor:
        """The (out, in) matrix it multiplies by, differentiable where the layer can be healed."""
        raise NotImplementedError

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that is stored."""
        return {name: array(value.to(torch.float16)) for name, value in self.named_parameters()}

    def forward(self, x: Tensor) -> Tensor:
        """(…, out) products of the (…, in) vectors."""
        return linear(x, self.matrix().to(x.dtype))


# -- matrix product operators -------------------------------------------------------------------------------


def factors(size: int) -> tuple[int, int]:
    """The two factors of `size` nearest to each other, the larger first."""
    small = next(f for f in range(int(size**0.5), 0, -1) if size % f == 0)
    return size // small, small


def cores_of(matrix: Tensor, outs: Sequence[int], ins: Sequence[int], bond: int) -> tuple[list[Tensor], list[float]]:
    """Cut a matrix into a matrix product operator by sequential singular value decompositions.

    Args:
        matrix: (Π outs, Π ins).
        outs: factors of the rows.
        ins: factors of the columns, as many.
        bond: largest bond dimension kept.

    Returns:
        Cores of shape (χ_{k−1}, o_k, i_k, χ_k) and, a bond, the norm of the singular values that were dropped; the
        cores before a bond are orthonormal, so that the squares of these norms add up to the squared error.
    """
    n = len(outs)
    # Rows and columns alternate: (o_1, i_1, o_2, i_2 …). Without this a two-core operator is a plain low-rank product.
    interleaved = [axis for k in range(n) for axis in (k, n + k)]
    rest = matrix.reshape(*outs, *ins).permute(interleaved)
    cores, dropped, before = [], [], 1
    for o, i in zip(outs[:-1], ins[:-1], strict=True):
        u, s, vh = torch.linalg.svd(rest.reshape(before * o * i, -1), full_matrices=False)
        kept = min(bond, len(s))
        cores.append(u[:, :kept].reshape(before, o, i, kept))
        dropped.append(float(s[kept:].norm()))
        rest, before = s[:kept, None] * vh[:kept], kept
    cores.append(rest.reshape(before, outs[-1], ins[-1], 1))
    return cores, dropped


def bond_for(numbers: int, outs: Sequence[int], ins: Sequence[int]) -> int:
    """The largest bond dimension of a two-core operator of at most `numbers` numbers."""
    a, b = (o * i for o, i in zip(outs, ins, strict=True))
    return max(1, min(numbers // (a + b), a, b))


class MatrixProduct(StoredMatrix):
    """A matrix product operator.

    Args:
        cores: (χ_{k−1}, o_k, i_k, χ_k) each.
    """

    def __init__(self, cores: Iterable[Tensor]) -> None:
        """Hold the cores."""
        super().__init__()
        self.cores = nn.ParameterList(core.float() for core in cores)
        self._count()

    @classmethod
    def of(cls, matrix: Tensor, budget: int) -> Self:
        """Two cores of at most `budget` bytes."""
        outs, ins = factors(matrix.shape[0]), factors(matrix.shape[1])
        return cls(cores_of(matrix, outs, ins, bond_for(budget // BYTES, outs, ins))[0])

    @classmethod
    def restored(cls, stored: Tensors, shape: tuple[int, int]) -> Self:
        """From what `arrays` returned."""
        return cls(torch.from_numpy(np.array(stored[f"cores.{k}"])) for k in range(len(stored)))

    def matrix(self) -> Tensor:
        """The cores contracted, (out, in)."""
        whole = self.cores[0]
        for core in list(self.cores)[1:]:
            whole = torch.einsum("aoib,bpjc->aopijc", whole, core).flatten(1, 2).flatten(2, 3)
        return whole[0, ..., 0]

    def forward(self, x: Tensor) -> Tensor:
        """The network of cores and vectors, contracted in the cheaper order; nothing but the cores is kept."""
        n = x.numel() // x.shape[-1]
        if n * self._through > self._first + n * self._dense:
            return super().forward(x)
        state = x.reshape(n, 1, 1, x.shape[-1])  # (n, outputs so far, bond, inputs left)
        for core in self.cores:
            before, o, i, after = core.shape
            _, done, _, left = state.shape
            state = state.reshape(n, done, before, i, left // i).permute(0, 1, 4, 2, 3).reshape(-1, before * i)
            state = state @ core.to(x.dtype).permute(0, 2, 1, 3).reshape(before * i, o * after)
            state = state.reshape(n, done, left // i, o, after).permute(0, 1, 3, 4, 2)
            state = state.reshape(n, done * o, after, left // i)
        return state.reshape(*x.shape[:-1], -1)

    def _count(self) -> None:
        """Multiplications a vector if it goes from core to core; once, if cores are joined first; then a vector."""
        outs, ins = (prod(core.shape[axis] for core in self.cores) for axis in (1, 2))
        done, left, joined, self._through, self._first, self._dense = 1, ins, 0, 0, 0, outs * ins
        for core in self.cores:
            before, o, i, after = core.shape
            self._through += done * left * before * o * after
            self._first += joined * before * o * i * after
            joined = max(1, joined) * o * i
            done, left = done * o, left // i


# -- controls of the same bytes -----------------------------------------------------------------------------


class LowRank(StoredMatrix):
    """A product of two thin matrices: truncated singular value decomposition.

    Args:
        left: (out, r).
        right: (r, in).
    """

    def __init__(self, left: Tensor, right: Tensor) -> None:
        """Hold both."""
        super().__init__()
        self.left, self.right = nn.Parameter(left.float()), nn.Parameter(right.float())

    @classmethod
    def of(cls, matrix: Tensor, budget: int) -> Self:
        """The best product of at most `budget` bytes."""
        rank = max(1, min(budget // BYTES // sum(matrix.shape), *matrix.shape))
        u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
        root = s[:rank].sqrt()
        return cls(u[:, :rank] * root, root[:, None] * vh[:rank])

    @classmethod
    def restored(cls, stored: Tensors, shape: tuple[int, int]) -> Self:
        """From what `arrays` returned."""
        return cls(*(torch.from_numpy(np.array(stored[name])) for name in ("left", "right")))

    def matrix(self) -> Tensor:
        """The product."""
        return self.left @ self.right

    def forward(self, x: Tensor) -> Tensor:
        """Two thin products."""
        return linear(linear(x, self.right.to(x.dtype)), self.left.to(x.dtype))


class Pruned(StoredMatrix):
    """The largest weights, and a bitmap of where they are.

    Args:
        kept: (out, in) bool.
        values: the weights there, row after row.
    """

    def __init__(self, kept: Tensor, values: Tensor) -> None:
        """Hold bitmap and values."""
        super().__init__()
        self.register_buffer("kept", kept, persistent=False)
        self.values = nn.Parameter(values.float())
        self._dense: Tensor | None = None

    @classmethod
    def of(cls, matrix: Tensor, budget: int) -> Self:
        """As many weights as fit beside the bitmap into `budget` bytes."""
        count = max(1, min(matrix.numel(), (budget - -(-matrix.numel() // 8)) // BYTES))
        kept = torch.zeros(matrix.numel(), dtype=torch.bool, device=matrix.device)
        kept[matrix.abs().reshape(-1).topk(count).indices] = True
        kept = kept.reshape(matrix.shape)
        return cls(kept, matrix[kept])

    @classmethod
    def restored(cls, stored: Tensors, shape: tuple[int, int]) -> Self:
        """From what `arrays` returned."""
        kept = np.unpackbits(stored["bitmap"], count=prod(shape)).astype(bool).reshape(shape)
        return cls(torch.from_numpy(kept), torch.from_numpy(np.array(stored["values"])))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Bitmap and values."""
        return {"bitmap": np.packbits(array(self.kept)), **super().arrays()}

    def matrix(self) -> Tensor:
        """Dense, with zeros."""
        return self.values.new_zeros(self.kept.shape).masked_scatter(self.kept, self.values)

    def forward(self, x: Tensor) -> Tensor:
        """Unpacked once, unless it is being healed."""
        if self.training:
            return super().forward(x)
        if self._dense is None or self._dense.device != x.device:
            self._dense = self.matrix().detach().to(x.dtype)
        return linear(x, self._dense)


# -- quantised ----------------------------------------------------------------------------------------------


class QuantisedPlusLowRank(StoredMatrix):
    """A normal-float matrix that stays as it is, and a low-rank correction that may be trained.

    Args:
        packed: what `NormalFloat.pack` returned.
        form: its configuration.
        shape: (out, in).
        left: (out, r), or None where there is no correction.
        right: (r, in), likewise.
    """

    def __init__(
        self, packed: Tensors, form: NormalFloat, shape: tuple[int, int], left: Tensor | None, right: Tensor | None
    ) -> None:
        """Hold the packed matrix and both factors."""
        super().__init__()
        self.packed, self.form, self.shape = dict(packed), form, shape
        self.left = None if left is None else nn.Parameter(left.float())
        self.right = None if right is None else nn.Parameter(right.float())
        self._dense: Tensor | None = None

    @classmethod
    def restored(cls, stored: Tensors, shape: tuple[int, int]) -> Self:
        """From what `arrays` returned."""
        form = NormalFloat(*(int(number) for number in stored["form"]))
        packed = {name: stored[name] for name in ("codes", "scales", "second")}
        left, right = (torch.from_numpy(np.array(stored[n])) if n in stored else None for n in ("left", "right"))
        return cls(packed, form, shape, left, right)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Configuration, packed codes, scales, and the correction."""
        form = np.array([self.form.bits, self.form.block, self.form.group], np.uint16)
        return {"form": form, **self.packed, **super().arrays()}

    def matrix(self) -> Tensor:
        """Both parts added, float32."""
        quantised = self.form.unpack(self.packed, self.shape)
        return quantised if self.left is None else quantised.to(self.left.device) + self.left @ self.right

    def forward(self, x: Tensor) -> Tensor:
        """The quantised part, unpacked once, and the correction as two thin products."""
        if self._dense is None or (self._dense.dtype, self._dense.device) != (x.dtype, x.device):
            self._dense = self.form.unpack(self.packed, self.shape).to(x.device, x.dtype)
        y = linear(x, self._dense)
        if self.left is None or self.right is None:
            return y
        return y + linear(linear(x, self.right.to(x.dtype)), self.left.to(x.dtype))


Maker = Callable[[str, Tensor], StoredMatrix]
"""Makes the stored form of the named float32 (out, in) matrix."""


def replace_matrices(network: nn.Module, names: Iterable[str], make: Maker) -> dict[str, StoredMatrix]:
    """Put a stored form in the place of each named linear layer; a bias stays beside it."""
    made = {}
    for name in names:
        layer = network.get_submodule(name)
        stored = make(name, layer.weight.detach().float()).eval()
        parent, _, last = name.rpartition(".")
        setattr(
            network.get_submodule(parent), last, _WithBias(stored, layer.bias) if layer.bias is not None else stored
        )
        made[name] = stored
    return made


class _WithBias(nn.Module):
    """A stored matrix and the bias of the layer it replaces."""

    def __init__(self, stored: StoredMatrix, bias: Tensor) -> None:
        super().__init__()
        self.stored, self.bias = stored, bias

    def forward(self, x: Tensor) -> Tensor:
        return self.stored(x) + self.bias


def packed_state(matrices: Mapping[str, StoredMatrix]) -> dict[str, NDArray[Any]]:
    """All arrays of all matrices, as ``name/array``."""
    return {f"{name}/{part}": array for name, m in matrices.items() for part, array in m.arrays().items()}


def parts_of(state: Tensors, name: str) -> dict[str, NDArray[Any]]:
    """The arrays of one matrix out of `packed_state`."""
    return {key.removeprefix(f"{name}/"): array for key, array in state.items() if key.startswith(f"{name}/")}

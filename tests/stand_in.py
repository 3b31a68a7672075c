"""A stand-in for an accelerator, for machines that have none: tensors of another device whose numbers are on the CPU.

Within `stand_in()`, the device of this process is torch's ``meta`` device, whose tensors hold real numbers here. Their
rules are those of CUDA: an operation refuses tensors of both devices (but for numbers without dimensions, and rows by
which a tensor is indexed), and a tensor is read by numpy only after ``.cpu()``. So a tensor that was made without a
device, or a batch that was left behind, fails as it would on a GPU; what a GPU computes otherwise, this does not show.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves, tree_map

from suite import devices

DEVICE = torch.device("meta")
ACROSS = {torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default}
INDEXED = {
    torch.ops.aten.index.Tensor, torch.ops.aten.index_put_.default, torch.ops.aten.index_put.default,
    torch.ops.aten._index_put_impl_.default, torch.ops.aten._unsafe_index.Tensor,
}  # fmt: skip


class WrongDevice(RuntimeError):
    """Tensors of two devices met."""


class OnDevice(torch.Tensor):
    """A tensor of the stand-in; `numbers` are its values on the CPU."""

    @staticmethod
    def __new__(cls, numbers):
        wrapped = torch.Tensor._make_wrapper_subclass(
            cls, numbers.size(), strides=numbers.stride(), storage_offset=numbers.storage_offset(),
            dtype=numbers.dtype, layout=numbers.layout, device=DEVICE,
        )  # fmt: skip
        wrapped.numbers = numbers
        return wrapped

    def __repr__(self):
        return f"OnDevice({self.numbers})"

    def tolist(self):
        return self.numbers.tolist()

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return _run(function, args, kwargs or {})


class _Mode(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = _run(function, args, kwargs or {})
        self.operations += any(isinstance(value, OnDevice) for value in tree_leaves(result))
        return result


class _Constants(TorchFunctionMode):
    """``torch.tensor(…, device=…)`` copies its numbers where no mode sees them: here they are copied afterwards."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        device = kwargs.pop("device", None) if function in (torch.tensor, torch.as_tensor) else None
        result = function(*args, **kwargs)
        return result if device is None else result.to(device)


def _run(function, args, kwargs):
    tensors = [value for value in tree_leaves((args, kwargs)) if isinstance(value, torch.Tensor)]
    here = [value for value in tensors if isinstance(value, OnDevice)]
    left = [value for value in tensors if not isinstance(value, OnDevice)]
    if any(value.device.type == "meta" for value in left):
        raise WrongDevice(f"{function}: a tensor of the stand-in lost its numbers")
    if here and function not in ACROSS:
        if function in INDEXED:
            left = [value for value in (args[0], *args[2:3]) if type(value) is torch.Tensor]
        if any(value.dim() for value in left):
            shapes = ", ".join(str(tuple(value.shape)) for value in left)
            raise WrongDevice(f"{function}: tensors of {shapes} are on the CPU, others on the device")
    wanted = kwargs.get("device")
    wanted = None if wanted is None else torch.device(wanted).type
    with _disable_current_modes():
        result = function(*tree_map(_to_cpu, args), **tree_map(_to_cpu, kwargs))
    if wanted == "cpu" or (wanted is None and not here):
        return result
    if function is torch.ops.aten.copy_.default:
        return args[0]
    known = {id(value.numbers): value for value in here}

    def wrapped(value):
        if not isinstance(value, torch.Tensor):
            return value
        return known[id(value)] if id(value) in known else OnDevice(value)

    return tree_map(wrapped, result)


def _to_cpu(value):
    if isinstance(value, OnDevice):
        return value.numbers
    return torch.device("cpu") if isinstance(value, torch.device) else value


@contextmanager
def stand_in():
    """Within this context the device of this process is the stand-in; yields what counts its operations."""
    mode, inference = _Mode(), torch._C._InferenceMode
    devices.use("meta")
    # Tensors of inference mode cannot be wrapped: gradients are switched off in its place.
    torch._C._InferenceMode = lambda enabled: torch.no_grad() if enabled else nullcontext()
    # Parameters that two modules share are still one after a move, as they are between a CPU and a GPU.
    torch.__future__.set_swap_module_params_on_conversion(True)
    try:
        with _Constants(), mode:
            yield mode
    finally:
        torch.__future__.set_swap_module_params_on_conversion(False)
        torch._C._InferenceMode = inference
        devices.use("cpu")

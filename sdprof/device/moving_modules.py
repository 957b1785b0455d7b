"""Moving a module to the device: its parameters stay the same Python objects and become device tensors.

On CUDA ``Module.to`` gives a parameter new values in place (``parameter.data = …``). A host tensor and a simulated one
are of different kinds, so that PyTorch swaps the two objects' contents instead, and refuses to where anything else
holds the parameter: a graph that is still alive (``weight_norm`` of old keeps one), a weak reference. In place nothing
has to be refused, so it is not here either: who held the parameter by its Python object finds it on the device, and a
graph keeps the host tensor that it was made with.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from sdprof.device.tensor import DEVICE, SimulatedTensor


def swapper(plain: Callable[[Tensor, Tensor], None]) -> Callable[[Tensor, Tensor], None]:
    """``torch.utils.swap_tensors`` that refuses nothing where one of the two is on the device."""

    def swap(one: Tensor, other: Tensor) -> None:
        if not (isinstance(one, SimulatedTensor) or isinstance(other, SimulatedTensor)):
            plain(one, other)
            return
        one.__class__, other.__class__ = other.__class__, one.__class__
        one.__dict__, other.__dict__ = other.__dict__, one.__dict__
        torch._C._swap_tensor_impl(one, other)

    return swap


def scripted_apply(module: Any, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
    """``Module._apply`` of a scripted module, which holds its tensors in C++ and is given new ones."""
    if recurse:
        for child in module.children():
            child._apply(fn)
    for name, parameter in list(module._parameters.items()):
        with torch.no_grad():
            applied = fn(parameter)
        module._c.setattr(name, torch.nn.Parameter(applied, parameter.requires_grad))
    for name, buffer in list(module._buffers.items()):
        module._c.setattr(name, fn(buffer))
    return module


def scripted_loader(load: Callable[..., Any]) -> Callable[..., Any]:
    """``torch.jit.load`` that knows the device: the module is read on the host, then moved."""

    def load_to_device(file: Any, map_location: Any = None, *args: Any, **kwargs: Any) -> Any:
        if map_location is None or torch.device(map_location).type != "cuda":
            return load(file, map_location, *args, **kwargs)
        return load(file, "cpu", *args, **kwargs).to(DEVICE)

    return load_to_device

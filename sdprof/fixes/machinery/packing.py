"""Weights reordered once into the blocks that oneDNN computes in, and the forwards that use them.

PyTorch's eager convolution hands oneDNN a plain weight, and oneDNN reorders it to its blocked layout on every call.
Where the image is small beside the weight, as in the inner levels of a UNet, that costs more than the convolution.
The operators used here are the ones that torch.compile's own freezing emits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeGuard

import torch

from sdprof.fixes.declined import DeclinedError

Forward = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Packed:
    """A packed copy of one module's weight."""

    forward: Forward
    bytes: int


Layer = torch.nn.Conv2d | torch.nn.Linear


def require_onednn() -> None:
    """Refuse where this build of PyTorch cannot pack weights.

    :raises DeclinedError: it lacks oneDNN, or the operators that take packed weights.
    """
    names = ("_reorder_convolution_weight", "_convolution_pointwise", "_reorder_linear_weight", "_linear_pointwise")
    available = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    if not available or not all(hasattr(torch.ops.mkldnn, name) for name in names):
        raise DeclinedError("This build of PyTorch has no oneDNN operators for packed weights")


def can_pack(module: torch.nn.Module) -> TypeGuard[Layer]:
    """Whether a module is a plain fp32 Conv2d or Linear on the CPU whose forward nobody has replaced."""
    if "forward" in module.__dict__ or torch.nn.utils.parametrize.is_parametrized(module):
        return False
    if isinstance(module, torch.nn.Linear) and type(module).forward is torch.nn.Linear.forward:
        return _is_plain(module.weight)
    if isinstance(module, torch.nn.Conv2d) and type(module).forward is torch.nn.Conv2d.forward:
        return _is_plain(module.weight) and module.padding_mode == "zeros" and not isinstance(module.padding, str)
    return False


def _is_plain(weight: torch.Tensor) -> bool:
    return (
        type(weight) in (torch.nn.Parameter, torch.Tensor)
        and weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and weight.layout == torch.strided
        and weight.numel() > 0
    )


def pack(module: Layer, input_shape: torch.Size) -> Packed:
    """Pack one module's weight for inputs like the one given; other shapes still work, only slower.

    :param input_shape: (B, C, H, W) for a Conv2d, (…, features) for a Linear.
    """
    weight = module.weight.detach()
    run = (
        _convolution(module, weight, input_shape)
        if isinstance(module, torch.nn.Conv2d)
        else _linear(module, weight, input_shape)
    )
    return Packed(unless_changed(module, run), weight.numel() * weight.element_size())


def _convolution(module: torch.nn.Conv2d, weight: torch.Tensor, input_shape: torch.Size) -> Forward:
    padding, stride, dilation = [list(pair) for pair in (module.padding, module.stride, module.dilation)]
    groups = module.groups
    packed = torch.ops.mkldnn._reorder_convolution_weight(weight, padding, stride, dilation, groups, list(input_shape))
    operator = torch.ops.mkldnn._convolution_pointwise.default
    return lambda x: operator(x, packed, module.bias, padding, stride, dilation, groups, "none", [], "")


def _linear(module: torch.nn.Linear, weight: torch.Tensor, input_shape: torch.Size) -> Forward:
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), max(1, input_shape[:-1].numel()))
    operator = torch.ops.mkldnn._linear_pointwise.default
    return lambda x: operator(x, packed, module.bias, "none", [], "")


def unless_changed(module: Layer, run: Forward) -> Forward:
    """A forward that uses a changed copy of the weight only where it is the same computation: else the module's own."""
    original = module.forward
    dimensions = 4 if isinstance(module, torch.nn.Conv2d) else None
    identity = _identity(module.weight)

    def forward(input: torch.Tensor) -> torch.Tensor:
        if (
            torch.compiler.is_compiling()
            or torch._C._get_tracing_state() is not None
            or torch.is_grad_enabled()
            or torch.is_autocast_enabled("cpu")
            or type(input) not in (torch.Tensor, torch.nn.Parameter)
            or input.dtype != torch.float32
            or input.device.type != "cpu"
            or input.numel() == 0
            or (dimensions is not None and input.dim() != dimensions)
            or _identity(module.weight) != identity
        ):
            return original(input)
        return run(input)

    return forward


def _identity(weight: torch.Tensor) -> tuple[Any, ...]:
    """Changes when the weight is replaced, moved or written to (an inference tensor keeps no count of writes)."""
    return weight.data_ptr(), weight.dtype, weight.shape, -1 if weight.is_inference() else weight._version

"""What CUDA forbids: operands on different devices, with PyTorch's own messages.

Element-wise operators (TensorIterator) take a host scalar, a tensor of no dimensions, beside device tensors; all
others refuse it. Messages: aten/src/ATen/TensorIterator.cpp (compute_types), aten/src/ATen/core/adaption.cpp
(common_device_check_failure), aten/src/ATen/native/Convolution.cpp (check_input_same_type_as_parameters).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

REFUSES_HOST_SCALARS = frozenset(
    [
        "aten::stack",
        "aten::_stack",
        "aten::cat",
        "aten::_cat",
        "aten::gather",
        "aten::scatter",
        "aten::scatter_",
        "aten::scatter_add",
        "aten::scatter_add_",
        "aten::index_select",
        "aten::index_add",
        "aten::index_add_",
        "aten::index_copy",
        "aten::index_copy_",
        "aten::equal",
        "aten::dot",
        "aten::vdot",
        "aten::embedding",
        "aten::searchsorted",
        "aten::bucketize",
        "aten::sort",
        "aten::topk",
        "aten::take",
        "aten::put_",
        "aten::multinomial",
        "aten::histc",
    ]
)
"""Operators outside TensorIterator that can meet a tensor of no dimensions: their common-device check refuses it."""
FILLS = frozenset([f"aten::{name}{place}" for name in ("fill", "masked_fill", "index_fill") for place in ("", "_")])
"""Operators whose fill value may lie on another device: it is read as a number (the table of synchronising_ops.py)."""
_ITERATOR_WITHOUT_TAG = frozenset(
    ["aten::copy_", "aten::index_put_", "aten::_index_put_impl_", "aten::lerp", "aten::where", "aten::masked_fill"]
)
_STRUCTURED = frozenset(
    ["addmm", "mm", "bmm", "baddbmm", "cat", "gather", "scatter", "scatter_add", "index_add", "index_copy", "addmv"]
)
"""Their generated wrapper is named without an underscore for the empty overload."""


def refuse_mixed_devices(func: torch._ops.OpOverload, tensors: Sequence[tuple[str, Tensor]]) -> None:
    """Raise what CUDA raises for these tensors, given by argument name.

    :raises RuntimeError: always.
    """
    name = func._schema.name
    if name in ("aten::convolution", "aten::_convolution"):
        named = dict(tensors)
        kind = ("input", "weight") if named["input"].device != named["weight"].device else ("input", "bias")
        first, second = (named[each] for each in kind)
        raise RuntimeError(f"Input type ({first.type()}) and {kind[1]} type ({second.type()}) should be the same")
    if torch.Tag.pointwise in func.tags or name in _ITERATOR_WITHOUT_TAG:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!"
        )
    first_device = tensors[0][1].device
    argument, other = next((name, tensor) for name, tensor in tensors if tensor.device != first_device)
    if name == "aten::embedding":  # is made of index_select, which checks
        argument, name = "index", "aten::index_select"
    base = name.removeprefix("aten::")
    overload = "" if func._overloadname == "default" else func._overloadname
    method = base if base in _STRUCTURED and not overload else f"{overload}_{base}"
    raise RuntimeError(
        f"Expected all tensors to be on the same device, but got {argument} is on {other.device}, different from "
        f"other tensors on {first_device} (when checking argument in method wrapper_CUDA_{method})"
    )


def named_tensors(names: Iterable[str], values: Iterable[object]) -> list[tuple[str, Tensor]]:
    """The tensors among arguments, lists of tensors taken apart, with the arguments' names."""
    found = []
    for name, value in zip(names, values, strict=False):
        for each in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(each, Tensor):
                found.append((name, each))
    return found

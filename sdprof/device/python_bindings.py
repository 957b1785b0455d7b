"""Shorter ways into the operators that loops are made of.

``OpOverload`` converts its arguments by way of TorchScript's values; PyTorch's Python bindings read the same arguments
in their own parser, in about two thirds of the time, and in half of it where lists are among them. For an operator that
takes 2 µs that is most of what a simulation adds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

_METHODS = frozenset({"aten::copy_", "aten::expand", "aten::view"})
"""Have no function of their own."""
_FUNCTIONS = frozenset(
    [
        "aten::abs",
        "aten::add.Tensor",
        "aten::addmm",
        "aten::baddbmm",
        "aten::bmm",
        "aten::cat",
        "aten::clamp",
        "aten::convolution",
        "aten::cos",
        "aten::div.Tensor",
        "aten::eq.Scalar",
        "aten::exp",
        "aten::ge.Scalar",
        "aten::gt.Scalar",
        "aten::le.Scalar",
        "aten::lt.Scalar",
        "aten::maximum",
        "aten::minimum",
        "aten::mm",
        "aten::mul.Tensor",
        "aten::neg",
        "aten::permute",
        "aten::pow.Tensor_Scalar",
        "aten::rsqrt",
        "aten::select.int",
        "aten::sigmoid",
        "aten::sin",
        "aten::sqrt",
        "aten::squeeze.dim",
        "aten::sub.Tensor",
        "aten::t",
        "aten::tanh",
        "aten::transpose.int",
        "aten::unsqueeze",
        "aten::where.self",
    ]
)
BOUND = _METHODS | _FUNCTIONS
"""Operators, by dispatcher name with overload, whose binding takes the operator's own arguments in their own order."""


def shortest_entry(func: torch._ops.OpOverload) -> Callable[..., Any]:
    """What calls an operator with the least work in Python: its binding, or its entry in C++."""
    name = func.name()  # type: ignore[no-untyped-call]
    if name in _FUNCTIONS:
        binding: Callable[..., Any] = getattr(torch, func._schema.name.removeprefix("aten::"))
        return binding
    if name in _METHODS:
        method: Callable[..., Any] = getattr(Tensor, func._schema.name.removeprefix("aten::"))
        return method
    return func._op

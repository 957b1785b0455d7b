"""Operators as a dispatch mode sees them: their names, and which of them are to be taken apart."""

from __future__ import annotations

import functools
from typing import Any

import torch


@functools.cache
def is_composite(func: Any) -> bool:
    """Whether an operator is only a name for calls of others (``aten::linear``, ``aten::matmul``).

    Autograd takes these apart before a dispatch mode sees them; under ``torch.inference_mode`` nothing does.
    """
    if not isinstance(func, torch._ops.OpOverload):
        return False
    name = func.name()  # type: ignore[no-untyped-call]
    return torch._C._dispatch_has_kernel_for_dispatch_key(name, "CompositeImplicitAutograd")


def operator_name(func: Any) -> str:
    """The dispatcher's name, without the overload: ``aten::add``."""
    if isinstance(func, torch._ops.OpOverload):
        return str(func.overloadpacket._qualified_op_name)
    return f"higher_order::{func}"

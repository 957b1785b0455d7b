"""Take composite operators apart, so that a dispatch mode sees the same operators in every mode of autograd."""

from __future__ import annotations

import functools
from typing import Any

import torch


@functools.cache
def is_composite(func: Any) -> bool:
    """Whether an operator is only a name for calls of others (``aten::linear``, ``aten::matmul``).

    Autograd takes these apart before a dispatch mode sees them; under ``torch.inference_mode`` nothing does.
    """
    return isinstance(func, torch._ops.OpOverload) and torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), "CompositeImplicitAutograd"
    )

"""Floating-point operations of one dispatched operator."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from sdprof.collectors.composite_operators import operator_name

# The registry of torch 2.13 knows the fused attention kernels of CUDA only.
OTHER_FUSED_ATTENTION = (
    "aten::_scaled_dot_product_flash_attention_for_cpu",
    "aten::_scaled_dot_product_fused_attention_overrideable",
)


def flops_of(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> int:
    """Multiplications and additions, counted singly (2 m n k for a matrix product), by torch's own formulas.

    They cover matrix products, convolutions and fused attention; all else counts 0.
    """
    formula = flop_registry.get(getattr(func, "overloadpacket", func))
    if formula is not None:
        return int(formula(*args, **kwargs, out_val=output))
    if operator_name(func) in OTHER_FUSED_ATTENTION:
        query, key, value = args[:3]
        if all(isinstance(tensor, torch.Tensor) for tensor in (query, key, value)):
            return int(sdpa_flop_count(query.shape, key.shape, value.shape))  # type: ignore[no-untyped-call]
    return 0

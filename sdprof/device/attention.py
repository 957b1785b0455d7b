"""Scaled dot-product attention as one operator, whichever way it is reached.

PyTorch chooses a kernel by device before it dispatches, and a CPU-only build has no choice to make for CUDA. So the
choice is the host's: without gradients the whole operator runs there; with them, the operator that the host would
choose, which brings its own backward. The host has two ways alone: where the user allows none of them that fits
(``sdpa_kernel(SDPBackend.EFFICIENT_ATTENTION)``), both are allowed, for which kernel computes is not what is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from sdprof.device.device_check import named_tensors, refuse_mixed_devices
from sdprof.device.dispatch import special
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import SimulatedTensor, wrap

OPERATOR = torch.ops.aten.scaled_dot_product_attention.default
FLASH = 1
"""``at::SDPBackend::flash_attention`` (torch.nn.attention.SDPBackend.FLASH_ATTENTION)."""


@special("aten::scaled_dot_product_attention")
def in_inference_mode(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The operator as it arrives where autograd is off altogether."""
    return attention(*args, **kwargs)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Attend; query (…, L, E), key (…, S, E), value (…, S, Ev)."""
    given = [query, key, value] + ([attn_mask] if attn_mask is not None else [])
    if not all(isinstance(each, SimulatedTensor) for each in given):
        refuse_mixed_devices(OPERATOR, named_tensors(("query", "key", "value", "attn_mask"), given))
    options = {"dropout_p": dropout_p, "is_causal": is_causal, "scale": scale, "enable_gqa": enable_gqa}
    hosts = [each.host for each in given]  # type: ignore[attr-defined]
    if not (torch.is_grad_enabled() and any(each.requires_grad for each in given)):
        with _hosts_ways_allowed():
            return wrap(OPERATOR(*hosts, **options))
    if attn_mask is not None and attn_mask.dtype == torch.bool:
        attn_mask = torch.zeros_like(attn_mask, dtype=query.dtype).masked_fill(attn_mask.logical_not(), -torch.inf)
    choose: Callable[..., int] = torch._fused_sdp_choice
    with _hosts_ways_allowed():
        chosen = choose(*hosts, **options)
    if chosen == FLASH:
        attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
        return _first(attend(query, key, value, dropout_p, is_causal, attn_mask=attn_mask, scale=scale))
    attend = torch.ops.aten._scaled_dot_product_attention_math
    return _first(attend(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa))


def _hosts_ways_allowed() -> AbstractContextManager[None]:
    """Allow what the host has; the plain way, where it is allowed, fits always."""
    if torch._C._get_math_sdp_enabled():
        return _AS_IT_IS
    return sdpa_kernel([SDPBackend.FLASH_ATTENTION, SDPBackend.MATH])


_AS_IT_IS = nullcontext()


def _first(results: tuple[Tensor, ...]) -> Tensor:
    return results[0]

"""One call of the fused attention operator, for operands of any batch shape."""

from __future__ import annotations

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention

from sdprof.fixes.attention.views import broadcast_shapes


def attend(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    *,
    bias: torch.Tensor | None,
    scale: float,
    backend: SDPBackend | None,
) -> torch.Tensor:
    """softmax(scale · query keyᵀ + bias) value.

    :param query: (…, L, E); batch dimensions broadcast against each other.
    :param key: (…, S, E)
    :param value: (…, S, D)
    :param bias: broadcastable to (…, L, S), added to the scaled scores.
    :param backend: the only kernel to take, or None for PyTorch's own choice.
    :returns: (…, L, D), of the values' type, or of autocast's.
    :raises RuntimeError: the backend asked for cannot compute this.
    """
    dtype = computed_dtype(value)
    batch = broadcast_shapes(query.shape[:-2], key.shape[:-2], value.shape[:-2])
    q, k, v = (_four_dimensional(operand.to(dtype), batch) for operand in (query, key, value))
    mask = None if bias is None else _four_dimensional_bias(_in_range(bias, dtype), batch)
    if mask is not None and not torch.is_grad_enabled():
        mask = mask.detach()  # the CPU's flash kernel refuses one that requires grad, even where none is recorded
    if backend is None:
        attended = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    else:
        with sdpa_kernel(backend):
            attended = scaled_dot_product_attention(q, k, v, attn_mask=mask, scale=scale)
    return attended.reshape(*batch, *attended.shape[-2:])


def computed_dtype(operand: torch.Tensor) -> torch.dtype:
    """The type in which a matrix product of this operand is computed here: autocast's, or its own."""
    device_type = operand.device.type
    if torch.is_autocast_enabled(device_type) and operand.dtype != torch.float64:
        return torch.get_autocast_dtype(device_type)
    return operand.dtype


def _four_dimensional(operand: torch.Tensor, batch: torch.Size) -> torch.Tensor:
    """Bring (…, N, E) to (B, H, N, E), features adjacent: the fused kernels take nothing else."""
    rows, features = operand.shape[-2:]
    operand = operand.expand(*batch, rows, features)
    if len(batch) < 2:
        # One head each: (B, 1, N, E).
        operand = operand.reshape(batch.numel(), 1, rows, features)
    elif len(batch) > 2:
        operand = operand.reshape(-1, batch[-1], rows, features)
    return operand if operand.stride(-1) == 1 else operand.contiguous()


def _four_dimensional_bias(bias: torch.Tensor, batch: torch.Size) -> torch.Tensor:
    """Bring a bias that broadcasts to (…, L, S) to one that broadcasts to (B, H, L, S)."""
    if bias.dim() < 2:
        bias = bias.expand(1, *bias.shape) if bias.dim() == 1 else bias.expand(1, 1)
    if bias.dim() == 2:
        return bias
    own_batch = (1,) * (len(batch) + 2 - bias.dim()) + tuple(bias.shape[:-2])
    rows, columns = bias.shape[-2:]
    if len(batch) == 1:
        return bias.reshape(own_batch[0], 1, rows, columns)
    if len(batch) == 2:
        return bias.reshape(*own_batch, rows, columns)
    return bias.expand(*batch, rows, columns).reshape(-1, batch[-1], rows, columns)


def _in_range(bias: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Cast a bias; a large finite one stays finite, so that a row masked as a whole gives no NaN it did not give."""
    if bias.dtype == dtype:
        return bias
    limits = torch.finfo(dtype)
    clamped = torch.where(torch.isinf(bias), bias, bias.clamp(limits.min, limits.max))
    return clamped.to(dtype)

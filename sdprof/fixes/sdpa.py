"""Compute attention by ``scaled_dot_product_attention``, with PyTorch's own choice of kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="sdpa",
    title="Compute attention fused, with PyTorch's own choice of kernel",
    kind="module",
    numerics="rounding",
    removes=("naive-attention", "redundant-casts"),
    group="attention",
    devices=("cpu", "cuda"),
    order=50,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Fuse the attention of every module that computes it itself.

    PyTorch chooses the kernel for each call.
    """
    from sdprof.fixes.attention.replacement import use_fused_attention

    return use_fused_attention(subject, None)

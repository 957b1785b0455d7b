"""Compute attention by ``scaled_dot_product_attention``, with the memory-efficient kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="sdpa-efficient",
    title="Compute attention fused, with the memory-efficient kernel",
    kind="module",
    numerics="rounding",
    removes=("naive-attention", "redundant-casts"),
    group="attention",
    devices=("cuda",),
    least_budget_seconds_on_cpu=600,
    order=50,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Fuse the attention of every module that computes it itself.

    PyTorch has this kernel on CUDA only.
    """
    from torch.nn.attention import SDPBackend

    from sdprof.fixes.attention.replacement import use_fused_attention

    return use_fused_attention(subject, SDPBackend.EFFICIENT_ATTENTION)

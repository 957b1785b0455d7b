"""Which attention kernel computes: fixed by name, and seen to be the one that ran."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

PREFIX = "aten::_scaled_dot_product"


@dataclass(frozen=True)
class Kernel:
    """A backend of ``scaled_dot_product_attention``, and the operator by which the profiler knows it."""

    backend: SDPBackend
    operator: str


MATH = Kernel(SDPBackend.MATH, f"{PREFIX}_attention_math")
EFFICIENT = Kernel(SDPBackend.EFFICIENT_ATTENTION, f"{PREFIX}_efficient_attention")
FLASH = Kernel(SDPBackend.FLASH_ATTENTION, f"{PREFIX}_flash_attention")
CPU_FLASH = Kernel(SDPBackend.FLASH_ATTENTION, f"{PREFIX}_flash_attention_for_cpu")
KERNELS = {
    "cuda": {"math": MATH, "efficient": EFFICIENT, "flash": FLASH},
    # On the CPU PyTorch has one fused kernel; it stands in for the memory-efficient one, and the report names it.
    "cpu": {"math": MATH, "efficient": CPU_FLASH, "flash": CPU_FLASH},
}


def require_kernel(kernel: Kernel, call: Callable[[], object]) -> None:
    """See for oneself that a call computes attention by this kernel and by no other.

    :raises RuntimeError: if it cannot, or does not.
    """
    with (
        torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile,
        sdpa_kernel(kernel.backend),
    ):
        call()
    seen = {event.name for event in profile.events() if event.name.startswith(PREFIX)}
    if seen != {kernel.operator}:
        raise RuntimeError(
            f"Attention was to be computed by {kernel.operator}, and what ran is {', '.join(sorted(seen)) or 'none'}."
        )

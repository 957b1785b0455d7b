"""Weights for whoever has no checkpoint: seeded, fast, and such that activations keep their size."""

from __future__ import annotations

import zlib

import torch
from torch import nn

BLOCK = 4_194_301
"""Normal values drawn once; every tensor is filled from them, each beginning at a place of its own.

The greatest prime below 2**22: no row length divides it, so that no two rows of a large matrix are the same.
"""


@torch.no_grad()
def fill_random(module: nn.Module, seed: int) -> None:
    """Fill all parameters in place.

    Matrices and kernels get a standard deviation of 1 / sqrt(fan in); the scales of norms lie around 1, biases around
    0. No tensor is left at zero, also not those that training starts from zero: the output would be zero too.
    """
    block = torch.randn(BLOCK, generator=torch.Generator().manual_seed(seed))
    for name, parameter in module.named_parameters():
        spread = parameter[0].numel() ** -0.5 if parameter.dim() > 1 else 0.1
        _tile(parameter.view(-1), block, zlib.crc32(name.encode()) % BLOCK, spread)
        if parameter.dim() == 1 and name.endswith("weight"):
            parameter.add_(1.0)


def _tile(values: torch.Tensor, block: torch.Tensor, offset: int, scale: float) -> None:
    """Scaled in the same pass that copies: at full size the memory is the bottleneck."""
    filled = 0
    while filled < values.numel():
        count = min(values.numel() - filled, BLOCK - offset)
        torch.mul(block[offset : offset + count], scale, out=values[filled : filled + count])
        filled += count
        offset = 0

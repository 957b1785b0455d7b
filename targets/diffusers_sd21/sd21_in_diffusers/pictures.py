"""Something to start from, where the user has no picture: smooth, seeded, the same on every machine."""

from __future__ import annotations

import torch
import torch.nn.functional as F

PATCHES = 4
"""Random colours in the height and width of a picture."""


def smooth_picture(batch_size: int, height: int, width: int, seed: int) -> torch.Tensor:
    """(B, 3, H, W) in 0 to 1."""
    colours = torch.rand(batch_size, 3, PATCHES, PATCHES, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(colours, (height, width), mode="bilinear")


def middle_mask(batch_size: int, height: int, width: int) -> torch.Tensor:
    """1 where to paint, the middle quarter of the picture, else 0: (B, 1, H, W)."""
    mask = torch.zeros(batch_size, 1, height, width)
    mask[..., height // 4 : height * 3 // 4, width // 4 : width * 3 // 4] = 1
    return mask

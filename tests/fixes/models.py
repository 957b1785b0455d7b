"""Small models of several styles, as people write them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class ConvBlock(nn.Module):
    """A residual block of a UNet: norm, activation, convolution, twice."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.time = nn.Linear(16, channels)

    def forward(self, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        h = self.first(F.silu(self.norm(x))) + self.time(t)[:, :, None, None]
        return x + self.second(F.silu(h))


class SmallUNet(nn.Module):
    """Convolutions and a text projection: (B, 3, H, W), (B, 16), (B, S, 16) -> (B, 3, H, W)."""

    def __init__(self, blocks: int = 3, channels: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 3, padding=1)
        self.blocks = nn.ModuleList(ConvBlock(channels) for _ in range(blocks))
        self.text = nn.Linear(16, channels)
        self.down = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(channels, channels, 2, stride=2)
        self.head = nn.Conv2d(channels, 3, 1)

    def forward(self, x: torch.Tensor, t: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        h = self.stem(x)
        for block in self.blocks:
            h = block(h, t)
        h = self.up(self.down(h)) + self.text(context).mean(1)[:, :, None, None]
        return self.head(h)


def small_unet_inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return torch.randn(2, 3, 8, 8), torch.randn(2, 16), torch.randn(2, 5, 16)

"""The autoencoder: images to latents and back."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from latent_diffusion.sizes import AutoencoderShape


def nonlinearity(x: torch.Tensor) -> torch.Tensor:
    """The swish of Ramachandran et al., arXiv 1710.05941."""
    return x * torch.sigmoid(x)


def normalize(channels: int) -> nn.GroupNorm:
    """The group norm of this autoencoder."""
    return nn.GroupNorm(32, channels, eps=1e-6)


class Upsample(nn.Module):
    """Twice the height and width, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, 2H, 2W)."""
        enlarged = F.interpolate(x, scale_factor=2)
        return self.conv(enlarged)


class Downsample(nn.Module):
    """Half the height and width; padded on the right and at the bottom only."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H/2, W/2)."""
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class ResnetBlock(nn.Module):
    """Two convolutions and a way past them."""

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm1 = normalize(channels)
        self.conv1 = nn.Conv2d(channels, out_channels, 3, padding=1)
        self.norm2 = normalize(out_channels)
        self.dropout = nn.Dropout(0.0)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        if channels != out_channels:
            self.nin_shortcut = nn.Conv2d(channels, out_channels, 1)
        self.changes_width = channels != out_channels

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C', H, W)."""
        hidden = self.conv1(nonlinearity(self.norm1(x)))
        change = self.conv2(self.dropout(nonlinearity(self.norm2(hidden))))
        return (self.nin_shortcut(x) if self.changes_width else x) + change


class AttnBlock(nn.Module):
    """One head of attention over all pixels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = normalize(channels)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, kernel_size=1) for _ in range(4))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        normalized = self.norm(features)
        query, key, value = (project(normalized).flatten(2) for project in (self.q, self.k, self.v))
        scores = torch.bmm(query.transpose(1, 2), key) / math.sqrt(key.shape[1])
        weights = scores.softmax(dim=2)
        mixed = torch.bmm(value, weights.transpose(1, 2)).unflatten(2, features.shape[2:])
        return features + self.proj_out(mixed)


class Level(nn.Module):
    """The residual blocks of one resolution, and the way to the next."""

    def __init__(self, widths: list[tuple[int, int]]) -> None:
        super().__init__()
        self.block = nn.ModuleList([ResnetBlock(width, out) for width, out in widths])


class Middle(nn.Module):
    """The blocks at the lowest resolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.block_1 = ResnetBlock(width, width)
        self.attn_1 = AttnBlock(width)
        self.block_2 = ResnetBlock(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        return self.block_2(self.attn_1(self.block_1(x)))


class Encoder(nn.Module):
    """An image becomes mean and log variance of its latents."""

    def __init__(self, shape: AutoencoderShape) -> None:
        super().__init__()
        width = shape.channels
        self.conv_in = nn.Conv2d(3, width, 3, padding=1)
        self.down = nn.ModuleList()
        for index, mult in enumerate(shape.channel_mult):
            out = shape.channels * mult
            level = Level([(width, out)] + [(out, out)] * (shape.num_res_blocks - 1))
            if index != len(shape.channel_mult) - 1:
                level.downsample = Downsample(out)
            self.down.append(level)
            width = out
        self.mid = Middle(width)
        self.norm_out = normalize(width)
        self.conv_out = nn.Conv2d(width, 2 * shape.z_channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, 3, 8H, 8W) in -1 to 1 → (B, 8, H, W)."""
        h = self.conv_in(x)
        for level in self.down:
            for block in level.block:
                h = block(h)
            if hasattr(level, "downsample"):
                h = level.downsample(h)
        return self.conv_out(nonlinearity(self.norm_out(self.mid(h))))


class Decoder(nn.Module):
    """Latents become an image."""

    def __init__(self, shape: AutoencoderShape) -> None:
        super().__init__()
        width = shape.channels * shape.channel_mult[-1]
        self.conv_in = nn.Conv2d(shape.z_channels, width, 3, padding=1)
        self.mid = Middle(width)
        levels = []
        for index, mult in reversed(list(enumerate(shape.channel_mult))):
            out = shape.channels * mult
            level = Level([(width, out)] + [(out, out)] * shape.num_res_blocks)
            if index != 0:
                level.upsample = Upsample(out)
            levels.insert(0, level)
            width = out
        self.up = nn.ModuleList(levels)
        self.norm_out = normalize(width)
        self.conv_out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        """(B, 4, H, W) → (B, 3, 8H, 8W)."""
        h = self.mid(self.conv_in(z))
        for level in reversed(self.up):
            for block in level.block:
                h = block(h)
            if hasattr(level, "upsample"):
                h = level.upsample(h)
        return self.conv_out(nonlinearity(self.norm_out(h)))


class AutoencoderKL(nn.Module):
    """Encoder and decoder around a diagonal Gaussian."""

    def __init__(self, shape: AutoencoderShape) -> None:
        super().__init__()
        self.encoder = Encoder(shape)
        self.decoder = Decoder(shape)
        self.quant_conv = nn.Conv2d(2 * shape.z_channels, 2 * shape.z_channels, 1)
        self.post_quant_conv = nn.Conv2d(shape.z_channels, shape.z_channels, 1)

    def encode_moments(self, image: torch.Tensor) -> torch.Tensor:
        """(B, 3, 8H, 8W) → (B, 8, H, W): mean and log variance of the unscaled latents."""
        return self.quant_conv(self.encoder(image))

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        """(B, 4, H, W) unscaled latents → (B, 3, 8H, 8W), about -1 to 1."""
        return self.decoder(self.post_quant_conv(z))

"""The UNet: it predicts the noise in the latents at a timestep, given the prompt."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from latent_diffusion.attention import SpatialTransformer
from latent_diffusion.checkpointing import checkpoint
from latent_diffusion.sizes import UNetShape


def timestep_embedding(timesteps: torch.Tensor, dim: int, max_period: int = 10000) -> torch.Tensor:
    """Cosines and sines of the timesteps at dim / 2 frequencies from 1 down to 1 / max_period: (B,) → (B, dim)."""
    half = dim // 2
    freqs = torch.exp(-math.log(max_period) * torch.arange(start=0, end=half, dtype=torch.float32) / half).to(
        device=timesteps.device
    )
    args = timesteps[:, None].float() * freqs[None]
    return torch.cat([torch.cos(args), torch.sin(args)], dim=-1)


class GroupNorm32(nn.GroupNorm):
    """A group norm that computes in float32 whatever it is given."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H, W) in the dtype of x."""
        return super().forward(x.float()).type(x.dtype)


class TimestepBlock(nn.Module):
    """A module that wants the timestep's embedding beside its input."""


class TimestepEmbedSequential(nn.Sequential):
    """Hands each of its modules what it wants: the embedding, the context, or neither."""

    def forward(self, x: torch.Tensor, emb: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), (B, E), (B, M, D) → (B, C', H', W')."""
        for layer in self:
            if isinstance(layer, TimestepBlock):
                x = layer(x, emb)
            elif isinstance(layer, SpatialTransformer):
                x = layer(x, context)
            else:
                x = layer(x)
        return x


class Upsample(nn.Module):
    """Twice the height and width, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class Downsample(nn.Module):
    """Half the height and width by a strided convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H/2, W/2)."""
        return self.op(x)


class ResBlock(TimestepBlock):
    """Two convolutions around the timestep's embedding, and a way past them."""

    def __init__(self, channels: int, emb_channels: int, out_channels: int) -> None:
        super().__init__()
        self.in_layers = nn.Sequential(
            GroupNorm32(32, channels), nn.SiLU(), nn.Conv2d(channels, out_channels, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(emb_channels, out_channels))
        self.out_layers = nn.Sequential(
            GroupNorm32(32, out_channels),
            nn.SiLU(),
            nn.Dropout(0.0),
            nn.Conv2d(out_channels, out_channels, 3, padding=1),
        )
        self.skip_connection = nn.Identity() if out_channels == channels else nn.Conv2d(channels, out_channels, 1)
        self.use_checkpoint = True

    def forward(self, x: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), (B, E) → (B, C', H, W)."""
        return checkpoint(self._forward, (x, emb), self.parameters(), self.use_checkpoint)

    def _forward(self, x: torch.Tensor, emb: torch.Tensor) -> torch.Tensor:
        h = self.in_layers(x)
        emb_out = self.emb_layers(emb).type(h.dtype)
        while len(emb_out.shape) < len(h.shape):
            emb_out = emb_out[..., None]
        h = h + emb_out
        h = self.out_layers(h)
        return self.skip_connection(x) + h


class UNetModel(nn.Module):
    """Down, through the middle, and up again, with every level's features handed across."""

    def __init__(self, shape: UNetShape, *, use_fp16: bool) -> None:
        super().__init__()
        self.model_channels = shape.model_channels
        self.dtype = torch.float16 if use_fp16 else torch.float32
        channels = shape.model_channels
        emb_channels = channels * 4
        self.time_embed = nn.Sequential(
            nn.Linear(channels, emb_channels), nn.SiLU(), nn.Linear(emb_channels, emb_channels)
        )

        def attention(width: int) -> SpatialTransformer:
            return SpatialTransformer(
                width, width // shape.num_head_channels, shape.num_head_channels, shape.context_dim
            )

        self.input_blocks = nn.ModuleList(
            [TimestepEmbedSequential(nn.Conv2d(shape.in_channels, channels, 3, padding=1))]
        )
        skipped = [channels]
        width = channels
        downsampling = 1
        last_level = len(shape.channel_mult) - 1
        for level, mult in enumerate(shape.channel_mult):
            for _ in range(shape.num_res_blocks):
                layers: list[nn.Module] = [ResBlock(width, emb_channels, mult * channels)]
                width = mult * channels
                if downsampling in shape.attention_resolutions:
                    layers.append(attention(width))
                self.input_blocks.append(TimestepEmbedSequential(*layers))
                skipped.append(width)
            if level != last_level:
                self.input_blocks.append(TimestepEmbedSequential(Downsample(width)))
                skipped.append(width)
                downsampling *= 2

        self.middle_block = TimestepEmbedSequential(
            ResBlock(width, emb_channels, width), attention(width), ResBlock(width, emb_channels, width)
        )

        self.output_blocks = nn.ModuleList([])
        for level, mult in reversed(list(enumerate(shape.channel_mult))):
            for index in range(shape.num_res_blocks + 1):
                layers = [ResBlock(width + skipped.pop(), emb_channels, mult * channels)]
                width = mult * channels
                if downsampling in shape.attention_resolutions:
                    layers.append(attention(width))
                if level and index == shape.num_res_blocks:
                    layers.append(Upsample(width))
                    downsampling //= 2
                self.output_blocks.append(TimestepEmbedSequential(*layers))

        self.out = nn.Sequential(
            GroupNorm32(32, width), nn.SiLU(), nn.Conv2d(channels, shape.out_channels, 3, padding=1)
        )

    def forward(self, x: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(B, 4, H, W), (B,), (B, M, D) → (B, 4, H, W)."""
        hs = []
        t_emb = timestep_embedding(timesteps, self.model_channels)
        emb = self.time_embed(t_emb)
        h = x.type(self.dtype)
        for module in self.input_blocks:
            h = module(h, emb, context)
            hs.append(h)
        h = self.middle_block(h, emb, context)
        for module in self.output_blocks:
            h = torch.cat([h, hs.pop()], dim=1)
            h = module(h, emb, context)
        h = h.type(x.dtype)
        return self.out(h)

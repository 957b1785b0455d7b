"""The UNet: it predicts the noise in the latents at a timestep, given the prompt."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn

from latent_diffusion.attention import SpatialTransformer
from latent_diffusion.checkpointing import checkpoint
from latent_diffusion.sizes import UNetShape

LONGEST_PERIOD = 10_000
"""Of the timestep embedding, as in Vaswani et al., arXiv 1706.03762."""


def timestep_embedding(timesteps: torch.Tensor, width: int) -> torch.Tensor:
    """Cosines, then sines, of the timesteps at width / 2 frequencies from 1 down: (B,) → (B, width)."""
    count = width // 2
    exponents = torch.arange(count, dtype=torch.float32) * -math.log(LONGEST_PERIOD) / count
    frequencies = exponents.exp().to(timesteps.device)
    angles = timesteps.unsqueeze(1).float() * frequencies.unsqueeze(0)
    return torch.cat((angles.cos(), angles.sin()), dim=1)


class GroupNorm32(nn.GroupNorm):
    """A group norm that computes in float32 whatever it is given."""

    def __init__(self, channels: int) -> None:
        super().__init__(32, channels)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H, W) in the dtype that came in."""
        normalized = super().forward(features.to(torch.float32))
        return normalized.to(features.dtype)


class Upsample(nn.Module):
    """Twice the height and width, then a convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(width, width, kernel_size=3, padding=1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, 2H, 2W)."""
        enlarged = F.interpolate(features, scale_factor=2)
        return self.conv(enlarged)


class Downsample(nn.Module):
    """Half the height and width by a strided convolution."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.op = nn.Conv2d(width, width, kernel_size=3, padding=1, stride=2)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H/2, W/2)."""
        return self.op(features)


def norm_swish_convolve(width_in: int, width_out: int, *between: nn.Module) -> nn.Sequential:
    """The half of a residual block, and the end of the UNet."""
    convolution = nn.Conv2d(width_in, width_out, kernel_size=3, padding=1)
    return nn.Sequential(GroupNorm32(width_in), nn.SiLU(), *between, convolution)


class ResBlock(nn.Module):
    """Two convolutions with the timestep's embedding added between them, and a way past them."""

    def __init__(self, width_in: int, embedding_width: int, width_out: int) -> None:
        super().__init__()
        self.in_layers = norm_swish_convolve(width_in, width_out)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedding_width, width_out))
        self.out_layers = norm_swish_convolve(width_out, width_out, nn.Dropout(0.0))
        same_width = width_in == width_out
        self.skip_connection = nn.Identity() if same_width else nn.Conv2d(width_in, width_out, kernel_size=1)
        self.use_checkpoint = True

    def forward(self, features: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), (B, E) → (B, C', H, W)."""
        return checkpoint(self.convolve, (features, embedding), self.parameters(), self.use_checkpoint)

    def convolve(self, features: torch.Tensor, embedding: torch.Tensor) -> torch.Tensor:
        """What ``forward`` computes."""
        hidden = self.in_layers(features)
        shift = self.emb_layers(embedding).to(hidden.dtype)
        change = self.out_layers(hidden + shift.unsqueeze(-1).unsqueeze(-1))
        return self.skip_connection(features) + change


class TimestepEmbedSequential(nn.Sequential):
    """Hands each of its modules what it wants beside the features: the embedding, the context, or neither."""

    def forward(self, features: torch.Tensor, embedding: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W), (B, E), (B, M, D) → (B, C', H', W')."""
        for module in self:
            wanted: tuple[torch.Tensor, ...] = ()
            if isinstance(module, ResBlock):
                wanted = (embedding,)
            elif isinstance(module, SpatialTransformer):
                wanted = (context,)
            features = module(features, *wanted)
        return features


class UNetModel(nn.Module):
    """Down, through the middle, and up again, with every block's features handed across."""

    def __init__(self, shape: UNetShape, *, use_fp16: bool) -> None:
        super().__init__()
        self.model_channels = shape.model_channels
        self.dtype = torch.float16 if use_fp16 else torch.float32
        embedding_width = 4 * shape.model_channels
        self.time_embed = nn.Sequential(
            nn.Linear(shape.model_channels, embedding_width),
            nn.SiLU(),
            nn.Linear(embedding_width, embedding_width),
        )

        def residual(width_in: int, width_out: int) -> ResBlock:
            return ResBlock(width_in, embedding_width, width_out)

        def attention(width: int) -> SpatialTransformer:
            head_channels = shape.num_head_channels
            return SpatialTransformer(width, width // head_channels, head_channels, shape.context_dim)

        width = shape.model_channels
        first = nn.Conv2d(shape.in_channels, width, kernel_size=3, padding=1)
        self.input_blocks = nn.ModuleList([TimestepEmbedSequential(first)])
        handed_across = [width]
        lowest = len(shape.channel_mult) - 1
        for level, multiple in enumerate(shape.channel_mult):
            attends = 2**level in shape.attention_resolutions
            for _ in range(shape.num_res_blocks):
                block = TimestepEmbedSequential(residual(width, multiple * shape.model_channels))
                width = multiple * shape.model_channels
                if attends:
                    block.append(attention(width))
                self.input_blocks.append(block)
                handed_across.append(width)
            if level < lowest:
                self.input_blocks.append(TimestepEmbedSequential(Downsample(width)))
                handed_across.append(width)

        self.middle_block = TimestepEmbedSequential(residual(width, width), attention(width), residual(width, width))

        self.output_blocks = nn.ModuleList()
        for level in range(lowest, -1, -1):
            attends = 2**level in shape.attention_resolutions
            for _ in range(shape.num_res_blocks + 1):
                width_out = shape.channel_mult[level] * shape.model_channels
                block = TimestepEmbedSequential(residual(width + handed_across.pop(), width_out))
                width = width_out
                if attends:
                    block.append(attention(width))
                self.output_blocks.append(block)
            if level > 0:
                block.append(Upsample(width))

        self.out = norm_swish_convolve(width, shape.out_channels)

    def forward(self, latents: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(B, 4, H, W), (B,), (B, M, D) → (B, 4, H, W)."""
        embedding = self.time_embed(timestep_embedding(timesteps, self.model_channels))
        features = latents.to(self.dtype)
        skips = []
        for block in self.input_blocks:
            features = block(features, embedding, context)
            skips.append(features)
        features = self.middle_block(features, embedding, context)
        for block in self.output_blocks:
            both = torch.cat((features, skips.pop()), dim=1)
            features = block(both, embedding, context)
        return self.out(features.to(latents.dtype))

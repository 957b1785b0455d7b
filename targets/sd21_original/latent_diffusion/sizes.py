"""The shapes of the three sizes, and what a run of each looks like by default."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class UNetShape:
    """The UNet: channels by level, where it attends, and what to."""

    model_channels: int
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    attention_resolutions: tuple[int, ...] = (1, 2, 4)
    """Downsampling factors at which there is attention."""
    num_head_channels: int = 64
    context_dim: int = 1024
    in_channels: int = 4
    out_channels: int = 4


@dataclass(frozen=True, kw_only=True)
class AutoencoderShape:
    """The VAE: images 2**(levels - 1) times as wide as the latents."""

    channels: int = 128
    channel_mult: tuple[int, ...] = (1, 2, 4, 4)
    num_res_blocks: int = 2
    z_channels: int = 4


@dataclass(frozen=True, kw_only=True)
class TextShape:
    """The text tower of CLIP."""

    width: int = 1024
    layers: int = 24
    heads: int = 16


@dataclass(frozen=True, kw_only=True)
class Size:
    """One size of the whole model, and the defaults of a run."""

    unet: UNetShape
    autoencoder: AutoencoderShape
    text: TextShape
    image_size: int
    """Height and width in pixels."""
    steps: int


LATENT_FACTOR = 8
"""Pixels in the height and width of one latent."""
FULL_UNET = UNetShape(model_channels=320)
SIZES = {
    "tiny": Size(
        unet=UNetShape(
            model_channels=32,
            channel_mult=(1, 2),
            num_res_blocks=1,
            attention_resolutions=(1, 2),
            num_head_channels=16,
            context_dim=64,
        ),
        autoencoder=AutoencoderShape(channels=32, channel_mult=(1, 1, 2, 2), num_res_blocks=1),
        text=TextShape(width=64, layers=2, heads=4),
        image_size=128,
        steps=5,
    ),
    "small": Size(
        unet=UNetShape(model_channels=64, num_head_channels=32, context_dim=256),
        autoencoder=AutoencoderShape(channels=32),
        text=TextShape(width=256, layers=6, heads=8),
        image_size=128,
        steps=4,
    ),
    "full": Size(unet=FULL_UNET, autoencoder=AutoencoderShape(), text=TextShape(), image_size=512, steps=50),
}
"""tiny has the same kinds of blocks, fewer of them; small has the full topology, narrower."""
FULL_ON_CPU_IMAGE_SIZE = 256
FULL_ON_CPU_STEPS = 4
"""A CPU takes seconds for one call of the full UNet: fifty of them at 512 × 512 would be no audit but a wait."""

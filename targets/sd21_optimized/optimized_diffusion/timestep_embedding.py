"""The timestep embedding, made where the timesteps are: the article's way to save a copy in every step."""

from __future__ import annotations

import math

import torch
from latent_diffusion.unet import LONGEST_PERIOD


def timestep_embedding(timesteps: torch.Tensor, width: int) -> torch.Tensor:
    """Cosines, then sines, of the timesteps at width / 2 frequencies from 1 down: (B,) → (B, width)."""
    count = width // 2
    places = torch.arange(count, dtype=torch.float32, device=timesteps.device)
    frequencies = (places * -math.log(LONGEST_PERIOD) / count).exp()
    angles = timesteps.unsqueeze(1).float() * frequencies.unsqueeze(0)
    return torch.cat((angles.cos(), angles.sin()), dim=1)

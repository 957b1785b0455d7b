"""What a diffusion model is trained to do: say which noise was added to the latents."""

from __future__ import annotations

import torch
from latent_diffusion.diffusion import LatentDiffusion


def add_noise(
    alphas_cumprod: torch.Tensor, latents: torch.Tensor, noise: torch.Tensor, timesteps: torch.Tensor
) -> torch.Tensor:
    """The forward process at these timesteps: equation 4 of DDPM, arXiv 2006.11239. (B, 4, H, W), …, (B,)."""
    signal = alphas_cumprod[timesteps].view(-1, 1, 1, 1)
    return signal.sqrt() * latents + (1 - signal).sqrt() * noise


def noise_loss(
    model: LatentDiffusion,
    latents: torch.Tensor,
    noise: torch.Tensor,
    timesteps: torch.Tensor,
    context: torch.Tensor,
) -> torch.Tensor:
    """Mean square error of the predicted noise, an image each: (B,). Equation 14 of DDPM."""
    noisy = add_noise(model.alphas_cumprod, latents, noise, timesteps)
    predicted = model.apply_model(noisy, timesteps, context)
    return (predicted - noise).square().mean(dim=(1, 2, 3))
